"""Does the method act? Checks the run's weights and clipping, and compares its curves with a reference run's."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from steer.analyse.statistics import t_quantile

COMPARED = ("entropy", "reward", "accuracy", "response_length", "gradient_norm", "truncated")
INERT = 0.10  # the predicted entropy change counts as equal within this share of the plain method's
IN_A_ROW, ALPHA, WINDOW = 5, 0.05, 5
# Sums over tokens of the method and of the plain method, for the prediction of docs/theory.md.
WEIGHTED, PLAIN = "tabular_change_weighted", "tabular_change"


@dataclass(frozen=True)
class Verdict:
    """`verdict` is `inert`, `acts` or `cannot be decided`; `reason` says why; `facts` are numbers, None if unknown."""

    verdict: str
    reason: str
    facts: dict[str, Any]


def verdict(run: dict[int, pd.DataFrame], reference: dict[int, pd.DataFrame]) -> Verdict:
    """Judge a run against a reference, both by seed; without one nothing can be compared or predicted."""
    facts = _facts(pd.concat(run.values(), ignore_index=True))
    if not reference:
        return Verdict("cannot be decided", "no reference run; name a run of the plain method with --reference", facts)
    if _equal(run, reference):
        return Verdict("inert", "every logged metric equals the reference's to the last digit", facts)
    facts["predicted_entropy_change"] = ratio = _predicted(run, reference)
    apart = first_apart(run, reference)
    facts["apart"] = apart
    compared = min(len(run), len(reference)) >= 2
    if apart:
        name, step = min(apart.items(), key=lambda item: item[1])
        return Verdict(
            "acts", f"{name} differs from the reference by more than the spread of seeds from step {step} on", facts
        )
    if not compared:
        return Verdict("cannot be decided", "fewer than two seeds of each, so the spread of seeds is unknown", facts)
    if ratio is None:
        needed = f"`{WEIGHTED}`, `{PLAIN}` and `gradient_norm`"
        return Verdict(
            "cannot be decided",
            f"no metric differs by more than the spread of seeds, and the prediction needs {needed}",
            facts,
        )
    said = f"the predicted entropy change is {ratio:.2f} times the plain method's"
    if abs(ratio - 1) <= INERT:
        return Verdict("inert", f"{said}, and no logged metric differs by more than the spread of seeds", facts)
    return Verdict("cannot be decided", f"{said}, but no logged metric differs by more than the spread of seeds", facts)


def _facts(frame: pd.DataFrame) -> dict[str, Any]:
    """Average the run's own metrics of weights and clipping over steps."""

    def mean(name: str) -> float | None:
        there = name in frame and frame[name].notna().any()
        return float(frame[name].mean()) if there else None

    low, high, both = mean("clip_fraction_low"), mean("clip_fraction_high"), mean("clip_fraction")
    clipped = both if low is None or high is None else low + high
    touched = None
    names = [f"weight_{end}" for end in ("min", "p05", "p25", "p50", "p75", "p95", "max")]
    if all(name in frame for name in names) and frame[names].notna().all(axis=1).any():
        touched = _touched(frame[names].dropna())
    return {
        "weights_set": touched,
        "effective_sample_size": mean("weight_ess"),
        "clip_fraction": clipped,
        "entropy_change_removed": mean("entropy_change_removed"),
    }


def _touched(quantiles: pd.DataFrame) -> str:
    """Bound the share of tokens with a weight other than 1 from the logged quantiles."""
    away = (quantiles - 1).abs() > 1e-6
    ends = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
    at_one = (~away).mean() > 0.5
    if at_one.all():
        return "0 %"
    ones = [end for end, one in zip(ends, at_one, strict=True) if one]
    return "all" if not ones else f"at most {100 * (1 - (max(ones) - min(ones))):.0f} %"


def _equal(run: dict[int, pd.DataFrame], reference: dict[int, pd.DataFrame]) -> bool:
    """Check whether common seeds have equal metrics, except wall times."""
    shared = run.keys() & reference.keys()
    for seed in shared:
        mine, theirs = run[seed], reference[seed]
        names = [name for name in COMPARED if name in mine and name in theirs]
        if not names or len(mine) != len(theirs) or not mine[names].equals(theirs[names]):
            return False
    return bool(shared)


def _predicted(run: dict[int, pd.DataFrame], reference: dict[int, pd.DataFrame]) -> float | None:
    """Compute Σ share·λ·ω / ‖g‖ over the plain method's in the first tenth of the steps, where policies are alike."""
    mine, theirs = _law(run, WEIGHTED), _law(reference, PLAIN)
    return None if mine is None or not theirs else mine / theirs


def _law(run: dict[int, pd.DataFrame], name: str) -> float | None:
    values = []
    for frame in run.values():
        if not {name, "gradient_norm"} <= set(frame.columns):
            return None
        early = frame.head(max(1, len(frame) // 10))
        values.append((early[name] / early["gradient_norm"]).mean())
    mean = sum(values) / len(values)
    return mean if math.isfinite(mean) else None


def first_apart(run: dict[int, pd.DataFrame], reference: dict[int, pd.DataFrame]) -> dict[str, int]:
    """Map each metric to the first of `IN_A_ROW` steps at which the difference exceeds the spread of seeds.

    A t test, two-sided `ALPHA` for entropy and for the other metrics together. Curves are averaged over `WINDOW` steps,
    variances over all steps.
    """
    found = {}
    if min(len(run), len(reference)) < 2:
        return found
    degrees = len(run) + len(reference) - 2
    names = [n for n in COMPARED if all(n in frame for frame in (*run.values(), *reference.values()))]
    for name in names:
        mine, theirs = _table(run, name), _table(reference, name)
        # Entropy is the methods' target and has its own error rate; the other metrics share another.
        shares = 1 if name == "entropy" else len(names)
        steps = mine.index.intersection(theirs.index)
        if not len(steps):
            continue
        mine, theirs = mine.loc[steps], theirs.loc[steps]
        squares = mine.var(axis=1) * (len(run) - 1) + theirs.var(axis=1) * (len(reference) - 1)
        error = math.sqrt(float(squares.mean()) / degrees * (1 / len(run) + 1 / len(reference)))
        limit = t_quantile(1 - ALPHA / (2 * shares), degrees) * error
        far = (mine.mean(axis=1) - theirs.mean(axis=1)).abs() > limit
        held = far.rolling(IN_A_ROW).sum() == IN_A_ROW
        if held.any():
            found[name] = int(steps[held.to_numpy().argmax() - IN_A_ROW + 1])
    return found


def _table(run: dict[int, pd.DataFrame], name: str) -> pd.DataFrame:
    columns = {seed: frame.set_index("step")[name] for seed, frame in run.items()}
    return pd.concat(columns, axis=1).rolling(WINDOW, min_periods=1).mean().dropna()
