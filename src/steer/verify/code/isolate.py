"""Set up the kernel layers between a candidate and this machine.

The fork server enters its namespaces once (`enter`); each candidate adds the other layers to itself (`confine`). A
layer that the machine refuses is skipped and reported, never assumed.
"""

import contextlib
import os
import resource
from dataclasses import dataclass, field
from typing import Any

from steer.verify.code import kernel, rootfs, seccomp

LAYERS = (
    "rlimits", "no_new_privs", "unprivileged_user", "user_namespace", "mount_namespace", "pid_namespace",
    "network_namespace", "ipc_namespace", "landlock", "seccomp",
)  # fmt: skip
NOBODY = 65534
PROCESSES = 64
LIBRARY_DESCRIPTOR = 100
RESERVED = 1 << 30  # address space that thread stacks, allocators and libraries reserve but hardly use
STACK = 512 << 20  # for deep recursion
FILE_SIZE = 64 << 20
# The limits that programs need to inherit: the hard one (1) if they raise it themselves, else the soft one.
NEEDED = (("STACK", 1, STACK), ("FSIZE", 1, FILE_SIZE), ("AS", 1, 4 << 30), ("DATA", 0, 4 << 30), ("CPU", 0, 1 << 30))


@dataclass
class Plan:
    """Layers of this fork server. `missing` maps a layer to the reason for its absence."""

    without: frozenset[str] = frozenset()
    missing: dict[str, str] = field(default_factory=dict)
    namespaces: bool = False
    change_user: bool = False
    landlock: int = 0
    base: int = 0
    packages: list[str] = field(default_factory=list)
    pid_namespace: int | None = None
    readable: list[str] = field(default_factory=list)
    filter: bytes = b""
    library: str = ""

    def active(self, layer: str) -> bool:
        return layer not in self.missing


def _try(plan: Plan, layer: str, action: Any) -> bool:
    if layer in plan.without:
        plan.missing[layer] = "switched off"
        return False
    try:
        action()
    except (OSError, KeyError) as error:
        plan.missing[layer] = str(error)
        return False
    return True


def _in_child(action: Any) -> None:
    """Try `action` in a separate process; raise OSError with its error number if it fails there."""
    pid = os.fork()
    if pid == 0:
        status = 255
        try:
            action()
            status = 0
        except OSError as error:
            status = error.errno or 255
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise OSError(status, os.strerror(status) if 0 < status < 134 else "refused")


def drop_user() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.dumpable()


def _new_user_namespace(more: int) -> None:
    """Enter a user namespace (with the namespaces `more`) that maps only this process's user and group."""
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.NEWUSER | more)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _probe_user_namespace() -> None:
    if os.geteuid() == 0:
        drop_user()
    _new_user_namespace(kernel.NEWNS | kernel.NEWPID)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)


def enter(without: frozenset[str], packages: list[str]) -> Plan:
    """Set up the layers of the fork server; `packages` are the folders that candidates may import from.

    If pid namespaces work, returns in a forked child, so that candidates' namespaces can nest in ours; the parent
    waits for it and exits with its status.
    """
    plan = Plan(without, base=_address_space(), packages=packages)
    root = os.geteuid() == 0
    if root:
        _hold_library(plan)
    users = _try(plan, "user_namespace", lambda: _in_child(_probe_user_namespace))
    extra = 0
    for layer, flag in (("network_namespace", kernel.NEWNET), ("ipc_namespace", kernel.NEWIPC)):
        if users or root:
            if _try(plan, layer, lambda flag=flag: _in_child(lambda: _probe(users, flag))):
                extra |= flag
        else:
            plan.missing[layer] = "needs a user namespace"
    if users or root:
        _enter_namespaces(plan, root, users, extra)
    else:
        for layer in ("mount_namespace", "pid_namespace"):
            plan.missing[layer] = "needs a user namespace"
    plan.change_user = root and not users and _try(plan, "unprivileged_user", lambda: _in_child(drop_user))
    _try(plan, "landlock", lambda: setattr(plan, "landlock", kernel.landlock_version()))
    if plan.namespaces:
        plan.readable = ["/"]
    else:
        plan.readable = rootfs.readable(plan.packages, plan.library or rootfs.library())
    if plan.pid_namespace is not None and kernel.MACHINE in seccomp.MACHINES:
        plan.filter = seccomp.build(lone=False)
    return plan


