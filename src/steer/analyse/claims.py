"""Summary of each run: gain over the base model, entropy, pass@k, weights."""

import math
from typing import Any

import pandas as pd

from steer.analyse.accuracy import Cells, columns, pass_frames, shares_of
from steer.analyse.collect import Collected
from steer.analyse.comparison import Paired, paired
from steer.analyse.statistics import run_mean, seed_spread, with_ends

LAST_SHARE = 0.1
QUANTILES = ["min", "p05", "p25", "p50", "p75", "p95", "max"]


def last_steps(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the last tenth of the steps, at least one row; `frame` is one run and seed, ordered by step."""
    return frame.tail(max(1, round(LAST_SHARE * len(frame))))


def entropy_by_seed(collected: Collected) -> pd.DataFrame:
    """Summarise entropy by run and seed, in nats.

    Columns: run, seed, first (step 1, before any update), last (mean of the last tenth), change relative to first,
    second_half (mean over the second half of the steps).
    """
    rows = []
    if "entropy" in collected.curves:
        for (run, seed), frame in collected.curves.dropna(subset="entropy").groupby(["run", "seed"], sort=False):
            first, last = frame["entropy"].iloc[0], last_steps(frame)["entropy"].mean()
            half = frame["entropy"].tail((len(frame) + 1) // 2).mean()
            row = {"run": run, "seed": seed, "first": first, "last": last, "change": last / first - 1}
            rows.append(row | {"second_half": half})
    return pd.DataFrame(rows, columns=["run", "seed", "first", "last", "change", "second_half"])


def weight_summary(collected: Collected) -> pd.DataFrame:
    """Weight quantiles per run in three phases: first, middle and last tenth of the steps.

    They are means over steps and seeds, but `min` and `max` are extremes; `weight_ess` as logged.
    """
    names = [f"weight_{name}" for name in QUANTILES]
    have = [name for name in [*names, "weight_ess"] if name in collected.curves]
    rows = []
    if not have:
        return pd.DataFrame(columns=["run", "label", "phase", *names, "weight_ess"])
    for run, of_run in collected.curves.dropna(subset=have, how="all").groupby("run", sort=False):
        phases: dict[str, list[pd.DataFrame]] = {"first tenth": [], "middle tenth": [], "last tenth": [], "all": []}
        for _, frame in of_run.groupby("seed"):
            size = max(1, round(LAST_SHARE * len(frame)))
            middle = (len(frame) - size) // 2
            parts = (frame.head(size), frame.iloc[middle : middle + size], frame.tail(size), frame)
            for part, kept in zip(parts, phases.values(), strict=True):
                kept.append(part)
        for phase, parts in phases.items():
            frame = pd.concat(parts)
            values = {name: _summary(name, frame[name]) for name in have}
            rows.append({"run": run, "label": collected.labels[run], "phase": phase, **values})
    return pd.DataFrame(rows, columns=["run", "label", "phase", *names, "weight_ess"])


def _summary(name: str, values: pd.Series) -> float:
    return {"weight_min": values.min, "weight_max": values.max}.get(name, values.mean)()


def claims_table(collected: Collected, found: dict[tuple[str, str], Cells]) -> pd.DataFrame:
    """One row per trained run; accuracies and differences as shares, entropies in nats, times in seconds.

    `<x>_low`, `<x>_high`: 95 % over runs; `<x>_question_low`, `<x>_question_high`: over questions.
    """
    entropy = entropy_by_seed(collected)
    weights = weight_summary(collected)
    accuracies = shares_of(found)
    rows = []
    for run in collected.trained:
        gain = paired(accuracies, run, "base", columns(collected)["overall"])
        row: dict[str, Any] = {"run": run, "label": collected.labels[run], **_intervals("gain", gain)}
        mine = entropy[entropy["run"] == run]
        row |= {
            "gain_p": gain.p if gain else math.nan,
            "seeds_trained": len(mine),
            "entropy_first": mine["first"].mean(),
            "entropy_last": mine["last"].mean(),
            "entropy_last_seed_sd": seed_spread(mine["last"].tolist()),
            "entropy_change": mine["change"].mean(),
            "entropy_change_by_seed": " ".join(f"{change:.3f}" for change in mine["change"]),
            **_entropy_difference(entropy, run, collected.trained[0]),
            **_pass_gain(collected, found, run),
        }
        final = weights[(weights["run"] == run) & (weights["phase"] == "last tenth")]
        for name in ("min", "p05", "p50", "p95", "max"):
            row[f"weight_{name}"] = final[f"weight_{name}"].iloc[0] if len(final) else math.nan
        seconds = [about.get("seconds") for (name, _), about in collected.runs.items() if name == run]
        seconds = [value for value in seconds if value is not None]
        row["seconds"] = sum(seconds) / len(seconds) if seconds else math.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


BOTH = ("", "_low", "_high", "_question_low", "_question_high")
CLAIM_COLUMNS = [
    "run",
    "label",
    *(f"gain{end}" for end in BOTH),
    "gain_p",
    "seeds_trained",
    "entropy_first",
    "entropy_last",
    "entropy_last_seed_sd",
    "entropy_change",
    "entropy_change_by_seed",
    *with_ends("entropy_difference"),
    "pass_k",
    "pass",
    "pass_base",
    *(f"pass_gain{end}" for end in BOTH),
    "weight_min",
    "weight_p05",
    "weight_p50",
    "weight_p95",
    "weight_max",
    "seconds",
]


def _intervals(name: str, result: Paired | None) -> dict[str, float]:
    if result is None:
        return {}
    values = (result.over_runs.value, *result.over_runs.interval(), *result.over_questions.interval())
    return dict(zip((f"{name}{end}" for end in BOTH), values, strict=True))


def _entropy_difference(entropy: pd.DataFrame, run: str, first: str) -> dict[str, float]:
    """Final entropy minus that of the first trained run, paired by seed, with the interval over runs."""
    if run == first or not {run, first} <= set(entropy["run"]):
        return {}
    mine, other = (entropy[entropy["run"] == name].set_index("seed")["last"] for name in (run, first))
    return run_mean((mine - other).dropna().tolist()).named("entropy_difference")


def _pass_gain(collected: Collected, found: dict[tuple[str, str], Cells], run: str) -> dict[str, float]:
    """pass@k at the largest k that every benchmark has, against the base on the same questions."""
    frame = collected.questions
    mine, base = (frame[frame["run"] == name] for name in (run, "base"))
    if mine.empty or base.empty:
        return {}
    k = int(min(part.groupby("benchmark")["samples"].max().min() for part in (mine, base)))
    benchmarks = columns(collected)["overall"]
    scores = pass_frames(found, (run, "base"), k)
    result = paired(scores, run, "base", benchmarks)
    if result is None:
        return {"pass_k": k}
    means = (sum(scores[name, b].mean().mean() for b in benchmarks) / len(benchmarks) for name in (run, "base"))
    return {"pass_k": k, **dict(zip(("pass", "pass_base"), means, strict=True)), **_intervals("pass_gain", result)}
