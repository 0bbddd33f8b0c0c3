"""Load a program in the candidate's process and report errors."""

import builtins
import sys
import types
from typing import Any


def describe(error: BaseException) -> list:
    """Return `["error", kind, text]`; kind is the reason `memory` or the exception's name."""
    memory = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == 12)
    try:
        text = str(error)[:300]
    except Exception:
        text = ""
    return ["error", "MemoryError" if memory else type(error).__name__, text.encode("utf-8", "replace").decode()]


def load(job: dict, name: str) -> types.ModuleType:
    """Compile and run the program of `job` as module `name`, after the imports of its tests; return the module."""
    source, path = job["program"], job["path"]
    if job.get("recursion_limit"):
        sys.setrecursionlimit(job["recursion_limit"])
    module = types.ModuleType(name)
    module.__file__ = path
    module.__builtins__ = builtins
    sys.modules[name] = module
    exec(job.get("imports") or "", module.__dict__)
    code = compile(source.removeprefix("\ufeff"), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def ran(error: BaseException) -> bool:
    """Check whether `error` comes from running the program, not from compiling it."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") in ("solution", "__main__"):
            return True
        trace = trace.tb_next
    return False


def stream(descriptor: int, mode: str = "r", **options: Any) -> Any:
    return open(descriptor, mode, encoding="utf-8", closefd=False, **options)  # open to the end
