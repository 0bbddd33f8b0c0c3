"""Logits → what methods need of each token: log-probability, entropy, and the `tabular` estimator's reduction."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TokenStatistics:
    """(S, T) each, nats, fp32 or wider whatever the model's type."""

    logprob: Tensor
    entropy: Tensor
    reduction: Tensor | None = None


def token_statistics(
    logits: Tensor, tokens: Tensor, temperature: float = 1.0, with_reduction: bool = False
) -> TokenStatistics:
    """Statistics of the distribution softmax(logits/temperature) at each position.

    `logits` (S, T, V), `tokens` (S, T): the token sampled there. Entropy is of the full vocabulary,
    logsumexp(z) - Σ softmax(z)·z. The reduction Σ_b π_b²(log π_b + H) carries no gradient.
    """
    z = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
    log_pi = torch.log_softmax(z, dim=-1)
    pi = log_pi.exp()
    logprob = log_pi.gather(-1, tokens[..., None]).squeeze(-1)
    entropy = -(pi * log_pi).sum(-1)
    reduction = None
    if with_reduction:
        with torch.no_grad():
            reduction = (pi**2 * (log_pi + entropy[..., None])).sum(-1)
    return TokenStatistics(logprob, entropy, reduction)
