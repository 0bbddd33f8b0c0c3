"""Slot 2, `shaping`: A → A′ per token.

Each function takes the `Tokens` of the whole update batch, without gradient, and the `Context`, and returns A′ (S, T).
Symbols: docs/notation.md.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from steer.methods.stages import transition
from steer.methods.tokens import Context, Tokens

Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


def none(tokens: Tokens, context: Context) -> Tensor:
    """A′ = A."""
    return tokens.advantage


none.reads = "nothing"


def perplexity(
    tokens: Tokens,
    context: Context,
    *,
    alpha: NonNegative = 0.01,
    low: Positive = 0.8,
    high: Positive = 1.2,
    minimum_std: Positive = 1e-6,
) -> Tensor:
    """A′ = A · clamp(1 - α·w, low, high), w = (log PPL - μ)/σ: responses that the policy finds likely count more.

    log PPL = -mean_t olp of the response. μ and σ (population) are over the responses to the same prompt, correct and
    wrong, without those outside [Q1 - 1.5·IQR, Q3 + 1.5·IQR]; σ := 1 if it is ≤ `minimum_std`. arXiv 2508.02260,
    perplexity-based shaping. The released script computes the factor but does not apply it; here it is applied, as the
    paper says. Without `tokens.group` the batch counts as one group.
    """
    groups = tokens.groups
    valid = tokens.valid
    count = valid.sum(1)
    log_ppl = -tokens.old_logprob.masked_fill(~valid, 0.0).sum(1) / count.clamp(min=1)
    if log_ppl.dtype not in (torch.float32, torch.float64):  # torch has no quantile in half precision
        log_ppl = log_ppl.float()
    factor = torch.ones_like(log_ppl)
    for group in torch.unique(groups):
        members = (groups == group) & (count > 0)
        values = log_ppl[members]
        if len(values) == 0:
            continue
        q1, q3 = torch.quantile(values, values.new_tensor([0.25, 0.75]))
        fence = 1.5 * (q3 - q1)
        kept = values[(values >= q1 - fence) & (values <= q3 + fence)]
        sigma = kept.std(correction=0)
        sigma = sigma if sigma > minimum_std else torch.ones_like(sigma)
        factor[members] = (1 - alpha * (values - kept.mean()) / sigma).clamp(low, high)
    return tokens.advantage * factor[:, None].to(tokens.advantage.dtype)


perplexity.ordered = (("low", "high"),)
perplexity.reads = "nothing"


def position(
    tokens: Tokens,
    context: Context,
    *,
    gamma: NonNegative = 0.1,
    steepness: float = 15.0,
    gate: Literal["progress", "plateau"] = "progress",
    start: Share = 1 / 3,
    stop: Share = 0.5,
) -> Tensor:
    """A′ = A + sign(A)·b, b = min(γ·sigmoid(d·(p - 1/2)), |A|/2), p = t/|o| with t from 0: late tokens count more.

    arXiv 2508.02260, position-based shaping; γ 0.1, d (`steepness`) 15. Acts only in the plateau stage: with gate
    `progress` while start < progress < stop (the authors' 200 < step < 300 of about 600; always, where progress is
    None), with gate `plateau` from the step at which `steer.methods.stages` finds the transition.
    """
    advantage = tokens.advantage
    fixed = context.progress is None or start < context.progress < stop
    if not (fixed if gate == "progress" else context.memory.get("plateau", False)):
        return advantage
    valid = tokens.valid
    index = (valid.cumsum(1) - 1).clamp(min=0).to(advantage.dtype)
    relative = index / valid.sum(1, keepdim=True).clamp(min=1)
    bonus = gamma * torch.sigmoid(steepness * (relative - 0.5))
    return advantage + advantage.sign() * torch.minimum(bonus, advantage.abs() / 2)


def _watch_for_plateau(
    memory: Mapping[str, Any], metrics: Mapping[str, float], *, gate: str, **_: Any
) -> Mapping[str, Any]:
    """Extend the curves by one step; once the transition is found the gate stays open."""
    if gate != "plateau" or memory.get("plateau"):
        return memory
    entropy = [*memory.get("entropy", []), metrics["entropy"]]
    accuracy = [*memory.get("accuracy", []), metrics["accuracy"]]
    return {"entropy": entropy, "accuracy": accuracy, "plateau": transition(entropy, accuracy) is not None}


position.after_step = _watch_for_plateau
position.ordered = (("start", "stop"),)
position.reads = "nothing"


def entropy_advantage(tokens: Tokens, context: Context, *, alpha: NonNegative = 0.4, kappa: Positive = 2.0) -> Tensor:
    """A′ = A + min(α·H, |A|/κ), H detached. Entropy-aware advantage, arXiv 2506.14758; κ > 1 keeps A's sign."""
    return tokens.advantage + torch.minimum(alpha * tokens.entropy, tokens.advantage.abs() / kappa)


