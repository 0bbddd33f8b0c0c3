"""A process above the judge that reaps whatever remains when the judge ends.

If a judge is killed, its fork server and candidates are reparented to this process, their subreaper, and not to process
1, which in many containers reaps nothing.
"""

import contextlib
import os
import select
import signal

from steer.verify.code import kernel, monitor

GRACE_MS = 2000
SLOW = 101  # exit status of a judge that its clock of processor time has ended


def fork() -> None:
    """Fork and return in the child, the judge; the parent waits here and ends it when standard input closes."""
    pid = os.fork()
    if pid == 0:
        return
    try:
        os.close(1)  # the verdicts end when the judge does
        kernel.adopt_orphans()
        watch, poll = os.pidfd_open(pid), select.poll()
        poll.register(watch, select.POLLIN)
        poll.register(0, 0)  # notices when the caller has closed it, and reads nothing
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
    """Kill and reap all remaining descendants, which are reparented to this process, their subreaper."""
    with contextlib.suppress(ChildProcessError):
        while True:  # one at a time, since the children of each that ends come here
            for pid in monitor.children(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)
