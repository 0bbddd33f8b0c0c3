"""Final accuracy of every run with its 95 % interval: math, code and all benchmarks, the base model as a line."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steer.figures import intervals, page
from steer.figures.points import bars
from steer.figures.sources import Sources

CATEGORY = "Results"
TITLES = {"math": "math", "code": "code", "overall": "all benchmarks"}


def draw(sources: Sources) -> Figure:
    table = intervals.chosen(sources.frame("accuracy.csv"))
    columns = [column for column in TITLES if column in set(table["column"])]
    runs = [run for run in sources.labels if run != "base"]
    height = 1.2 + 0.24 * len(runs)
    figure, axes = page.panels(max(len(columns), 1), 3, 2.9, height, sharey=True)
    if not columns or not runs:
        axes = [page.say(ax, "No run with verdicts on every benchmark.") for ax in axes]
    for column, ax in zip(columns, axes, strict=False):
        if ax is not None:
            _panel(ax, table[table["column"] == column].set_index("run"), runs, sources)
            questions = table.loc[table["column"] == column, "questions"].max()
            ax.set(title=f"{TITLES[column]} (n={questions})", xlabel="accuracy (%)")
    if columns and runs:
        axes[0].set_yticks(range(len(runs)), [sources.labels[run] for run in runs])
        axes[0].set_ylim(len(runs) - 0.4, -0.6)
    page.notes(figure, sources, *_explanations(table, columns))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, runs: list[str], sources: Sources) -> None:
    if "base" in rows.index:
        look = sources.looks["base"]
        base = 100 * rows.loc["base", ["mean", "low", "high"]].astype(float)
        ax.axvline(base["mean"], color=look["color"], linestyle=look["linestyle"], label="base")
        ax.axvspan(base["low"], base["high"], color=look["color"], alpha=0.12, linewidth=0)
    for place, run in enumerate(runs):
        if run not in rows.index:
            sources.missing.append(f"{sources.labels[run]}: not evaluated on every benchmark")
            ax.text(0.02, place, "not evaluated", transform=ax.get_yaxis_transform(), va="center", fontsize=7)
            continue
        row = rows.loc[run]
        mean, error = bars(row, "accuracy")
        style = {**sources.looks[run], "linestyle": "none", "elinewidth": 1.4}
        ax.errorbar(mean, place, xerr=error, label=sources.labels[run], **style)
        if pd.notna(row["paper"]):
            ax.plot(100 * float(row["paper"]), place, marker="|", markersize=11, color="#444444", linestyle="none")
    ax.grid(axis="y", visible=False)


def _explanations(table: pd.DataFrame, columns: list[str]) -> list[str]:
    if not columns:
        return []
    seeds = set(table.loc[table["run"] != "base", "seeds"].dropna().astype(int))
    shared = (
        "questions and seeds"
        if len(seeds) < 2
        else f"questions, but not their seeds (there are {min(seeds)} to {max(seeds)})"
    )
    lines = [
        "Mean over n questions, their samples and seeds. Dotted line and grey band: base model. Runs share their "
        f"{shared}; their paired differences are in the table of differences.",
        intervals.note(intervals.over_runs(table)),
    ]
    if table["paper"].notna().any():
        lines.append("Upright strokes: the paper's values.")
    return lines
