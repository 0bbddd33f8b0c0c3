"""Mismatch between the rollout engine's policy and the trainer's: measurement, limit and correction.

Both hold the same weights, but different kernels and types give different log-probabilities for the same token.
Symbols: docs/notation.md.
"""

import torch
from torch import Tensor

from steer.errors import UserError
from steer.methods.tokens import LARGEST_LOG_RATIO, bounded_exp, masked_mean


def truncated_importance(trainer: Tensor, rollout: Tensor, mask: Tensor, cap: float) -> Tensor:
    """Compute factors (S, T) on the token losses: min(π_trainer/π_rollout, C), 1 outside the mask.

    `trainer`, `rollout` (S, T): log-probability of the sampled token under the policy before the updates, computed by
    the trainer and by the rollout engine. Truncated importance sampling (Yao et al. 2025, "Your
    efficient RL framework secretly brings you off-policy RL training"; Ionides 2008 for the truncation).
    """
    return bounded_exp((trainer - rollout).masked_fill(~mask, 0.0)).clamp(max=cap)


def mismatch_metrics(trainer: Tensor, rollout: Tensor, mask: Tensor) -> dict[str, float]:
    """Compute mean and max |d|, d = log π_trainer - log π_rollout on the tokens of `mask`, and two KL estimates.

    KL(π_rollout || π_trainer): k1 = mean(-d), unbiased but possibly negative, and k3 = mean(exp(d) - 1 - d) ≥ 0, with d
    in exp at most 20 nats, so that one token cannot make it infinite.
    """
    difference = (trainer - rollout).masked_fill(~mask, 0.0)
    size, bounded = difference.abs(), difference.clamp(max=LARGEST_LOG_RATIO)
    return {
        "rollout_mismatch_mean": masked_mean(size, mask).item(),
        "rollout_mismatch_max": size.max().item(),
        "rollout_kl_k1": masked_mean(-difference, mask).item(),
        "rollout_kl_k3": masked_mean(torch.expm1(bounded) - difference, mask).item(),
    }


def check_mismatch(trainer: Tensor, rollout: Tensor, mask: Tensor, step: int, limit: float | None) -> None:
    """Raise a `UserError` if a log-probability of either is not finite or mean |d| exceeds `limit` nats.

    Then the engine serves other weights, or one of the two computes wrongly.
    """
    remedies = {
        "rollout engine": (rollout, "rollout.dtype: float32, or take another version of the engine"),
        "trainer": (trainer, "training.precision: fp32, or check the base model's weights"),
    }
    for name, (given, remedy) in remedies.items():
        wrong = mask & ~given.isfinite()
        if wrong.any():
            where = f"{int(wrong.sum())} of {int(mask.sum())} tokens"
            value = given[wrong][0].item()
            raise UserError(f"step {step}: the {name} gave {value} as log-probability of {where}; set {remedy}")
    mean = masked_mean((trainer - rollout).abs(), mask).item()
    if limit is not None and mean > limit:
        raise UserError(
            f"step {step}: log-probabilities of the rollout engine and of the trainer are {mean:.3g} nats apart on "
            f"average, which is more than training.mismatch_limit ({limit:g}); set rollout.dtype: float32 or another "
            "engine, or raise the limit if the difference is expected"
        )
