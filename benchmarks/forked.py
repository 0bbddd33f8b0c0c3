"""Work in processes that are forked off: they share what is imported, and neither memory nor the state of a device.

The process that forks must not have used CUDA: what it forks could not use it any more.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any


def begun(work: Callable[[], Any]) -> BaseProcess:
    """Start a process that does the work and ends; 1 is its status after an exception."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def apart(work: Callable[[], Any]) -> None:
    """Do the work in a process of its own and wait for it; `RuntimeError` with its message if it fails."""
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def told() -> None:
        try:
            work()
        except Exception as error:
            theirs.send(f"{type(error).__name__}: {error}"[-2000:])  # a pipe holds it
            raise

    process = begun(told)
    process.join()
    if process.exitcode:
        raise RuntimeError(ours.recv() if ours.poll() else f"a process ended with status {process.exitcode}")


def limited(work: Callable[[], Any], limit: float) -> str:
    """Do the work in a process of its own for at most `limit` seconds, and end all that it has started; how it went."""
    # A file, not a pipe: processes in sessions of their own may hold a pipe open past the limit.
    with tempfile.TemporaryFile() as told:

        def alone() -> None:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(told.fileno(), 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
            work()

        # Told to end between start and `try`, this would leave the process running.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        process = begun(alone)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            process.join(limit)
            if process.exitcode is None:
                return f"not done after {limit:.0f} s"
        finally:
            # What a part has started ends with it: the next one measures memory and time on the same GPU.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.join()
        told.seek(0)
        error = told.read().decode(errors="replace")
    return error.strip().splitlines()[-1] if error.strip() else f"status {process.exitcode}"
