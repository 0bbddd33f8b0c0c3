"""The law of weightings: predicted against measured entropy change of single updates, and entropy along each run."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steer.analyse.theory import UPDATES
from steer.figures import page
from steer.figures.sources import Sources

CATEGORY = "Estimates"
STAGES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]
SMOOTHED = 5  # steps
MARKERS = ["o", "s", "^", "D", "v"]


def draw(sources: Sources) -> Figure:
    measured = sources.frame("T13_weightings.csv")
    updates = [name for name in UPDATES if name in set(measured["update"])]
    figure, axes = page.panels(len(updates) + 1, 2, 3.6 if updates else 6.0, 3.0)
    if updates:
        fits = sources.frame("T13_law.csv")
        for update, ax in zip(updates, axes, strict=False):
            one_update(ax, measured[measured["update"] == update], fits[fits["update"] == update])
            ax.set_title(UPDATES[update])
    else:
        sources.missing.append("no `measurement.weightings`, so no single updates")
    along_runs(axes[-1], sources)
    page.legend(figure, axes[-1])
    single = (
        "Single updates: a point is one weighting after one stage, as a share of the unweighted update's change; bars: "
        "95 % interval over batches; grey: as predicted. r: Pearson's correlation over the weightings."
    )
    page.notes(
        figure,
        sources,
        single if updates else "",
        "Along a run: entropy against the sum, over the steps so far, of lr·Σ λω / ‖g‖ (under SGD lr·Σ λω), ω the "
        "`tabular` estimate; first seed, mean of the last 5 steps. Under the law with a constant factor, runs of one "
        "optimizer share one line.",
    )
    return figure


def one_update(ax: Axes, rows: pd.DataFrame, fits: pd.DataFrame) -> None:
    """Predicted against measured ratios, one colour a model and stage, each named with its r."""
    stages = list(rows[["model", "step"]].drop_duplicates().itertuples(index=False, name=None))
    for place, (model, step) in enumerate(stages):
        here = rows[(rows["model"] == model) & (rows["step"] == step)].iloc[1:]  # the first is 1 by definition
        fit = fits[(fits["model"] == model) & (fits["step"] == step) & (fits["measured"] == "change")]
        name = f"{'' if model == 'main' else model + ', '}step {step}"
        name += f": r = {fit['r_tabular'].iloc[0]:+.2f}" if len(fit) else ""
        value = here["change_ratio"]
        ends = [(value - here["change_ratio_low"]).fillna(0.0), (here["change_ratio_high"] - value).fillna(0.0)]
        colour, marker = STAGES[place % len(STAGES)], MARKERS[place % len(MARKERS)]
        ax.errorbar(here["predicted_tabular"], value, yerr=ends, linestyle="none", marker=marker, markersize=4,
                    color=colour, elinewidth=0.9, label=name)  # fmt: skip
    low, high = (getattr(rows["predicted_tabular"], end)() for end in ("min", "max"))
    ax.axline((low, low), (high, high) if high > low else (low + 1, low + 1), color="#888888", linewidth=0.9, zorder=1)
    ax.set(xlabel="ratio that the law says", ylabel="measured ratio of ΔH")
    ax.legend(fontsize=6, loc="best")


def along_runs(ax: Axes, sources: Sources) -> None:
    """Entropy against the law's sum over the steps, one line a run."""
    columns = ["entropy", "tabular_change_weighted", "gradient_norm", "lr"]
    curves = sources.curves(*columns).dropna(subset=columns)
    drawn = 0
    for run, label in sources.labels.items():
        rows = curves[curves["run"] == run]
        if rows.empty:
            continue
        rows = rows[rows["seed"] == rows["seed"].min()].sort_values("step")
        sgd = sources.config.training_for(run).optimizer == "sgd" if run in sources.config.methods else False
        change = rows["lr"] * rows["tabular_change_weighted"] / (1.0 if sgd else rows["gradient_norm"])
        style = sources.looks[run] | ({"linestyle": ":"} if sgd else {})
        so_far = change.cumsum().shift(fill_value=0.0)
        entropy = rows["entropy"].rolling(SMOOTHED, min_periods=1).mean()
        ax.plot(so_far, entropy, label=label, markevery=max(len(rows) // 5, 1), markersize=4, **style)
        drawn += 1
    if drawn:
        ax.locator_params(axis="x", nbins=4)
        ax.ticklabel_format(axis="x", scilimits=(-2, 3))
        ax.set(xlabel="sum of the law's changes so far", ylabel="policy entropy (nats per token)")
        ax.set_title("along the runs")
    else:
        page.say(ax, "No run logged `tabular_change_weighted`: trained elsewhere or by an older version.")
