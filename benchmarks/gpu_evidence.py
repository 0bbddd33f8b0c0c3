"""Evidence from one GPU in one go: does it compute what the CPU computes, how fast, in how much memory, and does a
killed run go on? Prints a JSON summary as its last line.

    python benchmarks/gpu_evidence.py --seconds 520 --out summary.json       # one GPU, at most nine minutes
    python benchmarks/gpu_evidence.py --cpu                                  # the same logic on the CPU, cut down

Needs torch >= 2.11, transformers >= 5.17, pydantic and PyYAML; Snakemake and vLLM are not used. What a machine without
a network lacks can be brought as wheels: `pip download --no-deps -d wheels pydantic pydantic-core annotated-types
typing-inspection math-verify latex2sympy2-extended antlr4-python3-runtime`, then `--wheels wheels`.

Every part runs in a process of its own under a time limit of its own, and a part that fails does not stop the others.
On a GPU each of these processes, sixteen with those that parts start, begins anew: CUDA cannot be used in a process
forked from one that has used it, and a library may do so when it is imported. The imports take about four seconds of
each. With `--cpu` they are forked from one process that has imported everything; `--fresh` starts them as on a GPU.

What is known is in `--out` after every part, and printed when this is told to end (SIGTERM, SIGINT). However it ends,
its parts end with it. `not_run` names what was left out, with reasons. The exit status is 0 if all that ran has passed.
Written on a machine without a GPU, and not run on one so far.
"""

import argparse
import contextlib
import gc
import importlib
import importlib.util
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from processes import ENDING, limited

REPOSITORY = Path(__file__).resolve().parents[1]
NEEDED = ("torch", "transformers", "pydantic", "yaml", "tqdm", "sympy")
# What the parts import late, for those that are forked.
SHARED = ("steer.trainers", "steer.train.warm_start", "steer.generate.command", "steer.grade.command",
          "transformers.models.qwen2.modeling_qwen2")  # fmt: skip
# Part → its module, and its share of the time, of which the later parts get what it leaves. The last two do as much as
# fits; the others do a fixed amount of work and have about twice what it should take.
MODULES = {
    "units": "gpu_checks",
    "head": "gpu_parts",
    "attention": "gpu_checks",
    "agreement": "gpu_parts",
    "served": "gpu_checks",
    "resume": "gpu_parts",
    "small": "gpu_parts",
    "smollm2": "gpu_steps",
}
PARTS = {
    "units": 0.1,
    "head": 0.06,
    "attention": 0.05,
    "agreement": 0.15,
    "served": 0.16,
    "resume": 0.16,
    "small": 0.16,
    "smollm2": 0.16,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=520, help="for everything (default 520)")
    parser.add_argument("--cpu", action="store_true", help="on the CPU, cut down: a test of this script")
    parser.add_argument("--fresh", action="store_true", help="with --cpu: start every part anew, as on a GPU")
    parser.add_argument("--wheels", metavar="FOLDER", help="packages that are not installed here")
    parser.add_argument("--out", metavar="FILE", help="write the summary there too")
    args = parser.parse_args()
    started = time.monotonic()
    # As an exception: what is known is printed.
    for number in ENDING:
        signal.signal(number, lambda *_: sys.exit("stopped"))
    multiprocessing.set_start_method("fork" if args.cpu and not args.fresh else "spawn")
    summary = Result(Path(args.out) if args.out else None)
    summary["command"] = " ".join(sys.argv)
    try:
        with tempfile.TemporaryDirectory() as folder:
            everything(Path(folder), args, started + args.seconds, summary)
    finally:
        if missed := left_out(summary):
            summary["not_run"] = missed
            print(f"gpu_evidence.py: not run: {listed(missed)}", file=sys.stderr)
        summary["seconds"] = round(time.monotonic() - started, 1)
        print(json.dumps(summary), flush=True)
    if wrong := failing(summary):
        sys.exit(f"gpu_evidence.py: not passed: {', '.join(wrong)}")


class Result(dict):
    """What has been found so far, kept in a file, where one is named, at every change."""

    def __init__(self, path: Path | None):
        super().__init__()
        self.path = path

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if self.path is not None:
            # Written beside and renamed: this may be stopped at any moment.
            temporary = self.path.with_suffix(".tmp")
            temporary.write_text(json.dumps(self, indent=1) + "\n")
            temporary.replace(self.path)

    def update(self, **values: Any) -> None:
        for key, value in values.items():
            self[key] = value


