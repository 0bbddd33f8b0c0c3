"""Slot 1, `advantage`: rewards of the responses → one advantage per response.

Each function takes `rewards` (S,), `group` (S,) prompt ids and `lengths` (S,) in tokens, and returns (S,).
An `unverifiable` sample has a NaN reward: it gets advantage 0 and enters no group statistic. Functions that compare
within groups give advantage 0 to a group whose rewards are all equal. Symbols: docs/notation.md.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.groups import group_count, group_mean, group_quantile, group_std, group_sum, has_spread

NonNegative = Annotated[float, Field(ge=0)]


def grpo(rewards: Tensor, group: Tensor, lengths: Tensor, *, epsilon: NonNegative = 1e-6) -> Tensor:
    """A = (R - mean_G R)/(std_G R + ε), unbiased std. GRPO, arXiv 2402.03300 §4.1.2."""
    return _relative(rewards, group, group_mean(rewards, group)) / _scale(rewards, group, epsilon)


def dr_grpo(rewards: Tensor, group: Tensor, lengths: Tensor) -> Tensor:
    """A = R - mean_G R, no division by the spread. Dr.GRPO, arXiv 2503.20783 §3.2."""
    return _relative(rewards, group, group_mean(rewards, group))


def rloo(rewards: Tensor, group: Tensor, lengths: Tensor) -> Tensor:
    """A = G/(G - 1)·(R - mean_G R): R minus the mean of the others. RLOO, arXiv 2402.14740."""
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

    QAE, arXiv 2509.22611. With two reward values, a prompt solved at most a share 1 - K of the time has a gradient only
    from its correct responses, an easier prompt only from its wrong ones. The denominator is GRPO's.
    """
    return _relative(rewards, group, group_quantile(rewards, group, quantile)) / _scale(rewards, group, epsilon)


def lite_ppo(rewards: Tensor, group: Tensor, lengths: Tensor, *, epsilon: NonNegative = 1e-6) -> Tensor:
    """A = (R - mean_G R)/(std R + ε), unbiased std over the whole batch. Lite PPO, arXiv 2508.08221."""
    judged = rewards[~rewards.isnan()]
    spread = judged.std() if len(judged) > 1 else torch.zeros(())
    return _relative(rewards, group, group_mean(rewards, group)) / (spread + epsilon if spread > 0 else 1.0)


def maxrl(rewards: Tensor, group: Tensor, lengths: Tensor, *, epsilon: NonNegative = 1e-6) -> Tensor:
    """A = (s - mean_G s)/(mean_G s + ε), s = 1 if R > 0, else 0; 0 if none is correct. MaxRL, arXiv 2602.02710.

    The paper's rewards are in {0, 1}. The more rarely a prompt is solved, the larger its advantages.
    """
    solved = _solved(rewards)
    share = group_mean(solved, group)
    return _relative(solved, group, share) / torch.where(share > 0, share + epsilon, 1.0)


def pass_at_k(rewards: Tensor, group: Tensor, lengths: Tensor, *, k: Annotated[int, Field(ge=2)] = 4) -> Tensor:
    """A correct: (1 - ρ)/σ, wrong: (1 - ρ - C(n-c-1, k-1)/C(n-1, k-1))/σ. Pass@k training, arXiv 2508.10751.

    n judged responses to the prompt, c of them correct (R > 0); ρ = 1 - C(n-c, k)/C(n, k), σ = √(ρ(1 - ρ)). A is 0 if
    σ is 0, as in every group of at most k responses: k must be less than the rollouts per prompt.
    """
    solved = _solved(rewards)
    n, c = group_count(solved, group).double(), group_sum(solved, group).double()
    rate = 1 - _chosen(n - c, k) / _chosen(n, k).clamp(min=1)
    spread = (rate * (1 - rate)).clamp(min=0).sqrt()
    missed = _chosen(n - c - 1, k - 1) / _chosen(n - 1, k - 1).clamp(min=1)
    advantage = (1 - rate - torch.where(solved > 0, 0.0, missed)) / spread
    silent = rewards.isnan() | (n <= k) | ~(spread > 0)
    return advantage.masked_fill(silent, 0.0).to(rewards.dtype)


def _solved(rewards: Tensor) -> Tensor:
    """1 if R > 0, else 0; NaN if R is NaN."""
    return (rewards > 0).to(rewards.dtype).masked_fill(rewards.isnan(), torch.nan)


def _chosen(n: Tensor, k: int) -> Tensor:
    """Binomial coefficient C(n, k), 0 if n < k; n holds integers."""
    return torch.stack([(n - i).clamp(min=0) / (i + 1) for i in range(k)]).prod(0).round()


def _relative(rewards: Tensor, group: Tensor, baseline: Tensor) -> Tensor:
    """R - baseline; exactly 0 where R is NaN and in a group without spread, despite rounding of the baseline."""
    return (rewards - baseline).nan_to_num().masked_fill(~has_spread(rewards, group), 0.0)


def _scale(rewards: Tensor, group: Tensor, epsilon: float) -> Tensor:
    """std_G R + ε; 1 in a group without spread, where the numerator is 0."""
    return (group_std(rewards, group) + epsilon).masked_fill(~has_spread(rewards, group), 1.0)
