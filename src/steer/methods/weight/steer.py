"""STEER's weight: scales each token's loss by the estimated entropy change of its update. Symbols: docs/notation.md."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from steer.methods import estimators
from steer.methods.groups import lower_quantile
from steer.methods.reading import Reads
from steer.methods.tokens import Context, Tokens

NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]

NEAR = 0.3  # |ln(target/H)| below which the controller's integral always moves
FRESH = 0.5  # weight of a new entropy in the controller's running (geometric) mean, because one step's entropy is noisy
RELEASED_FLOOR = 0.02  # lower bound of max|ω| in the authors' code


def steer(
    tokens: Tokens,
    context: Context,
    *,
    estimator: Literal["theorem", "released", "tabular", "covariance", "opefo"] = "theorem",
    mapping: Literal["exponential", "linear", "binary", "quantile", "signed", "asymmetric", "target"] = "exponential",
    minimum: Annotated[float, Field(gt=0, le=1)] = 0.7,
    maximum: Annotated[float, Field(ge=1)] | None = None,
    floor: NonNegative | None = None,
    scope: Literal["batch", "micro_batch"] = "batch",
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.8,
    target: Positive = 0.3,
    proportional: NonNegative = 10.0,
    integral: NonNegative = 0.1,
    limit: Positive = 50.0,
) -> Tensor:
    """λ from ω, the estimated entropy change (`steer.methods.estimators`). STEER, arXiv 2510.10150 v4.

    With m = max|ω| over the valid tokens and λ_min = `minimum`:

    - `exponential` (default): λ = exp(-α·|ω|/m), α = -ln λ_min: tokens that change the entropy most are damped
      most; λ ∈ [λ_min, 1], and clipped tokens have ω = 0, so λ = 1.
    - `linear`: λ = λ_max - (|ω| - min|ω|)·(λ_max - λ_min)/(m - min|ω|); λ_max is `maximum`, 1.2 if null. If all
      |ω| are equal, λ is (λ_min + λ_max)/2. The authors' code uses [0.8, 1.2].
    - `binary`: λ_min where |ω| exceeds its `quantile`, else 1. The paper does not state its rule.
    - `quantile`: λ = λ_min^q, q the share of the other valid tokens whose |ω| is smaller: the dose follows the rank of
      |ω|, which a few large values do not compress. This project's control.
    - `signed`: λ = clamp(exp(α·ω/m), λ_min, λ_max), unbounded above if `maximum` is null: only tokens that lower the
      entropy are damped. The authors' later asymmetric mode.
    - `asymmetric`: λ = λ_min + (ω - min ω)·(λ_max - λ_min)/(max ω - min ω), λ_max 1 if null; the mean of both if all
      ω are equal. The authors' later linear form, with [0.9, 1].
    - `target`: this project's addition. λ = clamp(exp(k·α·ω/mean|ω|), λ_min, λ_max), λ_max = 1/λ_min if null; a
      controller sets k after each step so that the entropy H settles at `target` nats (`_control`); k < 0 lowers it.
      A controller on a target entropy is prior work (EntroPIC, arXiv 2511.15248; AEPO, arXiv 2510.08141); this one acts
      through signed weights.

    m is at least `floor`; null means 0, but 0.02 with the `released` estimator under the `exponential` and `signed`
    mappings, as in the authors' code. `scope`: m over the update batch, or, as in that code, over each micro-batch,
    which makes the result depend on its size.
    """
    omega = getattr(estimators, estimator)(tokens)
    valid, size = tokens.valid, omega.abs()
    if floor is None:
        floor = RELEASED_FLOOR if estimator == "released" and mapping in ("exponential", "signed") else 0.0
    largest = size.max().clamp(min=max(floor, torch.finfo(size.dtype).tiny))
    if mapping == "exponential":
        weight = minimum ** (size / largest)
    elif mapping == "linear":
        maximum = 1.2 if maximum is None else maximum
        smallest = size[valid].min()
        span = largest - smallest
        falling = maximum - (size - smallest) * (maximum - minimum) / span
        weight = torch.where(span > torch.finfo(size.dtype).tiny, falling, (minimum + maximum) / 2)
    elif mapping == "binary":
        above = size > lower_quantile(size[valid], quantile)
        weight = torch.ones_like(size).masked_fill(above, minimum)
    elif mapping == "quantile":
        order = size[valid].sort().values
        weight = minimum ** (torch.searchsorted(order, size).to(size.dtype) / max(len(order) - 1, 1))
    elif mapping == "asymmetric":
        maximum = 1.0 if maximum is None else maximum
        smallest, span = omega[valid].min(), omega[valid].max() - omega[valid].min()
        rising = minimum + (omega - smallest) * (maximum - minimum) / span
        weight = torch.where(span > torch.finfo(size.dtype).tiny, rising, (minimum + maximum) / 2)
    elif mapping == "signed":
        weight = (minimum ** (-omega / largest)).clamp(minimum, maximum)
    else:
        strength = context.memory.get("strength", 0.0)
        maximum = 1 / minimum if maximum is None else maximum
        mean = size[valid].mean().clamp(min=torch.finfo(size.dtype).tiny)
        weight = (minimum ** (-strength * omega / mean)).clamp(minimum, maximum)
    return torch.where(valid, weight, 1.0)


def _reads(*, estimator: str, scope: str, **_: Any) -> Reads:
    """Declare what the weight reads: ω is 0 where A′ is 0, except for the covariance, which uses all log-probabilities.

    A maximum over each micro-batch also depends on its other tokens.
    """
    return "advantage" if estimator != "covariance" and scope == "batch" else "everything"


def _control(
    memory: Mapping[str, Any],
    metrics: Mapping[str, float],
    *,
    mapping: str,
    target: float,
    proportional: float,
    integral: float,
    limit: float,
    **_: Any,
) -> Mapping[str, Any]:
    """Make one step of the `target` mapping's controller: k = K_p·e + I, I ← I + K_i·e, e = ln(target/H) within ±1.

    H is a running mean. I is frozen while e is large and shrinking, which prevents integral wind-up.
    """
    if mapping != "target":
        return memory
    measured = max(metrics["entropy"], 1e-9)
    entropy = memory.get("entropy", measured) ** (1 - FRESH) * measured**FRESH
    error = math.log(target / entropy)
    settling = NEAR < abs(error) < abs(memory.get("error", 0.0))
    pull = min(max(error, -1.0), 1.0)
    held = memory.get("integral", 0.0)
    total = held if settling else min(max(held + integral * pull, -limit), limit)
    return {
        "entropy": entropy,
        "error": error,
        "integral": total,
        "strength": min(max(total + proportional * pull, -limit), limit),
    }


steer.reads = _reads
steer.after_step = _control
