"""Weights by the covariance of advantage and log-probability, c = (A - mean A)(lp - mean lp)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.estimators import token_covariance
from steer.methods.tokens import Context, Tokens


def clip_cov(
    tokens: Tokens,
    context: Context,
    *,
    share: Annotated[float, Field(ge=0, le=1)] = 2e-4,
    low: float = 1.0,
    high: float = 5.0,
) -> Tensor:
    """λ = 0 on max(int(ρ·N), 1) tokens drawn from the unclipped ones with low < c < high; else 1.

    Clip-Cov, arXiv 2505.22617; ρ (`share`) 2e-4, bounds 1 and 5. Draws from the context's generator.
    """
    valid = tokens.valid
    covariance = token_covariance(tokens)
    eligible = valid & (covariance > low) & (covariance < high)
    if tokens.unclipped is not None:
        eligible &= tokens.unclipped.bool()
    candidates = eligible.flatten().nonzero().squeeze(1)
    order = context.permutation(len(candidates)).to(candidates.device)
    drawn = candidates[order[: max(int(share * int(valid.sum())), 1)]]
    weight = torch.ones_like(tokens.logprob)
    weight.view(-1)[drawn] = 0.0
    return weight


clip_cov.ordered = (("low", "high"),)


def covariance_kernel(tokens: Tokens, context: Context) -> Tensor:
    """λ = w·N/Σw, w = exp(-c²/(2σ²)), σ = std(c) (population): tokens of unusual covariance are damped, the sum kept.

    Covariance kernel, arXiv 2605.11538; the divisor of σ is ours. λ = 1 where c is the same on all tokens.
    """
    valid = tokens.valid
    covariance = token_covariance(tokens)
    deviation = covariance[valid].std(correction=0)
    if deviation <= 1e-6 * covariance.abs().max():
        return torch.ones_like(covariance)
    # Shifting all exponents does not change λ; setting the largest w to 1 keeps the sum away from 0.
    exponent = (covariance**2 - (covariance[valid] ** 2).min()) / (2 * deviation**2)
    kernel = torch.where(valid, (-exponent).exp(), 0.0)
    return torch.where(valid, kernel * valid.sum() / kernel.sum(), 1.0)
