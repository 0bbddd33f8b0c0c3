"""Slot 1, `advantage`: rewards of the responses → one advantage per response.

Each function takes `rewards` (S,), `group` (S,) ids of the prompts and `lengths` (S,) in tokens, and returns (S,).
A sample whose verdict is `unverifiable` has a NaN reward: it gets advantage 0 and enters no group's statistic.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

NonNegative = Annotated[float, Field(ge=0)]


def group_index(group: Tensor) -> tuple[Tensor, int]:
    """Group ids as 0 … n-1, and n."""
    ids, index = torch.unique(group, return_inverse=True)
    return index, len(ids)


def group_mean(values: Tensor, group: Tensor, weights: Tensor | None = None) -> Tensor:
    """(S,) → (S,): each response's (weighted) group mean, NaN values left out; 0 for a group without any."""
    index, n = group_index(group)
    weights = torch.ones_like(values) if weights is None else weights.to(values.dtype)
    weights = weights * ~values.isnan()
    total = values.new_zeros(n).index_add_(0, index, values.nan_to_num() * weights)
    count = values.new_zeros(n).index_add_(0, index, weights)
    return (total / count.where(count > 0, torch.ones_like(count)))[index]


def group_std(values: Tensor, group: Tensor) -> Tensor:
    """(S,) → (S,): each response's group standard deviation, unbiased (n - 1); 0 for groups of fewer than two."""
    index, n = group_index(group)
    known = (~values.isnan()).to(values.dtype)
    count = values.new_zeros(n).index_add_(0, index, known)[index]
    variance = group_mean((values - group_mean(values, group)) ** 2, group)
    return (variance * count / (count - 1).clamp(min=1)).sqrt()


def grpo(rewards: Tensor, group: Tensor, lengths: Tensor, *, epsilon: NonNegative = 1e-6) -> Tensor:
    """A = (R - mean_G R) / (std_G R + ε), unbiased std; 0 for a group without spread. GRPO, arXiv 2402.03300 §4.1.2."""
    centred = (rewards - group_mean(rewards, group)).nan_to_num()
    deviation = group_std(rewards, group)
    # Equal rewards leave rounding noise in the mean, which a tiny std would blow up.
    spread = deviation > 1e-6 * rewards.nan_to_num().abs().max().clamp(min=1e-12)
    return torch.where(spread, centred / (deviation + epsilon), torch.zeros_like(centred))
