"""A method: a choice in each of five slots, and the loss that follows from it.

    advantage (rewards → A) → shaping (A → A′) → clip (u) → weight (λ) → penalty (added)
    loss = Σ m·c·(-λ·u + penalty) / N          with the `token_mean` reduction; c: `Tokens.correction`, mostly 1

`prepare` computes statistics over the update batch (a maximum, a quantile, a group's mean) once, without gradient, from
the whole batch. `loss` can then run per micro-batch, and the losses add up to that of the whole batch. Symbols:
docs/notation.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from steer.methods import estimators
from steer.methods.penalty import Penalty
from steer.methods.reading import Reads, most
from steer.methods.reduction import shares
from steer.methods.tokens import Context, Tokens, masked_mean

REQUIRED = ("logprob", "old_logprob", "entropy", "old_entropy", "advantage", "mask")
# Choices that read an optional field of `Tokens`.
NEEDS = {
    "tabular": "reduction",
    "rlrt": "teacher_logprob",
    "lp_reg": "proxy_logprob",
    "siren": "nucleus_entropy",
    "clamped_entropy": "clamped_entropy",
    "gtpo": "token",
    "clip_v": "reduction",
    "base_kl": "base_logprob",
}


@dataclass(frozen=True)
class Prepared:
    """Results of `prepare` for an update batch. (S, T) each: A′, λ, each token's share of the loss, the penalty.

    `metrics`: floats by name about the whole update batch. `clip`: the clip slot's function for this batch.
    """

    advantage: Tensor
    weight: Tensor
    share: Tensor
    penalty: Penalty | None
    metrics: dict[str, float]
    clip: Callable[..., Any]

    def rows(self, index: Any) -> "Prepared":
        penalty = self.penalty and replace(self.penalty, scale=self.penalty.scale[index])
        rows = (values[index] for values in (self.advantage, self.weight, self.share))
        return Prepared(*rows, penalty, self.metrics, self.clip)


@dataclass(frozen=True)
class Output:
    """`loss`: scalar with gradient. `weight`: λ, (S, T), without. `metrics`: floats by name."""

    loss: Tensor
    weight: Tensor
    metrics: dict[str, float]


@dataclass
class Method:
    """Five slot functions with bound parameters; `settings` are the choices they were made from.

    `progress`, in [0, 1], is set by the trainer each step and read by stage-gated functions; None: not in a run.
    `memory`: slot → state kept by its function's `after_step`.
    """

    name: str
    label: str
    settings: dict[str, Any]
    advantage: Callable[..., Tensor]
    shaping: Callable[..., Tensor]
    clip: Callable[..., Any]
    weight: Callable[..., Tensor]
    penalty: Callable[..., Penalty | None]
    reduction: Callable[..., Tensor]
    progress: float | None = field(default=None)
    memory: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def needs(self) -> frozenset[str]:
        """Optional fields of `Tokens` that this method needs."""
        return frozenset(NEEDS[word] for choice in self.settings.values() for word in _words(choice) if word in NEEDS)

    @property
    def weighs_micro_batches(self) -> bool:
        """Whether each micro-batch computes its own weights instead of using those of `prepare`."""
        return self.settings["weight"].get("scope") == "micro_batch"

    @property
    def reads(self) -> Reads:
        """What `prepare` reads of the current policy's statistics; everything else comes from the sampling policy."""
        return most([self.shaping, self.weight, self.penalty, *([self.clip] if self._fitted else [])])

    def idle(self, tokens: Tokens) -> Tensor:
        """Find responses (S,) bool that the update can skip: they affect neither the gradient nor other tokens' losses.

        All of the response's A′ are 0 and it has no penalty, or none of its tokens is valid. `tokens`: the update batch
        with the statistics of the sampling policy in place of the current one.
        """
        unjudged = ~tokens.valid.any(1)
        if self.weighs_micro_batches:
            return torch.zeros_like(unjudged)
        if self.reads == "everything":
            return unjudged
        prepared = self.prepare(tokens)
        acts = prepared.advantage != 0
        if prepared.penalty is not None:
            acts |= prepared.penalty.scale != 0
        return ~(acts & tokens.valid).any(1)

    def advantages(self, rewards: Tensor, group: Tensor, lengths: Tensor) -> Tensor:
        """Compute advantages (S,) from rewards, group ids and lengths in tokens (S,). A NaN reward gives 0."""
        self._same_shape({"rewards": rewards, "group": group, "lengths": lengths}, "advantage")
        if rewards.isinf().any():
            raise ValueError(f"method {self.name}, slot advantage: a reward is infinite; NaN means unverifiable")
        rewards = rewards if rewards.is_floating_point() else rewards.to(torch.get_default_dtype())
        return self._returned("advantage", self.advantage(rewards, group, lengths), rewards)

    @torch.no_grad()
    def prepare(self, tokens: Tokens, generator: torch.Generator | None = None) -> Prepared:
        """Compute batch statistics, shaped advantages and weights of the whole update batch.

        `generator`: for methods that draw random numbers (default: a fresh generator with seed 0).
        """
        self._check(tokens)
        tokens = tokens.detach().blank_padding()
        advantage = self._returned("shaping", self.shaping(tokens, self._context("shaping", generator)), tokens.mask)
        shaped = tokens.with_(advantage=advantage)
        clip = self._fitted(shaped, **self.clip.keywords) if self._fitted else self.clip
        shaped = shaped.with_(unclipped=clip(shaped).unclipped)
        weight = self._returned("weight", self.weight(shaped, self._context("weight", generator)), tokens.mask)
        share = shares(self.reduction, shaped)
        penalty = self.penalty(shaped, self._context("penalty", generator))
        metrics = self.effect(shaped, weight)
        if penalty is not None:
            self._returned("penalty", penalty.scale, tokens.mask)
            metrics |= penalty.metrics
            if penalty.absolute:
                penalty = replace(penalty, scale=(penalty.scale / share).masked_fill(~tokens.valid, 0.0))
        return Prepared(shaped.advantage, weight, share, penalty, metrics, clip)

    def loss(
        self, tokens: Tokens, prepared: Prepared | None = None, generator: torch.Generator | None = None
    ) -> Output:
        """Compute the loss of `tokens`: an update batch or, with `prepared` of the same rows, one of its micro-batches.

        Raises `ValueError`, naming the method, the slot and the value, for tensors of unequal shape, an update batch
        without a response token, and non-finite values at a response token.
        """
        if prepared is None:
            prepared = self.prepare(tokens, generator)
        else:
            self._check_shapes(tokens, prepared.weight)
        tokens = tokens.blank_padding().with_(advantage=prepared.advantage)
        surrogate = prepared.clip(tokens)
        weight = prepared.weight
        if self.weighs_micro_batches and tokens.valid.any():
            with torch.no_grad():
                current = tokens.detach().with_(unclipped=surrogate.unclipped)
                weight = self.weight(current, self._context("weight", generator))
        per_token = -weight * surrogate.objective
        if prepared.penalty is not None:
            scale, quantity = prepared.penalty.scale, prepared.penalty.quantity(tokens)
            per_token = per_token + scale * quantity.masked_fill(scale == 0, 0.0)
        if tokens.correction is not None:
            per_token = per_token * tokens.correction
        loss = (per_token * prepared.share).sum()
        if not loss.isfinite():
            self._check_finite(tokens)
            apart = (tokens.logprob - tokens.old_logprob).abs().max().item()
            raise ValueError(
                f"method {self.name}, slot clip: the loss is {loss.item()}: `logprob` and `old_logprob` are up to "
                f"{apart:.4g} nats apart"
            )
        clipped = torch.stack([surrogate.low, surrogate.high]).to(loss.dtype)
        low, high = (masked_mean(part, tokens.valid) for part in clipped)
        names = ("loss", "clip_fraction_low", "clip_fraction_high")
        values = torch.stack([loss.detach(), low, high]).tolist()
        return Output(loss, weight, {**dict(zip(names, values, strict=True)), **prepared.metrics})

    def after_step(self, metrics: Mapping[str, float]) -> None:
        """Pass a training step's metrics to stateful slot functions (controllers, stage gates).

        `metrics` must hold `entropy` and `accuracy`, as in docs/metrics.md. A method without state ignores them.
        """
        for slot in ("shaping", "weight", "penalty"):
            function = getattr(self, slot)
            parameters = function.keywords if isinstance(function, partial) else {}
            update = getattr(getattr(function, "func", function), "after_step", None)
            if update is not None:
                self.memory[slot] = update(self.memory.get(slot, {}), metrics, **parameters)

    def state_dict(self) -> dict[str, Any]:
        """Return the method's state for a checkpoint, as plain data."""
        return {"progress": self.progress, "memory": {slot: dict(kept) for slot, kept in self.memory.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.progress = state["progress"]
        self.memory = {slot: dict(kept) for slot, kept in state["memory"].items()}

    @property
    def _fitted(self) -> Callable[..., Any] | None:
        """Return the function that fits the clip to an update batch, if its bounds depend on the batch."""
        return getattr(getattr(self.clip, "func", self.clip), "fitted", None)

    def _context(self, slot: str, generator: torch.Generator | None) -> Context:
        return Context(self.progress, generator, self.memory.get(slot, {}))

    @torch.no_grad()
    def effect(self, tokens: Tokens, weight: Tensor) -> dict[str, float]:
        """Measure the weight's effect by its own estimator of the entropy change, else by the theorem's.

        `tokens`: the whole update batch with shaped advantages; `weight` (S, T). Keys as in docs/metrics.md.
        """
        tokens = tokens.detach().blank_padding()
        if tokens.unclipped is None:
            tokens = tokens.with_(unclipped=self.clip(tokens).unclipped)
        estimate = getattr(estimators, self.settings["weight"].get("estimator", "theorem"))(tokens)
        size = estimate.abs()
        removed = ((1 - weight) * size).sum() / size.sum().clamp(min=torch.finfo(size.dtype).tiny)
        values = {
            "entropy_change": masked_mean(estimate, tokens.valid),
            "entropy_change_weighted": masked_mean(weight * estimate, tokens.valid),
            "entropy_change_removed": removed,
        }
        for name, where in estimators.quadrants(tokens).items():
            values[f"quadrant_share/{name}"] = masked_mean(where.to(size.dtype), tokens.valid)
            values[f"quadrant_change/{name}"] = masked_mean(estimate * where, tokens.valid)
        if tokens.reduction is not None:
            # Summed as in the loss; docs/theory.md predicts the entropy change from it.
            part = estimators.tabular(tokens) * shares(self.reduction, tokens)
            part = part if tokens.correction is None else part * tokens.correction
            values |= {"tabular_change": part.sum(), "tabular_change_weighted": (weight * part).sum()}
        return dict(zip(values, torch.stack(list(values.values())).tolist(), strict=True))

    def _check(self, tokens: Tokens) -> None:
        self._check_shapes(tokens)
        for name in sorted(self.needs):
            if getattr(tokens, name) is None:
                raise ValueError(
                    f"method {self.name}, slot {self._reader(name)}: needs `Tokens.{name}`, which is absent"
                )
        if tokens.group is not None and tokens.group.shape != tokens.mask.shape[:1]:
            self._same_shape({"group": tokens.group, "responses": tokens.mask[:, 0]}, "shaping")
        if not tokens.valid.any():
            raise ValueError(f"method {self.name}, slot reduction: all tokens masked (N = 0); drop such a batch")
        self._check_finite(tokens)

    def _check_shapes(self, tokens: Tokens, weight: Tensor | None = None) -> None:
        """Check shapes; `weight`: λ prepared for these rows."""
        given = {name: getattr(tokens, name) for name in (*REQUIRED, *NEEDS.values(), "correction")}
        self._same_shape({k: v for k, v in {**given, "prepared": weight}.items() if v is not None}, "clip")

    def _check_finite(self, tokens: Tokens) -> None:
        for name in (*REQUIRED[:-1], *sorted(self.needs), *(["correction"] if tokens.correction is not None else [])):
            values = getattr(tokens, name).detach()[tokens.valid]
            # Lp-Reg's proxy has no mass on filtered tokens.
            fine = values.isfinite() | (values == -torch.inf) if name == "proxy_logprob" else values.isfinite()
            if not fine.all():
                raise ValueError(
                    f"method {self.name}, slot {self._reader(name)}: `{name}` holds {values[~fine][0].item()} at a "
                    "response token; it must be finite"
                )

    def _returned(self, slot: str, values: Any, like: Tensor) -> Tensor:
        """Return a slot function's result if it is shaped like `like` and finite, also at padding (0 · NaN is NaN)."""
        if not isinstance(values, Tensor) or values.shape != like.shape:
            found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            problem = f"gave {found} where a tensor of shape {tuple(like.shape)} is wanted"
        elif not values.isfinite().all():
            problem = f"gave {values[~values.isfinite()][0].item()}; it must be finite, at padding too"
        else:
            return values
        raise ValueError(f"method {self.name}, slot {slot}: `{self.settings[slot]['name']}` {problem}")

    def _reader(self, field: str) -> str:
        """Return the slot whose choice reads the field; `clip` for fields that every method reads."""
        readers = [slot for slot, choice in self.settings.items() if field in {NEEDS.get(v) for v in _words(choice)}]
        return readers[0] if readers else "clip"

    def _same_shape(self, tensors: dict[str, Tensor], slot: str) -> None:
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(f"method {self.name}, slot {slot}: tensors of unequal shape: {shapes}")


def _words(choice: Mapping[str, Any]) -> list[str]:
    """List a slot's function and its string-valued parameters."""
    return [value for value in choice.values() if isinstance(value, str)]
