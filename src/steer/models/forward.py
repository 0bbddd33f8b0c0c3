"""One forward pass over prompts with responses, logits at the response positions only."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from steer.models.head import TokenStatistics, token_statistics


@dataclass(frozen=True)
class Sequences:
    """S responses to S prompts. `prompts` (S, P) padded on the left, `responses` (S, T) on the right; the masks are
    bool, true on real tokens. A response ends with its end-of-sequence token unless it was truncated."""

    prompts: Tensor
    prompt_mask: Tensor
    responses: Tensor
    mask: Tensor

    @classmethod
    def from_lists(cls, prompts: list[list[int]], responses: list[list[int]], pad: int) -> "Sequences":
        width, length = max(map(len, prompts)), max(map(len, responses))
        left = torch.tensor([[pad] * (width - len(p)) + p for p in prompts])
        left_mask = torch.tensor([[False] * (width - len(p)) + [True] * len(p) for p in prompts])
        right = torch.tensor([r + [pad] * (length - len(r)) for r in responses])
        right_mask = torch.tensor([[True] * len(r) + [False] * (length - len(r)) for r in responses])
        return cls(left, left_mask, right, right_mask)

    def rows(self, index: slice | Tensor) -> "Sequences":
        """Some of the sequences, with the padding that all of them share cut off."""
        prompt_mask, mask = self.prompt_mask[index], self.mask[index]
        start = int(prompt_mask.any(0).to(torch.int8).argmax())
        stop = max(int(mask.any(0).sum()), 1)
        return Sequences(
            self.prompts[index, start:], prompt_mask[:, start:], self.responses[index, :stop], mask[:, :stop]
        )


def response_statistics(
    model: PreTrainedModel, sequences: Sequences, temperature: float, with_reduction: bool = False
) -> TokenStatistics:
    """Log-probability and entropy of every response token, (S, T); with gradient where autograd is on."""
    tokens = torch.cat([sequences.prompts, sequences.responses], dim=1)
    mask = torch.cat([sequences.prompt_mask, sequences.mask], dim=1)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    hidden = model.model(
        input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False
    ).last_hidden_state
    length = sequences.responses.shape[1]
    logits = model.lm_head(hidden[:, -length - 1 : -1])
    return token_statistics(logits, sequences.responses, temperature, with_reduction)
