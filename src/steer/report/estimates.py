"""Estimated and measured entropy change for the page's comparison: the rows of T1_estimators.csv."""

import csv
from pathlib import Path
from typing import Any

from steer.analyse.statistics import with_ends
from steer.report.chunks import number

STATISTICS = ("pearson", "spearman", "unexplained")
COUNTS = ("parameters", "step", "tokens", "clusters")
NAMES = ("model", "update", "tasks", "estimator")


def comparison(folder: Path, missing: list[str]) -> list[dict[str, Any]]:
    """One dictionary a row: `NAMES` as text, `COUNTS`, and each of `STATISTICS` as [value, low, high]."""
    path = folder / "T1_estimators.csv"
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        wanted = [*NAMES, *COUNTS, *with_ends(*STATISTICS)]
        absent = [name for name in wanted if name not in (reader.fieldnames or [])]
        if absent:
            missing.append(f"tables/{path.name}: no column {', '.join(absent)}, so estimates are not compared")
            return []
        return [_row(row) for row in reader]


def _row(row: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {name: row[name] for name in NAMES}
    found |= {name: _value(row[name]) for name in COUNTS}
    return found | {name: [_value(row[column]) for column in with_ends(name)] for name in STATISTICS}


def _value(text: str) -> float | int | None:
    try:
        return number(float(text))
    except ValueError:
        return None
