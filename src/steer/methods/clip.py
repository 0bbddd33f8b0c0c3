"""Slot 3, `clip`: the surrogate objective u (S, T), to be maximised, and where it cuts the gradient.

Each function takes `Tokens` with shaped `advantage` and returns a `Surrogate`. It treats each response independently,
so a micro-batch gives the same values as the update batch. A function whose bounds depend on the whole update batch
has an attribute `fitted`, which takes that batch and returns the function for its micro-batches, and an attribute
`reads` (`steer.methods.reading`). Symbols: docs/notation.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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

    The token form s_t = sg[s]·π/sg[π] has the same value and, for a constant A, the same gradient, and still allows
    token weights. Use with the `sequence_mean` reduction.
    """
    valid = tokens.valid
    difference = (tokens.logprob - tokens.old_logprob).masked_fill(~valid, 0.0)
    sequence = difference.detach().sum(1, keepdim=True) / valid.sum(1, keepdim=True).clamp(min=1)
    return _clipped(tokens, bounded_exp(sequence + difference - difference.detach()), low, high, None)


def cispo(tokens: Tokens, *, low: Low | None = None, high: High | None = 0.2) -> Surrogate:
    """u = sg[clip(r, 1 - ε_low, 1 + ε_high)]·A·lp: the clipped ratio weighs a gradient that is never cut.

    CISPO, arXiv 2506.13585, without a lower bound as in the paper, which does not state ε_high.
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


def sapo(
    tokens: Tokens, *, positive: Annotated[float, Field(gt=0)] = 1.0, negative: Annotated[float, Field(gt=0)] = 1.05
) -> Surrogate:
    """u = (4/τ)·sigmoid(τ(r - 1))·A, τ = `positive` where A > 0, else `negative`. SAPO, arXiv 2511.20347.

    A soft gate instead of the clip: its slope is 1 at r = 1 and falls on both sides; no gradient is cut. Use with the
    `sequence_mean` reduction.
    """
    temperature = torch.full_like(tokens.advantage, negative).masked_fill(tokens.advantage > 0, positive)
    gate = 4 / temperature * torch.sigmoid(temperature * (tokens.ratio - 1))
    never = torch.zeros_like(tokens.valid)
    return Surrogate(gate * tokens.advantage, never, never, cuts=False)


def dppo(
    tokens: Tokens,
    *,
    distance: Annotated[float, Field(gt=0, le=1)] = 0.2,
    maximum: Annotated[float, Field(ge=1)] = 20.0,
) -> Surrogate:
    """u = sg[min(r, 20)]·A·lp, but 0 where A > 0 and π - π_old > δ, or A < 0 and π - π_old < -δ.

    DPPO with total variation, arXiv 2602.04879; δ (`distance`) 0.2. The trust region is in probabilities, so a rare
    token's ratio can be large.
    """
    moved = (tokens.logprob.exp() - tokens.old_logprob.exp()).detach()
    low = tokens.valid & (tokens.advantage < 0) & (moved < -distance)
    high = tokens.valid & (tokens.advantage > 0) & (moved > distance)
    objective = tokens.ratio.detach().clamp(max=maximum) * tokens.advantage * tokens.logprob
    return Surrogate(objective.masked_fill(low | high, 0.0), low, high)


def bapo(
    tokens: Tokens,
    *,
    low_start: High = 0.6,
    low_end: High = 0.9,
    high_start: High = 1.2,
    high_end: High = 3.0,
    balance: Annotated[float, Field(ge=0, le=1)] = 0.5,
    steps: Annotated[int, Field(ge=1)] = 30,
) -> Surrogate:
    """u = min(r·A, clip(r, c_low, c_high)·A), the bounds chosen for each update batch. BAPO, arXiv 2510.18927.

    c_low rises from 0.6 to 0.9, then c_high from 1.2 to 3, until tokens with A > 0 make up at least `balance` of
    Σ r·|A| over the tokens that are not clipped. The number of equal `steps` on each way is ours.
    """
    given = (low_start, low_end, high_start, high_end, balance, steps)
    low, high = _balanced(tokens.detach().blank_padding(), *given)
    return _clipped(tokens, tokens.ratio, 1 - low, high - 1, None)


def _balanced(
    tokens: Tokens, low_start: float, low_end: float, high_start: float, high_end: float, balance: float, steps: int
) -> tuple[float, float]:
    """Return the first (c_low, c_high) on the path that balances, else the last."""
    way = [i / steps for i in range(steps + 1)]
    bounds = [(low_start + t * (low_end - low_start), high_start) for t in way]
    bounds += [(low_end, high_start + t * (high_end - high_start)) for t in way[1:]]
    ratio = tokens.ratio
    part = ratio * tokens.advantage * tokens.valid
    for low, high in bounds:
        good = part[(tokens.advantage > 0) & (ratio <= high)].sum()
        bad = -part[(tokens.advantage < 0) & (ratio >= low)].sum()
        if good >= balance * (good + bad):
            return low, high
    return bounds[-1]


def _fitted(tokens: Tokens, **given: float) -> Callable[[Tokens], Surrogate]:
    """Fit the clip to the update batch `tokens`, for its micro-batches."""
    low, high = _balanced(tokens, **given)
    return partial(ppo, low=1 - low, high=high - 1)


bapo.fitted = _fitted
bapo.reads = "advantage"
bapo.ordered = (("low_start", "low_end"), ("high_start", "high_end"))


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
    """Dual clip: max(u, c·A) where A < 0."""
    if dual is None:
        return objective
    return torch.where(advantage < 0, torch.maximum(objective, dual * advantage), objective)
