"""Arithmetic of one block of logits in torch, for `steer.models.fused_head`."""

import torch
from torch import Tensor


def moved(sums: Tensor, by: Tensor) -> Tensor:
    """Shift the sums s, t, u, v (4, R) when the reference of the logits grows by -`by` (R,)."""
    s, t, u, v = sums
    once, twice = by.exp(), (2 * by).exp()
    return torch.stack([once * s, once * (t + by * s), twice * u, twice * (v + by * u)])


def accumulate(z: Tensor, m: Tensor, sums: Tensor) -> None:
    """Add a block of logits `z` (R, B) to the largest logit `m` (R,) and the `sums` (4, R); overwrites `z`."""
    largest = torch.maximum(m, z.amax(1))
    sums.copy_(moved(sums, m - largest))
    m.copy_(largest)
    x = z.sub_(largest[:, None])
    power = x.exp()
    sums[0] += power.sum(1)
    weighted = x.mul_(power)
    sums[1] += weighted.sum(1)
    sums[3] += weighted.mul_(power).sum(1)
    sums[2] += power.square_().sum(1)


def gradient_(z: Tensor, total: Tensor, entropy: Tensor, d_logprob: Tensor, d_entropy: Tensor) -> None:
    """Replace logits `z` (R, B) by their gradient, without the chosen token's own term.

    dz = -π·(d_logprob + d_entropy·(log π + H)).
    """
    log_pi = z.sub_(total[:, None])
    pi = log_pi.exp()
    constant = torch.addcmul(d_logprob, d_entropy, entropy).neg_()
    torch.addcmul(constant[:, None], log_pi, d_entropy.neg()[:, None], out=log_pi).mul_(pi)
