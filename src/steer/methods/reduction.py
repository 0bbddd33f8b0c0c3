"""Reduction of token losses to one number: the share (S, T) of each token in the sum.

Each function takes `valid` (S, T) of the whole update batch, 1.0 on response tokens and 0.0 elsewhere; a function with
an argument `group` also gets the prompt ids (S,), one with `advantage` the shaped advantages (S, T). Symbols:
docs/notation.md.
"""

import inspect
from collections.abc import Callable
from typing import Annotated

from pydantic import Field
from torch import Tensor

from steer.methods.groups import group_sum
from steer.methods.tokens import Tokens


def shares(reduction: Callable[..., Tensor], tokens: Tokens) -> Tensor:
    """Compute each token's share (S, T) of the loss of the update batch, by a reduction with bound parameters."""
    valid = tokens.valid.to(tokens.logprob.dtype)
    given = {"group": tokens.groups, "advantage": tokens.advantage}
    wanted = inspect.signature(reduction).parameters
    return reduction(valid, **{name: values for name, values in given.items() if name in wanted})


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


def prompt_mean(valid: Tensor, group: Tensor, advantage: Tensor, *, silent: bool = True) -> Tensor:
    """1/(P·n) on each of the n valid tokens of a prompt's responses: mean per prompt, then over the P prompts.

    ScaleRL, arXiv 2510.13786. Prompts without a valid token do not count, and unless `silent` neither do those whose
    advantages are all 0, as where all responses have the same reward.
    """
    tokens = group_sum(valid.sum(1), group)
    counted = tokens if silent else group_sum((valid * (advantage != 0)).sum(1), group)
    prompts = len(group[counted > 0].unique())
    return valid / (tokens.clamp(min=1) * max(prompts, 1))[:, None]
