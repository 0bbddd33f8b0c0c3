"""Slot 5, `penalty`: a term added to each token's loss.

A penalty is `scale · quantity`. The scale is computed once per update batch without gradient (it may select
tokens), the quantity on each micro-batch with gradient. Each function takes the whole batch's `Tokens` and the
`Context`, and returns a `Penalty` or None. Where the scale is 0 the quantity is not read. Symbols: docs/notation.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.estimators import token_covariance
from steer.methods.tokens import LARGEST_LOG_RATIO, Context, Tokens, bounded_exp, largest, masked_mean

NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

LARGEST_DIVERGENCE = 10.0  # largest value per token of Lp-Reg's penalty
ROUNDING = 1e-5  # nats: more than two fp32 computations of one log-probability differ by rounding


@dataclass(frozen=True)
class Penalty:
    """A penalty: `scale` (S, T) without gradient; `quantity` maps `Tokens` to (S, T) with gradient.

    `absolute`: the scale replaces the token's share of the loss given by the reduction. `metrics`: floats by name, for
    `after_step`.
    """

    scale: Tensor
    quantity: Callable[[Tokens], Tensor]
    absolute: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)


def none(tokens: Tokens, context: Context) -> Penalty | None:
    """Nothing is added."""
    return None


none.reads = "nothing"


def entropy(tokens: Tokens, context: Context, *, coefficient: NonNegative = 1e-3) -> Penalty:
    """-c·mean_m(H), the gradient flows through H. Entropy regularisation; the STEER paper does not state c."""
    return Penalty(torch.full_like(tokens.entropy, -coefficient), lambda batch: batch.entropy)


entropy.reads = "nothing"


def adaptive_entropy(
    tokens: Tokens,
    context: Context,
    *,
    target: NonNegative = 0.2,
    change: NonNegative = 1e-4,
    start: NonNegative = 0.0,
    maximum: NonNegative = 5e-3,
) -> Penalty | None:
    """-c·mean_m(H) while the sampling policy's mean entropy is at most `target`, else 0.

    After each step c ← clamp(c ± `change`, 0, `maximum`), up while the step's entropy is below the target, down
    above it. Adaptive entropy control of Skywork-OR1, arXiv 2505.22312; their target is 0.2, the rest ours.
    """
    coefficient = context.memory.get("coefficient", start)
    if masked_mean(tokens.old_entropy, tokens.valid) > target:
        coefficient = 0.0
    return entropy(tokens, context, coefficient=coefficient)


def _adapt(
    memory: Mapping[str, Any],
    metrics: Mapping[str, float],
    *,
    target: float,
    change: float,
    start: float,
    maximum: float,
) -> Mapping[str, Any]:
    step = change if metrics["entropy"] < target else -change
    return {"coefficient": min(max(memory.get("coefficient", start) + step, 0.0), maximum)}


adaptive_entropy.reads = "nothing"
adaptive_entropy.after_step = _adapt


def clamped_entropy(
    tokens: Tokens,
    context: Context,
    *,
    start: NonNegative = 2e-4,
    low: NonNegative = 0.05,
    high: NonNegative = 0.23,
    rate: NonNegative = 1e-3,
    minimum: NonNegative = 1e-5,
    maximum: NonNegative = 3e-3,
    warmup: Annotated[int, Field(ge=0)] = 29,
) -> Penalty:
    """-c·mean_m(H̃), H̃ the entropy without the least likely 40 % of the vocabulary; the gradient flows through H̃.

    After each step beyond `warmup`, with the step's mean H̃: c ← clamp(c - rate·(min(0, H̃ - low) + max(0, H̃ - high)),
    minimum, maximum). AEnt, arXiv 2509.03493; values of the released recipe, whose rewards are ten times ours.
    """
    coefficient = context.memory.get("coefficient", start)
    mean = masked_mean(tokens.clamped_entropy, tokens.valid).item()
    scale = torch.full_like(tokens.entropy, -coefficient)
    return Penalty(scale, lambda batch: batch.clamped_entropy, metrics={"clamped_entropy": mean})


def _keep_within(
    memory: Mapping[str, Any],
    metrics: Mapping[str, float],
    *,
    start: float,
    low: float,
    high: float,
    rate: float,
    minimum: float,
    maximum: float,
    warmup: int,
) -> Mapping[str, Any]:
    coefficient, steps = memory.get("coefficient", start), memory.get("steps", 0) + 1
    # A step without a judged response has no update to measure it.
    found = metrics.get("clamped_entropy")
    if steps > warmup and found is not None:
        coefficient = min(max(coefficient - rate * (min(0, found - low) + max(0, found - high)), minimum), maximum)
    return {"coefficient": coefficient, "steps": steps}


clamped_entropy.after_step = _keep_within
clamped_entropy.ordered = (("low", "high"), ("minimum", "maximum"))


def siren(tokens: Tokens, context: Context, *, coefficient: NonNegative = 5e-3, quantile: Share = 0.8) -> Penalty:
    """+ β·(H̄ - H̄₀)²: H̄ is the mean over responses of their tokens' nucleus entropy above its τ-quantile.

    SIREN, arXiv 2509.25133: anchors the entropy of the 0.8-nucleus (`steer.methods.vocabulary.nucleus_entropy`), at
    tokens where it exceeds the response's quantile τ, to its value H̄₀ in the first step, before which the penalty is
    0. β 0.005 and τ 0.8 are those of the released script.
    """
    valid = tokens.valid
    values = tokens.nucleus_entropy.masked_fill(~valid, torch.nan)
    peak = valid & (values > values.nanquantile(quantile, dim=1, keepdim=True))
    count = peak.sum(1, keepdim=True)
    part = peak.to(values.dtype) / (count.clamp(min=1) * (count > 0).sum().clamp(min=1))
    mean = (part * tokens.nucleus_entropy.masked_fill(~peak, 0.0)).sum().item()
    anchor = context.memory.get("anchor", mean)
    # Linear in the entropies, with the value and gradient of the square at the current entropies.
    scale = 2 * coefficient * (mean - anchor) * part
    middle = (mean + anchor) / 2
    metrics = {"peak_entropy": mean}
    return Penalty(scale, lambda batch: batch.nucleus_entropy - middle, absolute=True, metrics=metrics)


def _anchor(memory: Mapping[str, Any], metrics: Mapping[str, float], **_: Any) -> Mapping[str, Any]:
    return memory if memory or "peak_entropy" not in metrics else {"anchor": metrics["peak_entropy"]}


siren.after_step = _anchor


def kl_cov(tokens: Tokens, context: Context, *, coefficient: NonNegative = 1.0, share: Share = 2e-3) -> Penalty:
    """+ β·|lp - olp| on the max(1, int(N·k)) tokens of largest c = (A - mean A)(lp - mean lp).

    KL-Cov, arXiv 2505.22617; k (`share`) 2e-3 for their 7B model, 2e-4 for 32B, β 1. Used with the clip `none`. It has
    no effect while strictly on-policy: |lp - olp| has no gradient at 0. If the two differ only by rounding (`olp` may
    come from the rollout's decoder, lp from another pass), the sign of the difference is noise, so its gradient, which
    would have full size, is set to 0.
    """
    count = max(1, int(share * int(tokens.valid.sum())))
    chosen = largest(token_covariance(tokens), tokens.valid, count)
    chosen &= (tokens.logprob - tokens.old_logprob).abs() > ROUNDING
    return Penalty(
        coefficient * chosen.to(tokens.logprob.dtype), lambda batch: (batch.logprob - batch.old_logprob).abs()
    )


def lp_reg(tokens: Tokens, context: Context, *, coefficient: NonNegative = 1.0, share: Share = 0.01) -> Penalty:
    """+ β·min(e^d - d - 1, 10), d = plp - lp, on the int(ρ·N₋) least likely of the N₋ tokens with A < 0, where d > 0.

    Lp-Reg, arXiv 2510.03222: keeps rare tokens from being pushed below the proxy, which is the sampling policy without
    tokens under 0.02 times its maximum, renormalised. plp is -inf for a filtered token, which is noise and not
    protected. β 1, ρ 1 %. The KL estimate from the sampled token alone, its bound of 10 (no gradient beyond) and a
    surrogate without dual clip follow the released code.
    """
    negative = tokens.valid & (tokens.advantage < 0)
    chosen = largest(-tokens.logprob, negative, int(share * int(negative.sum())))
    chosen &= tokens.proxy_logprob > tokens.logprob

    def divergence(batch: Tokens) -> Tensor:
        difference = batch.proxy_logprob - batch.logprob
        return (bounded_exp(difference) - difference - 1).clamp(max=LARGEST_DIVERGENCE)

    return Penalty(coefficient * chosen.to(tokens.logprob.dtype), divergence)


lp_reg.reads = "advantage"


def base_kl(tokens: Tokens, context: Context, *, coefficient: NonNegative = 1e-3) -> Penalty:
    """+ β·k3, k3 = e^d - d - 1 with d = blp - lp: an estimate of KL(π ‖ π_base) from the sampled token.

    GRPO, arXiv 2402.03300 eq. 4 (β 0.04 there; 0.001 in many recipes). blp is the token's log-probability under the
    model that training started from, computed once a step for all its updates.
    """

    def divergence(batch: Tokens) -> Tensor:
        difference = (batch.base_logprob - batch.logprob).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
        return difference.exp() - difference - 1

    return Penalty(torch.full_like(tokens.logprob, coefficient), divergence)


base_kl.reads = "nothing"


def entropic(
    tokens: Tokens,
    context: Context,
    *,
    target: NonNegative = 0.3,
    proportional: NonNegative = 1.0,
    integral: NonNegative = 0.01,
    above: Share = 0.95,
) -> Penalty:
    """+ α·mean(-r·|A|) over the tokens with π_old > `above`; α = clip(K_p·(H - H*) + K_i·Σ(H - H*), -1, 1).

    EntroPIC, arXiv 2511.15248: if the entropy H is below its target H*, α < 0 pushes likely tokens down, whatever
    their advantage; above the target it pushes them up. α is set after each step and 0 before the first. The form is
    the paper's; H*, K_p, K_i and the threshold are ours, and π_old replaces π, so that tokens are chosen once per
    step.
    """
    chosen = tokens.valid & (tokens.old_logprob.exp() > above)
    strength = context.memory.get("strength", 0.0)
    scale = strength * tokens.advantage.abs() * chosen / chosen.sum().clamp(min=1)
    return Penalty(scale, lambda batch: -batch.ratio, absolute=True)


def _settle(
    memory: Mapping[str, Any],
    metrics: Mapping[str, float],
    *,
    target: float,
    proportional: float,
    integral: float,
    **_: Any,
) -> Mapping[str, Any]:
    error = metrics["entropy"] - target
    total = memory.get("total", 0.0) + error
    return {"total": total, "strength": min(max(proportional * error + integral * total, -1.0), 1.0)}


entropic.reads = "nothing"
entropic.after_step = _settle
