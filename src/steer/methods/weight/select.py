"""Weights that single out tokens: by entropy, by surprisal, by the sign of the entropy change, by quadrant."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from steer.methods import estimators
from steer.methods.tokens import Context, Tokens, largest, masked_mean

Share = Annotated[float, Field(gt=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


def none(tokens: Tokens, context: Context) -> Tensor:
    """λ = 1."""
    return torch.ones_like(tokens.logprob)


none.reads = "nothing"


def fork(tokens: Tokens, context: Context, *, share: Share = 0.2) -> Tensor:
    """λ = 1 on the max(1, int(ρ·N)) tokens of highest entropy in the update batch, else 0.

    Fork tokens (80/20), arXiv 2506.01939; ρ (`share`) 0.2, H of the current policy. The denominator is still the
    number of all tokens; implementations that divide by the number of selected tokens have a loss 1/ρ times larger.
    """
    chosen = largest(tokens.entropy, tokens.valid, max(1, int(share * int(tokens.valid.sum()))))
    return torch.where(tokens.valid, chosen.to(tokens.logprob.dtype), 1.0)


def stare(
    tokens: Tokens,
    context: Context,
    *,
    share: Share = 0.1,
    amplify: NonNegative = 1.1,
    attenuate: NonNegative = 1.0,
    target: NonNegative = 0.3,
) -> Tensor:
    """λ = `amplify` on the share of tokens with A > 0 and the highest surprisal, while the batch's mean H < `target`.

    STARE, arXiv 2606.19236; 10 %, 1.1, 0.3 nats. `attenuate` does the same to the tokens with A < 0 (their variant
    C2 has 0.9; the default 1 is O1, one-sided). Surprisal is -lp; H is the sampling policy's.
    """
    weight = torch.ones_like(tokens.logprob)
    if masked_mean(tokens.old_entropy, tokens.valid) >= target:
        return weight
    for side, factor in ((tokens.advantage > 0, amplify), (tokens.advantage < 0, attenuate)):
        among = tokens.valid & side
        weight[largest(-tokens.logprob, among, int(share * int(among.sum())))] = factor
    return weight


stare.reads = "advantage"


def opefo(tokens: Tokens, context: Context) -> Tensor:
    """λ = 1 + κ where Δ > 0, 1 - κ where Δ < 0, 1 where Δ = 0; κ = (M - P)/(M + P), 0 if both are 0.

    OPEFO, arXiv 2605.11491: Δ is the `opefo` estimate of the entropy change, P = Σ_{Δ>0} Δ, M = Σ_{Δ<0} |Δ|. Then
    (1 + κ)·P = (1 - κ)·M: tokens that raise and lower the entropy balance. Strictly on-policy, with the clip `none`.
    """
    change = estimators.opefo(tokens)
    rise, fall = change.clamp(min=0).sum(), (-change).clamp(min=0).sum()
    total = rise + fall
    balance = torch.where(total > 0, (fall - rise) / total.where(total > 0, 1.0), 0.0)
    return 1 + balance * change.sign()


opefo.reads = "advantage"


def quadrant(
    tokens: Tokens,
    context: Context,
    *,
    which: Literal["exploitation", "exploration", "release", "pruning"],
    factor: NonNegative = 0.0,
) -> Tensor:
    """λ = `factor` on the tokens of one quadrant of (sign A, sign(log π + H)), else 1: shows the quadrant's effect.

    The quadrants of arXiv 2510.10150 (`steer.methods.estimators.quadrants`); damping one is this project's experiment.
    """
    return torch.ones_like(tokens.logprob).masked_fill(estimators.quadrants(tokens)[which], factor)


quadrant.reads = "advantage"
