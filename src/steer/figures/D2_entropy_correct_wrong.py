"""Token entropy of correct and wrong responses over training, one panel per run."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import over_seeds, seeds_note, smoothing_note, smoothing_window
from steer.figures.looks import CORRECT, WRONG
from steer.figures.sources import Sources

CATEGORY = "Training"
COLUMNS = 3
METRICS = {"entropy_correct": ("correct responses", CORRECT), "entropy_wrong": ("wrong responses", WRONG)}


def draw(sources: Sources) -> Figure:
    curves = sources.curves(*METRICS)
    runs = [run for run in sources.labels if run in set(curves["run"])]
    figure, axes = page.panels(max(len(runs), 1), COLUMNS, 2.6, 2.2, sharex=True, sharey=True)
    if not runs:
        page.say(axes[0], "No training run with the entropy of correct and wrong responses.")
    window = smoothing_window(int(curves["step"].max())) if runs else 1
    for ax, run in zip(axes, runs, strict=False):
        rows = curves[curves["run"] == run]
        for metric, (name, (colour, dash)) in METRICS.items():
            summary = over_seeds(rows, metric, window)
            if summary.empty:
                continue
            ax.fill_between(summary.index, summary["low"], summary["high"], color=colour, alpha=0.15, linewidth=0)
            ax.plot(summary.index, summary["mean"], color=colour, linestyle=dash, label=name)
        ax.set_title(sources.labels[run])
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(xlabel="training step", ylabel="entropy (nats per token)")
    if runs:
        page.outer(axes, COLUMNS)
        axes[0].set_ylim(bottom=0)
        page.legend(figure, axes[0])
    page.notes(figure, sources, seeds_note(curves), smoothing_note(window))
    return figure
