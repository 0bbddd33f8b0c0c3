"""What a method sees of an update batch: one dataclass of tensors."""

from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor


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
    - `teacher_logprob`: log-probability under a teacher context; needed by RLRT alone.
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
    unclipped: Tensor | None = None

    @property
    def ratio(self) -> Tensor:
        """Importance ratio r = π/π_old. The exponent is zeroed outside the mask, where padding may hold anything."""
        return (self.logprob - self.old_logprob).masked_fill(~self.valid, 0.0).exp()

    @property
    def valid(self) -> Tensor:
        return self.mask.bool()

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


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the true entries of `mask`; 0 where there are none."""
    weight = mask.to(values.dtype)
    return values.masked_fill(~mask.bool(), 0.0).sum() / weight.sum().clamp(min=1)
