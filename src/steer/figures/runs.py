"""Entropy and reward of run folders, against steps, tokens or seconds (`steer plot --runs`)."""

from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steer.diagnose.axes import AXES, SCALE, along
from steer.diagnose.folders import RunOf, read_runs
from steer.figures import page
from steer.figures.lines import smooth, smoothing_window
from steer.figures.looks import OTHER_COLOURS

PANELS = {"entropy": "policy entropy (nats per token)", "reward": "mean reward"}


def draw(folders: list[str], axis: str) -> Figure:
    """A panel for each of `PANELS`: a thin line a seed, their mean over steps as a thick one."""
    runs, said = read_runs(folders), []
    figure, axes = page.panels(len(PANELS), len(PANELS), 3.3, 2.5)
    for (metric, label), ax in zip(PANELS.items(), axes, strict=True):
        for run, colour in zip(runs, cycle(OTHER_COLOURS), strict=False):
            said += _draw_run(ax, run, metric, axis, colour)
        ax.set(xlabel=AXES[axis], ylabel=label)
        if metric == "entropy":
            ax.set_ylim(0, 1.05 * max(ax.dataLim.ymax, 1e-3) if ax.lines else 1)
    if len(runs) > 1:
        page.legend(figure, axes[0])
    page.under(figure, list(dict.fromkeys(said)))
    return figure


def _draw_run(ax: Axes, run: RunOf, metric: str, axis: str, colour: str) -> list[str]:
    """Draw one run; returns what was left out or is to be known, in sentences."""
    curves, said = [], []
    for seed, frame in run.frames.items():
        x, note = along(frame, run.configs[seed], axis)
        name = f"{run.label}, seed {seed}"
        if x is None:
            said.append(f"{name} is left out: {note}.")
            continue
        if note:
            said.append(f"{name}: {note}.")
        if metric not in frame or not frame[metric].notna().any():
            said.append(f"{name}: the log has no {metric}.")
            continue
        curves.append(pd.DataFrame({"x": x * SCALE[axis], "y": frame[metric], "step": frame["step"]}).dropna())
    for curve in curves:
        ax.plot(curve["x"], curve["y"], color=colour, linewidth=0.8, alpha=0.35)
    if curves:
        # At equal steps, so that the mean is of the same updates; its place is the mean place.
        mean = pd.concat(curves).groupby("step")[["x", "y"]].mean()
        window = smoothing_window(len(mean))
        ax.plot(mean["x"], smooth(mean["y"], window), color=colour, linewidth=1.8, label=run.label)
        if window > 1:
            said.append(f"Thick: moving average over {window} steps; thin: as logged.")
    return said
