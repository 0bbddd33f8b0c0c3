"""Statistics over the responses to one prompt: values (S,) and group ids (S,) → (S,). NaN values are ignored."""

import math

import torch
from torch import Tensor


def group_index(group: Tensor) -> tuple[Tensor, int]:
    """Renumber group ids as 0 … n-1; return them and n."""
    ids, index = torch.unique(group, return_inverse=True)
    return index, len(ids)


def group_sum(values: Tensor, group: Tensor) -> Tensor:
    index, n = group_index(group)
    return values.new_zeros(n).index_add_(0, index, values.nan_to_num())[index]


def group_count(values: Tensor, group: Tensor) -> Tensor:
    """Count the group's values that are not NaN."""
    return group_sum((~values.isnan()).to(values.dtype), group)


def group_mean(values: Tensor, group: Tensor, weights: Tensor | None = None) -> Tensor:
    """(Weighted) mean; 0 for a group without any value or weight."""
    weights = torch.ones_like(values) if weights is None else weights.to(values.dtype)
    weights = weights * ~values.isnan()
    total = group_sum(weights, group)
    return group_sum(values.nan_to_num() * weights, group) / total.where(total > 0, torch.ones_like(total))


def group_std(values: Tensor, group: Tensor) -> Tensor:
    """Standard deviation, unbiased (n - 1); 0 for groups of fewer than two."""
    squares = group_sum((values - group_mean(values, group)) ** 2, group)
    return (squares / (group_count(values, group) - 1).clamp(min=1)).sqrt()


def group_quantile(values: Tensor, group: Tensor, q: float) -> Tensor:
    """Smallest value that at least a share q of the group does not exceed; 0 for a group without values."""
    quantile = torch.zeros_like(values)
    for name in torch.unique(group):
        members = group == name
        known = values[members & ~values.isnan()]
        if len(known):
            quantile[members] = lower_quantile(known, q)
    return quantile


def has_spread(values: Tensor, group: Tensor) -> Tensor:
    """Bool: does the group hold two different values? Compared exactly, so rounding of a mean is not a spread."""
    index, n = group_index(group)
    low = values.new_full((n,), torch.inf).scatter_reduce_(0, index, values.nan_to_num(torch.inf), "amin")
    high = values.new_full((n,), -torch.inf).scatter_reduce_(0, index, values.nan_to_num(-torch.inf), "amax")
    return (high > low)[index]


def lower_quantile(values: Tensor, q: float) -> Tensor:
    """Scalar: smallest of the values (n,) that at least a share q of them does not exceed."""
    rank = min(max(math.ceil(q * len(values)), 1), len(values))
    return values.kthvalue(rank).values
