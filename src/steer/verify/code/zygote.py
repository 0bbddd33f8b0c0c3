"""Fork server of candidates: one process per program, forked from an interpreter with the standard library loaded.

It never holds a program, test or expected output, and has one child at a time. The judge sends limits and four
descriptors over a sequenced socket (descriptor 0); the child continues from there.
"""

import array
import contextlib
import gc
import json
import os
import secrets
import select
import signal
import socket
import sys
import tempfile
import threading
from typing import Any

from steer.verify.code import child, isolate, kernel, monitor, rootfs, supervise

# Modules that small programs import; loaded once here instead of in every child.
PRELOAD = """abc argparse array ast base64 bisect builtins cmath collections collections.abc contextlib copy csv
dataclasses datetime decimal enum fractions functools hashlib heapq io itertools json math numbers operator queue random
re statistics string struct sys textwrap threading time traceback types typing unicodedata weakref _sitebuiltins"""


class Server:
    """The fork server's state: its judge and its layers."""

    def __init__(self, judge: socket.socket, plan: isolate.Plan) -> None:
        self.judge, self.plan, self.scratch = judge, plan, tempfile.gettempdir()
        self.resident = monitor.resident(os.getpid())  # what a child starts with

    def new_folder(self) -> str:
        if self.plan.namespaces:
            rootfs.fresh_work()
            return rootfs.WORK
        folder = tempfile.mkdtemp(prefix="steer-code-", dir=self.scratch)
        if self.plan.change_user:
            os.chown(folder, isolate.NOBODY, isolate.NOBODY)
        return folder

    def drop_folder(self, folder: str) -> None:
        if self.plan.namespaces:
            rootfs.drop_work()
            if self.plan.pid_namespace is not None:
                with contextlib.suppress(OSError):
                    kernel.detach("/proc")  # the candidate's; the server's own lies below
        else:
            with contextlib.suppress(OSError):
                remove(folder)

    def fork(self) -> int:
        """Fork a child, the first process of its own pid namespace if these are available."""
        if self.plan.pid_namespace is None:
            return os.fork()
        kernel.unshare(kernel.NEWPID)
        pid = os.fork()
        if pid:
            kernel.setns(self.plan.pid_namespace, kernel.NEWPID)
        return pid

    def start(self, limits: dict[str, Any], files: list[int], folder: str) -> int:
        pid = self.fork()
        if pid:
            return pid
        try:
            os.setsid()
            control, stdin, stdout, stderr = files
            for target, source in ((0, stdin), (1, stdout), (2, stderr), (child.CONTROL, control)):
                os.dup2(source, target)
            os.closerange(4, isolate.LIBRARY_DESCRIPTOR)
            os.closerange(isolate.LIBRARY_DESCRIPTOR + 1, 1 << 16)
            os.chdir(folder)
            if folder != rootfs.WORK:
                os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = folder
            failed = isolate.confine(self.plan, limits, folder)
            if limits.get("probe"):
                os.write(child.CONTROL, json.dumps(failed).encode())
                os._exit(0)
            child.main(folder, self.plan.packages if limits["packages"] else [])
        finally:
            os._exit(99)

    def attend(self, pid: int) -> dict[str, Any]:
        """Wait for the child's end, or kill it if the judge says so or has ended."""
        watch = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(self.judge, select.POLLIN)
        poll.register(watch, select.POLLIN)
        gone = False
        while watch not in (ready := {descriptor for descriptor, _ in poll.poll()}):
            assert ready
            gone = not self.judge.recv(64)
            os.kill(pid, signal.SIGKILL)
            poll.unregister(self.judge)
        os.close(watch)
        _, status, usage = os.wait4(pid, 0)
        if self.plan.pid_namespace is None:
            supervise.reap()
        if gone:
            sys.exit(0)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "cpu": usage.ru_utime + usage.ru_stime,
            "peak": max(0, (usage.ru_maxrss << 10) - self.resident),
        }

    def serve(self) -> None:
        while True:
            limits, files = receive(self.judge)
            if limits is None:
                return
            if not files:
                continue  # a kill that came after its child had ended
            folder = self.new_folder()
            pid = self.start(limits, files, folder)
            for descriptor in files:
                os.close(descriptor)
            self.judge.send(json.dumps({"folder": folder}).encode())
            report = self.attend(pid)
            self.drop_folder(folder)
            self.judge.send(json.dumps(report).encode())


def remove(folder: str) -> None:
    """Delete `folder`. A candidate can nest folders deeper than a path may be long, a process may hold files open or
    Python may recurse, and take its own rights off them: so what lies two levels down is moved up, one by one."""
    os.chmod(folder, 0o700)
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            for inner in list(os.scandir(entry.path)):
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner.path, 0o700)  # to be moved, as its `..` changes
                    os.rename(inner.path, os.path.join(folder, secrets.token_hex(16)))
                else:
                    os.unlink(inner.path)
            os.rmdir(entry.path)
    os.rmdir(folder)


def receive(judge: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Receive limits and descriptors of the next candidate; None if the judge has ended."""
    descriptors = array.array("i")
    data, ancillary, _, _ = judge.recvmsg(65536, socket.CMSG_SPACE(4 * descriptors.itemsize))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload)
    return (json.loads(data) if descriptors else {} if data else None), list(descriptors)


def main() -> None:
    kernel.die_with_parent()
    kernel.adopt_orphans()
    judge = socket.socket(fileno=0)
    settings = json.loads(judge.recv(65536))
    for name in PRELOAD.split():
        __import__(name)
    sys.set_int_max_str_digits(0)
    sys.executable = os.path.realpath(sys.executable)  # a virtual environment's link is not in the candidate's tree
    threading.stack_size(16 << 20)  # else each thread takes the main thread's large limit from the address space
    tempfile.gettempdir()  # before the tree changes: it looks for a folder that can be written
    plan = isolate.enter(frozenset(settings["without"]), settings["packages"])
    if plan.namespaces and plan.library:
        os.close(isolate.LIBRARY_DESCRIPTOR)
    elif plan.library:
        sys.path[:] = [path.replace(rootfs.library(), plan.library) for path in sys.path]
    # Candidates find nothing of ours to import; the modules themselves hold no secret.
    for name in [name for name in sys.modules if name.partition(".")[0] == "steer"]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if path not in ("", settings["source"])]
    # What every child would set is set here: work done before the fork is done once.
    tempfile.tempdir = rootfs.WORK if plan.namespaces else tempfile.tempdir
    os.environ.clear()
    os.environ.update(PATH="/usr/bin:/bin", HOME=rootfs.WORK, TMPDIR=rootfs.WORK, LANG="C.UTF-8")
    child.add_exit_builtins()
    gc.collect()
    gc.freeze()
    nested = plan.pid_namespace is not None
    judge.send(json.dumps({"missing": plan.missing, "nested": nested, "work": plan.namespaces}).encode())
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the judge has gone
        Server(judge, plan).serve()
