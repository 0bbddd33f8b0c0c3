"""Accuracy on the training prompts over training, smoothed, one line per run, band over seeds."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import FAINT_UP_TO, draw_runs, seeds_note, smoothing_window
from steer.figures.sources import Sources

CATEGORY = "Training"


def draw(sources: Sources) -> Figure:
    curves = sources.curves("accuracy")
    if curves.empty:
        return page.nothing(sources, "No training run with accuracies.")
    window = smoothing_window(int(curves["step"].max()))
    grid = draw_runs(sources, curves, {"accuracy": ("accuracy of the rollouts (%)", 100.0)}, window=window, faint=True)
    low, high = grid.ax.get_ylim()
    grid.ax.set_ylim(max(low, 0), min(high, 100))  # an interval over few seeds may pass what an accuracy can be
    faint = "; faint: unsmoothed mean" if curves["run"].nunique() <= FAINT_UP_TO else ""
    smoothed = f"Moving average over {window} steps{faint}." if window > 1 else ""
    page.notes(grid.figure, sources, seeds_note(curves), smoothed)
    return grid.figure
