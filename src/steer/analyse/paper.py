"""Values that the STEER paper reports, for printing beside ours: claims of others, never mixed with measurements.

`paper_results.csv` and `paper_results_code.csv` hold them as readers of arXiv 2510.10150 v4 report them (tables 3, 4,
5, 6, 12 and F.3 there; accuracies in percent).
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = ["paper", "paper_difference", "paper_inside_interval"]
# Main results of a model; the stress tests and other algorithms have tables of their own.
MAIN = ("main",)
CODE_COLUMNS = {"LiveCodeBench-v5 avg@4": "LiveCodeBench"}


def _key(name: str) -> str:
    """Names without case and punctuation: `entropy-aware advantage` and `Entropy aware advantage` are one."""
    return re.sub(r"[^a-z0-9+]", "", name.lower())


@cache
def reported() -> pd.DataFrame:
    """Long frame: table, model, method, column (benchmark or `math`), value in [0, 1]."""
    folder = Path(__file__).parent
    math = pd.read_csv(folder / "paper_results.csv", dtype={"table": str})
    math = math[math["setting"].isin(MAIN)].drop(columns="setting").rename(columns={"average": "math"})
    code = pd.read_csv(folder / "paper_results_code.csv", dtype={"table": str}).rename(columns=CODE_COLUMNS)
    long = [frame.melt(["table", "model", "method"], var_name="column") for frame in (math, code)]
    return pd.concat(long, ignore_index=True).dropna().assign(value=lambda f: f["value"] / 100)


def table_of(model: str | None) -> str | None:
    """The paper's table for a model path or hub id; None for a model that the paper does not have."""
    rows = _rows(model)
    return rows["table"].iloc[0] if len(rows) else None


def _rows(model: str | None) -> pd.DataFrame:
    name = _key(Path(model).name) if model else ""
    return reported()[reported()["model"].map(_key) == name]


def beside(model: str | None, label: str, column: str, mean: float, low: float, high: float) -> dict[str, Any]:
    """The paper's value for a cell, how far ours is from it, and whether our interval covers it; None where none."""
    rows = _rows(model)
    rows = rows[(rows["method"].map(_key) == _key(label)) & (rows["column"].map(_key) == _key(column))]
    if rows.empty:
        return dict.fromkeys(COLUMNS)
    value = float(rows["value"].iloc[0])
    return dict(zip(COLUMNS, (value, mean - value, bool(low <= value <= high)), strict=True))
