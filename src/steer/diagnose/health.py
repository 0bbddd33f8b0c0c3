"""Check one run's curves against the thresholds of one table, `CHECKS`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from steer.diagnose.settings import count, section

Finding = tuple[bool, str]


PAGE = "docs/reading-curves.md"


@dataclass(frozen=True)
class Check:
    """One check. `said` describes the threshold to people, with `limit` or `percent` filled in; `source` says where it
    comes from; `shape` is its section of docs/reading-curves.md; `test` takes the frame, the run's config.yaml and the
    limit."""

    name: str
    needs: tuple[str, ...]
    limit: float
    said: str
    source: str
    shape: str
    test: Callable[[pd.DataFrame, dict[str, Any], float], Finding]

    @property
    def threshold(self) -> str:
        return self.said.format(limit=self.limit, percent=100 * self.limit)

    @property
    def link(self) -> str:
        return f"{PAGE}#{self.shape}"


def _ends(values: pd.Series) -> tuple[float, float]:
    """Means of the first and the last tenth of the steps."""
    values = values.dropna()
    part = max(1, len(values) // 10)
    return float(values.iloc[:part].mean()), float(values.iloc[-part:].mean())


def _collapse(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    first, last = _ends(frame["entropy"])
    return last < limit * first, f"entropy {first:.3g} → {last:.3g} nats"


def _explosion(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    first, last = _ends(frame["entropy"])
    return last > limit * first, f"entropy {first:.3g} → {last:.3g} nats"


def _surge(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    """Whether entropy has its minimum inside the run and ends far above it."""
    values = frame.set_index("step")["entropy"].dropna().rolling(5, min_periods=1).mean()
    least, last = float(values.min()), float(values.iloc[-1])
    inside = 0.1 <= values.index.get_loc(values.idxmin()) / len(values) < 0.8
    return inside and last > limit * least, f"least {least:.3g} at step {values.idxmin()}, last {last:.3g} nats"


def _no_signal(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    _, last = _ends(frame["zero_spread"])
    return last > limit, f"{100 * last:.0f} % of groups with equal rewards at the end"


def _truncation(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    first, last = _ends(frame["truncated"])
    return last > first + limit, f"{100 * first:.1f} → {100 * last:.1f} % cut off"


def _length(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    first, last = _ends(frame["response_length"])
    return not first / limit <= last <= limit * first, f"{first:.0f} → {last:.0f} tokens"


def _mismatch(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    worst = float(frame["rollout_kl_k3"].max())
    return worst > limit, f"largest k3 {worst:.2g} nats"


def _spikes(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    """Compare each norm with the median over the steps that have a gradient."""
    norms = frame["gradient_norm"].dropna()
    norms = norms[norms > 0]
    if norms.empty:
        return False, "no step has a gradient"
    many = int((norms > limit * norms.median()).sum())
    return many > 0, f"{many} steps above {limit:g} times the median of {norms.median():.3g}"


def _idle(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    share = float((frame["gradient_norm"].dropna() == 0).mean())
    return share > limit, f"{100 * share:.0f} % of the steps have a gradient of 0"


def _verifier(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    training = section(config, "training")
    found = frame["unverifiable"]
    total = count(training, "prompts") * count(training, "rollouts")
    if not total:
        steps = float((found > 0).mean())
        return steps > 0.5, f"unverifiable responses in {100 * steps:.0f} % of the steps"
    share = float(found.mean()) / total
    return share > limit, f"{100 * share:.2f} % of the responses unverifiable"


def _guessed(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    _, last = _ends(frame["guessed"])
    return last > limit, f"{100 * last:.1f} % of responses right only by guessing"


def _still(frame: pd.DataFrame, config: dict[str, Any], limit: float) -> Finding:
    if section(config, "training").get("updates") == 1:
        return False, "one update per batch, so the ratio is always 1"
    moved = float((frame["ratio_p99"] - frame["ratio_p01"]).max())
    return moved < limit, f"the range from the 1 % to the 99 % quantile of the ratio is at most {moved:.2g}"


def aggregation(config: dict[str, Any]) -> Finding | None:
    """Whether the trainer's entropy is not the mean over tokens; None if its settings do not say."""
    mode = section(config, "verl").get("loss_agg_mode")
    return None if mode is None else (mode != "token-mean", f"loss_agg_mode {mode}")


# All thresholds. `ours` marks conventions of this project, chosen on its own runs.
OURS, DAPO = "ours", "ours; effect: arXiv 2503.14476"
ENTROPY, NORM = ("entropy",), ("gradient_norm",)
CHECKS = (
    Check("collapse", ENTROPY, 0.2, "entropy at the end below {percent:g} % of the start",
          "ours; shape: arXiv 2505.22617", "collapse", _collapse),
    Check("explosion", ENTROPY, 2, "entropy at the end above {limit:g} times the start",
          "ours; shape: verl#2738", "explosion", _explosion),
    Check("late surge", ENTROPY, 1.5, "end above {limit:g} times a minimum inside the run",
          "ours; shape: verl#6382", "late-surge", _surge),
    Check("no signal", ("zero_spread",), 0.8, "over {percent:g} % of groups with equal rewards at the end", DAPO,
          "no-signal", _no_signal),
    Check("truncation rises", ("truncated",), 0.1, "a share of responses cut off that rises by {limit:g}", DAPO,
          "length-and-truncation", _truncation),
    Check("length drifts", ("response_length",), 2, "mean length by a factor of {limit:g} up or down",
          "ours; shape: arXiv 2503.20783", "length-and-truncation", _length),
    Check("engines differ", ("rollout_kl_k3",), 0.01, "k3 above {limit:g} nats in a step", OURS,
          "what-no-curve-shows", _mismatch),
    Check("gradient spikes", NORM, 10, "a norm above {limit:g} times the median", OURS, "crash", _spikes),
    Check("no gradient", NORM, 0.5, "a gradient of 0 in over {percent:g} % of the steps", OURS, "no-signal", _idle),
    Check("verifier fails", ("unverifiable",), 0.01, "over {percent:g} % of responses unverifiable", OURS,
          "what-no-curve-shows", _verifier),
    Check("guessed verdicts", ("guessed",), 0.05, "over {percent:g} % right only by guessing", OURS,
          "what-no-curve-shows", _guessed),
    Check("policy stands still", ("ratio_p01", "ratio_p99"), 1e-4, "ratios within {limit:g} of one another",
          OURS, "standing-still", _still),
)  # fmt: skip
DEFINITION = "entropy's definition", "not averaged over tokens", "docs/outside.md", "what-no-curve-shows"


def health(frame: pd.DataFrame, config: dict[str, Any]) -> list[dict[str, str]]:
    """Return one row per check: name, state (`ok`, `warning`, `not logged`), what was seen, threshold, source, page."""
    rows = []
    for check in CHECKS:
        there = all(name in frame and frame[name].notna().any() for name in check.needs)
        finding = check.test(frame, config, check.limit) if there else None
        rows.append(_row(check.name, check.threshold, check.source, check.link, finding))
    name, threshold, source, shape = DEFINITION
    return [*rows, _row(name, threshold, source, f"{PAGE}#{shape}", aggregation(config))]


def _row(name: str, threshold: str, source: str, link: str, finding: Finding | None) -> dict[str, str]:
    state = "not logged" if finding is None else "warning" if finding[0] else "ok"
    seen = "" if finding is None else finding[1]
    return {"check": name, "state": state, "seen": seen, "threshold": threshold, "source": source, "link": link}
