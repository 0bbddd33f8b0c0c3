"""Accuracy and final entropy of STEER against its smallest weight λ_min, and without weights."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.points import QUANTITIES, draw_reference, draw_sweep, note, study
from steer.figures.sources import Sources

CATEGORY = "Studies"


def draw(sources: Sources) -> Figure:
    table = study(sources, "F18_F19_lambda_min")
    plain = table["weight_minimum"] == 1
    figure, axes = page.panels(2, 2, 3.4, 2.8)
    for quantity, ax in zip(QUANTITIES, axes, strict=True):
        draw_sweep(ax, table[~plain], "weight_minimum", quantity, sources.looks["steer"], "STEER")
        for _, row in table[plain].iterrows():
            draw_reference(ax, row, quantity, sources.looks[row["run"]])
        ax.set(xlabel="least weight λ_min", ylabel=QUANTITIES[quantity][2])
        ax.set_xticks(sorted(table.loc[~plain, "weight_minimum"].unique()))
    page.legend(figure, axes[0])
    page.notes(figure, sources, note(table))
    return figure
