"""Rotary positions for the fast paths: the sine includes the sign of the rotated half, so the rotation is a roll."""

import torch
from torch import Tensor


def signed(sine: Tensor) -> Tensor:
    """Convert transformers' sines (…, size) for `rotated`."""
    half = sine.shape[-1] // 2
    return torch.cat([-sine[..., :half], sine[..., half:]], dim=-1)


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate queries or keys (…, size) to their positions; `sine` is `signed`."""
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, dims=-1), sine)
