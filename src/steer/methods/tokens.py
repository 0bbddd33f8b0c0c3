"""Inputs of a method: a dataclass of the update batch's tensors, and its context. Symbols: docs/notation.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

# Nats. The log of an importance ratio is clamped to ± this, as in verl: e^89 overflows fp32, and its gradient is NaN.
LARGEST_LOG_RATIO = 20.0


@dataclass(frozen=True)
class Tokens:
    """An update batch of S responses, padded to T tokens. Natural logarithms; nats.

    All are (S, T) unless stated otherwise. Statistics read only entries where `mask` is true.

    - `logprob`: log-probability of the sampled token under the current policy; carries the gradient.
    - `old_logprob`: the same under the sampling policy.
    - `entropy`: entropy of the full next-token distribution of the current policy; may carry a gradient.
    - `old_entropy`: the same under the sampling policy.
    - `advantage`: A, constant over a response until it is shaped.
    - `mask`: 1 on response tokens (bool, or numbers that are 0 or 1).
    - `group`: (S,) prompt that each response answers; needed by methods that compare within a group.
    - `reduction`: Σ_b π_b² (log π_b + H) of the current policy; needed only by the `tabular` estimator.
    - `teacher_logprob`: log-probability under a teacher context; needed only by RLRT (`steer.methods.teacher`).
    - `proxy_logprob`: log-probability under the filtered sampling policy; needed only by Lp-Reg
      (`steer.methods.vocabulary.proxy_logprob`). -inf if the token was filtered out.
    - `nucleus_entropy`, `clamped_entropy`: entropy of the current policy on a part of the vocabulary
      (`steer.methods.vocabulary`); carry a gradient; needed only by SIREN and AEnt.
    - `base_logprob`: log-probability under the model that training started from; needed only by `base_kl`.
    - `token`: id of the sampled token, an integer; needed only by GTPO.
    - `correction`: factor on the token's loss for the mismatch between the rollout engine's policy and the trainer's
      (`steer.methods.correction`); absent: 1.
    - `unclipped`: I_clip of the clip slot, 0 where the surrogate's gradient is cut. Set by `Method`.
    """

    logprob: Tensor
    old_logprob: Tensor
    entropy: Tensor
    old_entropy: Tensor
    advantage: Tensor
    mask: Tensor
    group: Tensor | None = None
    reduction: Tensor | None = None
    teacher_logprob: Tensor | None = None
    proxy_logprob: Tensor | None = None
    nucleus_entropy: Tensor | None = None
    clamped_entropy: Tensor | None = None
    base_logprob: Tensor | None = None
    token: Tensor | None = None
    correction: Tensor | None = None
    unclipped: Tensor | None = None

    @property
    def ratio(self) -> Tensor:
        """Importance ratio r = π/π_old with its log clamped to ±20 nats, beyond which r has no gradient.

        The exponent is 0 outside the mask, where padding may hold anything.
        """
        return bounded_exp((self.logprob - self.old_logprob).masked_fill(~self.valid, 0.0))

    @property
    def valid(self) -> Tensor:
        return self.mask.bool()

    @property
    def groups(self) -> Tensor:
        """(S,) `group`; without one the batch counts as one group."""
        return torch.zeros(len(self.mask), device=self.mask.device) if self.group is None else self.group

    def with_(self, **changes: Tensor | None) -> "Tokens":
        return replace(self, **changes)

    def map(self, function: Any) -> "Tokens":
        """Apply `function` to each tensor that is present."""
        present = {f.name: getattr(self, f.name) for f in fields(self)}
        return Tokens(**{name: None if value is None else function(value) for name, value in present.items()})

    def detach(self) -> "Tokens":
        return self.map(Tensor.detach)

    def rows(self, index: Any) -> "Tokens":
        """Select the responses at `index` (a slice or an index tensor): one micro-batch."""
        return self.map(lambda tensor: tensor[index])

    def blank_padding(self) -> "Tokens":
        """Set every floating (S, T) tensor to 0 outside the mask, also for the gradient."""
        padding, shape = ~self.valid, self.mask.shape
        return self.map(lambda t: t.masked_fill(padding, 0.0) if t.shape == shape and t.is_floating_point() else t)


@dataclass(frozen=True)
class Context:
    """Inputs of a slot function beyond the batch. Most functions read none of them.

    - `progress`: progress of training, in [0, 1]; None: not in a run.
    - `generator`: source of random draws; None: a fresh one with seed 0, so that equal batches draw equal numbers.
    - `memory`: state that the function's `after_step` keeps between steps; saved with the checkpoint.
    """

    progress: float | None = None
    generator: torch.Generator | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)

    def permutation(self, n: int) -> Tensor:
        """(n,) a random order of 0 … n-1, drawn on the generator's own device."""
        generator = self.generator if self.generator is not None else torch.Generator().manual_seed(0)
        return torch.randperm(n, generator=generator, device=generator.device)


def bounded_exp(difference: Tensor) -> Tensor:
    """exp of a difference of log-probabilities clamped to ±`LARGEST_LOG_RATIO`."""
    return difference.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the true entries of `mask`; 0 if there are none."""
    weight = mask.to(values.dtype)
    return values.masked_fill(~mask.bool(), 0.0).sum() / weight.sum().clamp(min=1)


def largest(values: Tensor, among: Tensor, count: int) -> Tensor:
    """Mark (bool, shaped like `values`) the `count` largest values where `among` is true, or all if there are fewer."""
    chosen = torch.zeros_like(among)
    count = min(count, int(among.sum()))
    index = values.masked_fill(~among, -torch.inf).flatten().topk(count).indices
    chosen.view(-1)[index] = True
    return chosen & among