entropy_advantage.reads = "advantage"


def reweighting(tokens: Tokens, context: Context, *, alpha: Share = 0.2) -> Tensor:
    """A′ = A·(α·π_old + 1 - α): improbable tokens count less. Advantage reweighting (AR), arXiv 2505.12929.

    π_old is the sampling policy's probability of the token, as in the released code, where α is 0.2 for logic puzzles.
    """
    return tokens.advantage * (alpha * tokens.old_logprob.exp() + 1 - alpha)


reweighting.reads = "nothing"


def rlrt(tokens: Tokens, context: Context, *, mix: Share = 0.5, epsilon: Share = 1.0) -> Tensor:
    """A′ = A·[(1 - λ) + λ·clip(w, 1 - ε, 1 + ε)] where A > 0, w = exp(olp - tlp); else A′ = A. λ is `mix`.

    RLRT, arXiv 2605.10781, where w = exp(sign(A)·(lp - tlp)) and wrong responses are unchanged. tlp is the
    log-probability of the same tokens under the same weights, with a correct rollout in the context: tokens that the
    teacher finds less likely than the student count more. The teacher is evaluated once per step, before the updates,
    so the student here is the sampling policy: with the log-probability after some updates, teacher and student would
    have different weights and w would contain the importance ratio. The paper does not give the teacher's prompt; ours
    is `steer.methods.teacher.teacher_prompt`. λ and ε come from one reader.
    """
    surplus = (tokens.old_logprob - tokens.teacher_logprob).exp().clamp(1 - epsilon, 1 + epsilon)
    return tokens.advantage * torch.where(tokens.advantage > 0, 1 - mix + mix * surplus, torch.ones_like(surplus))


rlrt.reads = "nothing"


def gtpo(
    tokens: Tokens,
    context: Context,
    *,
    amplification: NonNegative = 2.0,
    coefficient: NonNegative = 0.1,
    threshold: NonNegative = 0.6931,
) -> Tensor:
    """A′ = δ·(A - c·⟨H⟩)/max(1, n) where the response's mean entropy ⟨H⟩ ≤ ln 2 (`threshold`), else 0.

    GTPO, arXiv 2508.03772. A token is in conflict if a response with A > 0 and one with A < 0 to the same prompt have
    the same token at its position and at all earlier positions; or, counted from the end, at all later ones. n: the
    response's number of tokens in conflict. On these, δ = 0 where A < 0 and the `amplification` where A > 0 (its
    square for tokens in conflict from both ends); δ = 1 on all others. c, the amplification and the division by n
    follow the released code. H is the sampling policy's, so that all updates of a step filter equally.
    """
    valid = tokens.valid
    lengths = valid.sum(1, keepdim=True)
    ascending = (valid.cumsum(1) - 1).clamp(min=0)
    sign = (tokens.advantage * valid).sum(1, keepdim=True).sign()
    groups = tokens.groups
    ahead = _conflicts(tokens.token, ascending, groups, sign, valid)
    behind = _conflicts(tokens.token, lengths - 1 - ascending, groups, sign, valid)
    # Invalid tokens do not end a run of equal tokens.
    ahead = (ahead | ~valid).cumprod(1).bool() & valid
    behind = (behind | ~valid).flip(1).cumprod(1).flip(1).bool() & valid
    kept = torch.where(sign > 0, amplification, 0.0).to(tokens.advantage.dtype)
    delta = torch.where(ahead, kept, 1.0) * torch.where(behind, kept, 1.0)
    mean = tokens.old_entropy.masked_fill(~valid, 0.0).sum(1, keepdim=True) / lengths.clamp(min=1)
    shaped = delta * (tokens.advantage - coefficient * mean) / (ahead | behind).sum(1, keepdim=True).clamp(min=1)
    return torch.where(mean <= threshold, shaped, 0.0)


gtpo.reads = "nothing"


def _conflicts(token: Tensor, place: Tensor, groups: Tensor, sign: Tensor, valid: Tensor) -> Tensor:
    """Bool (S, T): responses of both signs to the prompt have the token at its `place`."""
    keys = torch.stack([groups[:, None].expand_as(token).to(token.dtype), place.to(token.dtype), token], dim=-1)
    _, number = keys.flatten(0, 1).unique(dim=0, return_inverse=True)
    number, found = number.view_as(token), []
    for side in (1, -1):
        counted = torch.zeros(int(number.max()) + 1, dtype=torch.bool, device=token.device)
        counted[number[valid & (sign == side)]] = True
        found.append(counted[number])
    return found[0] & found[1] & (sign != 0)
