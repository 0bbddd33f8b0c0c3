"""The `steer` program. Each subcommand lives in the module that does its work and is imported only when called.

A command module has `configure(parser)`, which adds its arguments, and `run(args)`, which returns an exit status
or None. User errors (`UserError`) and system errors such as a full disk or a folder where a file is expected print one
line and exit with status 2; an interrupt prints one line and exits with 130. Any other exception is a bug and shows its
traceback.
"""

import argparse
import atexit
import ctypes
import errno
import gc
import importlib
import os
import re
import sys
from types import ModuleType

from steer import __version__
from steer.errors import UserError

COMMANDS = {
    "config": ("steer.plan.resolve", "check a configuration and print it with all defaults"),
    "data": ("steer.data.command", "write the training and evaluation problems"),
    "warm-start": ("steer.train.warm_start", "train a small base model from scratch on noisy solutions"),
    "base-model": ("steer.train.base_model", "prepare the base model: dequantise it, fine-tune it"),
    "train": ("steer.trainers", "train one method with one seed"),
    "generate": ("steer.generate.command", "sample a model's responses to the benchmarks"),
    "grade": ("steer.grade.command", "verify stored responses"),
    "validate": ("steer.grade.validate", "evaluate a model kept during training, for model selection"),
    "frontier": ("steer.grade.frontier", "evaluate a run's kept models for the frontier of accuracy and entropy"),
    "select": ("steer.analyse.select", "select the best of a run's kept models"),
    "measure": ("steer.analyse.theory.command", "measure the entropy change of single updates on a run's models"),
    "tabulate": ("steer.analyse.command", "make the tables from runs and verdicts"),
    "plot": ("steer.figures.command", "draw one figure from tables"),
    "import": ("steer.outside.command", "convert a log of verl, TRL, OpenRLHF or prime-rl into a run folder"),
    "diagnose": ("steer.diagnose.command", "check whether a method acts and whether its run is healthy"),
    "report": ("steer.report.command", "write the self-contained HTML report"),
    "reference": ("steer.report.reference", "copy the parts of a results folder that later analyses need"),
    "watch": ("steer.report.watch", "show the runs of a results folder as they train"),
    "compare": ("steer.report.compare", "print the main tables of two results folders side by side"),
    "power": ("steer.analyse.spread", "which differences the runs can detect, and how many runs a difference needs"),
    "plan": ("steer.plan.command", "estimate jobs, GPU-hours, memory and disk before running"),
    "dry": ("steer.plan.dry", "take two training steps with small random models on the CPU"),
    "verify": ("steer.verify.command", "verify answers or programs given on standard input"),
}

# System errors that the user can fix, and how. Any other OSError may be a bug.
FULL, PLACE, RIGHTS = "free some space", "correct the path", "change its permissions or use another path"
REFUSED = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), FULL),
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG), PLACE),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), RIGHTS),
}
# Skip the final garbage collection: after importing torch it takes a second.
atexit.register(gc.freeze)


def _refusal(error: OSError) -> str:
    """Format `<file>: <system message>; <remedy>`. A write to a full disk does not name its file."""
    # A rename has two names; the user knows the second, and not those of temporary siblings (`steer.io`).
    name = error.filename if error.filename2 is None else error.filename2
    place = f"{os.fsdecode(name)}: " if isinstance(name, (str, bytes, os.PathLike)) else ""
    place = re.sub(r"(?<![^/])\.([^/]+)\.[0-9a-f]{8}\.tmp(?=[/:])", r"\1", place)
    return f"{place}{error.strerror}; {REFUSED[error.errno]}"


def _imported(path: str, command: str) -> ModuleType:
    """Import a module with garbage collection off: collection takes an eighth of torch's import time."""
    gc.disable()
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if (error.name or "steer").split(".")[0] == "steer":
            raise
        lacking = f"steer {command}: needs {error.name}, which is not installed; run pip install 'steer-rlvr[all]'"
        raise SystemExit(lacking) from None
    finally:
        gc.enable()


def keep_freed_memory() -> None:
    """Make glibc keep freed memory instead of returning it to the kernel.

    Otherwise the kernel zeroes every tensor's pages again, which takes two fifths of the system time of CPU training.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        m_trim_threshold, m_mmap_threshold = -1, -3
        mallopt(m_mmap_threshold, 1 << 30)
        mallopt(m_trim_threshold, -1)


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    keep_freed_memory()
    parser = argparse.ArgumentParser(
        prog="steer", description="Entropy interventions in RLVR: train, evaluate, report."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    module = None
    for name, (path, summary) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if argv[:1] == [name]:
            module = _imported(path, name)
            module.configure(subparser)
    args = parser.parse_args(argv)
    try:
        return module.run(args) or 0
    except UserError as error:
        print(f"steer {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        print(f"steer {args.command}: interrupted; run the same command again", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        print(f"steer {args.command}: {_refusal(error)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
