"""Policy entropy over training with the clip opened to ε 0.99 and 5, one line per run, band over seeds."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, headroom, seeds_note
from steer.figures.sources import Sources

CATEGORY = "Studies"


def draw(sources: Sources) -> Figure:
    table = sources.frame("T6_extreme_clipping.csv")
    curves = sources.curves("entropy", runs=table["run"].tolist())
    figure, (ax,) = page.panels(1, 1, 5.2, 3.2)
    if curves.empty:
        page.say(ax, "No training run with policy entropy.")
    else:
        draw_runs(ax, curves, "entropy", dict(zip(table["run"], table["label"], strict=True)))
        ax.set(xlabel="training step", ylabel="policy entropy (nats per token)")
        headroom([ax])
        page.legend(figure, ax)
    page.notes(figure, sources, seeds_note(curves))
    return figure
