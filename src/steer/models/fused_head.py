"""Compute log-probability, entropy and the tabular reduction from hidden states without all logits.

One pass over the vocabulary in blocks keeps per token the largest logit m and, with x = z - m, the sums
s = Σeˣ, t = Σeˣx, u = Σe²ˣ, v = Σe²ˣx, from which all three statistics follow. Backward recomputes each block's logits,
on a CPU only those beyond a fixed number that forward keeps. Sums are fp32 or wider whatever the model's type. A rank
may hold part of the vocabulary.
"""

import importlib.util
import math
from dataclasses import dataclass
from itertools import zip_longest
from types import ModuleType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from steer.methods.vocabulary import THRESHOLD
from steer.models import fused_head_torch

# Logits per block: small enough for a processor's cache, large enough to fill a GPU.
_ELEMENTS = 1 << 22
_ROWS = 4096
# Logits kept for backward on a CPU, which has more memory than arithmetic: half a gibibyte in fp32.
_KEPT = 1 << 27


@dataclass(frozen=True)
class Shard:
    """This rank's part of the vocabulary: `weight` holds its rows from `first` on; `group` holds all of them."""

    first: int
    group: Any


def fused_statistics(
    hidden: Tensor,
    weight: Tensor,
    tokens: Tensor,
    temperature: float,
    shard: Shard | None = None,
    backward: torch.dtype | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute (log-probability of `tokens`, entropy, Σ_b π_b²(log π_b + H), largest logit), each (R,).

    Temperature applied. `hidden` (R, h), `weight` (V, h): the head's. Gradients flow through the first two outputs to
    `hidden` and `weight`. `backward`: type of the factors of the gradients' products, which are summed in fp32 over
    the blocks; by default that of the logits.
    """
    room = _KEPT if torch.is_grad_enabled() and hidden.device.type == "cpu" else 0
    return _FusedHead.apply(hidden, weight, tokens, temperature, shard, room, backward)


@torch.no_grad()
def fused_proxy_logprob(
    hidden: Tensor, weight: Tensor, tokens: Tensor, temperature: float, largest: Tensor, shard: Shard | None = None
) -> Tensor:
    """Compute `steer.methods.vocabulary.proxy_logprob` in a second pass, with `largest` (R,) from the first."""
    states, cut = _wide(hidden), math.log(THRESHOLD)
    total, chosen = torch.zeros_like(largest), torch.zeros_like(largest)
    for rows, columns, part in _blocks(states, weight):
        x = _logits(states[rows], part, temperature).sub_(largest[rows, None])
        where, local = _in_block(tokens[rows], columns, shard)
        chosen[rows][where] = x[where, local]
        total[rows] += x.exp_().masked_fill_(x < math.exp(cut), 0.0).sum(1)
    total, chosen = _summed(torch.stack([total, chosen]), shard)
    return torch.where(chosen < cut, -torch.inf, chosen - total.log())


class _FusedHead(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        tokens: Tensor,
        temperature: float,
        shard: Shard | None,
        room: int,
        narrow: torch.dtype | None,
    ):
        ops, states = _ops(hidden), _wide(hidden)
        m = torch.full((len(hidden),), torch.finfo(states.dtype).min / 4, dtype=states.dtype, device=hidden.device)
        sums = m.new_zeros(4, len(hidden))
        chosen, kept = torch.zeros_like(m), []
        for rows, columns, part in _blocks(states, weight):
            z = _logits(states[rows], part, temperature, narrow is not None)
            room -= z.numel()
            if room >= 0:
                kept.append(z.clone())
            where, local = _in_block(tokens[rows], columns, shard)
            chosen[rows][where] = z[where, local]
            ops.accumulate(z, m[rows], sums[:, rows])
        m, sums, chosen = _over_ranks(m, sums, chosen, shard)
        s, t, u, v = sums
        log_s, mean = s.log(), t / s
        entropy = log_s - mean
        # log π = x - log s, so Σπ²(log π + H) = (v - (log s - H)·u) / s².
        reduction = (v + (entropy - log_s) * u) / s.square()
        total = m + log_s
        ctx.save_for_backward(hidden, weight, tokens, total, entropy, *kept)
        ctx.temperature, ctx.shard, ctx.narrow = temperature, shard, narrow
        ctx.mark_non_differentiable(reduction, m)
        return chosen - total, entropy, reduction, m

    @staticmethod
    def backward(ctx: Any, d_logprob: Tensor | None, d_entropy: Tensor | None, *_: Any):
        hidden, weight, tokens, total, entropy, *kept = ctx.saved_tensors
        ops, states = _ops(hidden), _wide(hidden)
        want_hidden, want_weight = ctx.needs_input_grad[:2]
        d_hidden = torch.zeros_like(states) if want_hidden else None
        d_weight = torch.zeros(weight.shape, dtype=states.dtype, device=weight.device) if want_weight else None
        for (rows, columns, part), known in zip_longest(_blocks(states, weight), kept):
            z = known.clone() if known is not None else _logits(states[rows], part, ctx.temperature, bool(ctx.narrow))
            ops.gradient_(z, total[rows], entropy[rows], d_logprob[rows], d_entropy[rows])
            where, local = _in_block(tokens[rows], columns, ctx.shard)
            z[where, local] += d_logprob[rows][where]
            if ctx.narrow is not None:
                z = z.to(ctx.narrow)
            if want_hidden:
                _add_product(d_hidden[rows], z, part)
            if want_weight:
                _add_product(d_weight[columns], z.t(), states[rows], 1 / ctx.temperature)
        if want_hidden:
            d_hidden = _summed(d_hidden.div_(ctx.temperature), ctx.shard).to(hidden.dtype)
        return d_hidden, None if d_weight is None else d_weight.to(weight.dtype), *[None] * 5


def _wide(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _logits(states: Tensor, part: Tensor, temperature: float, by_column: bool = False) -> Tensor:
    """Compute logits (R, B), divided by the temperature after the product.

    The factors may be bf16 numbers, which TF32 represents exactly, unlike their quotients. `by_column`: the order in
    memory that MKL computes faster on some processors, with the last digits of another order of addition.
    """
    z = (part @ states.t()).t() if by_column else states @ part.t()
    return z if temperature == 1 else z.div_(temperature)


def _add_product(total: Tensor, left: Tensor, right: Tensor, factor: float = 1.0) -> None:
    """Add factor·left·right to `total`; the product has the type of `left`."""
    if left.dtype == total.dtype:
        total.addmm_(left, right, alpha=factor)
    else:
        total.add_(left @ right.to(left.dtype), alpha=factor)


def _blocks(states: Tensor, weight: Tensor):
    """Yield (rows, columns, the head's rows for those columns) of every block."""
    count = min(len(states), _ROWS)
    width = max(256, _ELEMENTS // max(count, 1))
    for first in range(0, len(weight), width):
        columns = slice(first, min(first + width, len(weight)))
        part = weight[columns].to(states.dtype)
        for row in range(0, len(states), _ROWS):
            yield slice(row, row + _ROWS), columns, part


def _in_block(tokens: Tensor, columns: slice, shard: Shard | None) -> tuple[Tensor, Tensor]:
    """Find the rows whose token is in the block, and its column there."""
    local = tokens - columns.start - (shard.first if shard else 0)
    where = ((local >= 0) & (local < columns.stop - columns.start)).nonzero().squeeze(1)
    return where, local[where]


def _over_ranks(m: Tensor, sums: Tensor, chosen: Tensor, shard: Shard | None) -> tuple[Tensor, Tensor, Tensor]:
    """Combine the sums of the vocabulary's parts, relative to the largest logit of all."""
    if shard is None:
        return m, sums, chosen
    largest = m.clone()
    dist.all_reduce(largest, dist.ReduceOp.MAX, group=shard.group)
    whole = _summed(torch.cat([fused_head_torch.moved(sums, m - largest), chosen[None]]), shard)
    return largest, whole[:4], whole[4]


def _summed(values: Tensor, shard: Shard | None) -> Tensor:
    if shard is not None:
        dist.all_reduce(values, group=shard.group)
    return values


def _ops(hidden: Tensor) -> ModuleType:
    """Choose the arithmetic of a block: Triton's kernels on a GPU that has them, else torch."""
    if hidden.is_cuda and hidden.dtype != torch.float64 and importlib.util.find_spec("triton"):
        from steer.models import fused_head_triton

        return fused_head_triton
    return fused_head_torch
