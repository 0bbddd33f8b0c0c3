"""The seccomp filter: system calls that no judged program needs fail with EPERM.

Blocked: sockets (except socket pairs, which event loops need), other processes' memory, mounts and namespaces, memory
that belongs to no process (System V, memfd, message queues), and kernel interfaces with a history of vulnerabilities.
"""

import ctypes
import errno
import os
import struct

from steer.verify.code import kernel

_DENIED = {
    "x86_64": (
        41, 42, 43, 49, 50, 288,  # socket connect accept bind listen accept4
        29, 30, 31, 64, 65, 66, 220, 68, 69, 70, 71, 240,  # shared memory, semaphores, message queues
        101, 310, 311, 312, 438, 440,  # ptrace process_vm_* kcmp pidfd_getfd process_madvise
        135, 154, 155, 159, 161, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 103,
        227, 246, 248, 249, 250, 272, 298, 300, 303, 304, 305, 308, 313, 319, 320, 321, 323, 447,
    ),
    "aarch64": (
        198, 200, 201, 202, 203, 242,
        186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 180,
        117, 270, 271, 272, 438, 440,
        92, 41, 171, 51, 89, 170, 40, 39, 224, 225, 142, 161, 162, 105, 106, 60, 116,
        112, 104, 217, 218, 219, 97, 241, 262, 264, 265, 266, 268, 273, 279, 294, 280, 282, 447,
    ),
}  # fmt: skip
_DENIED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 443)  # io_uring, the new mount calls, quota
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = tuple(_AUDIT)
_CLONE = {"x86_64": 56, "aarch64": 220}
_FORKS = {"x86_64": (57, 58), "aarch64": ()}
_CLONE3 = 435
# Signals, resource limits, scheduling: the first argument names a process, 0 the caller (its group, for `kill`).
_OF_PROCESS = {
    "x86_64": (62, 200, 234, 129, 297, 302, 142, 144, 203, 314),
    "aarch64": (129, 130, 131, 138, 240, 261, 118, 119, 122, 274),
}
_PRIORITY = {"x86_64": (141, 251), "aarch64": (140, 30)}  # of all processes of a user, if requested
_PIDFD_SIGNAL = 424
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_NAMESPACE_FLAGS = 0x7E020000 | 0x80
_CLONE_THREAD = 0x10000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_DENY = 0x00050000 | errno.EPERM
_ABSENT = 0x00050000 | errno.ENOSYS


def build(lone: bool) -> bytes:
    """Build the filter program.

    `lone`: for a process without its own pid namespace, which may start threads but no processes, and signal and limit
    only itself, because the fork server may belong to the same user.
    """
    machine = kernel.MACHINE
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _AUDIT[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, 0x40000000),  # the x32 interface has its own numbers
        (_RETURN, 0, 0, _ABSENT),
        (_EQUAL, 0, 1, _CLONE3),  # its flags lie in memory, out of reach: the C library falls back to clone
        (_RETURN, 0, 0, _ABSENT),
    ]
    denied = [*_DENIED[machine], *_DENIED_EVERYWHERE]
    if lone:
        denied += [*_FORKS[machine], *_PRIORITY[machine], _PIDFD_SIGNAL]
    for number in denied:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    code += [(_EQUAL, 0, 4 + lone * 2, _CLONE[machine]), (_LOAD, 0, 0, 16)]
    code += [(_ANY_BIT, 0, 1, _NAMESPACE_FLAGS), (_RETURN, 0, 0, _DENY)]
    if lone:
        code += [(_ANY_BIT, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, _DENY)]
    code += [(_RETURN, 0, 0, _ALLOW)]
    if lone:
        for number in _OF_PROCESS[machine]:
            code += [(_EQUAL, 0, 5, number), (_LOAD, 0, 0, 16), (_EQUAL, 1, 0, 0)]
            code += [(_EQUAL, 0, 1, os.getpid()), (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _DENY)]
    code += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *line) for line in code)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(program: bytes) -> None:
    """Install the filter on this process permanently. Needs `no_new_privileges` first."""
    buffer = ctypes.create_string_buffer(program, len(program))
    description = _Program(len(program) // 8, ctypes.addressof(buffer))
    kernel.syscall("seccomp", _SECCOMP[kernel.MACHINE], 1, 0, ctypes.byref(description))
