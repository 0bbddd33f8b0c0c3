"""Control weights for STEER: would other weights have the same effect? This project's additions."""

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from steer.methods import estimators
from steer.methods.reading import Reads
from steer.methods.tokens import Context, Tokens
from steer.methods.weight.steer import steer

Estimator = Literal["theorem", "released", "tabular", "covariance", "opefo"]
Mapping = Literal["exponential", "linear", "binary", "quantile", "signed", "asymmetric"]
Minimum = Annotated[float, Field(gt=0, le=1)]


def uniform(tokens: Tokens, context: Context, *, factor: Annotated[float, Field(gt=0)] = 0.7) -> Tensor:
    """λ = `factor` on every token: a smaller learning rate under SGD, no effect under AdamW, which divides it out."""
    return torch.ones_like(tokens.logprob).masked_fill(tokens.valid, factor)


uniform.reads = "nothing"


def permuted(
    tokens: Tokens,
    context: Context,
    *,
    estimator: Estimator = "theorem",
    mapping: Mapping = "exponential",
    minimum: Minimum = 0.7,
) -> Tensor:
    """STEER's weights, randomly permuted among the valid tokens: the same weights on the wrong tokens."""
    weight = steer(tokens, context, estimator=estimator, mapping=mapping, minimum=minimum)
    own = weight[tokens.valid]
    return weight.masked_scatter(tokens.valid, own[context.permutation(len(own)).to(own.device)])


def norm_matched(
    tokens: Tokens,
    context: Context,
    *,
    estimator: Estimator = "theorem",
    mapping: Mapping = "exponential",
    minimum: Minimum = 0.7,
) -> Tensor:
    """STEER's weights times one factor, so that the gradient at the sampled logits is as large as without weights.

    Σ (λ·r·A·(1 - π))² over unclipped tokens equals its value at λ = 1, so any remaining effect is not due to a smaller
    step.
    """
    weight = steer(tokens, context, estimator=estimator, mapping=mapping, minimum=minimum)
    size = tokens.ratio * tokens.advantage * (1 - tokens.logprob.exp()) * tokens.valid
    size = size if tokens.unclipped is None else size * tokens.unclipped
    weighted = (weight * size).norm()
    factor = torch.where(weighted > 0, size.norm() / weighted, 1.0)
    return torch.where(tokens.valid, weight * factor, 1.0)


def random_tokens(
    tokens: Tokens,
    context: Context,
    *,
    which: Literal["exploitation", "exploration", "release", "pruning"],
    factor: Annotated[float, Field(ge=0)] = 0.0,
) -> Tensor:
    """λ = `factor` on as many tokens as the quadrant holds, drawn at random from those with A ≠ 0; else 1.

    The control for `quadrant`: what of its effect is that of fewer tokens?
    """
    among = (tokens.valid & (tokens.advantage != 0)).flatten().nonzero().squeeze(1)
    count = int(estimators.quadrants(tokens)[which].sum())
    weight = torch.ones_like(tokens.logprob)
    weight.view(-1)[among[context.permutation(len(among)).to(among.device)[:count]]] = factor
    return weight


random_tokens.reads = "advantage"


def _reads(*, estimator: str, **_: Any) -> Reads:
    return "everything" if estimator == "covariance" else "advantage"


permuted.reads = norm_matched.reads = _reads
