"""How token losses become one number: the share (S, T) with which each token enters the sum.

Each function takes `valid` (S, T), 1.0 on response tokens and 0.0 elsewhere, of the whole update batch.
"""

from typing import Annotated

from pydantic import Field
from torch import Tensor


def token_mean(valid: Tensor) -> Tensor:
    """1/N on each valid token of the update batch: every token counts the same. DAPO, arXiv 2503.14476 §3.3."""
    return valid / valid.sum()


def sequence_mean(valid: Tensor) -> Tensor:
    """1/(S·|o|): mean per response, then over responses with at least one token. The original GRPO."""
    lengths = valid.sum(1, keepdim=True)
    return valid / (lengths.clamp(min=1) * (lengths > 0).sum())


def constant_length(valid: Tensor, *, length: Annotated[int, Field(gt=0)]) -> Tensor:
    """1/(S·L), L constant, S the responses with at least one token: no length bias. Dr.GRPO, arXiv 2503.20783 §3.2."""
    return valid / ((valid.sum(1) > 0).sum().clamp(min=1) * length)
