"""Fork server of candidates: one process per program, forked from an interpreter with the standard library loaded.

Runs as `python -I -S`, holds no program, test or expected output at any time, and has one child at a time. The
judge sends limits and four descriptors over a sequenced socket (descriptor 0); the child takes over from there.
"""

import array
import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any

from steer.verify.code import child

# Modules that small programs import; loaded once here instead of in every child.
PRELOAD = (
    "abc argparse array ast base64 bisect builtins cmath collections collections.abc contextlib copy csv dataclasses datetime "
    "decimal enum fractions functools hashlib heapq io itertools json math numbers operator random re statistics string struct "
    "sys textwrap threading time traceback typing unicodedata queue types weakref"
).split()


def limit(name: int, soft: int, hard: int | None = None) -> None:
    ceiling = resource.getrlimit(name)[1]
    hard = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(name, (soft, hard))


def address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def apply_rlimits(limits: dict[str, Any], base: int) -> None:
    seconds = int(limits["cpu_s"]) + 2
    limit(resource.RLIMIT_CPU, seconds, seconds)
    limit(resource.RLIMIT_AS, base + limits["memory"])
    limit(resource.RLIMIT_FSIZE, limits["file_size"])
    limit(resource.RLIMIT_NOFILE, 128)
    limit(resource.RLIMIT_CORE, 0)


def start(limits: dict[str, Any], files: list[int], base: int, folder: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        control, stdin, stdout, stderr = files
        for target, source in ((0, stdin), (1, stdout), (2, stderr), (child.CONTROL, control)):
            os.dup2(source, target)
        os.closerange(4, 1024)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(PATH="/usr/bin:/bin", HOME=folder, TMPDIR=folder, LANG="C.UTF-8")
        tempfile.tempdir = folder
        signal.signal(signal.SIGINT, signal.default_int_handler)
        apply_rlimits(limits, base)
        child.main(limits)
    finally:
        os._exit(99)


def reap_strays() -> None:
    """Kill and collect every descendant left behind (they come to this process, their subreaper)."""
    me = os.getpid()
    while True:
        try:
            with open(f"/proc/{me}/task/{me}/children") as file:
                strays = [int(pid) for pid in file.read().split()]
        except OSError:
            strays = []
        for pid in strays:
            os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, 0)[0]:
                pass
        except ChildProcessError:
            if not strays:
                return


def attend(judge: socket.socket, pid: int) -> dict[str, Any]:
    """Wait for the child's end, or kill it when the judge says so (or has gone)."""
    watch = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(judge, select.POLLIN)
    poll.register(watch, select.POLLIN)
    gone = False
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if watch in ready:
            break
        gone = not judge.recv(64)
        os.kill(pid, signal.SIGKILL)
        poll.unregister(judge)
    os.close(watch)
    _, status, usage = os.wait4(pid, 0)
    reap_strays()
    if gone:
        sys.exit(0)
    return {"status": os.waitstatus_to_exitcode(status), "cpu": usage.ru_utime + usage.ru_stime}


def receive(judge: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    descriptors = array.array("i")
    data, ancillary, _, _ = judge.recvmsg(65536, socket.CMSG_SPACE(4 * descriptors.itemsize))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload)
    return (json.loads(data) if descriptors else {} if data else None), list(descriptors)


def main() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    judge = socket.socket(fileno=0)
    for name in PRELOAD:
        __import__(name)
    sys.set_int_max_str_digits(0)
    for name in [name for name in sys.modules if name.partition(".")[0] == "steer"]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if not os.path.isdir(os.path.join(path, "steer"))]
    gc.collect()
    gc.freeze()
    judge.send(b"{}")
    while True:
        limits, files = receive(judge)
        if limits is None:
            return
        if not files:
            continue  # a kill that came after its child had ended
        folder = tempfile.mkdtemp(prefix="steer-")
        pid = start(limits, files, address_space(), folder)
        for descriptor in files:
            os.close(descriptor)
        judge.send(json.dumps({"pid": pid, "folder": folder}).encode())
        report = attend(judge, pid)
        shutil.rmtree(folder, ignore_errors=True)
        judge.send(json.dumps(report).encode())
