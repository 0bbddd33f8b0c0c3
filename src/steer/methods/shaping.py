"""Slot 2, `shaping`: A → A′ per token.

Each function takes the `Tokens` of the whole update batch, without gradient, and returns A′ (S, T). `progress` is
how far training is, in [0, 1], or None where nobody has said; only stage-gated functions read it.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.tokens import Tokens

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


def none(tokens: Tokens, progress: float | None) -> Tensor:
    """A′ = A."""
    return tokens.advantage


def perplexity(
    tokens: Tokens,
    progress: float | None,
    *,
    alpha: Annotated[float, Field(ge=0)] = 0.01,
    low: Positive = 0.8,
    high: Positive = 1.2,
    minimum_std: Positive = 1e-6,
) -> Tensor:
    """A′ = A · clamp(1 - α·w, low, high), w = (log PPL - μ)/σ: responses that the policy finds likely count more.

    log PPL = -mean_t olp of the response. μ and σ (population) are over the responses to the same prompt without
    those outside [Q1 - 1.5·IQR, Q3 + 1.5·IQR]; σ := 1 if it is ≤ `minimum_std`. Correct and wrong responses alike.
    arXiv 2508.02260, perplexity-based shaping. The released script computes the factor without multiplying it in;
    here it is multiplied in, as the text says. Without `tokens.group` the batch counts as one group.
    """
    groups = torch.zeros(tokens.mask.shape[0], device=tokens.mask.device) if tokens.group is None else tokens.group
    valid = tokens.valid
    count = valid.sum(1)
    log_ppl = -tokens.old_logprob.masked_fill(~valid, 0.0).sum(1) / count.clamp(min=1)
    factor = torch.ones_like(log_ppl)
    for group in torch.unique(groups):
        members = (groups == group) & (count > 0)
        values = log_ppl[members]
        if len(values) == 0:
            continue
        q1, q3 = torch.quantile(values, values.new_tensor([0.25, 0.75]))
        fence = 1.5 * (q3 - q1)
        kept = values[(values >= q1 - fence) & (values <= q3 + fence)]
        sigma = kept.std(correction=0)
        sigma = sigma if sigma > minimum_std else torch.ones_like(sigma)
        factor[members] = (1 - alpha * (values - kept.mean()) / sigma).clamp(low, high)
    return tokens.advantage * factor[:, None]


def position(
    tokens: Tokens,
    progress: float | None,
    *,
    gamma: Annotated[float, Field(ge=0)] = 0.1,
    steepness: float = 15.0,
    start: Share = 1 / 3,
    stop: Share = 0.5,
) -> Tensor:
    """A′ = A + sign(A)·b, b = min(γ·sigmoid(d·(p - 1/2)), |A|/2), p = t/|o| with t from 0: late tokens count more.

    arXiv 2508.02260, position-based shaping; γ 0.1, d (`steepness`) 15. Acts only in the plateau stage, here while
    start < progress < stop (the authors' 200 < step < 300 of about 600); with progress None it always acts.
    """
    if progress is not None and not start < progress < stop:
        return tokens.advantage
    valid = tokens.valid
    index = (valid.cumsum(1) - 1).clamp(min=0)
    relative = index / valid.sum(1, keepdim=True).clamp(min=1)
    bonus = gamma * torch.sigmoid(steepness * (relative.to(tokens.advantage.dtype) - 0.5))
    advantage = tokens.advantage
    return advantage + advantage.sign() * torch.minimum(bonus, advantage.abs() / 2)
