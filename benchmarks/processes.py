"""Work in processes of their own, which end with the process that started them, however that ends.

`multiprocessing.set_start_method` chooses how they start. "fork": they share what is imported; the process that forks
must not have used CUDA, nor torch's threads. "spawn": each starts anew and imports again; the work must be picklable.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

# What ends this program in the ordinary way.
ENDING = (signal.SIGTERM, signal.SIGINT)


def begun(work: Callable[[], Any]) -> BaseProcess:
    """Start a process that does the work and ends; 1 is its status after an exception."""
    process = multiprocessing.Process(target=_bound, args=(work, os.getpid()))
    process.start()
    return process


def _bound(work: Callable[[], Any], parent: int) -> None:
    """Do the work, unless the parent has ended; the kernel kills this process when it does."""
    if sys.platform == "linux":
        from steer.verify.code.kernel import die_with_parent

        die_with_parent()
    if os.getppid() == parent:
        work()


def apart(work: Callable[[], Any]) -> None:
    """Do the work in a process of its own and wait for it; `RuntimeError` with its message if it fails."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = begun(partial(_told, work, theirs))
    process.join()
    if process.exitcode:
        raise RuntimeError(ours.recv() if ours.poll() else f"a process ended with status {process.exitcode}")


def _told(work: Callable[[], Any], pipe: Connection) -> None:
    try:
        work()
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}"[-2000:])  # a pipe holds it
        raise


def limited(work: Callable[[], Any], limit: float) -> str:
    """Do the work in a process of its own for at most `limit` seconds, and end all that it has started; how it went."""
    # A file, not a pipe: processes in sessions of their own may hold a pipe open past the limit.
    with tempfile.NamedTemporaryFile() as told:
        if multiprocessing.get_start_method() == "spawn":
            # Its start lets signals through that are blocked here.
            resource_tracker.ensure_running()
        process = None
        # Told to end between start and assignment, this would leave the process running.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            process = begun(partial(_alone, work, told.name))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            process.join(limit)
            if process.exitcode is None:
                return f"not done after {limit:.0f} s"
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            if process is not None:
                # What a part has started ends with it: the next one measures memory and time on the same GPU.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
                process.join()
        error = told.read().decode(errors="replace")
    return error.strip().splitlines()[-1] if error.strip() else f"status {process.exitcode}"


def _alone(work: Callable[[], Any], told: str) -> None:
    """Do the work in a session of its own, with errors in the file `told`."""
    os.setsid()
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    for target, path in ((1, os.devnull), (2, told)):
        os.dup2(os.open(path, os.O_WRONLY), target)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    work()
