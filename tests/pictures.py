"""Figures as matplotlib objects, and what every one of them has to keep to."""

import importlib
from itertools import pairwise
from operator import methodcaller

from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg

from steer.analyse.studies import STUDIES
from steer.configs.load import load_config
from steer.figures import page
from steer.figures.sources import Sources
from steer.figures.wanted import figure_ids

OF_STUDIES = sorted(study.figure for study in STUDIES)
GENERAL = [
    name for name in figure_ids() if name not in {*OF_STUDIES, "V_validation", "F14_frontier"}
]  # validations come from imported logs
LOW_DPI = 50


def drawn(folder, name, sources=None):
    """The figure `name` from the tables in `folder`, or from `sources`."""
    sources = sources or Sources(folder / "tables", load_config(folder / "config.yaml"))
    with plt.style.context(page.STYLE):
        figure = importlib.import_module(f"steer.figures.{name}").draw(sources)
    plt.close(figure)
    return figure


def curves(ax):
    """Legend entry → curve; without faint ones and marks across the panel."""
    return {line.get_label(): line for line in ax.lines if line.get_zorder() == 3 and len(line.get_xdata())}


def words(figure):
    return [text.get_text() for text in figure.texts] + [text.get_text() for ax in figure.axes for text in ax.texts]


def entries(figure):
    """The legend's names, in one line each."""
    return [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]


def assert_tidy(figure):
    """Of a size for paper; tick labels and titles cover nothing."""
    figure.set_dpi(LOW_DPI)  # text scales with it, so what overlaps does so at any
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()  # all is placed; the pixels are not needed
    extent = methodcaller("get_window_extent", renderer)
    labels = []
    width, height = figure.get_size_inches()
    assert 3 <= width <= 14
    assert 2 <= height <= 26
    for ax in figure.axes:
        for axis, side in ((ax.xaxis, "x"), (ax.yaxis, "y")):
            shown = [extent(t) for t in axis.get_ticklabels() if t.get_visible() and t.get_text()]
            labels += shown
            ends = sorted((box.x0, box.x1) if side == "x" else (box.y0, box.y1) for box in shown)
            assert all(a[1] <= b[0] + 0.5 for a, b in pairwise(ends)), f"{side} tick labels overlap"
        assert ax.get_window_extent().width > 0.2 * figure.bbox.width / max(len(figure.axes), 1), "a squeezed panel"
    titles = [extent(ax.title) for ax in figure.axes if ax.get_title()]
    assert not any(a.overlaps(b) for i, a in enumerate(titles) for b in [*titles[i + 1 :], *labels])
