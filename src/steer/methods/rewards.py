"""Rewards other than the verifier's: the overlong penalty, and control rewards."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from steer.errors import UserError

BOXED = re.compile(r"\\boxed\s*\{")
FENCED = re.compile(r"```")


def overlong_penalty(lengths: Tensor, limit: int, buffer: int) -> Tensor:
    """Penalty (S,) in [-1, 0] from lengths (S,) in tokens: min(-(L - (L_max - L_buf))/L_buf, 0), added to the reward.

    Soft overlong punishment, DAPO, arXiv 2503.14476 §3.4: 0 up to L_max - L_buf, then falling to -1 at L_max.
    """
    if not 0 < buffer <= limit:
        raise UserError(f"over-long penalty: buffer {buffer} must be in (0, limit {limit}]; set it lower")
    over = lengths.to(torch.get_default_dtype()) - (limit - buffer)
    return (-over / buffer).clamp(-1, 0)


def random_rewards(count: int, correct: float, wrong: float, generator: torch.Generator) -> Tensor:
    """Draw (count,) `correct` or `wrong` with equal probability: a control without information."""
    heads = torch.rand(count, generator=generator, device=generator.device) < 0.5
    return torch.full((count,), float(wrong)).masked_fill(heads.cpu(), correct)


def format_rewards(responses: Sequence[str], kind: str, correct: float, wrong: float) -> Tensor:
    """Return (S,) `correct` for a response in the requested format, whatever its answer: a control for format alone.

    `kind` "math": a `\\boxed{…}` is opened; "code": a fenced block is opened and closed.
    """
    if kind not in ("math", "code"):
        raise UserError(f"format reward: kind {kind!r} is neither 'math' nor 'code'")
    fits = [bool(BOXED.search(r)) if kind == "math" else len(FENCED.findall(r)) >= 2 for r in responses]
    return torch.tensor([float(correct if fit else wrong) for fit in fits])


def wrong_labels(answers: Sequence[str], generator: torch.Generator) -> list[str]:
    """Give each problem the (different) answer of another problem: a control that rewards wrong answers.

    Pass the answers of one family at a time, so that a wrong label has the type of a correct one. Raises `UserError`
    if all answers are equal.
    """
    different = sorted(set(answers))
    if len(different) < 2:
        raise UserError("wrong-label reward: all answers are the same; give at least two different ones")
    place = {answer: i for i, answer in enumerate(different)}
    labels = []
    for answer in answers:
        # An index among the others: the different answers without this one.
        drawn = int(torch.randint(len(different) - 1, (1,), generator=generator))
        labels.append(different[drawn + (drawn >= place[answer])])
    return labels
