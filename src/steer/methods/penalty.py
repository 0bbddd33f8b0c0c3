"""Slot 5, `penalty`: what is added to the loss, token by token.

A penalty is `scale · quantity`: the scale is computed once per update batch without gradient (it may select
tokens), the quantity on each micro-batch with gradient. Each function takes the whole batch's `Tokens` and the
method's `State`, and returns a `Penalty`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.tokens import Tokens


@dataclass(frozen=True)
class Penalty:
    """`scale` (S, T) without gradient; `quantity` maps `Tokens` to (S, T) with gradient."""

    scale: Tensor
    quantity: Callable[[Tokens], Tensor]


def none(tokens: Tokens) -> Penalty | None:
    """Nothing is added."""
    return None


def entropy(tokens: Tokens, *, coefficient: Annotated[float, Field(ge=0)] = 1e-3) -> Penalty:
    """-c·mean_m(H), the gradient flows through H. Entropy regularisation; the STEER paper's c is not known."""
    return Penalty(torch.full_like(tokens.entropy, -coefficient), lambda batch: batch.entropy)
