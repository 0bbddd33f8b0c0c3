"""Slot 4, `weight`: λ (S, T) on each token's surrogate loss; the denominator stays the number of all tokens.

Each function takes the `Tokens` of the whole update batch, without gradient, its `advantage` already shaped and
`unclipped` set. What lies outside the mask is not read.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from steer.methods import estimators
from steer.methods.tokens import Tokens


def none(tokens: Tokens) -> Tensor:
    """λ = 1."""
    return torch.ones_like(tokens.logprob)


def steer(
    tokens: Tokens,
    *,
    estimator: Literal["theorem", "released", "tabular", "covariance", "opefo"] = "theorem",
    mapping: Literal["exponential"] = "exponential",
    minimum: Annotated[float, Field(gt=0, le=1)] = 0.7,
) -> Tensor:
    """λ = exp(-α·|ω|/max|ω|), α = -ln λ_min: tokens whose update moves the entropy most are damped most.

    STEER, arXiv 2510.10150 v4. ω is the chosen estimate of the entropy change (`steer.methods.estimators`), the
    maximum runs over the valid tokens of the update batch, λ ∈ [λ_min, 1], and clipped tokens have ω = 0, so λ = 1.
    """
    size = getattr(estimators, estimator)(tokens).abs()
    return minimum ** (size / size.max().clamp(min=torch.finfo(size.dtype).tiny))
