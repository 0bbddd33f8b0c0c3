"""The candidate's file system: a read-only tree with interpreter and system libraries, without user files."""

import contextlib
import glob
import os
import sys

from steer.verify.code import kernel

STAGING = "/sys"  # every machine has this folder, every user may look into it, and no tree to bind lies below
WORK = "/tmp"
WORK_MIB = 64
PACKAGES = "/packages"  # a separate place: an environment may be below a folder that the tree hides, such as /tmp
SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/bin", "/usr/share/zoneinfo", "/lib", "/lib64", "/bin")
SETTINGS = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# statvfs flag → mount flag, to keep when a bind mount is made read-only in a user namespace
_KEPT = ((2, 2), (4, 4), (8, 8), (1024, 1024), (2048, 2048), (4096, 1 << 21))


def interpreter() -> list[str]:
    """List what this Python needs to run: its libraries, program and shared library, without site packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = os.path.realpath(sys.executable)
    paths = [library(), program]
    paths += glob.glob(os.path.join(sys.base_prefix, "lib", "libpython*.so*"))
    paths += [os.path.join(sys.base_exec_prefix, folder, version) for folder in ("lib", sys.platlibdir)]
    return sorted({os.path.realpath(path) for path in paths if path and os.path.exists(path)})


def placed(package: str) -> str:
    """Return a package's place in the tree; packages stay adjacent, as numpy and its libraries need."""
    return os.path.join(PACKAGES, os.path.basename(package))


def library() -> str:
    return os.path.dirname(os.path.realpath(os.__file__))


def readable(packages: list[str], reached_as: str) -> list[str]:
    """List every path a candidate may read, except its work folder and the devices, for Landlock without our own tree.

    The library is `reached_as` this path; it contains the site packages, so its other entries are listed.
    """
    entries = [os.path.join(reached_as, name) for name in os.listdir(reached_as) if not name.endswith("-packages")]
    paths = (*SYSTEM, *SETTINGS, *(path for path in interpreter() if path != library()), *entries, *packages)
    return [path for path in paths if os.path.exists(path)]


def build(packages: list[str]) -> None:
    """Build the tree in this process's mount namespace, over `STAGING`."""
    new = STAGING
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", new, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,nr_inodes=1024,mode=755")
    hidden = [os.path.join(library(), name) for name in ("site-packages", "dist-packages")]
    for path in (*SYSTEM, *SETTINGS, *interpreter()):
        if os.path.exists(path):
            _bind(path, new + path, kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV)
    for path in filter(os.path.isdir, hidden):  # packages may carry data, benchmarks for one
        kernel.mount("tmpfs", new + path, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=64k,nr_inodes=64,mode=755")
    for path in packages:
        _bind(path, new + placed(path), kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV)
    for path in DEVICES:
        if os.path.exists(path):
            _bind(path, new + path, kernel.MS_NOSUID)
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
        ("shm", WORK),
    ):
        os.symlink(target, f"{new}/dev/{name}")
    for name in (WORK, "/proc"):
        os.makedirs(new + name, exist_ok=True)
    for path in ("", *filter(os.path.isdir, hidden)):
        flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("none", new + path, None, flags)


def _bind(source: str, target: str, flags: int) -> None:
    if os.path.islink(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.lexists(target):
            os.symlink(os.readlink(source), target)
        return
    if os.path.exists(target):
        return  # below a folder that is bound already
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(source, target, None, kernel.MS_BIND)
    present = os.statvfs(target).f_flag
    for shown, flag in _KEPT:
        flags |= flag if present & shown else 0
    kernel.mount("none", target, None, kernel.MS_REMOUNT | kernel.MS_BIND | flags)


def enter() -> None:
    """Make the tree the root of this process and detach everything else."""
    with contextlib.suppress(OSError):  # without it the candidate sees no /proc, which is no loss of isolation
        own_proc(STAGING + "/proc")  # a later /proc can be mounted only if one is already visible
    # A mount inherited from a mightier namespace cannot become the root; a bind mount of it can.
    kernel.mount(STAGING, STAGING, None, kernel.MS_BIND | kernel.MS_REC)
    os.chdir(STAGING)
    kernel.pivot_root(".", ".")
    kernel.detach(".")
    os.chdir("/")


def own_proc(target: str) -> None:
    """Mount a /proc that shows only this process's pid namespace."""
    kernel.mount("proc", target, "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def fresh_work() -> None:
    """Make an empty work folder for the next candidate."""
    options = f"size={WORK_MIB}m,nr_inodes=8192,mode=777"
    kernel.mount("tmpfs", WORK, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)


def drop_work() -> None:
    """Remove the folder with its content."""
    kernel.detach(WORK)
