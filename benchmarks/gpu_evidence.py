"""Evidence from one GPU in one go: does it compute what the CPU computes, how fast, in how much memory, and does a
killed run go on? Prints a JSON summary as its last line.

    python benchmarks/gpu_evidence.py --seconds 520 --out summary.json       # one GPU, at most nine minutes
    python benchmarks/gpu_evidence.py --cpu --seconds 60                     # the same logic on the CPU, cut down

Needs torch >= 2.11, transformers >= 5.17, pydantic and PyYAML; Snakemake and vLLM are not used. What a machine without
a network lacks can be brought as wheels: `pip download --no-deps -d wheels pydantic pydantic-core annotated-types
typing-inspection math-verify latex2sympy2-extended antlr4-python3-runtime`, then `--wheels wheels`.

Every part runs in a process of its own under a time limit of its own; what does not fit is reported as left out, and a
part that fails does not stop the others. Written on a machine without a GPU, and not run on one so far.
"""

import argparse
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
# Part → share of the time.
PARTS = {"head": 0.09, "agreement": 0.2, "resume": 0.16, "small": 0.38, "large": 0.17}


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
        import gpu_parts

        result = Result(args.folder / f"{args.part}.json")
        getattr(gpu_parts, args.part)(args.folder, args.cpu, args.seconds, result)
        result["done"] = True
        return
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        summary = {"command": " ".join(sys.argv), **everything(Path(folder), args)}
    summary["seconds"] = round(time.monotonic() - started, 1)
    if args.out:
        Path(args.out).write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps(summary))


class Result(dict):
    """What a part has found so far, kept in a file at every change."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        # Written beside and renamed: a part may be stopped at any moment.
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self))
        temporary.replace(self.path)

    def update(self, **values: Any) -> None:
        for key, value in values.items():
            self[key] = value


def everything(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
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
        return {"error": f"not installed here: {', '.join(missing)}; bring them with --wheels"}
    summary: dict[str, Any] = {"environment": described(environment)}
    if not args.cpu and not summary["environment"].get("device"):
        return {**summary, "error": "no GPU that torch can use; --cpu tries the script itself"}
    for part, share in PARTS.items():
        limit = share * args.seconds
        command = [sys.executable, __file__, "--part", part, "--folder", str(folder), "--seconds", str(0.85 * limit)]
        done = limited(command + (["--cpu"] if args.cpu else []), limit, environment)
        result = folder / f"{part}.json"
        summary[part] = json.loads(result.read_text()) if result.is_file() else {}
        if not summary[part].pop("done", False):
            summary[part]["error"] = done
        print(f"{part}: {json.dumps(summary[part])[:400]}", file=sys.stderr, flush=True)
    return summary


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
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"not done after {limit:.0f} s"
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
