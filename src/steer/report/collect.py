"""Read a results folder for the page and describe what is missing.

Nothing here stops the page: a missing or unreadable file becomes a line of `Contents.missing`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from steer.configs.schema import Config
from steer.configs.text import parse
from steer.errors import UserError
from steer.io import packed, read_jsonl
from steer.report.figures import Figure, find_figures
from steer.report.tables import DataFile, Table, data_files, read_tables

EXTRA_RUNS = {"base": "base model", "oracle": "oracle"}


@dataclass(frozen=True)
class Seed:
    """One run folder. `steps` are the rows of `metrics.jsonl` by increasing step, `info` its `config.yaml`."""

    seed: int
    folder: Path
    info: dict[str, Any]
    steps: list[dict[str, Any]]


@dataclass(frozen=True)
class Run:
    name: str
    label: str
    trained: bool
    seeds: list[Seed]


@dataclass
class Contents:
    """Everything the page is made from. `root` is the results folder."""

    config: Config
    root: Path
    runs: list[Run]
    tables: list[Table]
    figures: list[Figure]
    data: list[DataFile]
    missing: list[str] = field(default_factory=list)


def collect(config: Config, root: Path) -> Contents:
    """Read runs, tables and figures under `root`, in the order of the configuration."""
    missing: list[str] = []
    tabulated = _labels(root / "tables" / "tables.json")
    runs = [_run(config, root, name, tabulated, missing) for name in _run_names(config, root)]
    tables = read_tables(root / "tables", missing)
    figures = find_figures(root / "figures", missing)
    if not any(run.trained and run.seeds for run in runs):
        missing.append("runs/: no training run, so there are no training curves")
    return Contents(config, root, runs, tables, figures, data_files(root / "tables"), missing)


def _labels(path: Path) -> dict[str, str]:
    """Read the runs' labels from the tables; empty if there are none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["labels"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def rows_or_note(path: Path, missing: list[str]) -> list[dict[str, Any]]:
    """Read the rows of a JSON-lines file; a problem is added to `missing`."""
    try:
        rows = read_jsonl(path)
    except (UserError, UnicodeDecodeError, OSError) as error:
        missing.append(f"{path.name} of {path.parent.parent.name}/{path.parent.name} is left out: {error}")
        return []
    return [row for row in rows if isinstance(row, dict)]


def seed_folders(folder: Path) -> list[tuple[int, Path]]:
    """`seed<k>` folders in `folder` by k."""
    found = [(p.name.removeprefix("seed"), p) for p in folder.glob("seed*") if p.is_dir()]
    return sorted((int(number), path) for number, path in found if number.isdecimal())


def _run_names(config: Config, root: Path) -> list[str]:
    """Order run names: extra runs (the others are compared with them), the configuration's, then unknown ones."""
    stored = {p.name for kind in ("runs", "generations") for p in (root / kind).glob("*") if p.is_dir()}
    extra = [name for name in EXTRA_RUNS if name in stored]
    return [*extra, *config.runs, *sorted(stored - set(extra) - set(config.runs))]


def _run(config: Config, root: Path, name: str, tabulated: dict[str, str], missing: list[str]) -> Run:
    seeds = [seed_of(number, folder, missing) for number, folder in seed_folders(root / "runs" / name)]
    label = _label(config, name, seeds, tabulated)
    if name in config.runs:
        absent = [str(k) for k in config.seeds_of(name) if k not in {seed.seed for seed in seeds}]
        if absent:
            missing.append(f"{label}: no run folder for seed {', '.join(absent)}")
    return Run(name, label, name not in EXTRA_RUNS, seeds)


def seed_of(number: int, folder: Path, missing: list[str]) -> Seed:
    info: Any = None
    try:
        info = parse((folder / "config.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        missing.append(f"{folder.parent.name}/{folder.name}: no config.yaml, so its provenance is unknown")
    except (yaml.YAMLError, UnicodeDecodeError):
        missing.append(f"{folder.parent.name}/{folder.name}: config.yaml is not valid YAML")
    rows = rows_or_note(packed(folder / "metrics.jsonl"), missing)
    by_step = {row["step"]: row for row in rows if type(row.get("step")) is int}
    return Seed(number, folder, info if isinstance(info, dict) else {}, [by_step[s] for s in sorted(by_step)])


def _label(config: Config, name: str, seeds: list[Seed], tabulated: dict[str, str]) -> str:
    entry = config.methods.get(name) or config.external.get(name)
    if entry and entry.label:
        return entry.label
    if name in config.methods and name in tabulated:
        return tabulated[name]  # of the method's file, even if that was corrected after the run
    for seed in seeds:
        if isinstance(seed.info.get("label"), str):
            return seed.info["label"]
    return EXTRA_RUNS.get(name, name.replace("_", " "))
