"""Compare a method with the plain one on the same batch.

The plain one has GRPO's advantages, PPO's clip at 0.2, no weight, no penalty, and the same share for every token.
"""

import torch
from torch import Tensor

from steer.methods.clip import ppo
from steer.methods.method import Prepared
from steer.methods.reduction import token_mean
from steer.methods.tokens import Tokens, masked_mean

TOUCHED = 0.01  # a part of the gradient that differs by more of the larger one


def against_plain(tokens: Tokens, prepared: Prepared, weight: Tensor, advantage: Tensor) -> dict[str, float]:
    """`touched`, `gradient_mass` and `gradient_mass_plain`, as in docs/metrics.md.

    A token's part of the gradient is the slope of its loss in its log-probability, share·c·λ·∂u/∂log π. `tokens`: the
    update batch; `prepared`: what the method made of it, with `weight` (S, T) as used; `advantage` (S,): the plain
    method's. A penalty touches the tokens it is added on; its slope lies in the entropy as often as in log π, so it
    has no part in the mass.
    """
    tokens = tokens.detach().blank_padding()
    correction = 1.0 if tokens.correction is None else tokens.correction
    given = advantage.to(tokens.logprob.dtype)[:, None].expand_as(tokens.logprob)
    plain = _slope(ppo, tokens.with_(advantage=given)) * token_mean(tokens.valid.to(tokens.logprob.dtype)) * correction
    mine = weight * _slope(prepared.clip, tokens.with_(advantage=prepared.advantage)) * prepared.share * correction
    touched = (mine - plain).abs() > TOUCHED * torch.maximum(mine.abs(), plain.abs())
    if prepared.penalty is not None:
        touched |= prepared.penalty.scale != 0
    values = {
        "touched": masked_mean(touched.to(mine.dtype), tokens.valid),
        "gradient_mass": mine.abs()[tokens.valid].sum(),
        "gradient_mass_plain": plain.abs()[tokens.valid].sum(),
    }
    return dict(zip(values, torch.stack(list(values.values())).tolist(), strict=True))


@torch.enable_grad()
def _slope(clip, tokens: Tokens) -> Tensor:
    """(S, T) ∂u/∂log π of each token, 0 outside the mask."""
    logprob = tokens.logprob.clone().requires_grad_()
    objective = clip(tokens.with_(logprob=logprob)).objective
    return torch.autograd.grad(objective[tokens.valid].sum(), logprob)[0]
