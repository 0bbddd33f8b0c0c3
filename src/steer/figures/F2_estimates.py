"""Measured and estimated entropy change of each token against the token's probability, one panel per estimate."""

from matplotlib.figure import Figure

from steer.analyse.theory import UPDATES
from steer.figures import page
from steer.figures.bands import draw_bands, scale_axes
from steer.figures.F1_entropy_change import SAID
from steer.figures.sources import Sources

CATEGORY = "Estimates"
PANELS = {
    "measured": "measured",
    "theorem": "theorem",
    "released": "released code",
    "tabular": "tabular",
    "covariance": "covariance",
    "opefo": "OPEFO",
}


def draw(sources: Sources) -> Figure:
    table = sources.frame("F1_entropy_change.csv.gz")
    table = table[table["model"] == "main"]
    if table.empty:
        return page.nothing(sources, SAID)
    steps = sorted(table["step"].unique())
    step = steps[len(steps) // 2]
    update = next(name for name in UPDATES if name in set(table["update"]))
    here = table[(table["step"] == step) & (table["update"] == update)]
    agreement = sources.frame("T1_estimators.csv")
    agreement = agreement[(agreement["model"] == "main") & (agreement["tasks"] == "all")]
    agreement = agreement[(agreement["step"] == step) & (agreement["update"] == update)].set_index("estimator")
    figure, axes = page.panels(len(PANELS), 3, 2.8, 2.3, sharex=True, sharey=True)
    for (name, label), ax in zip(PANELS.items(), axes, strict=True):
        draw_bands(ax, here[here["quantity"] == name])
        if name in agreement.index:
            found = agreement.loc[name]
            label += f"\nr = {found['pearson']:+.2f}, ρ = {found['spearman']:+.2f}"
        ax.set_title(label)
        ax.set(xlabel="probability of the token", ylabel="change of H (10⁻³ nats)")
    scale_axes(axes, here)
    for ax in axes:
        ax.label_outer()
    page.legend(figure, axes[0])
    when = "the base model" if step == 0 else f"the model after step {step}"
    page.notes(
        figure,
        sources,
        f"One step of {UPDATES[update]} on {when}; each estimate is scaled to fit the measured change best. "
        "Medians and middle halves as in F1. r: Pearson's, ρ: Spearman's correlation with the measured "
        "change, token by token.",
    )
    return figure
