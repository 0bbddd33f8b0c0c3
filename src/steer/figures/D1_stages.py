"""Entropy and accuracy over training with the end of the rising stage marked, one pair of panels per run."""

import math

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import headroom, over_seeds, seeds_note, smoothing_window
from steer.figures.looks import look
from steer.figures.sources import Sources
from steer.methods.stages import transition

CATEGORY = "Training"
COLUMNS = 3
METRICS = {"entropy": ("entropy (nats)", 1.0), "accuracy": ("accuracy (%)", 100.0)}


def draw(sources: Sources) -> Figure:
    curves = sources.curves(*METRICS)
    curves = curves.dropna(subset=list(METRICS))
    runs = [run for run in sources.labels if run in set(curves["run"])]
    if not runs:
        return page.nothing(sources, "No training run with entropy and accuracy.")
    columns = min(len(runs), COLUMNS)
    rows = 2 * math.ceil(len(runs) / columns)
    figure, grid = plt.subplots(rows, columns, figsize=(2.9 * columns, 1.6 * rows), squeeze=False, layout="none")
    # Constrained layout would take fifteen seconds for forty panels; these are all equal.
    top = 1 - 0.35 / figure.get_figheight()
    figure.subplots_adjust(
        left=0.08, right=0.99, bottom=0.45 / figure.get_figheight(), top=top, wspace=0.08, hspace=0.7
    )
    pairs = {}
    for place in range(rows // 2 * columns):
        block, column = divmod(place, columns)
        pair = (grid[2 * block, column], grid[2 * block + 1, column])
        if place < len(runs):
            pairs[runs[place]] = pair
            continue
        for ax in pair:
            ax.remove()
    window = smoothing_window(int(curves["step"].max()))
    for place, (run, pair) in enumerate(pairs.items()):
        rows_of_run = curves[curves["run"] == run]
        step = _transition_step(rows_of_run)
        for (metric, (label, scale)), ax in zip(METRICS.items(), pair, strict=True):
            _panel(ax, rows_of_run, metric, scale, window, step)
            ax.set_ylabel(label if place % columns == 0 else "")
            ax.tick_params(labelleft=place % columns == 0)
        pair[0].set_title(
            f"{sources.labels[run]}\n{f'plateau from step {step}' if step else 'no transition'}", fontsize=8
        )
        pair[0].tick_params(labelbottom=False)
        pair[1].set_xlabel("training step")
    last = int(curves["step"].max())
    for ax in (ax for pair in pairs.values() for ax in pair):
        ax.set_xlim(1 - 0.03 * last, 1.03 * last)
    headroom([pair[0] for pair in pairs.values()])
    headroom([pair[1] for pair in pairs.values()], zero=False)
    page.notes(
        figure,
        sources,
        "Vertical line: best-fitting knot of a continuous two-piece line, drawn if both curves lose at least "
        f"half of their slope there. {seeds_note(curves)} Faint: unsmoothed; line: moving average over {window} steps.",
    )
    return figure


def _transition_step(rows: pd.DataFrame) -> int | None:
    """First step of the plateau in the mean over seeds, or None."""
    means = {metric: over_seeds(rows, metric)["mean"] for metric in METRICS}
    table = pd.concat(means, axis=1).dropna()
    index = transition(table["entropy"].tolist(), table["accuracy"].tolist())
    return None if index is None else int(table.index[index])


def _panel(ax: Axes, rows: pd.DataFrame, metric: str, scale: float, window: int, step: int | None) -> None:
    colour = look(rows["run"].iloc[0])["color"]
    raw, smooth = (scale * over_seeds(rows, metric, size) for size in (1, window))
    ax.plot(raw.index, raw["mean"], color=colour, alpha=0.25, linewidth=0.8)
    ax.fill_between(smooth.index, smooth["low"], smooth["high"], color=colour, alpha=0.15, linewidth=0)
    ax.plot(smooth.index, smooth["mean"], color=colour)
    if step is not None:
        ax.axvline(step, color="#444444", linestyle="--", linewidth=1)
    ax.xaxis.get_major_locator().set_params(integer=True)
