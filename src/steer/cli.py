"""The `steer` program. Each subcommand lives in the module that does its work and is imported only when called.

A command module has `configure(parser)`, which adds its arguments, and `run(args)`, which returns an exit status
or None. Users' mistakes (`UserError`) and what the system refuses (a full disk, a folder in a file's place) end in one
line and status 2, an interruption in one line and status 130; anything else is a defect and shows its trace.
"""

import argparse
import atexit
import ctypes
import errno
import gc
import importlib
import os
import sys
from types import ModuleType

from steer.errors import UserError

COMMANDS = {
    "config": ("steer.plan.resolve", "check a configuration and write it out, fully resolved"),
    "data": ("steer.data.command", "write the training and evaluation problems"),
    "warm-start": ("steer.train.warm_start", "train a small base model from scratch on noisy solutions"),
    "base-model": ("steer.train.base_model", "make the model that runs start from: dequantised, fine-tuned"),
    "train": ("steer.train.command", "train one method with one seed"),
    "generate": ("steer.generate.command", "sample responses of a model to the benchmarks"),
    "grade": ("steer.grade.command", "verify stored responses"),
    "validate": ("steer.grade.validate", "verdicts of a model kept during training, to choose by"),
    "select": ("steer.analyse.select", "the best of a run's kept models"),
    "measure": ("steer.analyse.theory.command", "measure the entropy change of single updates on a run's models"),
    "tabulate": ("steer.analyse.command", "make the tables from runs and verdicts"),
    "plot": ("steer.figures.command", "draw one figure from tables"),
    "import": ("steer.outside.command", "make a run folder of a log of verl, TRL, OpenRLHF or prime-rl"),
    "diagnose": ("steer.diagnose.command", "say whether a method acted and whether its run is healthy"),
    "report": ("steer.report.command", "write the self-contained HTML report"),
    "reference": ("steer.report.reference", "keep of a results folder what a later analysis needs"),
    "watch": ("steer.report.watch", "show the runs of a results folder as they train"),
    "compare": ("steer.report.compare", "print the main tables of two results folders side by side"),
    "power": ("steer.analyse.spread", "what the runs of a results folder can show, and how many a difference takes"),
    "plan": ("steer.plan.command", "jobs, GPU-hours, memory and disk of a configuration, before anything runs"),
    "dry": ("steer.plan.dry", "two training steps of configurations, with small random models on the CPU"),
    "verify": ("steer.verify.command", "verify answers or programs given on standard input"),
}

# What the machine refuses, and the remedy. Any other error of the system may be a defect of ours.
FULL, PLACE, RIGHTS = "free some space", "correct the path", "change its permissions or take another place"
REFUSED = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), FULL),
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG), PLACE),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), RIGHTS),
}
# Nor is anything searched for garbage at the end, which takes a second after torch.
atexit.register(gc.freeze)


def _refusal(error: OSError) -> str:
    """`<file>: <what the system says>; <remedy>`. A write into a full disk does not name its file."""
    # Of a rename the second name is the one that was asked for.
    name = error.filename if error.filename2 is None else error.filename2
    place = f"{os.fsdecode(name)}: " if isinstance(name, (str, bytes, os.PathLike)) else ""
    return f"{place}{error.strerror}; {REFUSED[error.errno]}"


def _imported(path: str) -> ModuleType:
    """The module, without the searches for garbage that a million new objects set off: an eighth of torch's import."""
    gc.disable()
    try:
        return importlib.import_module(path)
    finally:
        gc.enable()


def _keep_freed_memory() -> None:
    """Have glibc keep what is freed for what is asked for next, not give it back: each tensor's pages would be filled
    with zeros anew, which is two fifths of what training on a CPU spends in the system."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        m_trim_threshold, m_mmap_threshold = -1, -3
        mallopt(m_mmap_threshold, 1 << 30)
        mallopt(m_trim_threshold, -1)


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    _keep_freed_memory()
    parser = argparse.ArgumentParser(
        prog="steer", description="Entropy interventions in RLVR: train, evaluate, report."
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    module = None
    for name, (path, summary) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if argv[:1] == [name]:
            module = _imported(path)
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
        print(f"steer {args.command}: interrupted; give the same command again", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        print(f"steer {args.command}: {_refusal(error)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
