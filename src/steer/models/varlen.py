"""Attention over sequences of different lengths without padding: on a GPU by torch's flash kernel, elsewhere plainly.

Queries of all sequences follow each other in one row, and so do keys and values. A sequence's queries are the last of
its positions: query i of n sees the keys up to i + (keys − n).
"""

import sys
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

# Head sizes of the flash kernel: multiples of 8 up to this.
_LARGEST = 256
# What a kernel may differ from the plain form, relative to it: bf16 keeps 8 bits.
_TOLERANCE = 0.03


def plain(query: Tensor, key: Tensor, value: Tensor, queries: list[int], keys: list[int], scale: float) -> Tensor:
    """(N, heads, d) attention of each sequence; `key`, `value` (M, kv heads, d); `queries`, `keys`: their lengths."""
    shared, results = query.shape[1] // key.shape[1], []
    for q, k, v in zip(query.split(queries), key.split(keys), value.split(keys), strict=True):
        k, v = (states.repeat_interleave(shared, 1).transpose(0, 1) for states in (k, v))
        allowed = torch.ones(len(q), k.shape[1], dtype=torch.bool, device=q.device).tril(k.shape[1] - len(q))
        mixed = scaled_dot_product_attention(q.transpose(0, 1)[None], k[None], v[None], allowed[None], scale=scale)
        results.append(mixed[0].transpose(0, 1))
    return torch.cat(results)


def flash(query: Tensor, key: Tensor, value: Tensor, queries: list[int], keys: list[int], scale: float) -> Tensor:
    """The same by torch's kernel for GPUs."""
    from torch.nn.attention.varlen import varlen_attn

    ends = [torch.tensor([0, *n], device=query.device).cumsum(0).int() for n in (queries, keys)]
    grouped = {"enable_gqa": True} if query.shape[1] != key.shape[1] else {}
    return varlen_attn(query, key, value, *ends, max(queries), max(keys), scale=scale, window_size=(-1, 0), **grouped)


def serves(query: Tensor) -> bool:
    """Whether `flash` can be used for such queries on their device: tried once on a small example."""
    if query.device.type != "cuda" or query.dtype not in (torch.bfloat16, torch.float16):
        return False
    size = query.shape[-1]
    return size % 8 == 0 and size <= _LARGEST and _agrees(query.device, query.dtype, size)


@cache
def _agrees(device: torch.device, dtype: torch.dtype, size: int) -> bool:
    """Whether the kernel gives the plain form's values and gradients; if not, standard error says so."""
    try:
        apart = difference(flash, device, dtype, size)
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        print(f"attention without padding is not used: {str(error).splitlines()[0]}", file=sys.stderr)
        return False
    if apart > _TOLERANCE:
        print(f"attention without padding is not used: it differs from the plain form by {apart:.2g}", file=sys.stderr)
    return apart <= _TOLERANCE


def difference(kernel, device: torch.device, dtype: torch.dtype, size: int) -> float:
    """The largest distance of the kernel's values and gradients from those of `plain`, relative to their own size, on
    sequences with more keys than queries and more query heads than key heads."""
    queries, keys = [3, 1, 40], [3, 9, 70]
    generator = torch.Generator().manual_seed(0)

    def states(count: int, heads: int) -> Tensor:
        return torch.randn(count, heads, size, generator=generator).to(device, dtype).requires_grad_()

    given = states(sum(queries), 4), states(sum(keys), 2), states(sum(keys), 2)
    weight = torch.randn(sum(queries), 4, size, generator=generator).to(device, dtype)
    found = []
    for attention in (kernel, plain):
        mixed = attention(*given, queries, keys, size**-0.5)
        found.append((mixed, *torch.autograd.grad((mixed * weight).sum(), given)))
    return max(float((a - b).detach().float().norm() / b.detach().float().norm()) for a, b in zip(*found, strict=True))
