"""The arithmetic of one block of logits in torch: what `steer.models.fused_head` asks of a device."""

import torch
from torch import Tensor


def moved(sums: Tensor, by: Tensor) -> Tensor:
    """(4, R) sums s, t, u, v when the number that logits are taken relative to grows by -`by` (R,)."""
    s, t, u, v = sums
    once, twice = by.exp(), (2 * by).exp()
    return torch.stack([once * s, once * (t + by * s), twice * u, twice * (v + by * u)])


def accumulate(z: Tensor, m: Tensor, sums: Tensor) -> None:
    """Add a block of logits `z` (R, B), which is overwritten, to the largest logit `m` (R,) and the `sums` (4, R)."""
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
    """Logits `z` (R, B) become their gradient, but for the chosen token's own part:
    dz = -π·(d_logprob + d_entropy·(log π + H))."""
    log_pi = z.sub_(total[:, None])
    pi = log_pi.exp()
    constant = torch.addcmul(d_logprob, d_entropy, entropy).neg_()
    torch.addcmul(constant[:, None], log_pi, d_entropy.neg()[:, None], out=log_pi).mul_(pi)
