"""Accuracy and final entropy under each mapping from estimate to weight, and without weights."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.points import QUANTITIES, draw_list, note, study
from steer.figures.sources import Sources

CATEGORY = "Studies"


def draw(sources: Sources) -> Figure:
    table = study(sources, "T11_mapping")
    figure, axes = page.panels(2, 2, 3.2, max(2.2, 1.1 + 0.26 * len(table)), sharey=True)
    for quantity, ax in zip(QUANTITIES, axes, strict=True):
        draw_list(ax, table, quantity, sources)
    page.notes(figure, sources, note(table))
    return figure
