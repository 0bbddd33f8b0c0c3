"""Entropy and reward of run folders, against steps, tokens or seconds (`steer plot --runs`)."""

import pandas as pd
from matplotlib.figure import Figure

from steer.diagnose.axes import AXES, SCALE, along
from steer.diagnose.folders import RunOf, read_runs
from steer.figures import page
from steer.figures.lines import facets, smooth, smoothing_window
from steer.figures.looks import looks

PANELS = {"entropy": "policy entropy (nats per token)", "reward": "mean reward"}


def draw(folders: list[str], axis: str) -> Figure:
    """A panel for each of `PANELS`: a thin line a seed, their mean over steps as a thick one."""
    runs, said = read_runs(folders), []
    rows = pd.concat([_rows(run, metric, axis, said) for metric in PANELS for run in runs])
    if rows.empty:
        figure, (ax,) = page.panels(1, 1)
        page.say(ax, "Nothing to draw.")
        page.under(figure, list(dict.fromkeys(said)))
        return figure
    means = _means(rows, axis)
    curves = means.groupby(["metric", "run"])["value"]
    means["value"] = curves.transform(lambda values: smooth(values, smoothing_window(len(values))))
    labels = {run.name: run.label for run in runs}
    marks = looks(labels)
    grid = facets(means, labels, marks, 3.3, 2.6, legend=len(runs) > 1, drawn={"x": "x"}, col="metric",
                  col_order=list(PANELS))  # fmt: skip
    grid.set_xlabels(AXES[axis])
    for metric, ax in grid.axes_dict.items():
        ax.set_ylabel(PANELS[metric])
        for (run, _), seed in rows[rows["metric"] == metric].groupby(["run", "seed"]):
            ax.plot(seed["x"], seed["value"], color=marks[run]["color"], linewidth=0.8, alpha=0.35, zorder=1)
    entropy = grid.axes_dict["entropy"]
    entropy.set_ylim(0, 1.05 * max([1e-3, *rows.loc[rows["metric"] == "entropy", "value"]]))
    if len(means) < len(rows.drop_duplicates(["metric", "run", "step"])):
        said.append("A mean is drawn where every seed of its run has a value.")
    said += [f"Thick: moving average over {size} steps; thin: as logged."
             for size in sorted({*curves.size().map(smoothing_window)}) if size > 1]  # fmt: skip
    page.under(grid.figure, list(dict.fromkeys(said)))
    return grid.figure


def _means(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The mean over seeds at equal steps, so that it is of the same updates; its place is the mean place.

    Against tokens or seconds only where every seed has a value: where a slow seed ends, the mean place would jump back.
    """
    seeds = rows.groupby(["metric", "run"])["seed"].transform("nunique")
    at = rows.groupby(["metric", "run", "step"])
    whole = rows if axis == "step" else rows[at["seed"].transform("size") == seeds]
    return whole.groupby(["metric", "run", "step"], as_index=False)[["x", "value"]].mean()


def _rows(run: RunOf, metric: str, axis: str, said: list[str]) -> pd.DataFrame:
    """Return run, metric, seed, step, x and value; adds what was left out or is to be known to `said`, in sentences."""
    found = [pd.DataFrame(columns=["run", "metric", "seed", "step", "x", "value"])]
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
        columns = {"run": run.name, "metric": metric, "seed": seed, "step": frame["step"]}
        found.append(pd.DataFrame({**columns, "x": x * SCALE[axis], "value": frame[metric]}).dropna())
    return pd.concat(found[1:] or found)
