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
    runs, notes = read_runs(folders), {}
    rows = pd.concat([_rows(run, metric, axis, notes) for metric in PANELS for run in runs])
    said = [f"{_who(seeds, runs)}: {note}." for note, seeds in notes.items()]
    if rows.empty:
        figure, (ax,) = page.panels(1, 1)
        page.say(ax, "Nothing to draw.")
        page.under(figure, said)
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
    page.under(grid.figure, said)
    return grid.figure


def _who(seeds: dict[str, set[int]], runs: list[RunOf]) -> str:
    """Name runs, and their seeds where a note is not about all of a run."""
    whole = {run.label: set(run.frames) for run in runs}
    return "; ".join(
        label if found == whole[label] else f"{label}, seed {', '.join(map(str, sorted(found)))}"
        for label, found in seeds.items()
    )


def _means(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The mean over seeds at equal steps, so that it is of the same updates; its place is the mean place.

    Against tokens or seconds only where every seed has a value: where a slow seed ends, the mean place would jump back.
    """
    seeds = rows.groupby(["metric", "run"])["seed"].transform("nunique")
    at = rows.groupby(["metric", "run", "step"])
    whole = rows if axis == "step" else rows[at["seed"].transform("size") == seeds]
    return whole.groupby(["metric", "run", "step"], as_index=False)[["x", "value"]].mean()


def _rows(run: RunOf, metric: str, axis: str, notes: dict[str, dict[str, set[int]]]) -> pd.DataFrame:
    """Return run, metric, seed, step, x and value; adds to `notes`: what a reader has to know → label → seeds."""
    found = [pd.DataFrame(columns=["run", "metric", "seed", "step", "x", "value"])]
    for seed, frame in run.frames.items():
        x, note = along(frame, run.configs[seed], axis)
        drawn = x is not None and metric in frame and frame[metric].notna().any()
        if x is None:
            note = f"not drawn, {note}"
        elif not drawn:
            note = f"the log has no {metric}"
        if note:
            notes.setdefault(note, {}).setdefault(run.label, set()).add(seed)
        if not drawn:
            continue
        columns = {"run": run.name, "metric": metric, "seed": seed, "step": frame["step"]}
        found.append(pd.DataFrame({**columns, "x": x * SCALE[axis], "value": frame[metric]}).dropna())
    return pd.concat(found[1:] or found)
