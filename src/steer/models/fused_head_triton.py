"""Arithmetic of one block of logits as Triton kernels, which read the block once instead of once per operation."""

import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024


def accumulate(z: Tensor, m: Tensor, sums: Tensor) -> None:
    """As `fused_head_torch.accumulate`, without changing `z`."""
    rows, columns = z.shape
    _accumulate[(rows,)](z, m, sums, columns, z.stride(0), sums.stride(0), BLOCK=_BLOCK)


def gradient_(z: Tensor, total: Tensor, entropy: Tensor, d_logprob: Tensor, d_entropy: Tensor) -> None:
    """As `fused_head_torch.gradient_`."""
    rows, columns = z.shape
    grid = (rows, triton.cdiv(columns, _BLOCK))
    arguments = [part.contiguous() for part in (total, entropy, d_logprob, d_entropy)]
    _gradient[grid](z, *arguments, columns, z.stride(0), BLOCK=_BLOCK)


@triton.jit
def _accumulate(z, m, sums, columns, stride, apart, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    largest = tl.load(m + row)
    s = tl.load(sums + row)
    t = tl.load(sums + apart + row)
    u = tl.load(sums + 2 * apart + row)
    v = tl.load(sums + 3 * apart + row)
    for start in range(0, columns, BLOCK):
        column = start + tl.arange(0, BLOCK)
        inside = column < columns
        values = tl.load(z + row * stride + column, mask=inside, other=float("-inf"))
        higher = tl.maximum(largest, tl.max(values, axis=0))
        by = largest - higher
        once = tl.exp(by)
        t = once * (t + by * s)
        s = once * s
        v = once * once * (v + by * u)
        u = once * once * u
        largest = higher
        x = tl.where(inside, values - largest, 0.0)
        power = tl.where(inside, tl.exp(x), 0.0)
        s += tl.sum(power, axis=0)
        t += tl.sum(power * x, axis=0)
        u += tl.sum(power * power, axis=0)
        v += tl.sum(power * power * x, axis=0)
    tl.store(m + row, largest)
    tl.store(sums + row, s)
    tl.store(sums + apart + row, t)
    tl.store(sums + 2 * apart + row, u)
    tl.store(sums + 3 * apart + row, v)


@triton.jit
def _gradient(z, total, entropy, d_logprob, d_entropy, columns, stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    place = z + row * stride + column
    log_pi = tl.load(place, mask=inside, other=0.0) - tl.load(total + row)
    inner = tl.load(d_logprob + row) + tl.load(d_entropy + row) * (log_pi + tl.load(entropy + row))
    tl.store(place, -tl.exp(log_pi) * inner, mask=inside)
