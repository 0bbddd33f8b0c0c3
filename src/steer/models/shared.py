"""A forward pass that processes a prompt once for all its responses, with padding only in attention.

All tokens form one row, prompts first. Products, norms and the head run over that row. The attention function below
rearranges queries, keys and values into blocks (prompts alone, responses after their prompts) and the result back. On
GPUs with torch's kernel for ragged sequences (`steer.models.varlen`) there are no blocks and no padding. It is
registered with transformers, so that every architecture with its attention interface, full attention and rotary (or
no) positions can be run this way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from steer.models import varlen
from steer.models.forward import Sequences

NAME = "steer_shared_prompts"
# Responses per attention block: few enough to have similar lengths.
_BLOCK = 32


@dataclass(frozen=True)
class Spans:
    """Sequences of the row: first the prompts, whose keys are their own, then the responses, whose keys are their
    prompt's and their own. `queries`, `keys`: their lengths; `key_rows` (K,): positions of the keys in the row. Queries
    are the row itself."""

    queries: list[int]
    keys: list[int]
    key_rows: Tensor


@dataclass(frozen=True)
class Layout:
    """Positions of all tokens: N tokens in the row, M slots in the blocks, R response tokens to predict.

    `tokens`, `positions` (N,). `row_of_slot` (M,): 0 for padding, whose slots are `padding`; `slot_of_row` (N,).
    `prompts` (P, width): the shape of the first block. `parts`: for each further one its shape (s, width), the prompt
    of each of its sequences, and where that prompt has tokens (s, prompt width).
    `spans`: the same without padding, for a kernel that takes sequences of different lengths.
    `before`, `targets` (R,): row of the token before each response token, and that token, in the order of
    `Sequences.mask`.
    """

    tokens: Tensor
    positions: Tensor
    row_of_slot: Tensor
    slot_of_row: Tensor
    padding: Tensor
    prompts: tuple[int, int]
    parts: list[tuple[tuple[int, int], Tensor, Tensor]]
    spans: Spans
    before: Tensor
    targets: Tensor

    @cached_property
    def blocks(self) -> list[tuple[tuple[int, int], Tensor, Tensor]]:
        """`parts` with the mask (s, 1, width, prompt width + width) of each, true where attended. Made once, and not
        at all where attention does without padding: it takes the square of the length."""
        found = []
        for (count, width), owner, behind in self.parts:
            causal = torch.ones(width, width, dtype=torch.bool, device=owner.device).tril()
            allowed = torch.cat([behind[:, None].expand(-1, width, -1), causal.expand(count, -1, -1)], dim=2)
            found.append(((count, width), owner, allowed[:, None]))
        return found


def fits(model: PreTrainedModel) -> bool:
    """Check whether the model can be run this way; if it uses torch's attention, switch it to ours."""
    config = model.config
    kinds = getattr(config, "layer_types", None)
    # Mistral, Phi-3 and others have no layer types: if a window is set, all layers have it.
    windowed = not kinds and bool(getattr(config, "sliding_window", None))
    if windowed or set(kinds or ["full_attention"]) != {"full_attention"}:
        return False
    if config._attn_implementation == "sdpa" and model._supports_attention_backend:
        model.set_attn_implementation(NAME)
    return config._attn_implementation == NAME


def last_hidden(model: PreTrainedModel, layout: Layout) -> Tensor:
    """Compute the states (R, hidden) before each response token."""
    # A ready mask is passed on unchanged and keeps transformers from making one.
    ready = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=layout.tokens.device)
    return model.model(
        input_ids=layout.tokens[None],
        position_ids=layout.positions[None],
        attention_mask=ready,
        use_cache=False,
        shared_prompts=layout,
    ).last_hidden_state[0][layout.before]


def layout_of(sequences: Sequences) -> Layout:
    """Build the layout in which equal prompts are merged."""
    device, lengths = sequences.tokens.device, sequences.lengths
    prompts, owner = sequences.distinct_prompts()
    inside = prompts >= 0
    offset = torch.arange(prompts.shape[1], device=device)
    ends = inside.sum(1) - 1
    count = int(inside.sum())
    responses, mask = sequences.responses, sequences.mask
    # The last token of a response predicts nothing that is needed.
    entering = torch.arange(mask.shape[1], device=device) < lengths[:, None] - 1
    prompt_rows = _numbered(inside, 0)
    rows = _numbered(entering, count)
    slots, valid, parts = [prompt_rows.flatten()], [inside.flatten()], []
    for chosen in torch.argsort(lengths, stable=True).split(_BLOCK):
        width = int(lengths[chosen].max()) - 1
        if width == 0:
            continue
        slots.append(rows[chosen, :width].flatten())
        valid.append(entering[chosen, :width].flatten())
        parts.append(((len(chosen), width), owner[chosen], inside[owner[chosen]]))
    row_of_slot, held = torch.cat(slots), torch.cat(valid)
    slot_of_row = torch.empty(count + int(entering.sum()), dtype=torch.long, device=device)
    slot_of_row[row_of_slot[held]] = held.nonzero().squeeze(1)
    positions = sequences.prompt_lengths[:, None] + torch.arange(mask.shape[1], device=device)
    first = prompt_rows.gather(1, ends[:, None])[owner]
    return Layout(
        tokens=torch.cat([prompts[inside], responses[entering]]),
        positions=torch.cat([offset.expand_as(inside)[inside], positions[entering]]),
        row_of_slot=row_of_slot,
        slot_of_row=slot_of_row,
        padding=(~held).nonzero().squeeze(1),
        prompts=tuple(prompts.shape),
        parts=parts,
        spans=_spans(inside, owner, (lengths - 1).tolist()),
        before=torch.cat([first, rows[:, :-1]], dim=1)[mask],
        targets=responses[mask],
    )


