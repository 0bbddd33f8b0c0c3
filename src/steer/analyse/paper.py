"""Values reported by the STEER paper, printed next to ours and never mixed with our measurements.

`paper_results.csv` and `paper_results_code.csv` hold the values of arXiv 2510.10150 v4 as reported by readers (its
tables 3, 4, 5, 6, 12 and F.3; accuracies in percent).
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = ["paper", "paper_difference", "paper_inside_interval"]
MAIN = "main"  # results of a model; the stress test and the other algorithms are separate settings
MATH = {"aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench"}  # benchmarks in its averages
CODE_COLUMNS = {"LiveCodeBench-v5 avg@4": "LiveCodeBench"}


def _key(name: str) -> str:
    """Normalise a name's case and punctuation: `entropy-aware advantage` equals `Entropy aware advantage`."""
    return re.sub(r"[^a-z0-9+]", "", name.lower())


@cache
def reported() -> pd.DataFrame:
    """Read the paper's values: table, model, setting, method, column (benchmark or `math`), value in [0, 1]."""
    folder = Path(__file__).parent
    math = pd.read_csv(folder / "paper_results.csv", dtype={"table": str})
    math = math.rename(columns={"average": "math"})
    code = (
        pd.read_csv(folder / "paper_results_code.csv", dtype={"table": str})
        .rename(columns=CODE_COLUMNS)
        .assign(setting=MAIN)
    )
    long = [frame.melt(["table", "model", "setting", "method"], var_name="column") for frame in (math, code)]
    return pd.concat(long, ignore_index=True).dropna().assign(value=lambda f: f["value"] / 100)


def table_of(model: str | None, setting: str = MAIN) -> str | None:
    """Return the paper's table for a model path or hub id, or None."""
    rows = _rows(model, setting)
    return rows["table"].iloc[0] if len(rows) else None


@cache
def _rows(model: str | None, setting: str) -> pd.DataFrame:
    name = _key(Path(model).name) if model else ""
    return reported()[(reported()["model"].map(_key) == name) & (reported()["setting"] == setting)]


def comparable(columns: dict[str, list[str]]) -> set[str]:
    """List columns that mean the same in the paper; the mathematics average only if it is over the paper's six."""
    return {name for name, members in columns.items() if name != "math" or {_key(m) for m in members} == MATH}


def beside(
    model: str | None, row: str, column: str, mean: float, low: float, high: float, setting: str = MAIN
) -> dict[str, Any]:
    """Return the paper's value for a cell, our difference from it, and whether our interval covers it; else None."""
    rows = _rows(model, setting)
    if rows.empty:
        return dict.fromkeys(COLUMNS)
    rows = rows[(rows["method"].map(_key) == _key(row)) & (rows["column"].map(_key) == _key(column))]
    if rows.empty:
        return dict.fromkeys(COLUMNS)
    value = float(rows["value"].iloc[0])
    return dict(zip(COLUMNS, (value, mean - value, bool(low <= value <= high)), strict=True))
