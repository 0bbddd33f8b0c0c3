"""Where the page's numbers come from: versions, commit, configuration, seeds and wall time; and the glossary."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import steer
from steer.configs.load import dump
from steer.report.collect import Contents

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class RunRecord:
    """Provenance of a run folder; `seconds` is wall time, empty strings are unknown."""

    label: str
    seed: int
    steps: int
    seconds: str
    started: str
    versions: str


@dataclass(frozen=True)
class Provenance:
    commit: str
    version: str
    command: str
    configuration: str
    runs: list[RunRecord]


def provenance(contents: Contents) -> Provenance:
    runs = [_record(run.label, seed) for run in contents.runs for seed in run.seeds]
    return Provenance(commit(), steer.__version__, "steer report", dump(contents.config), runs)


def commit() -> str:
    """Commit of the code that wrote the page, with `+ changes` for an edited tree; "" outside a repository."""
    git = ["git", "-C", str(REPOSITORY)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=20)
        status = [*git, "status", "--porcelain", "--untracked-files=no"]
        changes = subprocess.run(status, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return head.stdout.strip() + (" + changes" if changes.stdout.strip() else "")


def glossary() -> list[tuple[list[str], str]]:
    """Read names and definitions from docs/metrics.md. Empty if the package is installed without its docs."""
    path = REPOSITORY / "docs" / "metrics.md"
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"\|(.*?)\|(.*)\|", line.strip())
        names = re.findall(r"`([^`]+)`", match[1]) if match else []
        if names:
            text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", match[2])  # links lead nowhere from the page
            rows.append((names, text.strip().replace("`", "")))
    return rows


def _record(label: str, seed: Any) -> RunRecord:
    info = seed.info
    versions = info.get("versions")
    shown = ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else ""
    seconds = info.get("seconds")
    wall = f"{seconds:.0f}" if isinstance(seconds, int | float) else ""
    return RunRecord(label, seed.seed, len(seed.steps), wall, str(info.get("started") or ""), shown)
