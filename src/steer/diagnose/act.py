"""Decide whether a method acts: from the run's weights and clipping, and from its curves against a reference run."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from steer.analyse.statistics import t_quantile

# What the tests compare: outcomes, not what a method sets itself.
COMPARED = ("entropy", "reward", "accuracy", "response_length", "gradient_norm", "truncated")
INERT = 0.10  # predicted change of entropy within this share of the plain method's
IN_A_ROW, ALPHA, WINDOW = 5, 0.05, 5
# Of the method's sum over tokens and of the plain method's, for the law's prediction.
WEIGHTED, PLAIN = "tabular_change_weighted", "tabular_change"
MASS, PLAIN_MASS = "gradient_mass", "gradient_mass_plain"
NOTHING = 1e-6  # of the gradient's mass
# How the numbers are called in a sentence.
NAMES = {
    "touched": "of the tokens contribute differently to the gradient than under plain GRPO",
    "weights_set": "of the tokens have a weight that is not 1",
    "gradient_mass_change": "change of the gradient's mass against plain GRPO",
    "effective_sample_size": "effective sample size of the weights",
    "clip_fraction": "of the tokens are clipped",
    "entropy_change_removed": "of the estimated entropy change is removed by the weights",
    "predicted_entropy_change": "times the reference's entropy change, predicted by the law",
    "apart": "differs from the reference",
}
SHARES = {"touched", "gradient_mass_change", "clip_fraction", "entropy_change_removed"}


@dataclass(frozen=True)
class Verdict:
    """`verdict` is `inert`, `acts` or `cannot be decided`; `reason` says why; `facts` are the numbers, None unknown."""

    verdict: str
    reason: str
    facts: dict[str, Any]


def verdict(run: dict[int, pd.DataFrame], reference: dict[int, pd.DataFrame]) -> Verdict:
    """Judge a run against a reference; both map seeds to frames.

    Without a reference the only possible verdict is `inert`, for a method that never touched a token: the law's
    prediction needs the unweighted run's norm, and the spread of seeds is unknown.
    """
    facts = _facts(pd.concat(run.values(), ignore_index=True))
    if reference and _equal(run, reference):
        return Verdict("inert", "every logged number except the times equals the reference's", facts)
    if facts["touched"] == 0 and abs(facts["gradient_mass_change"] or 0.0) <= NOTHING:
        return Verdict("inert", "no token's part of the gradient differs from plain GRPO's in any step", facts)
    if not reference:
        return Verdict("cannot be decided", "no reference run to compare with", facts)
    facts["predicted_entropy_change"] = ratio = _predicted(run, reference)
    facts["apart"] = apart = first_apart(run, reference)
    if apart:
        name, step = min(apart.items(), key=lambda item: item[1])
        return Verdict(
            "acts", f"{name} differs from the reference by more than the spread of seeds from step {step} on", facts
        )
    if min(len(run), len(reference)) < 2:
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


def in_words(facts: dict[str, Any]) -> list[str]:
    """A phrase for each number that is known."""
    found = []
    for name, value in facts.items():
        if name == "apart" and value:
            found.append(f"{NAMES[name]}: " + ", ".join(f"{metric} from step {step}" for metric, step in value.items()))
        elif value is not None and name != "apart":
            sign = "+" if name == "gradient_mass_change" else ""
            percent = f"{100 * value:{sign}.1f} %" if name in SHARES else None
            shown = percent or (value if isinstance(value, str) else f"{value:.4g}")
            found.append(f"{shown} {NAMES[name]}" if name != "effective_sample_size" else f"{NAMES[name]}: {shown}")
    return found


def _facts(frame: pd.DataFrame) -> dict[str, Any]:
    """Average over steps what the run logs of its weights, gradient and clipping."""

    def mean(name: str) -> float | None:
        there = name in frame and frame[name].notna().any()
        return float(frame[name].mean()) if there else None

    low, high, both = mean("clip_fraction_low"), mean("clip_fraction_high"), mean("clip_fraction")
    clipped = both if low is None or high is None else low + high
    mass, plain = mean(MASS), mean(PLAIN_MASS)
    names = [f"weight_{end}" for end in ("min", "p05", "p25", "p50", "p75", "p95", "max")]
    known = all(name in frame for name in names) and frame[names].notna().all(axis=1).any()
    return {
        "touched": mean("touched"),
        "weights_set": _touched(frame[names].dropna()) if known else None,
        "gradient_mass_change": mass / plain - 1 if mass is not None and plain else None,
        "effective_sample_size": mean("weight_ess"),
        "clip_fraction": clipped,
        "entropy_change_removed": mean("entropy_change_removed"),
    }


def _touched(quantiles: pd.DataFrame) -> str:
    """Bound the share of tokens whose weight is not 1, from the quantiles of the weights."""
    away = (quantiles - 1).abs() > 1e-6
    ends = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
    at_one = (~away).mean() > 0.5
    if at_one.all():
        return "0 %"
    ones = [end for end, one in zip(ends, at_one, strict=True) if one]
    return "all" if not ones else f"at most {100 * (1 - (max(ones) - min(ones))):.0f} %"


def _equal(run: dict[int, pd.DataFrame], reference: dict[int, pd.DataFrame]) -> bool:
    """Whether all seeds that both have contain the same numbers, apart from times."""
    shared = run.keys() & reference.keys()
    for seed in shared:
        mine, theirs = run[seed], reference[seed]
        names = [name for name in mine.columns.intersection(theirs.columns) if not _clock(name)]
        if "entropy" not in names and "reward" not in names:
            return False
        if len(mine) != len(theirs) or not mine[names].equals(theirs[names]):
            return False
    return bool(shared)


def _clock(name: str) -> bool:
    """Whether equal runs may differ in this metric: wall times, memory, rates of tokens."""
    return name.startswith(("seconds", "memory_gb", "other/time", "other/perf/", "other/timing", "other/num_"))


def _predicted(run: dict[int, pd.DataFrame], reference: dict[int, pd.DataFrame]) -> float | None:
    """Divide the law's Σ share·λ·ω / ‖g‖ by the reference's Σ share·ω / ‖g‖, over the first tenth of the steps, where
    both policies are alike."""
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
    """Return metric → first of `IN_A_ROW` steps at which the difference exceeds the spread of seeds.

    The test is Student's t, two-sided at `ALPHA` for entropy, and at `ALPHA` for the other metrics together. Curves are
    averaged over `WINDOW` steps, variances over all steps.
    """
    found = {}
    if min(len(run), len(reference)) < 2:
        return found
    degrees = len(run) + len(reference) - 2
    names = [n for n in COMPARED if all(n in frame for frame in (*run.values(), *reference.values()))]
    for name in names:
        mine, theirs = _table(run, name), _table(reference, name)
        # Entropy is what the methods are about; the others share one more error rate.
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
