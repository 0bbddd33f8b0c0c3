"""Entropy change against the token's probability: the median as a line, the middle half as a band, by sign of A.

Most tokens are almost certain, so probabilities have a logit scale. Changes span many orders of magnitude on both
sides of 0, so they have a symmetric logarithmic scale.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from steer.figures.looks import CORRECT, WRONG

SIGNS = {"+": ("A > 0", CORRECT["color"]), "-": ("A < 0", WRONG["color"])}
MILLI = 1000.0
TICKS = {0.01: "0.01", 0.1: "0.1", 0.5: "0.5", 0.9: "0.9", 0.99: "0.99", 0.999: "0.999", 0.9999: "1-10⁻⁴"}
ENDS = (0.003, 0.99995)  # further probabilities are drawn at the ends
DECADES = 3  # of the change on either side of 0


def draw_bands(ax: Axes, rows: pd.DataFrame) -> None:
    """One line per sign through the bins; `rows` has sign, probability and the quantiles q25, q50, q75 in nats."""
    for sign, (name, colour) in SIGNS.items():
        mine = rows[rows["sign"] == sign].sort_values("probability")
        if mine.empty:
            continue
        x = mine["probability"].clip(*ENDS)
        ax.fill_between(x, MILLI * mine["q25"], MILLI * mine["q75"], color=colour, alpha=0.2, linewidth=0)
        ax.plot(x, MILLI * mine["q50"], color=colour, label=name, marker=".")


def draw_points(ax: Axes, points: pd.DataFrame) -> None:
    """Single tokens: probability and change (nats), coloured by the sign of their advantage."""
    for sign, (_, colour) in SIGNS.items():
        mine = points[(points["advantage"] > 0) == (sign == "+")]
        x = mine["probability"].clip(*ENDS)
        ax.scatter(x, MILLI * mine["change"], s=4, color=colour, alpha=0.25, linewidths=0)


def scale_axes(axes: list[Axes], rows: pd.DataFrame) -> None:
    """Both scales for panels that share them; the changes' range follows the quantiles in `rows`."""
    largest = MILLI * rows[["q05", "q95"]].abs().to_numpy().max()
    limit = 1.6 * largest or 1.0
    smallest = 10.0 ** (len(f"{int(limit)}") - 1 - DECADES) if limit >= 1 else limit / 10**DECADES
    exponents = [smallest * 10**power for power in range(1, DECADES + 1) if smallest * 10**power <= limit]
    ticks = [*(-value for value in reversed(exponents)), 0.0, *exponents]
    for ax in axes:
        ax.set_xscale("logit")
        ax.set_xlim(ENDS[0] * 0.7, 1 - (1 - ENDS[1]) * 0.7)
        ax.xaxis.set_major_locator(FixedLocator(list(TICKS)[::2]))
        ax.xaxis.set_major_formatter(FixedFormatter(list(TICKS.values())[::2]))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_yscale("symlog", linthresh=smallest, linscale=0.4)
        ax.set_ylim(-limit, limit)
        ax.yaxis.set_major_locator(FixedLocator(ticks))
        ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:+g}" if tick else "0" for tick in ticks]))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.axhline(0, color="#888888", linewidth=0.8, zorder=1)
