"""A method: a choice in each of five slots, and the loss that follows from it.

    advantage (rewards → A) → shaping (A → A′) → clip (u) → weight (λ) → penalty (added)
    loss = Σ m·(-λ·u + penalty) / N            with the `token_mean` reduction

Statistics over the update batch (a maximum, a quantile, a group's mean) are taken once by `prepare`, without
gradient, from the whole batch; `loss` can then run micro-batch by micro-batch, and the losses add up to the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from steer.methods.penalty import Penalty
from steer.methods.tokens import Tokens, masked_mean


@dataclass(frozen=True)
class Prepared:
    """What `prepare` fixes for an update batch. (S, T) each: A′, λ, the share of the loss a token has, the penalty."""

    advantage: Tensor
    weight: Tensor
    share: Tensor
    penalty: Penalty | None

    def rows(self, index: Any) -> "Prepared":
        penalty = self.penalty and Penalty(self.penalty.scale[index], self.penalty.quantity)
        return Prepared(self.advantage[index], self.weight[index], self.share[index], penalty)


@dataclass(frozen=True)
class Output:
    """`loss`: scalar with gradient. `weight`: λ, (S, T), without. `metrics`: floats by name."""

    loss: Tensor
    weight: Tensor
    metrics: dict[str, float]


@dataclass
class Method:
    """Five slot functions with their parameters bound; `settings` is what they were made from.

    `progress`, in [0, 1], is set by the trainer each step and read by stage-gated functions; None: not in a run.
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

    def advantages(self, rewards: Tensor, group: Tensor, lengths: Tensor) -> Tensor:
        """(S,) rewards, group ids and lengths in tokens → (S,) advantages. A NaN reward (unverifiable) gives 0."""
        self._same_shape({"rewards": rewards, "group": group, "lengths": lengths}, "advantage")
        return self.advantage(rewards, group, lengths)

    @torch.no_grad()
    def prepare(self, tokens: Tokens) -> Prepared:
        """The batch statistics, shaped advantages and weights of the whole update batch."""
        self._check(tokens)
        tokens = tokens.detach()
        shaped = tokens.with_(advantage=self.shaping(tokens, self.progress))
        shaped = shaped.with_(unclipped=self.clip(shaped).unclipped)
        return Prepared(
            advantage=shaped.advantage,
            weight=self.weight(shaped),
            share=self.reduction(tokens.valid).to(tokens.logprob.dtype),
            penalty=self.penalty(shaped),
        )

    def loss(self, tokens: Tokens, prepared: Prepared | None = None) -> Output:
        """The loss of `tokens`: an update batch, or with `prepared` (its rows taken alike) one micro-batch of it."""
        if prepared is None:
            prepared = self.prepare(tokens)
        valid = tokens.valid
        surrogate = self.clip(tokens.with_(advantage=prepared.advantage))
        per_token = -prepared.weight * surrogate.objective
        if prepared.penalty is not None:
            per_token = per_token + prepared.penalty.scale * prepared.penalty.quantity(tokens)
        # masked_fill, not multiplication: padding may hold infinities, and 0·inf is NaN, in the gradient too.
        loss = (per_token.masked_fill(~valid, 0.0) * prepared.share).sum()
        metrics = {
            "loss": loss.item(),
            "clip_fraction_low": masked_mean(surrogate.low.to(loss.dtype), valid).item(),
            "clip_fraction_high": masked_mean(surrogate.high.to(loss.dtype), valid).item(),
        }
        return Output(loss, prepared.weight, metrics)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must keep of the method, as plain data."""
        return {"progress": self.progress}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.progress = state["progress"]

    def _check(self, tokens: Tokens) -> None:
        required = ("logprob", "old_logprob", "entropy", "old_entropy", "advantage", "mask")
        self._same_shape({name: getattr(tokens, name) for name in required}, "clip")
        valid = tokens.valid
        if not valid.any():
            raise ValueError(f"method {self.name}: every token of the batch is masked; drop such a batch")
        for name in ("logprob", "old_logprob", "entropy", "old_entropy", "advantage"):
            values = getattr(tokens, name).detach()[valid]
            if not values.isfinite().all():
                bad = values[~values.isfinite()][0].item()
                raise ValueError(f"method {self.name}: `{name}` holds {bad} at a response token; it must be finite")

    def _same_shape(self, tensors: dict[str, Tensor], slot: str) -> None:
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(f"method {self.name}, slot {slot}: tensors of unequal shape: {shapes}")
