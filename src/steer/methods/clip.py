"""Slot 3, `clip`: the surrogate objective u (S, T), to be maximised, and where it cuts the gradient.

Each function takes `Tokens` whose `advantage` is already shaped and returns a `Surrogate`. It works response by
response, so that it gives the same on a micro-batch as on the update batch.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.tokens import Tokens, bounded_exp

Low = Annotated[float, Field(ge=0, lt=1)]
High = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Surrogate:
    """`objective` u with its gradient; `low`, `high`: bool, tokens clipped from below (A < 0) and above (A > 0).

    `cuts`: whether clipping removes the token's gradient, as in PPO.
    """

    objective: Tensor
    low: Tensor
    high: Tensor
    cuts: bool = True

    @property
    def unclipped(self) -> Tensor:
        """I_clip: 0 if (A > 0 and r > 1 + ε_high) or (A < 0 and r < 1 - ε_low), else 1."""
        return ~(self.low | self.high) if self.cuts else torch.ones_like(self.low)


def none(tokens: Tokens) -> Surrogate:
    """u = r·A, never clipped."""
    return _clipped(tokens, tokens.ratio, None, None, None)


def ppo(
    tokens: Tokens,
    *,
    low: Low | None = 0.2,
    high: High | None = 0.2,
    dual: Annotated[float, Field(gt=1)] | None = None,
) -> Surrogate:
    """u = min(r·A, clip(r, 1 - ε_low, 1 + ε_high)·A); with dual clip c, where A < 0: u = max(u, c·A).

    PPO, arXiv 1707.06347 eq. 7; ε_low ≠ ε_high is clip-higher, DAPO, arXiv 2503.14476 §3.1; dual clip: arXiv
    1912.09729 eq. 5. null: that side is not clipped.
    """
    return _clipped(tokens, tokens.ratio, low, high, dual)


def gspo(tokens: Tokens, *, low: Low = 3e-4, high: High = 4e-4) -> Surrogate:
    """PPO's u with the response's ratio s = exp(mean_t(lp - olp)) in place of r. GSPO, arXiv 2507.18071.

    In its token form, s_t = sg[s]·π/sg[π]: same value and, for a constant A, same gradient, and each token
    can still be weighted. Meant for the `sequence_mean` reduction.
    """
    valid = tokens.valid
    difference = (tokens.logprob - tokens.old_logprob).masked_fill(~valid, 0.0)
    sequence = difference.detach().sum(1, keepdim=True) / valid.sum(1, keepdim=True).clamp(min=1)
    return _clipped(tokens, bounded_exp(sequence + difference - difference.detach()), low, high, None)


def cispo(tokens: Tokens, *, low: Low | None = None, high: High | None = 0.2) -> Surrogate:
    """u = sg[clip(r, 1 - ε_low, 1 + ε_high)]·A·lp: the clipped ratio weighs a gradient that is never cut.

    CISPO, arXiv 2506.13585; without a lower bound, as there. Their ε_high is not stated.
    """
    bounded = _clipped(tokens, tokens.ratio.detach(), low, high, None)
    ratio = _bounded(tokens.ratio.detach(), low, high)
    return Surrogate(ratio * tokens.advantage * tokens.logprob, bounded.low, bounded.high, cuts=False)


def ce_gppo(
    tokens: Tokens,
    *,
    low: Low = 0.2,
    high: High = 0.2,
    below: High = 0.75,
    above: High = 1.0,
    dual: Annotated[float, Field(gt=1)] | None = 10.0,
) -> Surrogate:
    """u = β₁·(1 - ε_low)·r/sg[r]·A where PPO clips from below, β₂·(1 + ε_high)·r/sg[r]·A from above, else r·A.

    CE-GPPO, arXiv 2509.20712: a clipped token keeps a gradient of bounded size. β₁ (`below`) is 0.75 for its 7B model,
    0.5 for 1.5B, β₂ (`above`) 1, ε 0.2/0.2 and dual clip 10, as in the released code and scripts.
    """
    ratio = tokens.ratio.detach()
    clipped = _clipped(tokens, ratio, low, high, None)
    size = torch.where(clipped.low, below * (1 - low), torch.where(clipped.high, above * (1 + high), ratio))
    logprob = tokens.logprob.masked_fill(~tokens.valid, 0.0)
    objective = size * (logprob - logprob.detach()).exp() * tokens.advantage
    return Surrogate(_dual(objective, tokens.advantage, dual), clipped.low, clipped.high, cuts=False)


def _clipped(tokens: Tokens, ratio: Tensor, low: float | None, high: float | None, dual: float | None) -> Surrogate:
    advantage, valid = tokens.advantage, tokens.valid
    objective = torch.minimum(ratio * advantage, _bounded(ratio, low, high) * advantage)
    objective = _dual(objective, advantage, dual)
    never = torch.zeros_like(valid)
    return Surrogate(
        objective,
        low=never if low is None else valid & (advantage < 0) & (ratio < 1 - low),
        high=never if high is None else valid & (advantage > 0) & (ratio > 1 + high),
    )


def _bounded(ratio: Tensor, low: float | None, high: float | None) -> Tensor:
    return ratio.clamp(-torch.inf if low is None else 1 - low, torch.inf if high is None else 1 + high)


def _dual(objective: Tensor, advantage: Tensor, dual: float | None) -> Tensor:
    """Where A < 0: max(u, c·A)."""
    if dual is None:
        return objective
    return torch.where(advantage < 0, torch.maximum(objective, dual * advantage), objective)
