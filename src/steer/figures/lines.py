"""Curves over training steps: smoothing, the band over seeds, and seaborn's facets with our looks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from steer.analyse.comparison import LEAST_RUNS
from steer.analyse.statistics import run_mean
from steer.figures import page
from steer.figures.looks import Look
from steer.figures.sources import Sources

COLUMNS = 3
MARKERS = 7
FAINT_UP_TO = 8


def smooth(values: pd.Series, window: int) -> pd.Series:
    """Centred moving average; at the ends over the part of the window that there is."""
    return values.rolling(window, center=True, min_periods=1).mean()


def smoothing_window(steps: int) -> int:
    """A tenth of the steps, odd, at least 1 (no smoothing under 15 steps)."""
    return max(1, 2 * (steps // 20) + 1) if steps >= 15 else 1


def over_seeds(values: pd.Series) -> tuple[float, float]:
    """Ends of a band at one step, for seaborn's `errorbar`: Student's t interval, or under 3 seeds their range."""
    return run_mean(values.tolist()).interval() if len(values) >= LEAST_RUNS else (values.min(), values.max())


def long(curves: pd.DataFrame, scales: dict[str, float], window: int = 1) -> pd.DataFrame:
    """Rows of run, seed, step, metric, `raw` and smoothed `value`, scaled, up to the last step that every seed reached.

    A mean over changing seeds would jump where one ends. A step without a value in one seed (null in its file) is
    smoothed over, or left out where nothing is near.
    """
    keys = ["run", "metric", "seed"]
    rows = curves.melt(["run", "seed", "step"], list(scales), "metric", "raw").sort_values([*keys, "step"])
    ends = rows.dropna().groupby(keys)["step"].max().groupby(keys[:2]).min().rename("end")
    rows["raw"] *= rows["metric"].map(scales)
    rows["value"] = rows.groupby(keys)["raw"].transform(smooth, window)
    rows = rows.join(ends, on=keys[:2])
    return rows[rows["step"] <= rows["end"]].dropna(subset="value")


def draw_on(
    ax: Axes,
    rows: pd.DataFrame,
    labels: dict[str, str],
    looks: dict[str, Look],
    hue: str = "run",
    x: str = "step",
    faint: bool = False,
) -> None:
    """Draw a line for each `hue`, the mean over its rows, with a band where it has several; if `faint`, `raw` behind.

    `labels`: the legend entry of each name, in order. seaborn maps colours alone: with dashes and markers as a second
    variable it would try all pairs of names, which takes minutes for fifty runs.
    """
    names = [name for name in labels if name in set(rows[hue])]
    if not names:
        return
    colours = {name: looks[name]["color"] for name in names}
    repeated = rows.duplicated([hue, x]).any()
    sns.lineplot(rows, x=x, y="value", hue=hue, hue_order=names, palette=colours, ax=ax, legend=False, zorder=3,
                 errorbar=over_seeds if repeated else None, err_kws={"alpha": 0.15, "linewidth": 0})  # fmt: skip
    for place, (name, line) in enumerate(zip(names, ax.lines, strict=True)):
        every = max(len(line.get_xdata()) // MARKERS, 1)
        # Shifted from line to line, so that markers do not overlap.
        line.set(label=labels[name], markevery=(place * every // 6 % every, every), **looks[name])
    if faint and len(names) <= FAINT_UP_TO:
        for name, means in rows.groupby([hue, x])["raw"].mean().groupby(hue):
            ax.plot(means.index.get_level_values(x), means, color=colours[name], alpha=0.25, linewidth=0.8, zorder=1)
    ax.xaxis.get_major_locator().set_params(integer=True)


class Grid(sns.FacetGrid):
    """seaborn's panels without its layout of the empty ones: `page.under` lays them out when all is drawn."""

    def tight_layout(self, *_: Any, **__: Any) -> "Grid":
        return self


