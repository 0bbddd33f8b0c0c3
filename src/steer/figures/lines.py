"""Curves over training steps: mean over seeds, band over seeds, smoothing."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from steer.figures.looks import look

MARKERS = 7
FAINT_UP_TO = 8


def smooth(values: pd.Series, window: int) -> pd.Series:
    """Centred moving average; at the ends over the part of the window that there is."""
    return values.rolling(window, center=True, min_periods=1).mean()


def smoothing_window(steps: int) -> int:
    """A tenth of the steps, odd, at least 1 (no smoothing under 15 steps)."""
    return max(1, 2 * (steps // 20) + 1) if steps >= 15 else 1


def over_seeds(rows: pd.DataFrame, metric: str, window: int = 1) -> pd.DataFrame:
    """step → mean, low and high over seeds of the smoothed metric, at the steps that every seed reached.

    A mean over changing seeds would jump where one ends. A step without a value in one seed (null in its file) is
    smoothed over, or left out where nothing is near.
    """
    columns = {seed: frame.set_index("step")[metric] for seed, frame in rows.groupby("seed")}
    columns = {seed: values for seed, values in columns.items() if values.notna().any()}
    if not columns:
        return pd.DataFrame(columns=["mean", "low", "high"])
    table = pd.concat({seed: smooth(values, window) for seed, values in columns.items()}, axis=1).sort_index()
    table = table[table.index <= min(values.last_valid_index() for values in columns.values())]
    summary = {"mean": table.mean(axis=1), "low": table.min(axis=1), "high": table.max(axis=1)}
    return pd.DataFrame(summary).dropna()


def draw_runs(
    ax: Axes,
    curves: pd.DataFrame,
    metric: str,
    labels: dict[str, str],
    scale: float = 1.0,
    window: int = 1,
    faint: bool = True,
) -> None:
    """One line per run (mean over seeds) with the seeds' range as a band; if `faint`, raw values faintly behind
    smoothed ones."""
    runs = [run for run in labels if run in set(curves["run"])]
    for place, run in enumerate(runs):
        rows = curves[curves["run"] == run]
        summary = over_seeds(rows, metric, window) * scale
        if summary.empty:
            continue
        style = look(run)
        if faint and window > 1 and len(runs) <= FAINT_UP_TO:
            raw = over_seeds(rows, metric)["mean"] * scale
            ax.plot(raw.index, raw, color=style["color"], alpha=0.18, linewidth=0.8, zorder=1)
        if rows["seed"].nunique() > 1:
            ax.fill_between(
                summary.index, summary["low"], summary["high"], color=style["color"], alpha=0.15, linewidth=0, zorder=2
            )
        ax.plot(summary.index, summary["mean"], label=labels[run], zorder=3, **style, **_marks(len(summary), place))
    ax.xaxis.get_major_locator().set_params(integer=True)


def _marks(points: int, place: int) -> dict[str, Any]:
    """A few markers a line, shifted from line to line so that they do not cover one another."""
    every = max(points // MARKERS, 1)
    return {"markevery": (place * every // 6 % every, every), "markersize": 4.5, "markeredgewidth": 0}


def headroom(axes: list[Axes], zero: bool = True) -> None:
    """One y range for all of `axes` with room over the highest and under the lowest value drawn; from 0 if `zero`."""
    # A line of two points is a marker across the panel, in other units.
    drawn = [np.asarray(line.get_ydata(), dtype=float) for ax in axes for line in ax.lines if len(line.get_ydata()) > 2]
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
    """What `draw_runs` did with the window; nothing where it is 1."""
    return f"Moving average over {window} steps." if window > 1 else ""


def seeds_note(curves: pd.DataFrame) -> str:
    """What the lines and bands of `draw_runs` are."""
    number = curves.groupby("run")["seed"].nunique()
    if number.empty:
        return ""
    if number.max() == 1:
        return "One seed per run, so no band."
    seeds = str(number.max()) if number.min() == number.max() else f"{number.min()} to {number.max()}"
    return f"Lines: mean over {seeds} seeds; bands: their range."
