"""Entropy and share of the loss gradient by relative position in the response, one line per training step."""

from matplotlib import colormaps
from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.F1_entropy_change import SAID
from steer.figures.sources import Sources

CATEGORY = "Tokens and weights"
PANELS = {"entropy": ("entropy (nats per token)", 1.0), "gradient": ("share of the gradient (%)", 100.0)}
MARKERS = ("o", "s", "^", "D", "v", "P")


def draw(sources: Sources) -> Figure:
    table = sources.frame("D4_positions.csv")
    table = table[table["model"] == "main"]
    if table.empty:
        return page.nothing(sources, SAID)
    figure, axes = page.panels(2, 2, 3.4, 2.8)
    steps = sorted(table["step"].unique())
    colours = colormaps["viridis"]
    for (quantity, (label, scale)), ax in zip(PANELS.items(), axes, strict=True):
        for place, step in enumerate(steps):
            rows = table[table["step"] == step].sort_values("decile")
            colour = colours(0.85 * place / max(len(steps) - 1, 1))
            low, high = scale * rows[f"{quantity}_low"], scale * rows[f"{quantity}_high"]
            ax.fill_between(rows["decile"], low, high, color=colour, alpha=0.15, linewidth=0)
            ax.plot(
                rows["decile"],
                scale * rows[quantity],
                color=colour,
                marker=MARKERS[place % len(MARKERS)],
                markersize=4,
                label="base model" if step == 0 else f"after step {step}",
            )
        ax.set(xlabel="tenth of the response", ylabel=label)
        ax.set_xticks(range(1, 11))
        ax.set_ylim(bottom=0)
    page.legend(figure, axes[0])
    page.notes(
        figure,
        sources,
        "Gradient: norm of each token's loss gradient at the logits, |λA/N|·‖1[a] - π‖, summed over the tenth, "
        "as a share of the sum over all tokens. Bands: 95 % interval over prompts.",
    )
    return figure
