"""Shared drawing of the studies' figures: accuracy and final entropy of each row of a study's table, with bars."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from steer.figures import intervals
from steer.figures.looks import Look
from steer.figures.sources import Sources

# Quantity → columns of mean, low and high, scale, axis label.
QUANTITIES = {
    "accuracy": (("mean", "low", "high"), 100.0, "accuracy (%)"),
    "entropy": (("entropy_last", "entropy_last_low", "entropy_last_high"), 1.0, "final entropy (nats per token)"),
}
ENTROPY = "Final entropy: mean of the last tenth of the steps, mean over seeds, bars: their range."


def note(table: pd.DataFrame) -> str:
    """Describe the points and bars of a study."""
    return f"Accuracy: average over benchmarks. {intervals.note(intervals.over_runs(table))} {ENTROPY}"


def study(sources: Sources, name: str) -> pd.DataFrame:
    """Read the table of a study; runs that were not evaluated or did not log their entropy are added to `missing`."""
    table = intervals.chosen(sources.frame(f"{name}.csv"))
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *QUANTITIES["entropy"][0]])))
    for row in table.to_dict("records"):
        if pd.isna(row["mean"]):
            sources.missing.append(f"{row['label']}: not evaluated on every benchmark")
        if pd.isna(row["entropy_last"]) and row["run"] != "base":
            sources.missing.append(f"{row['label']}: no entropy")
    return table


def bars(row: pd.Series, quantity: str) -> tuple[float, list[list[float]] | None]:
    """Return the scaled value and the lengths of its error bar down and up, None without an interval."""
    names, scale, _ = QUANTITIES[quantity]
    mean, low, high = (scale * float(row[name]) for name in names)
    return mean, None if pd.isna(low) or pd.isna(high) else [[mean - low], [high - mean]]


def style(look: Look, **changes: Any) -> dict[str, Any]:
    """A run's colour and marker, for points that no line joins."""
    return {**look, "linestyle": "none", "elinewidth": 1.2, "capsize": 2.0, **changes}


def draw_sweep(
    ax: Axes, rows: pd.DataFrame, value: str, quantity: str, look: Look, label: str, shift: float = 0
) -> None:
    """Draw a line through the rows over `value` with error bars; skip rows without a number."""
    rows = rows.dropna(subset=QUANTITIES[quantity][0][0]).sort_values(value)
    points = [bars(row, quantity) for _, row in rows.iterrows()]
    if not points:
        return
    means = [mean for mean, _ in points]
    ends = [[error[end][0] if error else 0.0 for _, error in points] for end in (0, 1)]
    ax.errorbar(rows[value] + shift, means, yerr=ends, label=label, **style(look, linestyle=look["linestyle"]))


def draw_reference(ax: Axes, row: pd.Series, quantity: str, look: Look) -> None:
    """Draw a run that has no value on the x axis as a horizontal line, with its bar as a band."""
    mean, error = bars(row, quantity)
    if pd.isna(mean):
        return
    colour = look["color"]
    ax.axhline(mean, color=colour, linestyle=look["linestyle"], linewidth=1.2, label=row["label"], zorder=1)
    if error:
        ax.axhspan(mean - error[0][0], mean + error[1][0], color=colour, alpha=0.1, linewidth=0)


def draw_list(ax: Axes, rows: pd.DataFrame, quantity: str, sources: Sources) -> None:
    """Draw one point with its bar per row, from top to bottom; the first panel writes the row labels."""
    for place, (_, row) in enumerate(rows.iterrows()):
        mean, error = bars(row, quantity)
        if not pd.isna(mean):
            ax.errorbar(mean, place, xerr=error, label=row["label"], **style(sources.looks[row["run"]]))
    ax.set_xlabel(QUANTITIES[quantity][2])
    ax.set_yticks(range(len(rows)), rows["label"])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
