"""Accuracy and final entropy against the clip's upper bound ε_high, with and without STEER."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.points import QUANTITIES, draw_sweep, note, study
from steer.figures.sources import Sources

CATEGORY = "Studies"
SHIFT = 0.004  # apart, so that bars at one value do not cover each other


def draw(sources: Sources) -> Figure:
    table = study(sources, "T10_clip_range")
    looks = sources.looks
    steered = table["steer"].astype(bool)
    figure, axes = page.panels(2, 2, 3.4, 2.8)
    for quantity, ax in zip(QUANTITIES, axes, strict=True):
        draw_sweep(ax, table[~steered], "clip_high", quantity, looks["clip_higher"], "without STEER", -SHIFT)
        draw_sweep(ax, table[steered], "clip_high", quantity, looks["steer"], "with STEER", SHIFT)
        ax.set(xlabel="upper bound of the clip, ε_high", ylabel=QUANTITIES[quantity][2])
        ax.set_xticks(sorted(table["clip_high"].unique()))
    page.legend(figure, axes[0])
    page.notes(figure, sources, note(table))
    return figure
