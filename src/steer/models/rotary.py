"""Rotary positions for code that stands in for transformers' modules: the sign of the rotated half goes into the sine,
so that the rotation is a roll."""

import torch
from torch import Tensor


def signed(sine: Tensor) -> Tensor:
    """transformers' sines (…, size) as `rotated` takes them."""
    half = sine.shape[-1] // 2
    return torch.cat([-sine[..., :half], sine[..., half:]], dim=-1)


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Queries or keys (…, size) at their positions; `sine` is `signed`."""
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, dims=-1), sine)
