"""Slot 3, `clip`: the surrogate objective u (S, T), to be maximised, and where it cuts the gradient.

Each function takes `Tokens` whose `advantage` is already shaped and returns a `Surrogate`. It works response by
response, so that it gives the same on a micro-batch as on the update batch.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.tokens import Tokens

Low = Annotated[float, Field(ge=0, lt=1)]
High = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Surrogate:
    """`objective` u with its gradient; `low`, `high`: bool, tokens clipped from below (A < 0) and above (A > 0)."""

    objective: Tensor
    low: Tensor
    high: Tensor

    @property
    def unclipped(self) -> Tensor:
        """I_clip: 0 if (A > 0 and r > 1 + ε_high) or (A < 0 and r < 1 - ε_low), else 1."""
        return ~(self.low | self.high)


def ppo(
    tokens: Tokens,
    *,
    low: Low = 0.2,
    high: High = 0.2,
    dual: Annotated[float, Field(gt=1)] | None = None,
) -> Surrogate:
    """u = min(r·A, clip(r, 1 - ε_low, 1 + ε_high)·A); with dual clip c, where A < 0: u = max(u, c·A).

    PPO, arXiv 1707.06347 eq. 7; ε_low ≠ ε_high is clip-higher, DAPO, arXiv 2503.14476 §3.1; dual clip: arXiv
    1912.09729 eq. 5.
    """
    ratio, advantage = tokens.ratio, tokens.advantage
    objective = torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)
    if dual is not None:
        objective = torch.where(advantage < 0, torch.maximum(objective, dual * advantage), objective)
    valid = tokens.valid
    return Surrogate(
        objective,
        low=valid & (advantage < 0) & (ratio < 1 - low),
        high=valid & (advantage > 0) & (ratio > 1 + high),
    )