def _spans(inside: Tensor, owner: Tensor, responses: list[int]) -> Spans:
    """`inside` (P, width): the tokens of the prompts; `responses`: how many tokens of each response enter."""
    prompts, device = inside.sum(1).tolist(), inside.device
    starts = [0, *accumulate(prompts)]
    queries, keys, key_rows, at = list(prompts), list(prompts), [torch.arange(starts[-1], device=device)], starts[-1]
    for mine, length in zip(owner.tolist(), responses, strict=True):
        if length > 0:
            queries.append(length)
            keys.append(prompts[mine] + length)
            key_rows += [key_rows[0][starts[mine] : starts[mine + 1]], torch.arange(at, at + length, device=device)]
            at += length
    return Spans(queries, keys, torch.cat(key_rows))


def _numbered(where: Tensor, start: int) -> Tensor:
    """Number the true entries from `start`; 0 elsewhere."""
    return ((where.flatten().cumsum(0) - 1 + start).view_as(where)).masked_fill(~where, 0)


def attend(
    module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options
) -> tuple[Tensor, None]:
    """transformers' attention interface: (1, heads, N, d) each → (1, N, heads, d). Without a layout, torch's own."""
    layout: Layout | None = options.pop("shared_prompts", None)
    if layout is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    scale, dropout = options["scaling"], options.get("dropout", 0.0)
    if dropout == 0.0 and varlen.serves(query):
        return without_padding(varlen.flash, query, key, value, layout.spans, scale), None
    shared = query.shape[1] // key.shape[1]
    sizes = [n * width for n, width in (layout.prompts, *(shape for shape, *_ in layout.blocks))]
    parts = []
    for states in (query, key, value):
        slots = _ToSlots.apply(states[0].transpose(0, 1), layout)
        parts.append([part.view(*shape, *slots.shape[1:]) for part, shape in zip(
            slots.split(sizes), (layout.prompts, *(shape for shape, *_ in layout.blocks)), strict=True)])  # fmt: skip
    queries, keys, values = parts

    def attention(query: Tensor, key: Tensor, value: Tensor, **how) -> Tensor:
        heads = query.transpose(1, 2), *(x.repeat_interleave(shared, 2).transpose(1, 2) for x in (key, value))
        mixed = torch.nn.functional.scaled_dot_product_attention(*heads, scale=scale, dropout_p=dropout, **how)
        return mixed.transpose(1, 2).flatten(0, 1)

    results = [attention(queries[0], keys[0], values[0], is_causal=True)]
    for i, (_, owner, allowed) in enumerate(layout.blocks, 1):
        behind = (torch.cat([x[0].index_select(0, owner), x[i]], dim=1) for x in (keys, values))
        results.append(attention(queries[i], *behind, attn_mask=allowed))
    return _ToRow.apply(torch.cat(results), layout)[None], None


def without_padding(
    attention: Callable[..., Tensor], query: Tensor, key: Tensor, value: Tensor, spans: Spans, scale: float
) -> Tensor:
    """`attend` by a function of `steer.models.varlen`: (1, heads, N, d) each → (1, N, heads, d)."""
    rows, *behind = (states[0].transpose(0, 1) for states in (query, key, value))
    behind = [states.index_select(0, spans.key_rows) for states in behind]
    return attention(rows.contiguous(), *behind, spans.queries, spans.keys, scale)[None]


class _ToSlots(torch.autograd.Function):
    """Map (N, …) in the row to (M, …) in the blocks. Padding has the first row's values and no gradient."""

    @staticmethod
    def forward(ctx, states: Tensor, layout: Layout) -> Tensor:
        ctx.layout = layout
        return states.index_select(0, layout.row_of_slot)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return gradient.index_select(0, ctx.layout.slot_of_row), None


class _ToRow(torch.autograd.Function):
    """Map (M, …) in the blocks to (N, …) in the row, without padding."""

    @staticmethod
    def forward(ctx, states: Tensor, layout: Layout) -> Tensor:
        ctx.layout = layout
        return states.index_select(0, layout.slot_of_row)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        spread = gradient.index_select(0, ctx.layout.row_of_slot)
        return spread.index_fill_(0, ctx.layout.padding, 0.0), None


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
