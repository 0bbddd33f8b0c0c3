"""Evidence from one GPU in one go: does it compute what the CPU computes, how fast, in how much memory, and does a
killed run go on? Prints a JSON summary as its last line.

    python benchmarks/gpu_evidence.py --seconds 520 --out summary.json       # one GPU, at most nine minutes
    python benchmarks/gpu_evidence.py --cpu                                  # the same logic on the CPU, cut down

Needs torch >= 2.11, transformers >= 5.17, pydantic and PyYAML; Snakemake and vLLM are not used. What a machine without
a network lacks can be brought as wheels: `pip download --no-deps -d wheels pydantic pydantic-core annotated-types
typing-inspection math-verify latex2sympy2-extended antlr4-python3-runtime`, then `--wheels wheels`.

Every part runs in a process of its own under a time limit of its own; what does not fit is reported as left out, and a
part that fails does not stop the others. What is known is in `--out` after every part, and printed when this is told to
end (SIGTERM). The exit status is 0 if all that ran has passed. Written on a machine without a GPU, and not run on one
so far.
"""

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
NEEDED = ("torch", "transformers", "pydantic", "yaml", "tqdm", "sympy")
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
    parser.add_argument("--wheels", metavar="FOLDER", help="packages that are not installed here")
    parser.add_argument("--out", metavar="FILE", help="write the summary there too")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        result = Result(args.folder / f"{args.part}.json")
        part = getattr(importlib.import_module(MODULES[args.part]), args.part)
        part(args.folder, args.cpu, args.seconds, result)
        result["done"] = True
        return
    started = time.monotonic()
    # As an exception it ends the part that is running: in a session of its own, that would outlive this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    summary = Result(Path(args.out) if args.out else None)
    summary["command"] = " ".join(sys.argv)
    try:
        with tempfile.TemporaryDirectory() as folder:
            everything(Path(folder), args, started + args.seconds, summary)
    finally:
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


def everything(folder: Path, args: argparse.Namespace, end: float, summary: Result) -> None:
    """All parts, done by the time `end` (of `time.monotonic`)."""
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    search = [str(REPOSITORY / "src")]
    if args.wheels:
        for wheel in sorted(Path(args.wheels).glob("*.whl")):
            zipfile.ZipFile(wheel).extractall(folder / "site")
        search.append(str(folder / "site"))
        sys.path.append(str(folder / "site"))
    environment["PYTHONPATH"] = os.pathsep.join([*search, environment.get("PYTHONPATH", "")])
    if args.cpu:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        summary["error"] = f"not installed here: {', '.join(missing)}; bring them with --wheels"
        return
    summary["environment"] = described(environment)
    if not args.cpu and not summary["environment"].get("device"):
        summary["error"] = "no GPU that torch can use; --cpu tries the script itself"
        return
    for part in PARTS:
        limit = limit_of(part, end - time.monotonic())
        command = [sys.executable, __file__, "--part", part, "--folder", str(folder), "--seconds", str(0.85 * limit)]
        result, done = folder / f"{part}.json", "stopped"
        try:
            done = limited(command + (["--cpu"] if args.cpu else []), limit, environment)
        finally:
            found = json.loads(result.read_text()) if result.is_file() else {}
            if not found.pop("done", False):
                found["error"] = done
            summary[part] = found
        print(f"{part}: {json.dumps(found)[:400]}", file=sys.stderr, flush=True)


def limit_of(part: str, left: float) -> float:
    """Seconds for the part where `left` are left for it and all later ones."""
    later = list(PARTS)[list(PARTS).index(part) :]
    return max(left, 0.0) * PARTS[part] / sum(PARTS[name] for name in later)


def limited(command: list[str], limit: float, environment: dict[str, str]) -> str:
    """Run it with all its children for at most `limit` seconds; how it went."""
    # A file, not a pipe: processes in sessions of their own may hold a pipe open past the limit.
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=REPOSITORY,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=told,
        )
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            return f"not done after {limit:.0f} s"
        finally:
            # What a part has started ends with it: the next one measures memory and time on the same GPU.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        told.seek(0)
        error = told.read().decode(errors="replace")
    return error.strip().splitlines()[-1] if error.strip() else f"status {process.returncode}"


def described(environment: dict[str, str]) -> dict[str, Any]:
    """Versions and device, asked in a process of its own: this one must hold no memory of the GPU."""
    code = (
        "import importlib.metadata, json, platform, torch\n"
        "told = {'python': platform.python_version(), 'torch': torch.__version__, "
        "'transformers': importlib.metadata.version('transformers'), 'cuda': torch.version.cuda}\n"
        "if torch.cuda.is_available():\n"
        "    p = torch.cuda.get_device_properties(0)\n"
        "    told |= {'device': p.name, 'memory_gb': round(p.total_memory / 1e9, 1)}\n"
        "print(json.dumps(told))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        return {"error": "torch and the device did not answer within 120 s"}
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr.strip().splitlines()[-1]}


if __name__ == "__main__":
    try:
        main()
    except Exception:
        traceback.print_exc()
        sys.exit(1)
