"""Decoder layers of Qwen2- and Llama-type models as one autograd function each, for models that train on a CPU.

The same mathematics as transformers' modules over the row of `steer.models.shared`, with a hand-written derivative:
at a hidden size of a hundred, autograd's small steps between matrix products take longer than the products.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear, rms_norm, silu
from transformers import PreTrainedModel

from steer.models.family import is_plain
from steer.models.rotary import rotated, signed
from steer.models.shared import Layout


def fits(model: PreTrainedModel) -> bool:
    """Check that `last_hidden` supports the model and gives the same result as its modules."""
    if not is_plain(model) or model.device.type != "cpu" or model.dtype not in (torch.float32, torch.float64):
        return False
    free = all(layer.mlp.gate_proj.bias is None and not layer.mlp.down_proj.bias for layer in model.model.layers)
    return free and not model.is_gradient_checkpointing and not (model.training and model.config.attention_dropout)


def last_hidden(model: PreTrainedModel, layout: Layout, dtype: torch.dtype | None = None) -> Tensor:
    """Compute the states (R, hidden) before each response token, with gradient if autograd is on.

    `dtype`: type of the layers' arithmetic, by default the weights'. The last norm, the states that it returns and
    all gradients have the weights' type.
    """
    body, dtype = model.model, dtype or model.dtype
    x = embedding(layout.tokens, body.embed_tokens.weight, body.embed_tokens.padding_idx).to(dtype)
    cosine, sine = (part[0][:, None] for part in body.rotary_emb(x, layout.positions[None]))
    rotation = cosine, signed(sine)
    masks = _masks(layout, x.dtype)
    for number, layer in enumerate(body.layers, 1):
        attention, mlp = layer.self_attn, layer.mlp
        projections = attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj
        weights = [tensor for module in projections for tensor in (module.weight, module.bias)]
        weights += [mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight]
        weights = [tensor if tensor is None else tensor.to(dtype) for tensor in weights]
        norms = (norm.weight.to(dtype) for norm in (layer.input_layernorm, layer.post_attention_layernorm))
        # After the last layer only states that predict a token are needed: one per prompt.
        wanted = layout.before if number == len(body.layers) else None
        fixed = layout, wanted, rotation, masks, attention.scaling, layer.input_layernorm.variance_epsilon
        x = _Layer.apply(x, fixed, *norms, *weights)
    return rms_norm(x.to(model.dtype), x.shape[-1:], body.norm.weight, body.norm.variance_epsilon)


def _masks(layout: Layout, dtype: torch.dtype) -> list[Tensor]:
    """Build the additive attention mask of each block: 0 where attended."""
    width = layout.prompts[1]
    causal = torch.ones(width, width, dtype=torch.bool, device=layout.tokens.device).tril()
    allowed = [causal, *(mask for *_, mask in layout.blocks)]
    return [torch.zeros_like(m, dtype=dtype).masked_fill_(~m, torch.finfo(dtype).min) for m in allowed]


class _Layer(torch.autograd.Function):
    """x + attention(norm(x)), then + mlp(norm(·)). (N, hidden) → (N, hidden), or (R, hidden) of the rows `wanted`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fixed: tuple, norm1: Tensor, norm2: Tensor, *weights: Tensor | None) -> Tensor:
        layout, wanted, rotation, masks, scale, epsilon = fixed
        wq, bq, wk, bk, wv, bv, wo, bo, gate, up, down = weights
        size = rotation[0].shape[-1]
        n1, r1 = _normalised(x, epsilon)
        h = n1 * norm1
        query, key, value = (linear(h, w, b).view(len(x), -1, size) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
        heads = [rotated(query, *rotation), rotated(key, *rotation), value]
        blocks = [_blocks(states.index_select(0, layout.row_of_slot), layout) for states in heads]
        kept, mixed = [], []
        for i, mask in enumerate(masks):
            q, k, v = (block[i] for block in blocks)
            if i > 0:
                owner = layout.blocks[i - 1][1]
                k, v = (torch.cat([b[0].index_select(0, owner), own], 2) for b, own in ((blocks[1], k), (blocks[2], v)))
            k, v = (_repeated(states, q.shape[1]) for states in (k, v))
            p = torch.softmax(torch.matmul(q, k.transpose(2, 3)).mul_(scale).add_(mask), dim=-1)
            kept.append((q, k, v, p))
            mixed.append(torch.matmul(p, v))
        slot_of_row = layout.slot_of_row
        if wanted is not None:
            slot_of_row, x = slot_of_row[wanted], x.index_select(0, wanted)
        o = _slots(mixed).index_select(0, slot_of_row).view(len(x), -1)
        x2 = torch.addmm(x if bo is None else x + bo, o, wo.t())
        n2, r2 = _normalised(x2, epsilon)
        h = n2 * norm2
        g, u = h @ gate.t(), h @ up.t()
        ctx.kept = (fixed, norm1, norm2, weights, n1, r1, kept, o, n2, r2, g, u)
        return torch.addmm(x2, silu(g).mul_(u), down.t())

    @staticmethod
    def backward(ctx: Any, dy: Tensor):
        fixed, norm1, norm2, weights, n1, r1, kept, o, n2, r2, g, u = ctx.kept
        layout, wanted, rotation, _, scale, _ = fixed
        wq, bq, wk, bk, wv, bv, wo, bo, gate, up, down = weights
        gated = silu(g)
        da = dy @ down
        d_down = dy.t() @ (gated * u)
        du, dg = da * gated, torch.ops.aten.silu_backward(da * u, g)
        h = n2 * norm2
        dx2, d_norm2 = _normalised_backward(torch.addmm(dg @ gate, du, up), n2, r2, norm2)
        dx2 += dy
        d_gate, d_up = dg.t() @ h, du.t() @ h
        # Attention by block; gradients from responses accumulate at their prompt's keys and values.
        d_wo, d_bo = dx2.t() @ o, None if bo is None else dx2.sum(0)
        spread = (dx2 @ wo).view(len(dy), -1, rotation[0].shape[-1])
        if wanted is None:
            spread = spread.index_select(0, layout.row_of_slot).index_fill_(0, layout.padding, 0.0)
        else:
            # The last token of a prompt precedes the first token of each of its responses.
            slots = spread.new_zeros(len(layout.row_of_slot), *spread.shape[1:])
            spread = slots.index_add_(0, layout.slot_of_row[wanted], spread)
        d_mixed = _blocks(spread, layout)
        found: list[list[Tensor]] = []
        for i, ((q, k, v, p), do) in enumerate(zip(kept, d_mixed, strict=True)):
            dp = torch.matmul(do, v.transpose(2, 3))
            ds = torch.ops.aten._softmax_backward_data(dp, p, -1, p.dtype).mul_(scale)
            dk, dv = torch.matmul(ds.transpose(2, 3), q), torch.matmul(p.transpose(2, 3), do)
            pairs = [_summed(states, wk.shape[0] // q.shape[-1]) for states in (dk, dv)]
            if i > 0:
                width, owner = layout.prompts[1], layout.blocks[i - 1][1]
                for total, states in zip(found[0][1:], pairs, strict=True):
                    total.index_add_(0, owner, states[:, :, :width])
                pairs = [states[:, :, width:] for states in pairs]
            found.append([torch.matmul(ds, k), *pairs])
        dq, dk, dv = (_slots(list(parts)).index_select(0, layout.slot_of_row) for parts in zip(*found, strict=True))
        dq, dk, dv = (d.reshape(len(n1), -1) for d in (_unrotated(dq, *rotation), _unrotated(dk, *rotation), dv))
        dh = torch.addmm(torch.addmm(dq @ wq, dk, wk), dv, wv)
        dx, d_norm1 = _normalised_backward(dh, n1, r1, norm1)
        dx = dx.add_(dx2) if wanted is None else dx.index_add_(0, wanted, dx2)
        h = n1 * norm1
        d_in = [d for g, b in ((dq, bq), (dk, bk), (dv, bv)) for d in (g.t() @ h, None if b is None else g.sum(0))]
        return dx, None, d_norm1, d_norm2, *d_in, d_wo, d_bo, d_gate, d_up, d_down


def _normalised(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Divide x by its root mean square; also return the inverse of that, (N, 1)."""
    wide = torch.promote_types(x.dtype, torch.float32)
    norm = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=wide)
    inverse = torch.rsqrt(norm.square_() / x.shape[1] + epsilon)
    return (x * inverse).to(x.dtype), inverse


def _normalised_backward(dh: Tensor, n: Tensor, inverse: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the gradients of x and of the weight from that of n·weight."""
    product = dh * n
    along = (product @ weight)[:, None] / n.shape[1]
    return torch.addcmul(dh * weight, n, along, value=-1).mul_(inverse), product.sum(0)


def _unrotated(d: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Derivative of `rotated`: its transpose."""
    return torch.addcmul((d * sine).roll(-(d.shape[-1] // 2), dims=-1), d, cosine)


def _blocks(slots: Tensor, layout: Layout) -> list[Tensor]:
    """Split (M, heads, size) into (sequences, heads, width, size) per block."""
    shapes = [layout.prompts, *(shape for shape, *_ in layout.blocks)]
    parts = slots.split([n * width for n, width in shapes])
    return [part.view(*shape, *slots.shape[1:]).transpose(1, 2) for part, shape in zip(parts, shapes, strict=True)]


def _slots(blocks: list[Tensor]) -> Tensor:
    """Inverse of `_blocks`."""
    return torch.cat([block.transpose(1, 2).flatten(0, 1) for block in blocks])


def _repeated(states: Tensor, heads: int) -> Tensor:
    """Repeat keys or values for every query head."""
    times = heads // states.shape[1]
    return states if times == 1 else states.repeat_interleave(times, 1)


def _summed(states: Tensor, heads: int) -> Tensor:
    """Derivative of `_repeated`."""
    if states.shape[1] == heads:
        return states
    return states.view(len(states), heads, -1, *states.shape[2:]).sum(2)
