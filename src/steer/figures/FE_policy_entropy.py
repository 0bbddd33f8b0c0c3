"""Policy entropy over training, one line per run, band over seeds."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, seeds_note
from steer.figures.sources import Sources

CATEGORY = "Training"


def draw(sources: Sources) -> Figure:
    curves = sources.curves("entropy")
    figure, (ax,) = page.panels(1, 1, 4.6, 3.2)
    if curves.empty:
        page.say(ax, "No training run with policy entropy.")
    else:
        draw_runs(ax, curves, "entropy", sources.labels)
        ax.set(xlabel="training step", ylabel="policy entropy (nats per token)")
        ax.set_ylim(0, 1.05 * ax.dataLim.ymax)
        page.legend(figure, ax)
    page.notes(figure, sources, seeds_note(curves))
    return figure
