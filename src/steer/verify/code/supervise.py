"""A process above the judge that collects whatever is left when the judge ends.

Where a judge is killed, its fork server and candidates come to this process, their subreaper, and not to process 1,
which in many containers collects nothing.
"""

import contextlib
import os
import select
import signal

from steer.verify.code import kernel, monitor

GRACE_MS = 2000
SLOW = 101  # exit status of a judge that its clock of processor time has ended


def fork() -> None:
    """Return in a child, the judge; its parent waits for it here, and ends it when standard input has."""
    pid = os.fork()
    if pid == 0:
        return
    try:
        os.close(1)  # the verdicts end when the judge does
        kernel.adopt_orphans()
        watch, poll = os.pidfd_open(pid), select.poll()
        poll.register(watch, select.POLLIN)
        poll.register(0, 0)  # tells when the caller has closed it, and reads nothing
        if watch not in {descriptor for descriptor, _ in poll.poll()}:
            poll.unregister(0)
            if not poll.poll(GRACE_MS):
                os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        reap()
        os._exit(SLOW if status == -signal.SIGPROF else status & 127)
    finally:
        os._exit(99)


def reap() -> None:
    """Kill and collect every descendant left behind (they come to this process, their subreaper)."""
    with contextlib.suppress(ChildProcessError):
        while True:  # one at a time, since the children of each that ends come here
            for pid in monitor.children(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)
