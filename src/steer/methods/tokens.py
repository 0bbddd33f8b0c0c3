"""What a method sees of an update batch: one dataclass of tensors, and what it may know beyond the batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

# Nats. The log of an importance ratio is held within ± this: e^89 overflows fp32, and its gradient is NaN. As in verl.
LARGEST_LOG_RATIO = 20.0


@dataclass(frozen=True)
class Tokens:
    """An update batch of S responses, padded to T tokens. Natural logarithms; nats.

    All are (S, T) unless said otherwise. Only entries where `mask` is true are ever read into a statistic.

    - `logprob`: log-probability of the sampled token under the current policy; carries the gradient.
    - `old_logprob`: the same under the policy that sampled it.
    - `entropy`: entropy of the full next-token distribution of the current policy; may carry a gradient.
    - `old_entropy`: the same under the policy that sampled the token.
    - `advantage`: A, constant over a response until it is shaped.
    - `mask`: 1 on response tokens (bool, or numbers that are 0 or 1).
    - `group`: (S,) prompt that each response answers; needed by methods that compare within a group.
    - `reduction`: Σ_b π_b² (log π_b + H) of the current policy; needed by the `tabular` estimator alone.
    - `teacher_logprob`: log-probability under a teacher context; needed by RLRT alone (`steer.methods.teacher`).
    - `proxy_logprob`: log-probability under the filtered sampling policy; needed by Lp-Reg alone
      (`steer.methods.vocabulary.proxy_logprob`). -inf where the token was filtered out.
    - `nucleus_entropy`, `clamped_entropy`: entropy of the current policy on a part of the vocabulary
      (`steer.methods.vocabulary`); carry a gradient; needed by SIREN and by AEnt alone.
    - `base_logprob`: log-probability under the model that training started from; needed by `base_kl` alone.
    - `token`: id of the sampled token, an integer; needed by GTPO alone.
    - `correction`: factor on the token's loss for what the rollout engine's policy differs from the trainer's
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
        """Importance ratio r = π/π_old, its log within ±20 nats: beyond, r has no gradient.

        The exponent is zeroed outside the mask, where padding may hold anything.
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
        """`function` applied to each tensor that is there."""
        present = {f.name: getattr(self, f.name) for f in fields(self)}
        return Tokens(**{name: None if value is None else function(value) for name, value in present.items()})

    def detach(self) -> "Tokens":
        return self.map(Tensor.detach)

    def rows(self, index: Any) -> "Tokens":
        """The responses at `index` (a slice or an index tensor): one micro-batch."""
        return self.map(lambda tensor: tensor[index])

    def blank_padding(self) -> "Tokens":
        """The same with 0 in every floating (S, T) tensor outside the mask, also for the gradient."""
        padding, shape = ~self.valid, self.mask.shape
        return self.map(lambda t: t.masked_fill(padding, 0.0) if t.shape == shape and t.is_floating_point() else t)


@dataclass(frozen=True)
class Context:
    """What a slot function may know beyond the batch. Most read none of it.

    - `progress`: how far training is, in [0, 1]; None: not in a run.
    - `generator`: the source of random draws; None: a fresh one with seed 0, so that equal batches draw alike.
    - `memory`: what the function's own `after_step` keeps from step to step; saved with the checkpoint.
    """

    progress: float | None = None
    generator: torch.Generator | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)

    def permutation(self, n: int) -> Tensor:
        """(n,) a random order of 0 … n-1, drawn on the generator's own device."""
        generator = self.generator if self.generator is not None else torch.Generator().manual_seed(0)
        return torch.randperm(n, generator=generator, device=generator.device)


def bounded_exp(difference: Tensor) -> Tensor:
    """exp of a difference of log-probabilities that is held within ±`LARGEST_LOG_RATIO`."""
    return difference.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the true entries of `mask`; 0 where there are none."""
    weight = mask.to(values.dtype)
    return values.masked_fill(~mask.bool(), 0.0).sum() / weight.sum().clamp(min=1)


def largest(values: Tensor, among: Tensor, count: int) -> Tensor:
    """Bool, shaped like `values`: the `count` largest of those where `among` is true (all, if there are fewer)."""
    chosen = torch.zeros_like(among)
    count = min(count, int(among.sum()))
    index = values.masked_fill(~among, -torch.inf).flatten().topk(count).indices
    chosen.view(-1)[index] = True
    return chosen & among
