"""Measured entropy change of each token in one update against the token's probability, by training step."""

from matplotlib.figure import Figure

from steer.analyse.theory import UPDATES
from steer.figures import page
from steer.figures.bands import draw_bands, draw_points, scale_axes
from steer.figures.sources import Sources

CATEGORY = "Estimates"
SAID = "No measurement of the entropy change in these tables."


def draw(sources: Sources) -> Figure:
    table, tokens = (sources.frame(name) for name in ("F1_entropy_change.csv.gz", "F1_tokens.csv.gz"))
    table = table[(table["model"] == "main") & (table["quantity"] == "measured")]
    tokens = tokens[tokens["model"] == "main"]
    if table.empty:
        return page.nothing(sources, SAID)
    steps = sorted(table["step"].unique())
    updates = [name for name in UPDATES if name in set(table["update"])]
    figure, axes = page.panels(len(steps) * len(updates), len(steps), 2.8, 2.2, sharex=True, sharey="row")
    for row, update in enumerate(updates):
        mine = axes[row * len(steps) : (row + 1) * len(steps)]
        of_update = table[table["update"] == update]
        for step, ax in zip(steps, mine, strict=True):
            draw_points(ax, tokens[(tokens["step"] == step) & (tokens["update"] == update)])
            draw_bands(ax, of_update[of_update["step"] == step])
            if row == 0:
                ax.set_title("base model" if step == 0 else f"after step {step}")
            ax.set(xlabel="probability of the token", ylabel=f"{UPDATES[update]}\nchange of H (10⁻³ nats)")
        scale_axes(mine, of_update)
        for ax in mine:
            ax.label_outer()
    page.legend(figure, axes[0])
    page.notes(
        figure,
        sources,
        "Points: a sample of tokens; lines: medians of all tokens with an advantage of that sign, in up to twelve "
        "groups of like probability; bands: the middle half. Scales: logit, and logarithmic on both sides of 0.",
        "Own part: the effect of a token's own loss term on its own entropy." if "own" in updates else "",
    )
    return figure