def failing(found: dict[str, Any], place: str = "") -> list[str]:
    """The entries that hold an error or have not passed, by their keys."""
    wrong = [place or "start"] if "error" in found or found.get("passed") is False else []
    below = {key: value for key, value in found.items() if isinstance(value, dict)}
    return wrong + [name for key, value in below.items() for name in failing(value, f"{place}.{key}".lstrip("."))]


def left_out(found: dict[str, Any], place: str = "") -> dict[str, str]:
    """The entries that were not run, by their keys, each with the reason."""
    missed = {place: found["not_run"]} if "not_run" in found else {}
    for key, value in found.items():
        if isinstance(value, dict):
            missed |= left_out(value, f"{place}.{key}".lstrip("."))
    return missed


def listed(missed: dict[str, str]) -> str:
    return "; ".join(f"{place} ({reason})" for place, reason in missed.items())


def everything(folder: Path, args: argparse.Namespace, end: float, summary: Result) -> None:
    """All parts, done by the time `end` (of `time.monotonic`)."""
    prepare(folder / "site", args)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        summary["error"] = f"not installed here: {', '.join(missing)}; bring them with --wheels"
        return
    if multiprocessing.get_start_method() == "fork":
        share(["torch", *MODULES.values(), *SHARED])
    ask(summary, "environment", described, folder, 120)
    if not args.cpu and not summary["environment"].get("device"):
        summary["error"] = "no GPU that torch can use; --cpu tries the script itself"
        return
    for name, module in MODULES.items():
        limit = limit_of(name, end - time.monotonic())
        ask(summary, name, partial(run, module, name, folder, args.cpu, 0.85 * limit), folder, limit)
        print(f"{name}: {json.dumps(summary[name])[:400]}", file=sys.stderr, flush=True)


def prepare(site: Path, args: argparse.Namespace) -> None:
    """Make the sources and the wheels' packages found, here and in the programs that parts start."""
    for wheel in sorted(Path(args.wheels).glob("*.whl")) if args.wheels else ():
        zipfile.ZipFile(wheel).extractall(site)
    found_first = [str(REPOSITORY / "src"), str(site)]
    sys.path[:0] = found_first
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*found_first, os.environ.get("PYTHONPATH")]))
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    if args.cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        # A process forked after torch has used its threads hangs when it uses them; on a busy machine they only wait.
        os.environ["OMP_NUM_THREADS"] = "1"


def share(modules: Iterable[str]) -> None:
    """Import once what the parts need: they are forked from here. What fails is said by the part that needs it."""
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()


def ask(summary: Result, name: str, work: Callable[[Result], Any], folder: Path, limit: float) -> None:
    """Add to the summary what the work finds within `limit` seconds, in a process of its own."""
    kept, began, how = folder / f"{name}.json", time.monotonic(), "stopped"
    try:
        how = limited(partial(finished, work, kept), limit)
    finally:
        found = json.loads(kept.read_text()) if kept.is_file() else {}
        if not found.pop("done", False):
            found["error"] = how
        summary[name] = {**found, "seconds": round(time.monotonic() - began, 1)}


def finished(work: Callable[[Result], Any], kept: Path) -> None:
    result = Result(kept)
    work(result)
    result["done"] = True


def run(module: str, name: str, folder: Path, cpu: bool, seconds: float, result: Result) -> None:
    """One part."""
    getattr(importlib.import_module(module), name)(folder, cpu, seconds, result)


def limit_of(part: str, left: float) -> float:
    """Seconds for the part where `left` are left for it and all later ones."""
    later = list(PARTS)[list(PARTS).index(part) :]
    return max(left, 0.0) * PARTS[part] / sum(PARTS[name] for name in later)


def described(result: Result) -> None:
    """Versions, device and driver. The process that starts the parts does not ask torch itself."""
    import torch

    from steer.models.provenance import device, versions

    result.update(**versions(), cuda=torch.version.cuda)
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        result.update(device=gpu.name, memory_gb=round(gpu.total_memory / 1e9, 1), driver=device())


if __name__ == "__main__":
    try:
        main()
    except Exception:
        traceback.print_exc()
        sys.exit(1)
