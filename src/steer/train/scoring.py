"""Forward passes over a batch in micro-batches, distributed over the processes of a run.

Every process holds the whole batch and its statistics, which are small; only the model's work is distributed. Symbols:
docs/notation.md.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributed.fsdp import FSDPModule

from steer.configs.schema import Training
from steer.models.forward import Sequences
from steer.models.head import TokenStatistics
from steer.models.packing import Entering, as_index, in_rounds
from steer.models.products import products_for
from steer.models.statistics import BUCKET, policy_statistics, shares_prompts, update_chunks
from steer.train.parallel import rank, summed, world


@dataclass(frozen=True)
class MicroBatch:
    """A micro-batch. `index`: rows of the batch. `counts`: false for a dummy whose result is discarded.

    If the batch does not divide evenly, some processes need a dummy pass, because all must call the model equally
    often.
    """

    index: Tensor
    counts: bool = True


def micro_batches(sequences: Sequences, training: Training, model) -> list[MicroBatch]:
    """Return this process' part of the batch, in the same number of micro-batches on every process.

    At most `micro_batch` sequences and `micro_batch_tokens` tokens each: those that enter, a prompt once for all its
    responses where it is shared, else padding included. A model that is not sharded takes the whole batch as one where
    neither is set. Processes wait for each other in every pass: those that they are in together are of like size.
    """
    count, tokens = len(sequences.lengths), training.micro_batch_tokens
    if not isinstance(model, FSDPModule):
        chunks = update_chunks(sequences, training, training.micro_batch or count, model)
        return [MicroBatch(chunk) for chunk in chunks] if len(chunks) > 1 else [MicroBatch(sequences.index)]
    # One forward pass per micro-batch, and at least one for every process.
    size = min(training.micro_batch or BUCKET, BUCKET, -(-count // world()))
    whole = sequences.prompt_lengths + sequences.lengths
    if shares_prompts(model, training) and (training.micro_batch is None or tokens is not None):
        size = training.micro_batch or (size if tokens is None else count)
        rounds = in_rounds(Entering.of(sequences), size, tokens, world())
        mine = [as_index(together[rank()], whole) for together in rounds]
    else:
        # What a method does by micro-batches needs them as they are configured.
        chunks = update_chunks(sequences, training, size, model)
        chunks.sort(key=lambda chunk: int(whole[chunk].sum()), reverse=True)
        mine = chunks[rank() :: world()]
        mine += [whole.new_empty(0, dtype=torch.long)] * (-(-len(chunks) // world()) - len(mine))
    stand_in = MicroBatch(sequences.index[:1], counts=False)
    return [MicroBatch(chunk) if len(chunk) else stand_in for chunk in mine]


def passed(
    model, sequences: Sequences, training: Training, needs: frozenset[str], rows: int | None = None
) -> TokenStatistics:
    """Compute statistics (S, T) of one micro-batch; with gradient if autograd is on.

    `rows`: sequences per forward pass of an unsharded model; a sharded one takes all at once.
    """
    if isinstance(model, FSDPModule):
        return TokenStatistics(*model.token_statistics(sequences, training, needs))
    return policy_statistics(model, sequences, training, needs, rows)


@torch.no_grad()
def scored(model, sequences: Sequences, training: Training, needs: frozenset[str] = frozenset()) -> TokenStatistics:
    """Compute statistics (S, T) of the whole batch on every process, without gradient; 0 outside the mask."""
    with products_for(training.precision):
        if not isinstance(model, FSDPModule):
            return passed(model, sequences, training, needs, training.micro_batch)
        parts = [(part, passed(model, sequences.rows(part.index), training, needs))
                 for part in micro_batches(sequences, training, model)]  # fmt: skip
    # No backward pass follows to release the gathered embeddings and head: a step without an update would leave whole
    # bf16 parameters although the optimizer and checkpoints expect shares.
    model.reshard()
    return together(parts, sequences.mask)


def together(parts: list[tuple[MicroBatch, TokenStatistics]], mask: Tensor) -> TokenStatistics:
    """Gather the statistics of all processes' micro-batches into those of the batch; 0 outside `mask` (S, T)."""
    micro = [part for part, _ in parts]

    def gathered(*values: Tensor | None) -> Tensor | None:
        return None if values[0] is None else placed(list(zip(micro, values, strict=True)), mask)

    return TokenStatistics(*map(gathered, *(statistics.values() for _, statistics in parts)))


def placed(values: list[tuple[MicroBatch, Tensor]], mask: Tensor) -> Tensor:
    """Place each micro-batch's (s, t) in its rows of (S, T), from all processes, detached; 0 outside `mask`."""
    whole = values[0][1].new_zeros(mask.shape)
    for part, rows in values:
        if part.counts:
            whole[part.index, : rows.shape[1]] = rows.detach()
    # Each row belongs to one process: the sum is that process's value.
    return summed(whole.masked_fill_(~mask, 0.0))


def placed_over(below: TokenStatistics, index: Tensor, found: TokenStatistics) -> TokenStatistics:
    """Write `found` (s, t) into the rows `index` of `below` (S, T)."""

    def replaced(under: Tensor | None, over: Tensor | None) -> Tensor | None:
        if under is None or over is None:
            return None
        under = under.to(over.dtype, copy=True)
        under[index, : over.shape[1]] = over.detach()
        return under

    return TokenStatistics(*map(replaced, below.values(), found.values()))
