"""Does the weight act? Quantiles of λ, effective sample size and the share of the entropy change it removes."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, seeds_note, smoothing_note, smoothing_window, weight_axes
from steer.figures.sources import Sources

CATEGORY = "Tokens and weights"
WEIGHTS = {
    "weight_min": "λ, least",
    "weight_p05": "λ, 5 % quantile",
    "weight_p50": "λ, median",
    "weight_max": "λ, largest",
}
SHARES = {"weight_ess": "effective sample size (%)", "entropy_change_removed": "share of Σ|ω| removed (%)"}


def draw(sources: Sources) -> Figure:
    panels = WEIGHTS | SHARES
    curves = sources.curves(*panels)
    sets = {run: bool(((rows[list(WEIGHTS)] - 1).abs() > 1e-9).any(axis=None)) for run, rows in curves.groupby("run")}
    weighted = {run: label for run, label in sources.labels.items() if sets.get(run)}
    if not weighted:
        return page.nothing(sources, _why(sources))
    curves = curves[curves["run"].isin(list(weighted))]
    window = smoothing_window(int(curves["step"].max()))
    scales = {metric: ("", 100.0 if metric in SHARES else 1.0) for metric in panels}
    grid = draw_runs(sources, curves, scales, weighted, window=window, width=2.9, height=2.2)
    for metric, ax in grid.axes_dict.items():
        ax.set_title(panels[metric])
        ax.ticklabel_format(axis="y", useOffset=False)
    _ranges(grid.axes_dict, curves)
    page.notes(
        grid.figure,
        sources,
        seeds_note(curves),
        smoothing_note(window),
        "Effective sample size: (Σλ)²/(N·Σλ²). Removed: Σ(1-λ)|ω| / Σ|ω|, by the weight's own estimate ω.",
    )
    return grid.figure


def _why(sources: Sources) -> str:
    """Explain why no weight is drawn: none is logged, no group of a run had a signal, or λ is 1."""
    curves = sources.curves("weight_min", "zero_spread")
    if curves["weight_min"].isna().all():
        return "No run logged token weights."
    silent = [run for run, rows in curves.groupby("run") if (rows["zero_spread"] == 1).all()]
    if silent:
        names = ", ".join(sources.labels[run] for run in silent[:3])
        return (
            f"λ is 1 throughout. No signal in {names}: the rewards of every group were equal, so no token had a loss."
        )
    return "No run sets token weights: λ is 1 throughout."


def _ranges(axes: dict[str, Axes], curves: pd.DataFrame) -> None:
    """Give all panels of λ one range, and the others a range that does not magnify near-zero values."""
    weight_axes([axes[metric] for metric in WEIGHTS], curves["weight_min"].min(), curves["weight_max"].max())
    sizes, removed = (100 * curves[metric].dropna() for metric in SHARES)
    if len(sizes):
        axes["weight_ess"].set_ylim(min(90.0, sizes.min() - 1), 100.5)
    if len(removed):
        axes["entropy_change_removed"].set_ylim(min(1.05 * removed.min(), 0.0), max(1.05 * removed.max(), 1.0))
