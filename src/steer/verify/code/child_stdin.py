"""Run a stdin program in the candidate's process: standard streams, `__main__`, and an interpreter's shutdown."""

import gc
import os
import sys
import threading
from typing import Any

from steer.verify.code.child_load import describe, load, ran, stream


def run_stdin(job: dict, line: Any) -> None:
    """Run a program with standard streams as `__main__`, shut down like an interpreter, and report how it ended."""
    sys.stdin = stream(0, errors="surrogateescape")
    sys.stdout = stream(1, "w", errors="surrogateescape")
    sys.stderr = stream(2, "w", errors="backslashreplace", buffering=1)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    status, report = 0, ["ended"]
    try:
        load(job, "__main__")
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        report = ["ended"] if status == 0 else ["error", "SystemExit", str(error.code)[:300]]
    except BaseException as error:
        status, report = 1, describe(error)
        if isinstance(error, SyntaxError | ValueError | UnicodeError) and not ran(error):
            report = ["syntax_error", str(error)[:300]]
    try:
        finish()
    except BaseException as error:
        if status == 0:
            status, report = 1, describe(error)
    line.send(report)
    os._exit(status & 255)


def finish() -> None:
    """Do what the interpreter does at exit, except tearing itself down: threads, exit functions, open files."""
    import atexit

    threading._shutdown()
    atexit._run_exitfuncs()
    main = sys.modules.get("__main__")
    for output in (sys.stdout, sys.stderr):
        if output is not None and not output.closed:
            output.flush()
    if main is not None:
        main.__dict__.clear()
    gc.collect()
    if not sys.__stdout__.closed:  # a stream of the program's own may need what has just been cleared
        sys.__stdout__.flush()