def _hold_library(plan: Plan) -> None:
    """Keep the standard library's folder open if candidates' user cannot reach its path (Python in root's home).

    Through the descriptor the folder can be read, and nothing above it.
    """

    def look() -> None:
        drop_user()
        os.listdir(rootfs.library())

    try:
        _in_child(look)
    except OSError:
        descriptor = os.open(rootfs.library(), os.O_RDONLY | os.O_DIRECTORY)
        os.dup2(descriptor, LIBRARY_DESCRIPTOR)
        os.close(descriptor)
        plan.library = f"/proc/self/fd/{LIBRARY_DESCRIPTOR}"


def _probe(users: bool, flag: int) -> None:
    if users:
        if os.geteuid() == 0:
            drop_user()
        _new_user_namespace(flag)
    else:
        kernel.unshare(flag)


def _enter_namespaces(plan: Plan, root: bool, users: bool, extra: int) -> None:
    """Mount the tree while still root (its sources may be unreadable to others), drop to the user, nest the rest."""
    mounts = "mount_namespace" not in plan.without
    pids = "pid_namespace" not in plan.without
    if not mounts:
        plan.missing["mount_namespace"] = "switched off"
    if root and mounts:
        kernel.unshare(kernel.NEWNS)
        mounts = _try(plan, "mount_namespace", lambda: rootfs.build(plan.packages))
    if users:
        if root:
            drop_user()
        _new_user_namespace(extra | (kernel.NEWNS if mounts else 0))
    elif extra:
        kernel.unshare(extra)
    if not root and mounts:
        mounts = _try(plan, "mount_namespace", lambda: rootfs.build(plan.packages))
    if pids:
        pids = _try(plan, "pid_namespace", lambda: kernel.unshare(kernel.NEWPID))
    else:
        plan.missing["pid_namespace"] = "switched off"
    if pids:
        _continue_in_child()
        plan.pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    if mounts:
        rootfs.enter()
        plan.packages = [rootfs.placed(path) for path in plan.packages]
    plan.namespaces = mounts


def _continue_in_child() -> None:
    pid = os.fork()
    if pid:
        os.close(0)
        kernel.die_with_parent()  # a change of user has undone the first call
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
    kernel.die_with_parent()


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def rlimit(name: int, value: int) -> None:
    ceiling = resource.getrlimit(name)[1]
    value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    resource.setrlimit(name, (value, value))


def low_limits() -> list[str]:
    """List limits of this process under which a correct program could fail."""
    found = ((name, resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[n], least) for name, n, least in NEEDED)
    return [f"{name}={value}" for name, value, least in found if value != resource.RLIM_INFINITY and value < least]


def confine(plan: Plan, limits: dict[str, Any], folder: str) -> dict[str, str]:
    """Set up the remaining layers on this process; return failures by layer."""
    failed: dict[str, str] = {}
    check = Plan(plan.without, failed)
    if plan.pid_namespace is not None and plan.namespaces:
        with contextlib.suppress(OSError):
            rootfs.own_proc("/proc")
    if "rlimits" not in plan.without:
        _rlimits(plan, limits)
    else:
        failed["rlimits"] = "switched off"
    if plan.change_user:
        drop_user()
    if plan.active("user_namespace"):
        kernel.drop_capabilities()
    _try(check, "no_new_privs", kernel.no_new_privileges)
    if plan.landlock:
        _try(check, "landlock", lambda: _landlock(plan, folder))
    _try(check, "seccomp", lambda: seccomp.install(plan.filter or seccomp.build(lone=True)))
    return failed


def _landlock(plan: Plan, folder: str) -> None:
    library = plan.library or rootfs.library()
    listable = [] if plan.namespaces else [library, *{os.path.dirname(path) for path in plan.packages}]
    kernel.landlock(plan.landlock, listable, plan.readable, [folder, "/proc/self", *rootfs.DEVICES])


def _rlimits(plan: Plan, limits: dict[str, Any]) -> None:
    seconds = int(limits["cpu_s"]) + 2
    rlimit(resource.RLIMIT_CPU, seconds)
    rlimit(resource.RLIMIT_AS, plan.base + limits["memory"] + RESERVED)
    rlimit(resource.RLIMIT_FSIZE, limits["file_size"])
    rlimit(resource.RLIMIT_NOFILE, 128)
    rlimit(resource.RLIMIT_CORE, 0)
    if plan.active("user_namespace") or plan.change_user:
        rlimit(resource.RLIMIT_NPROC, PROCESSES)
