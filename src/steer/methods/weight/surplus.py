"""Clip_B and Clip_V: tokens with A < 0 whose entropy change is far from the others' are left out of the update."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.tokens import Context, Tokens, largest

Positive = Annotated[float, Field(gt=0)]


def clip_b(tokens: Tokens, context: Context, *, deviations: Positive = 2.5) -> Tensor:
    """λ = 0 where A < 0 and S - mean S < -2.5·std S, else 1; S = π(log π + H). Clip_B, arXiv 2602.03392.

    Mean and standard deviation (population) over the valid tokens.
    """
    valid = tokens.valid
    surplus = _surplus(tokens)[valid]
    bound = surplus.mean() - deviations * surplus.std(correction=0)
    left_out = valid & (tokens.advantage < 0) & (_surplus(tokens) < bound)
    return torch.ones_like(tokens.logprob).masked_fill(left_out, 0.0)


def clip_v(
    tokens: Tokens,
    context: Context,
    *,
    deviations: Positive = 8.5,
    share: Annotated[float, Field(gt=0, le=1)] = 1e-4,
) -> Tensor:
    """λ = 0 where A < 0 and D > 8.5·std D, on at most max(1, int(ρ·N)) tokens, those of largest D; else 1.

    Clip_V, arXiv 2602.03392: D = Σ_b π_b²(log π_b + H) - S, S = π(log π + H), so on policy A·D is the `tabular`
    estimate; ρ (`share`) 1e-4. Allowing at least one token is ours.
    """
    valid = tokens.valid
    change = tokens.reduction - _surplus(tokens)
    bound = deviations * change[valid].std(correction=0)
    among = valid & (tokens.advantage < 0) & (change > bound)
    left_out = largest(change, among, max(1, int(share * int(valid.sum()))))
    return torch.ones_like(tokens.logprob).masked_fill(left_out, 0.0)


def _surplus(tokens: Tokens) -> Tensor:
    return tokens.logprob.exp() * (tokens.logprob + tokens.entropy)
