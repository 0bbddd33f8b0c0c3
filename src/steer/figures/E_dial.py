"""Setting the entropy: achieved against target entropy, and accuracy against achieved entropy."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from steer.figures import intervals, page
from steer.figures.points import bars, study, style
from steer.figures.sources import Sources

CATEGORY = "Studies"
ACHIEVED = ("entropy_second_half", "entropy_second_half_low", "entropy_second_half_high")
WIDE = 4  # largest over least entropy from which the axis is logarithmic


def draw(sources: Sources) -> Figure:
    table = study(sources, "E_dial")
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *ACHIEVED])))
    figure, (achieved, accuracy) = page.panels(2, 2, 3.4, 3.0)
    for _, row in table.iterrows():
        value, low, high = (float(row[name]) for name in ACHIEVED)
        if pd.isna(value):
            continue
        across = [[value - low], [high - value]]
        if not pd.isna(row["target"]):
            achieved.errorbar(row["target"], value, yerr=across, label=row["label"], **style(sources.looks[row["run"]]))
        mean, error = bars(row, "accuracy")
        accuracy.errorbar(value, mean, xerr=across, yerr=error, label=row["label"], **style(sources.looks[row["run"]]))
    held = table.dropna(subset=["target", "entropy_second_half"])
    if held.empty:
        page.say(achieved, "No run with a target entropy.")
    else:
        both = pd.concat([held["target"], *(held[name] for name in ACHIEVED)])
        room = 0.08 * (both.max() - both.min()) or 0.05
        ends = (both.min() - room, both.max() + room)
        achieved.plot(ends, ends, color="#888888", linewidth=0.9, zorder=1, label="as targeted")
        achieved.set(xlim=ends, ylim=ends, xlabel="target entropy (nats per token)")
        achieved.set_ylabel("achieved entropy (nats per token)")
    accuracy.set(xlabel="achieved entropy (nats per token)", ylabel="accuracy (%)")
    _spread_out(accuracy, table[list(ACHIEVED)])
    page.legend(figure, accuracy)
    page.notes(
        figure,
        sources,
        "Achieved: mean over the second half of the steps, bars: range of the seeds; grey line: target. Accuracy: "
        "average over benchmarks.",
        intervals.note(intervals.over_runs(table)),
    )
    return figure


def _spread_out(ax: Axes, entropy: pd.DataFrame) -> None:
    """Use a logarithmic x axis if a diverged run would squeeze the others into a corner."""
    low, high = entropy.min(axis=None), entropy.max(axis=None)
    if not low > 0 or not high > WIDE * low:
        return
    ax.set_xscale("log")
    ax.set_xlim(low / 1.15, high * 1.15)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
