"""Fields of a line of metrics.jsonl; docs/metrics.md defines each."""

from collections import Counter, defaultdict
from typing import Any

import torch
from torch import Tensor

from steer.methods.correction import mismatch_metrics
from steer.methods.sampling import informative_groups
from steer.methods.tokens import masked_mean
from steer.train.rollouts import Rollouts
from steer.train.update import Batch, UpdateRecord

WEIGHT_QUANTILES = {"min": 0.0, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}
RATIO_QUANTILES = {"p01": 0.01, "p50": 0.5, "p99": 0.99, "max": 1.0}


def rollout_metrics(rollouts: Rollouts, batch: Batch, sampled: Rollouts | None = None) -> dict[str, Any]:
    """Compute the metrics known before the first update.

    `sampled`: all responses of a step that trains on groups selected by reward. Metrics of the policy's quality use
    all.
    """
    mask, correct = rollouts.sequences.mask, _correct(rollouts)
    return {
        **_verdict_metrics(rollouts if sampled is None else sampled),
        "entropy": masked_mean(batch.old.entropy, mask).item(),
        "entropy_correct": _mean(batch.old.entropy[batch.valid & correct[:, None]]),
        "entropy_wrong": _mean(batch.old.entropy[batch.valid & ~correct[:, None]]),
        "logprob": masked_mean(batch.old.logprob, mask).item(),
        "advantage_std": batch.advantage.std().item(),
        **mismatch_metrics(batch.old.logprob, rollouts.engine_logprob, mask),
        **_correction(batch),
    }


def _verdict_metrics(rollouts: Rollouts) -> dict[str, Any]:
    """Compute metrics of verdicts, rewards and lengths."""
    correct, judged = _correct(rollouts), ~rollouts.rewards.isnan()
    by_family = defaultdict(list)
    for problem, is_correct, is_judged in zip(rollouts.problems, correct.tolist(), judged.tolist(), strict=True):
        if is_judged:
            by_family[problem.benchmark].append(is_correct)
    families = {f"accuracy/{name}": sum(values) / len(values) for name, values in sorted(by_family.items())}
    return {
        "reward": _mean(rollouts.rewards[judged]),
        "accuracy": _mean(correct[judged].float()),
        **families,
        "guessed": sum(v.guessed for v in rollouts.verdicts) / max(len(rollouts.verdicts), 1),
        "unverifiable": int((~judged).sum()),
        **_errors(rollouts),
        **_failures(rollouts),
        "zero_spread": _zero_spread(rollouts.rewards, rollouts.group),
        "response_length": rollouts.sequences.lengths.float().mean().item(),
        "truncated": rollouts.truncated.float().mean().item(),
    }


def _errors(rollouts: Rollouts) -> dict[str, int]:
    """Count responses on which a user's reward function failed; empty if the verifiers judge."""
    own = any(v.failed or v.score is not None for v in rollouts.verdicts)
    return {"reward_errors": sum(v.failed for v in rollouts.verdicts)} if own else {}


def _failures(rollouts: Rollouts) -> dict[str, int]:
    """Count unverifiable responses by reason, without the details in brackets."""
    reasons = [
        v.reason.partition(" (")[0].partition(":")[0]
        for v in rollouts.verdicts
        if v.verdict == "unverifiable" and not v.failed
    ]
    return {f"unverifiable/{reason}": count for reason, count in sorted(Counter(reasons).items())}


def _correct(rollouts: Rollouts) -> Tensor:
    """(S,) bool."""
    return torch.tensor([v.verdict == "correct" for v in rollouts.verdicts], device=rollouts.rewards.device)


def _correction(batch: Batch) -> dict[str, float]:
    """Compute the mean over tokens of the correction factor; empty without one."""
    if batch.correction is None:
        return {}
    return {"correction_mean": masked_mean(batch.correction, batch.sequences.mask).item()}


def update_metrics(records: list[UpdateRecord]) -> dict[str, Any]:
    """Compute metrics of the step's updates: means over updates, quantiles over their pooled tokens."""
    skipped = {"updates_skipped": sum(record.skipped for record in records)}
    records = [record for record in records if not record.skipped]
    if not records:
        return skipped
    means = {name: sum(r.metrics[name] for r in records) / len(records) for name in records[0].metrics}
    weight, ratio = torch.cat([r.weight for r in records]), torch.cat([r.ratio for r in records])
    effective = weight.sum() ** 2 / (len(weight) * (weight**2).sum()).clamp(min=torch.finfo(weight.dtype).tiny)
    return {
        **skipped,
        **means,
        **{f"weight_{name}": value for name, value in _quantiles(weight, WEIGHT_QUANTILES).items()},
        "weight_ess": effective.item(),
        **{f"ratio_{name}": value for name, value in _quantiles(ratio, RATIO_QUANTILES).items()},
    }


def _quantiles(values: Tensor, wanted: dict[str, float]) -> dict[str, float]:
    """Quantiles as order statistics without interpolation, by sorting: torch.quantile refuses more than 2^24 values."""
    ordered = values.sort().values
    return {name: ordered[round(q * (len(ordered) - 1))].item() for name, q in wanted.items()}


def _zero_spread(rewards: Tensor, group: Tensor) -> float:
    """Share of groups whose judged rewards are all equal, or that have none."""
    groups = len(group.unique())
    return (groups - len(informative_groups(rewards, group))) / groups


def _mean(values: Tensor) -> float | None:
    return values.mean().item() if len(values) else None


def skipped_in_a_row(records: list[UpdateRecord], before: int) -> int:
    """Count updates since the last finite gradient; `before`: their number at the end of the previous step."""
    for record in records:
        before = before + 1 if record.skipped else 0
    return before
