"""The top of the page, one line per run: accuracy, gain over the base model, entropy curve, pass@k."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from steer.report.collect import Contents, Run

POINTS = 60  # of an entropy curve: it is 100 units wide
WIDTH = 100.0


@dataclass(frozen=True)
class Interval:
    """A value in percent or points; `low` and `high` are the ends of the 95 % interval, NaN without one."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """One run's line. `index` is its place in `Contents.runs`; missing values are None, a missing `curve` is empty."""

    index: int
    label: str
    accuracy: Interval | None
    gain: Interval | None
    entropy: tuple[float, float] | None
    curve: list[tuple[float, float]]
    pass_gain: Interval | None


@dataclass(frozen=True)
class Scoreboard:
    """`at_accuracy` and `at_gain` turn a value into a horizontal place from 0 to 100. `pass_k`: k, "" where unknown."""

    scores: list[Score]
    base: float | None
    accuracy_ends: tuple[float, float]
    gain_ends: tuple[float, float]
    pass_k: str

    def at_accuracy(self, value: float) -> float:
        return _place(value, self.accuracy_ends)

    def at_gain(self, value: float) -> float:
        return _place(value, self.gain_ends)


def scoreboard(contents: Contents) -> Scoreboard:
    """Build it from `accuracy.csv` and `T0_claims.csv`; it has no scores if neither exists."""
    accuracies = {
        row["run"]: row for row in _rows(contents.root / "tables" / "accuracy.csv") if row.get("column") == "overall"
    }
    claims = {row["run"]: row for row in _rows(contents.root / "tables" / "T0_claims.csv") if "run" in row}
    curves = {run.name: _entropy(run) for run in contents.runs}
    highest = max((value for curve in curves.values() for _, value in curve), default=1.0) or 1.0
    scores = []
    for index, run in enumerate(contents.runs):
        if run.name == "oracle" or not {run.name} & (set(accuracies) | set(claims)):
            continue
        claim = claims.get(run.name, {})
        first, last = (_number(claim.get(f"entropy_{end}")) for end in ("first", "last"))
        scores.append(
            Score(
                index,
                run.label,
                _interval(accuracies.get(run.name, {}), "mean", "low", "high"),
                _interval(claim, "gain", "gain_low", "gain_high"),
                None if math.isnan(first) or math.isnan(last) else (first, last),
                [(WIDTH * x, value / highest) for x, value in curves[run.name]],
                _interval(claim, "pass_gain", "pass_gain_low", "pass_gain_high"),
            )
        )
    base = _interval(accuracies.get("base", {}), "mean", "low", "high")
    k = _number(next((claim.get("pass_k") for claim in claims.values()), None))
    return Scoreboard(
        scores,
        base.value if base else None,
        _ends([score.accuracy for score in scores]),
        _ends([score.gain for score in scores], 0.0),
        "" if math.isnan(k) else f"{k:.0f}",
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.DictReader(file))


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _interval(row: dict[str, str], *names: str) -> Interval | None:
    value, low, high = (100 * _number(row.get(name)) for name in names)
    return None if math.isnan(value) else Interval(value, low, high)


def _ends(intervals: list[Interval | None], *others: float) -> tuple[float, float]:
    found = [v for i in intervals if i for v in (i.value, i.low, i.high) if not math.isnan(v)] + list(others)
    low, high = min(found, default=0.0), max(found, default=1.0)
    room = 0.04 * (high - low) or 1.0
    return low - room, high + room


def _place(value: float, ends: tuple[float, float]) -> float:
    return round(WIDTH * (value - ends[0]) / (ends[1] - ends[0]), 2)


def _entropy(run: Run) -> list[tuple[float, float]]:
    """(share of the longest seed's steps, mean over seeds of the mean entropy there), at most `POINTS` of them."""
    last = max((seed.steps[-1]["step"] for seed in run.seeds if seed.steps), default=0)
    sums: dict[int, list[float]] = {}
    for row in (row for seed in run.seeds for row in seed.steps):
        value = row.get("entropy")
        if isinstance(value, int | float) and math.isfinite(value):
            sums.setdefault(min(POINTS - 1, POINTS * (row["step"] - 1) // max(last, 1)), []).append(value)
    return [((2 * part + 1) / (2 * POINTS), sum(sums[part]) / len(sums[part])) for part in sorted(sums)]
