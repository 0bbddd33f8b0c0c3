"""One update under each of several weightings, from the same policy and batches: what it does to fresh trajectories.

Definitions: docs/theory.md, "The entropy change by weighting". Update batches and fresh trajectories come in
independent pairs, so that intervals can run over the pairs (`steer.analyse.theory.weightings`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from steer.analyse.theory.measure import Measurer
from steer.configs.schema import Training
from steer.methods import Method, estimators
from steer.models.head import TokenStatistics
from steer.train.rollouts import Rollouts
from steer.train.update import Batch, run_updates
from steer.verify.responses import Verifier

BETAS = (0.9, 0.999)  # torch's defaults, which training has
ESTIMATES = ("tabular", "theorem")  # the law is drawn with each


@dataclass(frozen=True)
class Effect:
    """First-order changes from one policy to another, on trajectories of the first; nats a token, and a share.

    `local` (L): the same states, their entropies change. `visits` (V): which states are visited changes. `whole`: both,
    by importance weights. `gain`: expected accuracy.
    """

    local: float
    visits: float
    whole: float
    gain: float


def effect(old: TokenStatistics, new: TokenStatistics, mask: Tensor, group: Tensor, correct: Tensor) -> Effect:
    """`old`, `new`: (S, T) statistics under both policies; `correct` (S,): 1, 0, or NaN where nothing judged it.

        L = E[Σ_t (H′_t - H_t)] / E|y|        V = E[Σ_t (log π′ - log π)(y_t)·(G_t - b_t)] / E|y|
        G_t = Σ_{u>t} (H_u - h), h = E[Σ_t H_t] / E|y|        gain = E[Σ_t (log π′ - log π)(y_t)·(c - b)]

    b: the mean over the other responses of the group, of G at the same place (0 behind a response's end) or of c.
    """
    mask, group = mask.bool(), group.to(torch.long)
    before, after = (part.entropy.double().masked_fill(~mask, 0.0) for part in (old, new))
    moved = (new.logprob.double() - old.logprob.double()).masked_fill(~mask, 0.0)
    tokens = mask.sum()
    surplus = (before - before.sum() / tokens).masked_fill(~mask, 0.0)
    to_come = (surplus.flip(1).cumsum(1).flip(1) - surplus).masked_fill(~mask, 0.0)
    visits = (moved * (to_come - _others(to_come, group))).sum() / tokens
    ratio = moved.sum(1).exp()
    whole = (ratio * after.sum(1)).sum() / (ratio * mask.sum(1)).sum() - before.sum() / tokens
    judged = ~correct.isnan()
    right = correct[judged].double()
    gain = (moved.sum(1)[judged] * (right - _others(right, group[judged]))).mean() if len(right) else math.nan
    return Effect(float((after - before).sum() / tokens), float(visits), float(whole), float(gain))


def _others(values: Tensor, group: Tensor) -> Tensor:
    """The mean of `values` (S, …) over the other members of each one's group; its own value where it has none."""
    _, index = group.unique(return_inverse=True)
    total = values.new_zeros((int(index.max()) + 1, *values.shape[1:])).index_add_(0, index, values)
    shape = (-1, *[1] * (values.ndim - 1))
    others = (index.bincount()[index] - 1).reshape(shape)
    return torch.where(others > 0, (total[index] - values) / others.clamp(min=1), values)


@dataclass(frozen=True)
class Gradient:
    """One weighting's gradient on one batch, as training clips it. `norm`: before that. `sums`: estimate → Σ λω, each
    token with its share of the loss. `weight`: mean λ. `removed`: 1 - Σ λ|ω| / Σ|ω| by the `tabular` estimate."""

    parts: list[Tensor]
    norm: float
    kept: float
    sums: dict[str, float]
    weight: float
    removed: float


class _Kept(torch.optim.Optimizer):
    """Keeps the gradient that it is given, and moves nothing."""

    def __init__(self, parameters: Any):
        super().__init__(parameters, {})
        self.parts: list[Tensor] = []

    def step(self, closure: Any = None) -> None:
        trained = (p for group in self.param_groups for p in group["params"])
        self.parts = [torch.zeros_like(p) if p.grad is None else p.grad.detach().clone() for p in trained]


def gradient_of(measurer: Measurer, batch: Batch) -> Gradient:
    """The gradient of `measurer.method` by the trainer's own update code."""
    keeper = _Kept(p for p in measurer.model.parameters() if p.requires_grad)
    generator = torch.Generator().manual_seed(measurer.seed)
    (record,) = run_updates(measurer.model, keeper, measurer.method, batch, measurer.training, generator)
    norm = record.metrics["gradient_norm"]
    tokens, prepared = measurer.tokens(batch)
    valid, share = tokens.valid, prepared.share[tokens.valid]
    found = {name: getattr(estimators, name)(tokens)[valid] * share for name in ESTIMATES}
    size = found["tabular"].abs()
    total = float(size.sum())
    return Gradient(
        keeper.parts,
        norm,
        min(1.0, measurer.training.gradient_clip / norm) if norm else 1.0,
        {name: float((record.weight * values).sum()) for name, values in found.items()},
        float(record.weight.mean()),
        1 - float((record.weight * size).sum()) / total if total else 0.0,
    )


def law(update: str, gradients: list[Gradient], estimate: str) -> float:
    """What the entropy change is predicted to be proportional to, for the update on the last of `gradients`; the
    earlier ones made AdamW's moments. A clipped gradient counts as clipped.

        sgd: Σ λω        adamw: Σ λω / ‖g‖        adamw_warm: Σ_k β₁^k Σ λω_k / √(Σ_k β₂^k ‖g_k‖²), k = 0 the last
    """
    used = gradients if update == "adamw_warm" else gradients[-1:]
    sums = [g.kept * g.sums[estimate] for g in reversed(used)]
    if update == "sgd":
        return sums[0]
    first = sum(BETAS[0] ** k * value for k, value in enumerate(sums))
    second = sum(BETAS[1] ** k * (g.kept * g.norm) ** 2 for k, g in enumerate(reversed(used)))
    return first / math.sqrt(second) if second else 0.0


def weigh(
    measurer: Measurer,
    step: int,
    updates: list[str],
    batches: int,
    weightings: Mapping[str, tuple[Method, Training]],
    verifier: Verifier,
) -> list[dict[str, Any]]:
    """One row per weighting, update and batch of the model after `step`; advantages are the measured method's.

    The moments of `adamw_warm` are made of the other batches' gradients under the same weighting, in turn.
    """
    pairs = [[measurer.contexts(step + 1 + 2 * i + k, verifier) for k in (0, 1)] for i in range(batches)]
    asked = [(trained[1], fresh) for trained, fresh in pairs]
    rates = {name: measurer.training.lr for name in updates}
    if "sgd" in updates:
        rates["sgd"] = measurer.small_rate(asked[0][0])
    rows = []
    for name, (method, training) in weightings.items():
        one = replace(measurer, method=method, training=training)
        gradients = [gradient_of(one, batch) for batch, _ in asked]
        for update in updates:
            for place, (_, (rollouts, fresh)) in enumerate(asked):
                used = [*gradients[place + 1 :], *gradients[: place + 1]]
                found = _effect_of(measurer, update, rates[update], used, rollouts, fresh)
                last = used[-1]
                rows.append({
                    "weighting": name, "update": update, "batch": place, "lr": rates[update],
                    **vars(found), "gradient_norm": last.norm, "weight": last.weight, "removed": last.removed,
                    **{f"law_{estimate}": law(update, used, estimate) for estimate in ESTIMATES},
                })  # fmt: skip
    return rows


def _effect_of(
    measurer: Measurer, update: str, rate: float, gradients: list[Gradient], rollouts: Rollouts, fresh: Batch
) -> Effect:
    """What the step of the last of `gradients` does on fresh trajectories; the model is as before afterwards."""
    if update == "sgd":
        optimizer, used = measurer.sgd(rate), gradients[-1:]
    else:
        optimizer, used = measurer.adamw(0.0, []), gradients if update == "adamw_warm" else gradients[-1:]
    trained = [p for p in measurer.model.parameters() if p.requires_grad]
    with measurer.restored():
        for place, gradient in enumerate(used):
            for parameter, part in zip(trained, gradient.parts, strict=True):
                parameter.grad = part
            for group in optimizer.param_groups:
                group["lr"] = rate if place == len(used) - 1 else 0.0
            optimizer.step()
        for parameter in trained:
            parameter.grad = None
        after = measurer.statistics(fresh.sequences)
    judged = [None if v.verdict == "unverifiable" else float(v.verdict == "correct") for v in rollouts.verdicts]
    correct = torch.tensor([math.nan if value is None else value for value in judged], device=fresh.group.device)
    return effect(fresh.old, after, fresh.sequences.mask, fresh.group, correct)
