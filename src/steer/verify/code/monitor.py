"""Measure the total CPU time and memory of a candidate's processes from outside, through /proc."""

import contextlib
import os
import stat
import sys
import time
from collections.abc import Iterator

MOST_FILES, LONGEST_PATH = 8192, 1024


def children(pid: int) -> list[int]:
    """List the living processes started by any thread of `pid`."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except OSError:
        return found
    return found


def family(pid: int) -> Iterator[int]:
    """List `pid` and all its descendants."""
    yield pid
    for child in children(pid):
        yield from family(child)


def cpu_clock(pid: int) -> float:
    """CPU seconds used by all threads of `pid` so far; 0 when it has ended."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def waits(pid: int) -> dict[int, float]:
    """Seconds that each thread of `pid` was ready to run and had no core."""
    found = {}
    with contextlib.suppress(OSError, ValueError, IndexError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                found[int(thread)] = int(file.read().split()[1]) / 1e9
    return found


def resident(pid: int) -> int:
    """Bytes of memory of `pid`, all that it shares with others included."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def proportional(pid: int) -> int:
    """Bytes of memory of `pid`, with its share of what it has in common with others where that can be read."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return resident(pid)


def folder_size(path: str) -> int:
    """Return the bytes on disk below `path`, which a candidate may be changing.

    Infinite if it has more or deeper files than can be inspected and removed in time, or unreadable ones.
    """
    total, seen, folders = 0, 0, [path]
    while folders:
        folder = folders.pop()
        if len(folder) > LONGEST_PATH:
            return sys.maxsize
        try:
            for entry in list(os.scandir(folder)):
                seen += 1
                if seen > MOST_FILES:
                    return sys.maxsize
                with contextlib.suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except PermissionError:
            return sys.maxsize
        except OSError:
            continue
    return total


def unlinked_size(pid: int) -> int:
    """Return the bytes on disk of deleted files that `pid` still has open."""
    total = 0
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found = entry.stat()
                total += found.st_blocks * 512 if stat.S_ISREG(found.st_mode) and not found.st_nlink else 0
    except OSError:
        pass
    return total


class Group:
    """The processes under one fork server. `nested`: its first process only waits for the real one."""

    def __init__(self, server: int, nested: bool) -> None:
        self.server, self.nested = server, nested
        self.cpu_seen: dict[int, float] = {}
        self.waits_seen: dict[int, float] = {}
        self.members: list[int] = []

    def look(self) -> None:
        """Refresh the list of members, their CPU time and their waiting."""
        if self.nested:
            self.server = next(iter(children(self.server)), self.server)
            self.nested = False
        self.members = [pid for child in children(self.server) for pid in family(child)]
        for pid in self.members:
            self.cpu_seen[pid] = max(self.cpu_seen.get(pid, 0.0), cpu_clock(pid))
            self.waits_seen |= waits(pid)

    def cpu(self) -> float:
        """Return the CPU seconds of all members; ended ones count as last seen."""
        return sum(self.cpu_seen.values())

    def exceeds(self, limit: int) -> bool:
        """Check whether the members together use more than `limit` bytes.

        The exact sum is slow (the kernel walks the pages) and is read only if the simple sum exceeds the limit.
        """
        return sum(map(resident, self.members)) > limit and sum(map(proportional, self.members)) > limit

    def waited(self) -> float:
        """Seconds that threads waited for a core, ended ones as last seen."""
        return sum(self.waits_seen.values())
