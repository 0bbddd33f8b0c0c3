"""Statistics of a policy's response tokens, with the forward pass chosen in the configuration.

Symbols: docs/notation.md.
"""

from typing import Any

from torch import Tensor

from steer.configs.schema import Training
from steer.models import lean, shared
from steer.models.forward import Sequences, bucketed_statistics, together
from steer.models.head import TokenStatistics, head_statistics
from steer.models.packing import Entering, as_index, in_order
from steer.models.products import PRECISION

# Sequences per forward pass without gradient, and per padded pass: few enough to have similar lengths.
BUCKET = 32
WHOLE = 64


def policy_statistics(
    model: Any, sequences: Sequences, training: Training, needs: frozenset[str] = frozenset(), rows: int | None = None
) -> TokenStatistics:
    """Compute statistics (S, T) of every response token, 0 outside the mask; with gradient if autograd is on.

    At most `rows` sequences and `training.micro_batch_tokens` tokens enter one forward pass. If a prompt is processed
    once for its responses, these should be adjacent.
    """
    temperature, tokens = training.temperature, training.micro_batch_tokens
    if not shares_prompts(model, training):
        bucket = min(rows or BUCKET, BUCKET)
        return bucketed_statistics(model, sequences, temperature, bucket, needs, tokens, training.head)
    index = passes_in_order(sequences, rows or WHOLE, tokens)
    given = temperature, needs, training.head, training.precision
    parts = [shared_statistics(model, sequences.rows(part), *given) for part in index]
    return together(parts, index, sequences.mask)


def shared_statistics(
    model: Any,
    sequences: Sequences,
    temperature: float,
    needs: frozenset[str] = frozenset(),
    head: str = "auto",
    precision: str = "fp32",
) -> TokenStatistics:
    """Compute them in one forward pass with merged prompts (`steer.models.shared`).

    `precision`: that of the layers and of the fused head's gradients for a model that `computes_in` it; logits keep the
    weights' type. All other models compute in their weights' type.
    """
    layout = shared.layout_of(sequences)
    narrow = PRECISION[precision] if lean.fits(model) and precision != "fp32" else None
    hidden = lean.last_hidden(model, layout, narrow) if lean.fits(model) else shared.last_hidden(model, layout)
    found = head_statistics(model, hidden, layout.targets, temperature, needs, head, narrow)
    mask = sequences.mask
    return found.map(lambda values: values.new_zeros(mask.shape).masked_scatter(mask, values))


def shares_prompts(model: Any, training: Training) -> bool:
    """Whether a prompt enters a forward pass once for all its responses: if configured and supported by the model."""
    return training.shared_prompts and shared.fits(model)


def computes_in(model: Any, training: Training) -> bool:
    """Whether the passes of an unsharded model take `training.precision` from the call, with weights in fp32."""
    return shares_prompts(model, training) and lean.fits(model)


def passes_in_order(sequences: Sequences, size: int, tokens: int | None) -> list[Tensor]:
    """Row indices of passes in which prompts are shared, of at most `size` sequences and `tokens` tokens."""
    if tokens is None:
        return list(sequences.index.split(size))
    return [as_index(rows, sequences.lengths) for rows in in_order(Entering.of(sequences), size, tokens)]


def update_chunks(sequences: Sequences, training: Training, size: int, model: Any) -> list[Tensor]:
    """Group rows into micro-batches of at most `size`, by similar length or by prompt."""
    if shares_prompts(model, training):
        return passes_in_order(sequences, size, training.micro_batch_tokens)
    return sequences.by_length(size, training.micro_batch_tokens)
