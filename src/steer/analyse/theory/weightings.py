"""From measured effects of single updates to T13: each weighting against no weighting, and the law that predicts it."""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from steer.analyse.collect import Collected
from steer.analyse.render import Cell, Table, interval_of, number
from steer.analyse.statistics import LEVEL, run_mean, t_quantile, with_ends
from steer.analyse.tables import scale_note
from steer.analyse.theory import UPDATES
from steer.analyse.theory.tables import KEYS, Measurements
from steer.methods.load import method_settings

QUANTITIES = ("local", "visits", "change", "whole", "gain")
RATIOS = ("change", "local", "gain")  # also as a share of what the unweighted update does
FACTS = ["gradient_norm", "weight", "removed", "lr"]
LAWS = ("tabular", "theorem")
FITS = [f"{name}_{law}" for law in LAWS for name in ("r", "error")]
WEIGHTING_COLUMNS = [*KEYS, "weighting", "label", "batches"]
WEIGHTING_COLUMNS += with_ends(*QUANTITIES, *(f"{name}_ratio" for name in RATIOS))
WEIGHTING_COLUMNS += [f"predicted_{law}" for law in LAWS] + FACTS
LAW_COLUMNS = [*KEYS, "measured", "weightings", "batches"]
LAW_COLUMNS += with_ends(*FITS)


def rows_of(measurements: Measurements) -> pd.DataFrame:
    """The measured rows of all models: KEYS, `weighting`, `batch` and what `steer measure` wrote, L + V as `change`."""
    parts = [
        pd.DataFrame(about["weightings"]).assign(model=model, parameters=facts["parameters"], step=int(step))
        for model, (_, facts) in measurements.items()
        for step, about in facts["steps"].items()
        if about.get("weightings")
    ]
    if not parts:
        return pd.DataFrame(columns=[*KEYS, "weighting", "batch"])
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(change=rows["local"] + rows["visits"])


def effects(rows: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """WEIGHTING_COLUMNS: means over batches with 95 % intervals (Student's t over the batches).

    `<quantity>_ratio`: the ratio of the means to that of the first weighting, which is the unweighted update; its
    interval by linearisation, paired by batch. `predicted_<estimate>`: what the law says of it.
    """
    found = []
    for key, part in rows.groupby(KEYS, sort=False):
        own = None
        for name, mine in part.groupby("weighting", sort=False):
            mine = mine.sort_values("batch")
            own = mine if own is None else own
            row = {**dict(zip(KEYS, key, strict=True)), "weighting": name, "label": labels.get(name, name)}
            row["batches"] = len(mine)
            for quantity in QUANTITIES:
                row |= run_mean(mine[quantity].tolist()).named(quantity)
            for quantity in RATIOS:
                row |= _ratio(f"{quantity}_ratio", mine[quantity].to_numpy(), own[quantity].to_numpy())
            for estimate in LAWS:
                row[f"predicted_{estimate}"] = _share(mine[f"law_{estimate}"].mean(), own[f"law_{estimate}"].mean())
            found.append(row | {fact: mine[fact].mean() for fact in FACTS})
    return pd.DataFrame(found, columns=WEIGHTING_COLUMNS)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _ratio(name: str, values: NDArray, own: NDArray) -> dict[str, float]:
    """mean(values) / mean(own), paired; the residuals values - ratio·own give its variance."""
    ratio, count = _share(values.mean(), own.mean()), len(values)
    if count < 2 or math.isnan(ratio):
        return dict(zip(with_ends(name), (ratio, math.nan, math.nan), strict=True))
    spread = float((values - ratio * own).std(ddof=1)) / math.sqrt(count) / abs(own.mean())
    half = t_quantile(0.5 + LEVEL / 2, count - 1) * spread
    return dict(zip(with_ends(name), (ratio, ratio - half, ratio + half), strict=True))


def laws(rows: pd.DataFrame, draws: int) -> pd.DataFrame:
    """LAW_COLUMNS: per model, step and update, how the law agrees with what was measured over the weightings.

    The unweighted update is left out, whose ratio is 1 by definition. `measured`: L + V (`change`) or L alone
    (`local`). `r`: Pearson's correlation of the law's and the measured changes; `error`: mean absolute difference of
    their ratios to the unweighted update's. The law is made of the `tabular` or of the `theorem`'s estimate.
    Intervals: 95 % percentiles of a bootstrap over batches.
    """
    found = []
    for key, part in rows.groupby(KEYS, sort=False):
        names = part["weighting"].unique()
        if len(names) < 3:
            continue
        count = part["batch"].nunique()
        drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=draws)
        weights = np.concatenate([np.ones((1, count)), drawn])  # the measurement itself comes first
        by_batch = {
            name: weights @ part.pivot(index="batch", columns="weighting", values=name)[names].to_numpy()
            for name in ("change", "local", *(f"law_{law}" for law in LAWS))
        }
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = {name: sums[:, 1:] / sums[:, :1] for name, sums in by_batch.items()}
        for measured in ("change", "local"):
            row = {**dict(zip(KEYS, key, strict=True)), "measured": measured, "weightings": len(names) - 1}
            row["batches"] = count
            for law in LAWS:
                said = ratios[f"law_{law}"]
                for name, values in (
                    # Of the changes themselves: a ratio to a change near 0 may have any sign.
                    (f"r_{law}", _correlations(by_batch[f"law_{law}"][:, 1:], by_batch[measured][:, 1:])),
                    (f"error_{law}", np.abs(said - ratios[measured]).mean(axis=1)),
                ):
                    known = values[1:][np.isfinite(values[1:])]
                    ends = np.percentile(known, [50 * (1 - LEVEL), 50 * (1 + LEVEL)]) if known.size else [math.nan] * 2
                    row |= dict(zip(with_ends(name), (values[0], *ends), strict=True))
            found.append(row)
    return pd.DataFrame(found, columns=LAW_COLUMNS)


