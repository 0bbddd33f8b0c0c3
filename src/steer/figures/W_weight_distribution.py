"""Quantiles over tokens of the weight λ at every step, one panel per run that sets weights."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import Grid, weight_axes
from steer.figures.sources import Sources

CATEGORY = "Tokens and weights"
COLUMNS = 4
QUANTILES = ["min", "p05", "p25", "p50", "p75", "p95", "max"]


def draw(sources: Sources) -> Figure:
    names = [f"weight_{name}" for name in QUANTILES]
    curves = sources.curves(*names)
    weighted = [run for run in sources.labels if _varies(curves[curves["run"] == run][names])]
    # A run that sets no weights is not missing here; mention it only if nothing is drawn.
    if not weighted:
        return page.nothing(sources, "No run sets token weights: λ is 1 throughout.")
    chosen = curves[curves["run"].isin(weighted)]
    grid = Grid(chosen, col="run", col_order=weighted, col_wrap=min(COLUMNS, len(weighted)), height=2.7, aspect=1.2)
    for run, ax in grid.axes_dict.items():
        _bands(ax, chosen[chosen["run"] == run], sources.looks[run]["color"])
        ax.set_title(sources.labels[run])
        ax.xaxis.get_major_locator().set_params(integer=True)
    grid.set_axis_labels("training step", "weight λ")
    weight_axes(grid.axes[:1], chosen["weight_min"].min(), chosen["weight_max"].max())
    page.legend(grid.figure, grid.axes[0])
    page.notes(grid.figure, sources, "Quantiles over the tokens of a step; mean over seeds; thin lines: extremes.")
    return grid.figure


def _varies(values: pd.DataFrame) -> bool:
    return bool(((values - 1).abs() > 1e-9).any(axis=None))


def _bands(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    by_step = rows.groupby("step")
    mean = {name: by_step[f"weight_{name}"].mean() for name in QUANTILES}
    steps = mean["p50"].index
    ax.fill_between(steps, mean["p05"], mean["p95"], color=colour, alpha=0.2, linewidth=0, label="5 to 95 %")
    ax.fill_between(steps, mean["p25"], mean["p75"], color=colour, alpha=0.4, linewidth=0, label="25 to 75 %")
    ax.plot(steps, mean["p50"], color=colour, label="median")
    for name, values in (("min", by_step["weight_min"].min()), ("max", by_step["weight_max"].max())):
        label = "least and largest" if name == "min" else None
        ax.plot(steps, values, color=colour, linewidth=0.7, linestyle=(0, (2, 1.5)), label=label)
