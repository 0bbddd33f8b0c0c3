"""Statistics of a policy's response tokens, by the forward pass that the configuration asks for."""

from typing import Any

from torch import Tensor

from steer.configs.schema import Training
from steer.models import lean, shared
from steer.models.forward import Sequences, bucketed_statistics, together
from steer.models.head import TokenStatistics, head_statistics

# Sequences in one forward pass without gradient, and in one padded pass: few enough to be of like length.
BUCKET = 32
WHOLE = 64


def policy_statistics(
    model: Any, sequences: Sequences, training: Training, needs: frozenset[str] = frozenset(), rows: int | None = None
) -> TokenStatistics:
    """Statistics (S, T) of every response token, 0 outside the mask; with gradient where autograd is on.

    At most `rows` sequences and `training.micro_batch_tokens` tokens enter one forward pass. With
    `training.shared_prompts` those to one prompt should stand side by side.
    """
    temperature, tokens = training.temperature, training.micro_batch_tokens
    if not training.shared_prompts or not shared.fits(model):
        bucket = min(rows or BUCKET, BUCKET)
        return bucketed_statistics(model, sequences, temperature, bucket, needs, tokens, training.head)
    index = sequences.chunks(sequences.index, rows or WHOLE, tokens)
    parts = [shared_statistics(model, sequences.rows(part), temperature, needs, training.head) for part in index]
    return together(parts, index, sequences.mask)


def shared_statistics(
    model: Any, sequences: Sequences, temperature: float, needs: frozenset[str] = frozenset(), head: str = "auto"
) -> TokenStatistics:
    """The same from one forward pass in which equal prompts are one (`steer.models.shared`)."""
    layout = shared.layout_of(sequences)
    last_hidden = lean.last_hidden if lean.fits(model) else shared.last_hidden
    hidden = last_hidden(model, layout)
    found = head_statistics(model, hidden, layout.targets, temperature, needs, head)
    mask = sequences.mask
    return found.map(lambda values: values.new_zeros(mask.shape).masked_scatter(mask, values))


def update_chunks(sequences: Sequences, training: Training, size: int) -> list[Tensor]:
    """Row indices of micro-batches of at most `size`: sequences of like length, or those to one prompt, together."""
    if training.shared_prompts:
        return sequences.chunks(sequences.index, size, training.micro_batch_tokens)
    return sequences.by_length(size, training.micro_batch_tokens)