def _correlations(x: NDArray, y: NDArray) -> NDArray:
    """Pearson's correlation of each row of x with that of y; NaN where one of them is constant."""
    a, b = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))


def labels_of(collected: Collected) -> dict[str, str]:
    """Weighting → its label, the configuration's own or the method's."""
    chosen = collected.config.measurement
    named = {}
    for name, run in {} if chosen is None else chosen.weightings.items():
        # Two entries of one method need two names.
        own = name if run.set or run.training else method_settings(run.method or name)[1].get("label", name)
        named[name] = run.label or own
    return collected.labels | named


def weighting_table(collected: Collected, frame: pd.DataFrame, fits: pd.DataFrame) -> Table:
    """T13: the effect of each weighting, and beside its ratio to no weighting what the law says."""
    header = ["model", "step", "update", "weighting", "ΔH = L + V, 1e-4 nats a token", "L", "V", "ΔH, % of unweighted"]
    header += ["law says, %", "gain in accuracy, points", "gain, % of unweighted", "gradient norm"]
    rows = []
    for r in frame.to_dict("records"):
        about = [r["model"], str(r["step"]), UPDATES[r["update"]], r["label"]]
        values = [interval_of(r, "change", "+.1f", 1e4)]
        values += [number(r[name], "+.1f", 1e4) for name in ("local", "visits")]
        values += [interval_of(r, "change_ratio", ".0f"), number(r["predicted_tabular"], ".0f", 100)]
        values += [interval_of(r, "gain", "+.2f"), interval_of(r, "gain_ratio", ".0f")]
        values += [number(r["gradient_norm"], ".3f")]
        rows.append([Cell(text) for text in (*about, *values)])
    caption = f"One update under each weighting, from the same policy and batches. {scale_note(collected)}"
    return Table(
        "T13_weightings", caption, frame, header, rows, [*NOTES, *(_said(fit) for fit in fits.to_dict("records"))]
    )


NOTES = [
    "Changes on fresh trajectories, in brackets the 95 % interval over independent batches (Student's t). L: the same "
    "states, their entropies change; V: which states are visited changes. The gain in accuracy is of first order.",
    "The law: the entropy changes with Σ λω under SGD, with Σ λω / ‖g‖ under AdamW, ω the `tabular` estimate, summed "
    "over the update batch (docs/theory.md).",
]


def _said(fit: dict[str, Any]) -> str:
    what = "ΔH" if fit["measured"] == "change" else "L"
    r, error = (interval_of(fit, f"{name}_tabular", "+.2f", 1.0) for name in ("r", "error"))
    other = number(fit["r_theorem"], "+.2f")
    return (
        f"{fit['model']}, step {fit['step']}, {UPDATES[fit['update']]}: over {fit['weightings']} weightings r = {r} of "
        f"the law's changes with those of {what}, mean absolute error of the ratios {error}; with the theorem's ω "
        f"r = {other}. Intervals: bootstrap over {fit['batches']} batches."
    )
