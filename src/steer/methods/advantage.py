"""Slot 1, `advantage`: rewards of the responses → one advantage per response.

Each function takes `rewards` (S,), `group` (S,) ids of the prompts and `lengths` (S,) in tokens, and returns (S,).
A sample whose verdict is `unverifiable` has a NaN reward: it gets advantage 0 and enters no group's statistic.
A group whose rewards are all equal gets advantage 0 from every function that compares within groups.
"""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from steer.methods.groups import group_count, group_mean, group_quantile, group_std, has_spread

NonNegative = Annotated[float, Field(ge=0)]


def grpo(rewards: Tensor, group: Tensor, lengths: Tensor, *, epsilon: NonNegative = 1e-6) -> Tensor:
    """A = (R - mean_G R)/(std_G R + ε), unbiased std. GRPO, arXiv 2402.03300 §4.1.2."""
    return _relative(rewards, group, group_mean(rewards, group)) / _scale(rewards, group, epsilon)


def dr_grpo(rewards: Tensor, group: Tensor, lengths: Tensor) -> Tensor:
    """A = R - mean_G R, no division by the spread. Dr.GRPO, arXiv 2503.20783 §3.2."""
    return _relative(rewards, group, group_mean(rewards, group))


def rloo(rewards: Tensor, group: Tensor, lengths: Tensor) -> Tensor:
    """A = G/(G - 1)·(R - mean_G R): R less the mean of the others. RLOO, arXiv 2402.14740."""
    count = group_count(rewards, group)
    return _relative(rewards, group, group_mean(rewards, group)) * count / (count - 1).clamp(min=1)


def opo(rewards: Tensor, group: Tensor, lengths: Tensor) -> Tensor:
    """A = R - Σ_j L_j·R_j/Σ_j L_j over the group, L the lengths; no std. OPO, arXiv 2505.23585."""
    return _relative(rewards, group, group_mean(rewards, group, weights=lengths))


def w_reinforce(
    rewards: Tensor, group: Tensor, lengths: Tensor, *, positive: NonNegative = 0.1, negative: NonNegative = 1.0
) -> Tensor:
    """A = `positive` if R > 0, else -`negative`; no baseline. W-REINFORCE, arXiv 2506.01347.

    PSR keeps only the correct side (1, 0), NSR only the wrong one (0, 1).
    """
    correct, wrong = (rewards > 0).to(rewards.dtype), (rewards <= 0).to(rewards.dtype)  # NaN is neither
    return positive * correct - negative * wrong


def qae(
    rewards: Tensor,
    group: Tensor,
    lengths: Tensor,
    *,
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.4,
    epsilon: NonNegative = 1e-6,
) -> Tensor:
    """A = (R - Q_K R)/(std_G R + ε), Q_K the group's K-quantile: the smallest reward with share K at or below it.

    QAE, arXiv 2509.22611. With two reward values a prompt solved at most a share 1 - K of the time teaches by its
    successes alone, an easier one by its failures alone. The spread in the denominator is GRPO's, kept as it is.
    """
    return _relative(rewards, group, group_quantile(rewards, group, quantile)) / _scale(rewards, group, epsilon)


def _relative(rewards: Tensor, group: Tensor, baseline: Tensor) -> Tensor:
    """R - baseline; 0 where R is NaN and in a group without spread, whatever the baseline was rounded to."""
    return (rewards - baseline).nan_to_num().masked_fill(~has_spread(rewards, group), 0.0)


def _scale(rewards: Tensor, group: Tensor, epsilon: float) -> Tensor:
    """std_G R + ε; 1 in a group without spread, where the numerator is 0."""
    return (group_std(rewards, group) + epsilon).masked_fill(~has_spread(rewards, group), 1.0)
