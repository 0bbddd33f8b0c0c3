"""Accuracy on the training prompts over training, smoothed, one line per run, band over seeds."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import FAINT_UP_TO, draw_runs, seeds_note, smoothing_window
from steer.figures.sources import Sources

CATEGORY = "Training"


def draw(sources: Sources) -> Figure:
    curves = sources.curves("accuracy")
    figure, (ax,) = page.panels(1, 1, 4.6, 3.2)
    if curves.empty:
        page.say(ax, "No training run with accuracies.")
        page.notes(figure, sources)
        return figure
    window = smoothing_window(int(curves["step"].max()))
    draw_runs(ax, curves, "accuracy", sources.labels, scale=100, window=window)
    ax.set(xlabel="training step", ylabel="accuracy of the rollouts (%)")
    page.legend(figure, ax)
    faint = "; faint: unsmoothed mean" if curves["run"].nunique() <= FAINT_UP_TO else ""
    smoothed = f"Moving average over {window} steps{faint}." if window > 1 else ""
    page.notes(figure, sources, seeds_note(curves), smoothed)
    return figure
