"""What methods need of the full next-token distribution. `logits` (…, V), already divided by the temperature."""

import math

import torch
from torch import Tensor


def entropy(logits: Tensor) -> Tensor:
    """H = logsumexp(z) - Σ softmax(z)·z, nats, (…,). A logit of -inf is a token of probability 0."""
    logprobs = logits.log_softmax(-1)
    return -(logprobs.exp() * logprobs.masked_fill(logprobs == -torch.inf, 0.0)).sum(-1)


def reduction(logits: Tensor) -> Tensor:
    """Σ_b π_b²(log π_b + H), (…,): what the `tabular` estimator needs beyond the sampled token."""
    logprobs = logits.log_softmax(-1)
    surplus = logprobs.masked_fill(logprobs == -torch.inf, 0.0) + entropy(logits)[..., None]
    return ((2 * logprobs).exp() * surplus).sum(-1)


def proxy_logprob(logits: Tensor, chosen: Tensor, threshold: float = 0.02) -> Tensor:
    """Log-probability of the token `chosen` (…,) after tokens under `threshold`·max π are removed; -inf if it was one.

    Lp-Reg's proxy of the policy that sampled, arXiv 2510.03222; threshold 0.02.
    """
    logprobs = logits.log_softmax(-1)
    noise = logprobs < logprobs.amax(-1, keepdim=True) + math.log(threshold)
    kept = logprobs.masked_fill(noise, -torch.inf).log_softmax(-1)
    return kept.gather(-1, chosen[..., None]).squeeze(-1)


def theorem_expectation(
    logits: Tensor, old_logits: Tensor, advantage: Tensor, unclipped: Tensor | None = None
) -> Tensor:
    """Ω(s)/η = -E_{a~π}[I_clip·(A/π_old)·π(1 - π)(log π + H)], all (…, V) → (…,). Theorem 1 of arXiv 2510.10150.

    The change of H per unit step when each logit a moves by its own part alone, dz_a = I_clip·r_a·A_a·(1 - π_a).
    """
    logprobs = logits.log_softmax(-1)
    probability = logprobs.exp()
    scale = advantage / old_logits.softmax(-1)
    inner = scale * probability * (1 - probability) * (logprobs + entropy(logits)[..., None])
    return -(probability * (inner if unclipped is None else inner * unclipped)).sum(-1)
