"""Estimates ω of the entropy change by one update, per sampled token, (S, T) → (S, T).

ω > 0 means that the update on this token raises the entropy at its state. Learning rate and batch size are
omitted because they scale all tokens equally. Values outside the mask are 0. `Tokens.unclipped` (I_clip) None means 1.
Symbols: docs/notation.md.
"""

import torch
from torch import Tensor

from steer.methods.tokens import Tokens

NAMES = ("theorem", "released", "tabular", "covariance", "opefo")


def theorem(tokens: Tokens) -> Tensor:
    """ω = -I_clip·r·A·π(1 - π)(log π + H). Theorem 1 of arXiv 2510.10150, the importance-corrected reading (ours).

    Assumes an independent softmax per state and a step that moves only the sampled token's logit; the error is
    O(η²). π and H are those of the current policy.
    """
    probability = tokens.logprob.exp()
    change = -tokens.ratio * tokens.advantage * probability * (1 - probability) * (tokens.logprob + tokens.entropy)
    return _where_unclipped(change, tokens)


def released(tokens: Tokens) -> Tensor:
    """ω = -(A/π_old)·π(1 - π)(log π + H): the authors' released code.

    No I_clip; π is clamped to [1e-8, 1 - 1e-8], also in its logarithm, and π_old to at least 1e-8. π is that of the
    current policy, H that of the sampling policy.
    """
    probability = tokens.logprob.exp().clamp(1e-8, 1 - 1e-8)
    scale = tokens.advantage / tokens.old_logprob.exp().clamp(min=1e-8)
    change = -scale * probability * (1 - probability) * (probability.log() + tokens.old_entropy)
    return change.masked_fill(~tokens.valid, 0.0)


def tabular(tokens: Tokens) -> Tensor:
    """ω = -I_clip·r·A·[π(log π + H) - Σ_b π_b²(log π_b + H)]: exact to first order for a tabular softmax.

    There every logit moves, dz_b ∝ r·A·(1[b = a] - π_b), not only the sampled one. Needs `tokens.reduction`. This is
    theorem 3.3 of arXiv 2602.03392: ΔH = -α(S - E_π[S]) with S = π(log π + H).
    """
    if tokens.reduction is None:
        raise ValueError("the `tabular` estimator needs Σ_b π_b²(log π_b + H): give `Tokens.reduction`")
    moved = tokens.logprob.exp() * (tokens.logprob + tokens.entropy) - tokens.reduction
    return _where_unclipped(-tokens.ratio * tokens.advantage * moved, tokens)


def covariance(tokens: Tokens) -> Tensor:
    """ω = -(lp - mean lp)(A - mean A), means over the valid tokens. Cui et al., arXiv 2505.22617."""
    return -token_covariance(tokens)


def opefo(tokens: Tokens) -> Tensor:
    """ω = -A·(1 - π)²·(log π + H). OPEFO, arXiv 2605.11491; this form is our unconfirmed reading."""
    change = -tokens.advantage * (1 - tokens.logprob.exp()) ** 2 * (tokens.logprob + tokens.entropy)
    return change.masked_fill(~tokens.valid, 0.0)


def token_covariance(tokens: Tokens) -> Tensor:
    """c = (A - mean A)(lp - mean lp) over the valid tokens, 0 outside. (S, T)."""
    valid = tokens.valid
    count = valid.sum().clamp(min=1)
    logprob = tokens.logprob.masked_fill(~valid, 0.0)
    advantage = tokens.advantage.masked_fill(~valid, 0.0)
    product = (logprob - logprob.sum() / count) * (advantage - advantage.sum() / count)
    return product.masked_fill(~valid, 0.0)


def quadrants(tokens: Tokens) -> dict[str, Tensor]:
    """Return bool masks (S, T) by name, from sign A and sign(log π + H); tokens where either is 0 are in none.

    A > 0: `exploitation` (π high, entropy falls), `exploration` (π low, entropy rises); A < 0: `release` (π high, frees
    mass, entropy rises), `pruning` (π low, entropy falls). arXiv 2510.10150.
    """
    surplus = tokens.logprob + tokens.entropy
    good, bad = tokens.valid & (tokens.advantage > 0), tokens.valid & (tokens.advantage < 0)
    high, low = surplus > 0, surplus < 0
    return {"exploitation": good & high, "exploration": good & low, "release": bad & high, "pruning": bad & low}


def _where_unclipped(change: Tensor, tokens: Tokens) -> Tensor:
    """Zero outside the mask and where the surrogate is clipped (I_clip = 0)."""
    keep = tokens.valid if tokens.unclipped is None else tokens.valid & tokens.unclipped.bool()
    return torch.where(keep, change, torch.zeros_like(change))