def facets(
    rows: pd.DataFrame,
    labels: dict[str, str],
    looks: dict[str, Look],
    width: float,
    height: float,
    legend: bool = True,
    drawn: dict[str, Any] | None = None,
    **panels: Any,
) -> Grid:
    """Panels of `width` by `height` inches, as `panels` (of `FacetGrid`) say, each by `draw_on` with `drawn`."""
    grid = Grid(rows, height=height, aspect=width / height, **{"sharey": False, **panels})
    for (row, column, _), mine in grid.facet_data():
        draw_on(grid.facet_axis(row, column), mine, labels, looks, **(drawn or {}))
    grid.set_titles("").set_axis_labels("training step", "")
    if legend:
        page.legend(grid.figure, *grid.axes.flat)
    return grid


def draw_runs(
    sources: Sources,
    curves: pd.DataFrame,
    panels: dict[str, tuple[str, float]],
    labels: dict[str, str] | None = None,
    window: int = 1,
    faint: bool = False,
    width: float = 3.4,
    height: float = 2.9,
) -> Grid:
    """A panel for each metric of `panels` (→ y label, scale) with a line per run; if `faint`, raw values behind.

    A panel alone is larger.
    """
    if len(panels) == 1:
        width, height = 1.2 * width, 1.1 * height
    rows = long(curves, {metric: scale for metric, (_, scale) in panels.items()}, window)
    grid = facets(rows, labels or sources.labels, sources.looks, width, height, drawn={"faint": faint and window > 1},
                  col="metric", col_order=list(panels),
                  col_wrap=COLUMNS if len(panels) > COLUMNS else None)  # fmt: skip
    for metric, ax in grid.axes_dict.items():
        ax.set_ylabel(panels[metric][0])
    return grid


def headroom(axes: Sequence[Axes], zero: bool = True) -> None:
    """One y range for all of `axes` with room over the highest and under the lowest value drawn; from 0 if `zero`."""
    # A marker across the panel is in other units.
    curves = [line for ax in axes for line in ax.lines if line.get_transform() == ax.transData]
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in curves]
    bands = [path.vertices[:, 1] for ax in axes for band in ax.collections for path in band.get_paths()]
    values = np.concatenate([*drawn, *bands]) if drawn or bands else np.array([])
    values = values[np.isfinite(values)]
    if not values.size:
        return
    low, high = (0.0 if zero else float(values.min())), float(values.max())
    room = 0.06 * (high - low) or 0.5
    for ax in axes:
        ax.set_ylim(0.0 if zero else low - room, high + room)


def weight_axes(axes: list[Axes], low: float, high: float) -> None:
    """One range for the weights λ on all of `axes`. Where they go beyond 2 it is logarithmic: 1/λ is as far from 1 as
    λ, and a largest weight of 10 does not press the others flat."""
    if not low > 0 or not high > 2:
        room = 0.05 * max(high - low, 0.1)
        for ax in axes:
            ax.set_ylim(low - room, high + room)
        return
    for ax in axes:
        ax.set_yscale("log")
        ax.set_ylim(low / 1.15, high * 1.15)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_locator(NullLocator())


def smoothing_note(window: int) -> str:
    """What the moving average is over; nothing where the window is 1."""
    return f"Moving average over {window} steps." if window > 1 else ""


def seeds_note(curves: pd.DataFrame) -> str:
    """What the lines and bands of `facets` are."""
    number = curves.groupby("run")["seed"].nunique()
    if number.empty:
        return ""
    if number.max() == 1:
        return "One seed per run, so no band."
    seeds = str(number.max()) if number.min() == number.max() else f"{number.min()} to {number.max()}"
    band = "95 % interval of Student's t over seeds" if number.max() >= LEAST_RUNS else "their range"
    few = f", their range under {LEAST_RUNS} seeds" if number.min() < LEAST_RUNS <= number.max() else ""
    return f"Lines: mean over {seeds} seeds; bands: {band}{few}."
