"""One forward pass over prompts with responses, logits only at response positions. Shapes: docs/notation.md."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from steer.models.head import TokenStatistics, head_statistics


@dataclass(frozen=True)
class Sequences:
    """S prompts, each followed directly by its response, padded on the right, so causal attention needs no mask.

    `tokens` (S, W); `prompt_lengths`, `lengths` (S,): tokens of the prompt and of the response. A response ends with
    its end-of-sequence token unless it was truncated.
    """

    tokens: Tensor
    prompt_lengths: Tensor
    lengths: Tensor

    @classmethod
    def from_lists(cls, prompts: list[list[int]], responses: list[list[int]], pad: int) -> "Sequences":
        joined = [p + r for p, r in zip(prompts, responses, strict=True)]
        width = max(map(len, joined))
        return cls(
            torch.tensor([row + [pad] * (width - len(row)) for row in joined]),
            torch.tensor([len(p) for p in prompts]),
            torch.tensor([len(r) for r in responses]),
        )

    def to(self, device: torch.device) -> "Sequences":
        return Sequences(self.tokens.to(device), self.prompt_lengths.to(device), self.lengths.to(device))

    @property
    def mask(self) -> Tensor:
        """Mask (S, T) bool, true on response tokens; T is the longest response here."""
        return torch.arange(int(self.lengths.max()), device=self.lengths.device) < self.lengths[:, None]

    @property
    def responses(self) -> Tensor:
        """Response tokens (S, T); arbitrary outside the mask."""
        return self.tokens.gather(1, self._positions(0))

    def _positions(self, shift: int) -> Tensor:
        """Index (S, T) into `tokens` of each response token, plus `shift`, clamped to the row on padding."""
        offset = torch.arange(int(self.lengths.max()), device=self.tokens.device)
        return (self.prompt_lengths[:, None] + offset + shift).clamp(max=self.tokens.shape[1] - 1)

    @property
    def index(self) -> Tensor:
        """(S,) the number of each row."""
        return torch.arange(len(self.lengths), device=self.lengths.device)

    def rows(self, index: slice | Tensor) -> "Sequences":
        """Select sequences and remove the padding that all of them share."""
        prompt_lengths, lengths = self.prompt_lengths[index], self.lengths[index]
        return Sequences(self.tokens[index, : int((prompt_lengths + lengths).max())], prompt_lengths, lengths)

    def distinct_prompts(self) -> tuple[Tensor, Tensor]:
        """(P, width) the prompts that differ, -1 behind their ends; (S,) which of them each sequence has."""
        offset = torch.arange(int(self.prompt_lengths.max()), device=self.tokens.device)
        outside = offset >= self.prompt_lengths[:, None]
        return torch.unique(self.tokens[:, : len(offset)].masked_fill(outside, -1), dim=0, return_inverse=True)

    def by_length(self, size: int, tokens: int | None = None) -> list[Tensor]:
        """Group row indices in chunks of at most `size`, with sequences of similar length together."""
        return self.chunks(torch.argsort(self.prompt_lengths + self.lengths, stable=True), size, tokens)

    def chunks(self, order: Tensor, size: int, tokens: int | None = None) -> list[Tensor]:
        """Cut the row indices `order` into chunks of at most `size` rows and `tokens` tokens, padding included.

        A sequence longer than `tokens` forms its own chunk.
        """
        if tokens is None:
            return list(order.split(size))
        starts, widest = [0], 0
        for i, width in enumerate((self.prompt_lengths + self.lengths)[order].tolist()):
            held, widest = i - starts[-1], max(widest, width)
            if held and (held == size or (held + 1) * widest > tokens):
                starts.append(i)
                widest = width
        return list(order.tensor_split(starts[1:]))


def response_statistics(
    model: PreTrainedModel,
    sequences: Sequences,
    temperature: float,
    needs: frozenset[str] = frozenset(),
    head: str = "auto",
) -> TokenStatistics:
    """Compute log-probability and entropy of every response token, (S, T); with gradient if autograd is on."""
    hidden = model.model(input_ids=sequences.tokens, use_cache=False).last_hidden_state
    # A token is predicted by the state before it.
    before = sequences._positions(-1)[..., None].expand(-1, -1, hidden.shape[-1])
    return head_statistics(model, hidden.gather(1, before), sequences.responses, temperature, needs, head)


def bucketed_statistics(
    model: PreTrainedModel,
    sequences: Sequences,
    temperature: float,
    bucket: int,
    needs: frozenset[str] = frozenset(),
    tokens: int | None = None,
    head: str = "auto",
) -> TokenStatistics:
    """`response_statistics` in forward passes of `bucket` sequences of similar length, which have little padding.

    At most `tokens` tokens per pass, if given. Same values and gradients; 0 outside the mask.
    """
    index = sequences.by_length(bucket, tokens)
    parts = [response_statistics(model, sequences.rows(rows), temperature, needs, head) for rows in index]
    return together(parts, index, sequences.mask)


def together(parts: list[TokenStatistics], index: list[Tensor], mask: Tensor) -> TokenStatistics:
    """Assemble the statistics of all sequences from those of the rows in `index`; 0 outside the mask."""
    back = torch.argsort(torch.cat(index))

    def joined(*values: Tensor | None) -> Tensor | None:
        if values[0] is None:
            return None
        padded = [torch.nn.functional.pad(v, (0, mask.shape[1] - v.shape[1])) for v in values]
        return torch.cat(padded)[back].masked_fill(~mask, 0.0)

    return TokenStatistics(*map(joined, *(part.values() for part in parts)))
