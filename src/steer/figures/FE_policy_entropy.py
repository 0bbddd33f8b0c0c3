"""Policy entropy over training, one line per run, band over seeds."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, headroom, seeds_note
from steer.figures.sources import Sources

CATEGORY = "Training"


def draw(sources: Sources) -> Figure:
    curves = sources.curves("entropy")
    if curves.empty:
        return page.nothing(sources, "No training run with policy entropy.")
    grid = draw_runs(sources, curves, {"entropy": ("policy entropy (nats per token)", 1.0)})
    headroom([grid.ax])
    page.notes(grid.figure, sources, seeds_note(curves))
    return grid.figure
