"""What became of each run, and of the claims that the default experiment is made to show: stated, not tuned."""

import math
from typing import Any

import pandas as pd

from steer.analyse.accuracy import Cells, columns, difference, pass_scores
from steer.analyse.collect import Collected
from steer.analyse.statistics import combine, paired_difference, seed_spread, welch_difference

LAST_SHARE = 0.1
QUANTILES = ["min", "p05", "p25", "p50", "p75", "p95", "max"]


def last_steps(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last tenth of the steps, at least one; `frame` is one run and seed, ordered by step."""
    return frame.tail(max(1, round(LAST_SHARE * len(frame))))


def entropy_by_seed(collected: Collected) -> pd.DataFrame:
    """run, seed, first (at step 1, before any update), last (mean of the last tenth), change relative to first, and
    second_half (mean over the second half of the steps)."""
    rows = []
    if "entropy" in collected.curves:
        for (run, seed), frame in collected.curves.dropna(subset="entropy").groupby(["run", "seed"], sort=False):
            first, last = frame["entropy"].iloc[0], last_steps(frame)["entropy"].mean()
            half = frame["entropy"].tail((len(frame) + 1) // 2).mean()
            row = {"run": run, "seed": seed, "first": first, "last": last, "change": last / first - 1}
            rows.append(row | {"second_half": half})
    return pd.DataFrame(rows, columns=["run", "seed", "first", "last", "change", "second_half"])


def weight_summary(collected: Collected) -> pd.DataFrame:
    """Weight quantiles per run in three phases (first, middle and last tenth of the steps), means over steps and
    seeds except for the extremes `min` and `max`, which are the extremes; `weight_ess` as logged."""
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
    """One row per trained run; accuracies and differences as shares, entropies in nats, times in seconds."""
    entropy = entropy_by_seed(collected)
    weights = weight_summary(collected)
    rows = []
    for run in collected.trained:
        row: dict[str, Any] = {"run": run, "label": collected.labels[run], **_gain(collected, found, run)}
        mine = entropy[entropy["run"] == run]
        row |= {
            "seeds_trained": len(mine),
            "entropy_first": mine["first"].mean(),
            "entropy_last": mine["last"].mean(),
            "entropy_last_seed_sd": seed_spread(mine["last"].tolist()),
            "entropy_change": mine["change"].mean(),
            "entropy_change_by_seed": " ".join(f"{change:.3f}" for change in mine["change"]),
            **_pass_gain(collected, run),
        }
        final = weights[(weights["run"] == run) & (weights["phase"] == "last tenth")]
        for name in ("min", "p05", "p50", "p95", "max"):
            row[f"weight_{name}"] = final[f"weight_{name}"].iloc[0] if len(final) else math.nan
        seconds = [about.get("seconds") for (name, _), about in collected.runs.items() if name == run]
        seconds = [value for value in seconds if value is not None]
        row["seconds"] = sum(seconds) / len(seconds) if seconds else math.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


CLAIM_COLUMNS = [
    "run",
    "label",
    "gain",
    "gain_low",
    "gain_high",
    "gain_p",
    "seeds_trained",
    "entropy_first",
    "entropy_last",
    "entropy_last_seed_sd",
    "entropy_change",
    "entropy_change_by_seed",
    "pass_k",
    "pass",
    "pass_base",
    "pass_gain",
    "pass_gain_low",
    "pass_gain_high",
    "weight_min",
    "weight_p05",
    "weight_p50",
    "weight_p95",
    "weight_max",
    "seconds",
]


def _gain(collected: Collected, found: dict[tuple[str, str], Cells], run: str) -> dict[str, float]:
    result = difference(found, run, "base", columns(collected)["overall"])
    if result is None:
        return {}
    estimate, _ = result
    low, high = estimate.interval()
    return {"gain": estimate.value, "gain_low": low, "gain_high": high, "gain_p": estimate.p_value()}


def _pass_gain(collected: Collected, run: str) -> dict[str, float]:
    """pass@k at the largest k that every benchmark has, against the base on the same questions."""
    frame = collected.questions.assign(verified=lambda f: f["correct"] + f["wrong"])
    mine, base = (frame[frame["run"] == name] for name in (run, "base"))
    if mine.empty or base.empty:
        return {}
    k = int(min(part.groupby("benchmark")["samples"].max().min() for part in (mine, base)))
    scores, base_scores = pass_scores(mine, k), pass_scores(base, k)
    benchmarks = columns(collected)["overall"]
    if not set(benchmarks) <= set(scores) & set(base_scores):
        return {"pass_k": k}
    pairs = [pd.concat([scores[b], base_scores[b]], axis=1, keys=["run", "base"]).dropna() for b in benchmarks]
    estimate = combine([paired_difference(pair["run"], pair["base"]) for pair in pairs])
    low, high = estimate.interval()
    return {
        "pass_k": k,
        "pass": sum(pair["run"].mean() for pair in pairs) / len(pairs),
        "pass_base": sum(pair["base"].mean() for pair in pairs) / len(pairs),
        "pass_gain": estimate.value,
        "pass_gain_low": low,
        "pass_gain_high": high,
    }


def statements(collected: Collected, claims: pd.DataFrame) -> list[dict[str, str]]:
    """The claims with what was measured: `holds` is yes, no or not measured."""
    by_run = {row["run"]: row for row in claims.to_dict("records")}
    entropy = entropy_by_seed(collected)
    grpo, steer = by_run.get("grpo", {}), by_run.get("steer", {})
    rows = []
    gain = grpo.get("gain", math.nan)
    rows.append(
        _statement(
            "GRPO improves the average accuracy over the base by at least 8 points, interval without 0",
            f"{100 * gain:+.1f} points, 95 % interval {_range(grpo, 'gain', 100, '+.1f')}",
            gain,
            gain >= 0.08 and grpo.get("gain_low", math.nan) > 0,
        )
    )
    change = grpo.get("entropy_change", math.nan)
    rows.append(
        _statement(
            "GRPO's policy entropy falls by at least 40 %",
            f"{100 * change:+.0f} % (by seed: {grpo.get('entropy_change_by_seed')})",
            change,
            change <= -0.4,
        )
    )
    last = {run: frame["last"].tolist() for run, frame in entropy.groupby("run")}
    low = high = value = math.nan
    seeds, above = "", False
    if {"grpo", "entropy_regularisation"} <= set(last):
        kept, lost = last["entropy_regularisation"], last["grpo"]
        estimate = welch_difference(kept, lost)
        value, (low, high) = estimate.value, estimate.interval()
        seeds = " against ".join(" ".join(f"{end:.3f}" for end in ends) for ends in (kept, lost))
        above = min(kept) > max(lost)
    # One seed has no spread, so two runs of one seed each have no interval, and nothing that could overlap.
    interval = (
        "one seed each, so no interval" if math.isnan(low) else f"95 % interval over seeds [{low:+.3f}, {high:+.3f}]"
    )
    rows.append(
        _statement(
            "entropy regularisation ends with more entropy than GRPO: every seed above every seed of GRPO",
            f"{value:+.3f} nats (by seed: {seeds}); {interval}",
            value,
            above,
        )
    )
    floor = steer.get("weight_min", math.nan)
    measured = _range(steer, "weight", 1, ".3f", "min", "max")
    measured += f", 5 to 95 % of tokens {_range(steer, 'weight', 1, '.3f', 'p05', 'p95')}"
    rows.append(_statement("the range STEER's weights covered in the last tenth of the steps", measured, floor, None))
    return rows


def _range(row: dict, name: str, scale: float, style: str, low: str = "low", high: str = "high") -> str:
    ends = (scale * row.get(f"{name}_{end}", math.nan) for end in (low, high))
    return "[" + ", ".join(format(end, style) for end in ends) + "]"


def _statement(claim: str, measured: str, value: float, holds: bool | None) -> dict[str, str]:
    if math.isnan(value):
        return {"claim": claim, "measured": "not measured", "holds": "not measured"}
    return {"claim": claim, "measured": measured, "holds": "–" if holds is None else "yes" if holds else "no"}
