"""Quantities of the full next-token distribution that some methods need, as functions of its logits."""

import math

import torch
from torch import Tensor

THRESHOLD = 0.02
NUCLEUS = 0.8
CLAMPED = 0.4


def proxy_logprob(logits: Tensor, chosen: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Log-probability of the token `chosen` (…,) after removing tokens under `threshold`·max π; -inf if removed.

    `logits` (…, V), already divided by the temperature. Lp-Reg's proxy, arXiv 2510.03222; threshold 0.02.
    """
    logprobs = logits.log_softmax(-1)
    noise = logprobs < logprobs.amax(-1, keepdim=True) + math.log(threshold)
    kept = logprobs.masked_fill(noise, -torch.inf).log_softmax(-1)
    return kept.gather(-1, chosen[..., None]).squeeze(-1)


def nucleus_entropy(logits: Tensor, mass: float = NUCLEUS) -> Tensor:
    """Entropy (…,) in nats of the smallest set of most likely tokens that holds `mass`, renormalised; with gradient.

    `logits` (…, V), already divided by the temperature. SIREN's top-p mask, arXiv 2509.25133; 0.8. The released code
    excludes the token that reaches the mass; here it is included, as usual for a nucleus.
    """
    with torch.no_grad():
        ordered, index = logits.softmax(-1).sort(dim=-1, descending=True, stable=True)
        beyond = ordered.cumsum(-1) - ordered >= mass
        outside = torch.zeros_like(beyond).scatter_(-1, index, beyond)
    return _entropy_without(outside, logits)


def clamped_entropy(logits: Tensor, share: float = CLAMPED) -> Tensor:
    """Entropy (…,) in nats without the int(`share`·V) least likely tokens, renormalised; with gradient.

    `logits` (…, V), already divided by the temperature. AEnt, arXiv 2509.03493; 0.4 in its released recipe.
    """
    with torch.no_grad():
        lowest = logits.topk(int(share * logits.shape[-1]), dim=-1, largest=False).indices
        outside = torch.zeros_like(logits, dtype=torch.bool).scatter_(-1, lowest, True)
    return _entropy_without(outside, logits)


def _entropy_without(outside: Tensor, logits: Tensor) -> Tensor:
    logprobs = logits.masked_fill(outside, -torch.inf).log_softmax(-1)
    return -(logprobs.exp() * logprobs.masked_fill(outside, 0.0)).sum(-1)


# Entropies over part of the vocabulary, by their field of `Tokens`.
TRUNCATED = {"nucleus_entropy": nucleus_entropy, "clamped_entropy": clamped_entropy}
