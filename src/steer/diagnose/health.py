"""Health checks of one run's curves against thresholds, all in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

Finding = tuple[bool, str]


@dataclass(frozen=True)
class Check:
    """A check. `threshold` and `source` are for people; `test` takes the frame and the run's config.yaml."""

    name: str
    needs: tuple[str, ...]
    threshold: str
    source: str
    test: Callable[[pd.DataFrame, dict[str, Any]], Finding]


def _ends(values: pd.Series) -> tuple[float, float]:
    """Return the means of the first and the last tenth of the steps."""
    values = values.dropna()
    part = max(1, len(values) // 10)
    return float(values.iloc[:part].mean()), float(values.iloc[-part:].mean())


def _collapse(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    first, last = _ends(frame["entropy"])
    return last < 0.2 * first, f"entropy {first:.3g} → {last:.3g} nats"


def _explosion(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    first, last = _ends(frame["entropy"])
    return last > 2 * first, f"entropy {first:.3g} → {last:.3g} nats"


def _surge(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    """Check whether the minimum entropy is inside the run and the end far above it."""
    values = frame.set_index("step")["entropy"].dropna().rolling(5, min_periods=1).mean()
    least, last = float(values.min()), float(values.iloc[-1])
    inside = values.index.get_loc(values.idxmin()) < 0.8 * len(values)
    return inside and last > 1.5 * least, f"least {least:.3g} at step {values.idxmin()}, last {last:.3g} nats"


def _no_signal(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    _, last = _ends(frame["zero_spread"])
    return last > 0.8, f"{100 * last:.0f} % of groups with equal rewards at the end"


def _truncation(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    first, last = _ends(frame["truncated"])
    return last > first + 0.1, f"{100 * first:.1f} → {100 * last:.1f} % cut off"


def _length(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    first, last = _ends(frame["response_length"])
    return not 0.5 * first <= last <= 2 * first, f"{first:.0f} → {last:.0f} tokens"


def _mismatch(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    worst = float(frame["rollout_kl_k3"].max())
    return worst > 0.01, f"largest k3 {worst:.2g} nats"


def _spikes(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    norms = frame["gradient_norm"].dropna()
    many = int((norms > 10 * norms.median()).sum())
    return many > 0, f"{many} steps above ten times the median of {norms.median():.3g}"


def _verifier(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    training = config.get("training") or {}
    count = frame["unverifiable"]
    total = (training.get("prompts") or 0) * (training.get("rollouts") or 0)
    if not total:
        return bool(
            (count > 0).mean() > 0.5
        ), f"unverifiable responses in {100 * (count > 0).mean():.0f} % of the steps"
    share = float(count.mean()) / total
    return share > 0.01, f"{100 * share:.2f} % of the responses unverifiable"


def _guessed(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    _, last = _ends(frame["guessed"])
    return last > 0.05, f"{100 * last:.1f} % of responses right by guessing alone"


def _still(frame: pd.DataFrame, config: dict[str, Any]) -> Finding:
    moved = float((frame["ratio_p99"] - frame["ratio_p01"]).max())
    return moved < 1e-4, f"ratios' 1 to 99 % range at most {moved:.2g}"


def aggregation(config: dict[str, Any]) -> Finding | None:
    """Check whether a trainer does not average entropy over tokens; None if its settings do not say."""
    mode = (config.get("verl") or {}).get("loss_agg_mode")
    return None if mode is None else (mode != "token-mean", f"loss_agg_mode {mode}")


# All thresholds. `ours` are conventions of this project, chosen on its own runs.
OURS = "ours"
DAPO, COV = "ours; effect: arXiv 2503.14476", "ours; shape: arXiv 2505.22617"
CHECKS = (
    Check("collapse", ("entropy",), "entropy at the end below 20 % of the start", COV, _collapse),
    Check("explosion", ("entropy",), "entropy at the end above twice the start", "ours; shape: verl#2738", _explosion),
    Check("late surge", ("entropy",), "end above 1.5 times a minimum inside the run", "ours; verl#6382", _surge),
    Check("no signal", ("zero_spread",), "over 80 % of groups with equal rewards", DAPO, _no_signal),
    Check("truncation rises", ("truncated",), "10 points more responses cut off", DAPO, _truncation),
    Check("length drifts", ("response_length",), "mean halved or doubled", "ours; arXiv 2503.20783", _length),
    Check("engines differ", ("rollout_kl_k3",), "k3 above 0.01 nats in a step", OURS, _mismatch),
    Check("gradient spikes", ("gradient_norm",), "a norm above ten times the median", OURS, _spikes),
    Check("verifier fails", ("unverifiable",), "over 1 % of responses unverifiable", OURS, _verifier),
    Check("guessed verdicts", ("guessed",), "over 5 % right by guessing alone", OURS, _guessed),
    Check("policy stands still", ("ratio_p01", "ratio_p99"), "ratios within 1e-4 of one another", OURS, _still),
)
DEFINITION = ("entropy's definition", "not averaged over tokens", "docs/outside.md")


def health(frame: pd.DataFrame, config: dict[str, Any]) -> list[dict[str, str]]:
    """Return one row per check: name, `ok`, `warning` or `not logged`, observed value, threshold and source."""
    rows = []
    for check in CHECKS:
        there = all(name in frame and frame[name].notna().any() for name in check.needs)
        finding = check.test(frame, config) if there else None
        rows.append(_row(check.name, check.threshold, check.source, finding))
    name, threshold, source = DEFINITION
    return [*rows, _row(name, threshold, source, aggregation(config))]


def _row(name: str, threshold: str, source: str, finding: Finding | None) -> dict[str, str]:
    state = "not logged" if finding is None else "warning" if finding[0] else "ok"
    seen = "" if finding is None else finding[1]
    return {"check": name, "state": state, "seen": seen, "threshold": threshold, "source": source}
