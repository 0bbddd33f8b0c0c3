"""Policy entropy over training with the clip opened to ε 0.99 and 5, one line per run, band over seeds."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, headroom, seeds_note
from steer.figures.sources import Sources

CATEGORY = "Studies"


def draw(sources: Sources) -> Figure:
    table = sources.frame("T6_extreme_clipping.csv")
    curves = sources.curves("entropy", runs=table["run"].tolist())
    if curves.empty:
        return page.nothing(sources, "No training run with policy entropy.")
    labels = dict(zip(table["run"], table["label"], strict=True))
    grid = draw_runs(sources, curves, {"entropy": ("policy entropy (nats per token)", 1.0)}, labels)
    headroom([grid.ax])
    page.notes(grid.figure, sources, seeds_note(curves))
    return grid.figure
