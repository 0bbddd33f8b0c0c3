"""Read run folders, by run and seed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from steer.configs.load import read_yaml
from steer.errors import UserError
from steer.io import packed, read_jsonl


@dataclass
class RunOf:
    """The seeds of one run: metrics by step, `config.yaml`, and folders."""

    name: str
    label: str
    frames: dict[int, pd.DataFrame] = field(default_factory=dict)
    configs: dict[int, dict[str, Any]] = field(default_factory=dict)
    folders: dict[int, Path] = field(default_factory=dict)


def read_runs(folders: list[str]) -> list[RunOf]:
    """Read runs in the given order. Folders of one run with different seeds belong together.

    A folder that contains `seed<k>` folders means all of them.
    """
    runs: dict[str, RunOf] = {}
    for path in _expanded(folders):
        config = read_yaml(path / "config.yaml") if (path / "config.yaml").is_file() else {}
        frame = _frame(packed(path / "metrics.jsonl"))
        frame = frame.drop_duplicates("step", keep="last").sort_values("step").reset_index(drop=True)
        named = path.name.removeprefix("seed").isdecimal()
        seed = config.get("seed")
        seed = seed if isinstance(seed, int) else int(path.name.removeprefix("seed")) if named else 0
        name = str(config.get("run") or (path.parent.name if named else path.name))
        if name in runs and seed in runs[name].frames:
            name = str(path)
        label = name if "imported" in config else str(config.get("label") or name)
        run = runs.setdefault(name, RunOf(name, label))
        run.frames[seed], run.configs[seed], run.folders[seed] = frame, config, path
    return list(runs.values())


def _frame(file: Path) -> pd.DataFrame:
    """Read the metrics; `UserError` if a step is not a whole number or a value is text."""
    rows = read_jsonl(file)
    if not any("step" in row for row in rows):
        raise UserError(f"{file}: no field `step`; give a run folder or `steer import` the log")
    for line, row in enumerate(rows, 1):
        if type(row.get("step")) is not int:
            raise UserError(f"{file}, line {line}: step {row.get('step')!r}; steps are whole numbers")
        for name, value in row.items():
            if name != "rollout_weights" and not isinstance(value, int | float | None):
                raise UserError(
                    f"{file}, line {line}: `{name}` is {value!r}; write a number, or null where there is none"
                )
    return pd.DataFrame(rows)


def _expanded(folders: list[str]) -> list[Path]:
    found = []
    for given in map(Path, folders):
        if packed(given / "metrics.jsonl").is_file():
            found.append(given)
            continue
        seeds = sorted(path for path in given.glob("seed*") if packed(path / "metrics.jsonl").is_file())
        if not seeds:
            raise UserError(f"{given}: no metrics.jsonl there; give a run folder, or `steer import` its log first")
        found += seeds
    return found
