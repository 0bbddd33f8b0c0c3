"""Entropy and accuracy over training with the end of the rising stage marked, one pair of panels per run."""

import pandas as pd
from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import facets, headroom, long, seeds_note, smoothing_window
from steer.figures.sources import Sources
from steer.methods.stages import transition

CATEGORY = "Training"
PAIRS = 3  # beside each other
METRICS = {"entropy": ("entropy (nats)", 1.0), "accuracy": ("accuracy (%)", 100.0)}


def draw(sources: Sources) -> Figure:
    curves = sources.curves(*METRICS).dropna(subset=list(METRICS))
    runs = [run for run in sources.labels if run in set(curves["run"])]
    if not runs:
        return page.nothing(sources, "No training run with entropy and accuracy.")
    window = smoothing_window(int(curves["step"].max()))
    rows = long(curves, {metric: scale for metric, (_, scale) in METRICS.items()}, window)
    rows["panel"] = rows["run"] + "/" + rows["metric"]
    grid = facets(rows, sources.labels, sources.looks, 2.1, 1.85, legend=False, drawn={"faint": window > 1},
                  col="panel", col_order=[f"{run}/{metric}" for run in runs for metric in METRICS],
                  col_wrap=2 * min(PAIRS, len(runs)))  # fmt: skip
    for run in runs:
        step = _transition_step(rows[rows["run"] == run])
        for metric, (label, _) in METRICS.items():
            ax = grid.axes_dict[f"{run}/{metric}"]
            ax.set_ylabel(label)
            if step is not None:
                ax.axvline(step, color="#444444", linestyle="--", linewidth=1)
        stage = f"plateau from step {step}" if step else "no transition"
        grid.axes_dict[f"{run}/entropy"].set_title(f"{sources.labels[run]}\n{stage}", loc="left", fontsize=8)
    for metric in METRICS:
        headroom([grid.axes_dict[f"{run}/{metric}"] for run in runs], zero=metric == "entropy")
    page.notes(
        grid.figure,
        sources,
        "Vertical line: best-fitting knot of a continuous two-piece line, drawn if both curves lose at least half of "
        f"their slope there. {seeds_note(curves)}",
        f"Faint: unsmoothed; line: moving average over {window} steps." if window > 1 else "",
    )
    return grid.figure


def _transition_step(rows: pd.DataFrame) -> int | None:
    """First step of the plateau in the mean over seeds, or None."""
    table = rows.pivot_table(index="step", columns="metric", values="raw").dropna()
    index = transition(table["entropy"].tolist(), (table["accuracy"] / METRICS["accuracy"][1]).tolist())
    return None if index is None else int(table.index[index])
