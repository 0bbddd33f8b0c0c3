"""Linux calls that Python does not wrap: namespaces, mounts, capabilities, Landlock. All raise OSError."""

import ctypes
import os
import stat

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPSET = {"x86_64": 126, "aarch64": 91}
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
# Landlock's numbers are the same on every architecture.
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
MACHINE = os.uname().machine


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(what: str, number: int, *args: object) -> int:
    """Make a raw system call; integers are passed as unsigned words."""
    words = [ctypes.c_ulong(arg & 0xFFFFFFFFFFFFFFFF) if isinstance(arg, int) else arg for arg in args]
    return _checked(_libc.syscall(ctypes.c_long(number), *words), what)


def prctl(option: int, *args: int) -> int:
    words = [ctypes.c_ulong(arg) for arg in (*args, 0, 0, 0, 0)[:4]]
    return _checked(_libc.prctl(option, *words), f"prctl {option}")


def die_with_parent() -> None:
    prctl(_PR_SET_PDEATHSIG, 9)


def adopt_orphans() -> None:
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def no_new_privileges() -> None:
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def dumpable() -> None:
    """Make this process own its files in /proc again after a change of user."""
    prctl(_PR_SET_DUMPABLE, 1)


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    _checked(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    result = _libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    _checked(result, f"mount {target}")


def detach(target: str) -> None:
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    new_text, old_text = ctypes.c_char_p(os.fsencode(new)), ctypes.c_char_p(os.fsencode(old))
    syscall("pivot_root", _PIVOT_ROOT[MACHINE], new_text, old_text)


def drop_capabilities() -> None:
    """Give up every capability in this process's user namespace."""
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    syscall("capset", _CAPSET[MACHINE], header, (ctypes.c_uint32 * 6)())


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


_READ = 1 | 4 | 8  # execute, read a file, read a folder
_LIST = 8
_FILE_ONLY = 1 | 2 | 4 | 1 << 14 | 1 << 15  # rights that fit a file: execute, write, read, truncate, ioctl


def landlock_version() -> int:
    return syscall("landlock_create_ruleset", _LANDLOCK_CREATE, None, 0, 1)


def landlock(version: int, listable: list[str], readable: list[str], writable: list[str]) -> None:
    """Restrict this process to listing folders below `listable`, to reading and executing below `readable` and to any
    use below `writable`; no TCP; no signals and no abstract sockets outwards.
    Paths that do not exist are skipped. Needs `no_new_privileges` first."""
    every = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):
        every |= (1 << bit) if version >= since else 0
    attributes = _RulesetAttributes(every, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = syscall("landlock_create_ruleset", _LANDLOCK_CREATE, ctypes.byref(attributes), size, 0)
    try:
        for paths, access in ((listable, _LIST), (readable, _READ), (writable, every)):
            for path in paths:
                _landlock_rule(ruleset, path, access)
        syscall("landlock_restrict_self", _LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _landlock_rule(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= _FILE_ONLY
        rule = _PathBeneath(access, descriptor)
        syscall("landlock_add_rule", _LANDLOCK_ADD, ruleset, 1, ctypes.byref(rule), 0)
    finally:
        os.close(descriptor)
