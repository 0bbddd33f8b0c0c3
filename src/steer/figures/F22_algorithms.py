"""Accuracy and final entropy of RLOO and OPO with and without STEER, as bars."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.points import QUANTITIES, bars, note, study
from steer.figures.sources import Sources

CATEGORY = "Studies"
WIDTH = 0.36
FILLS = {False: ("without STEER", ""), True: ("with STEER", "////")}


def draw(sources: Sources) -> Figure:
    table = study(sources, "F22_algorithms")
    algorithms = list(dict.fromkeys(table["algorithm"]))
    figure, axes = page.panels(2, 2, 3.2, 2.8)
    for quantity, ax in zip(QUANTITIES, axes, strict=True):
        for _, row in table.iterrows():
            name, hatch = FILLS[bool(row["steer"])]
            mean, error = bars(row, quantity)
            place = algorithms.index(row["algorithm"]) + (0.5 if row["steer"] else -0.5) * WIDTH
            colour = sources.looks["steer" if row["steer"] else "clip_higher"]["color"]
            ax.bar(
                place,
                mean,
                WIDTH,
                yerr=error,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                label=name if row["algorithm"] == algorithms[0] else None,
                error_kw={"ecolor": "#222222", "elinewidth": 1.2},
            )
        ax.set_xticks(range(len(algorithms)), algorithms)
        ax.set_ylabel(QUANTITIES[quantity][2])
        ax.grid(axis="x", visible=False)
    page.legend(figure, axes[0])
    page.notes(figure, sources, note(table))
    return figure
