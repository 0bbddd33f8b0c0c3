"""Rewards beside the verifier's: the over-long penalty, and controls without which a gain proves little."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from steer.errors import UserError

BOXED = re.compile(r"\\boxed\s*\{")
FENCED = re.compile(r"```")


def overlong_penalty(lengths: Tensor, limit: int, buffer: int) -> Tensor:
    """(S,) lengths in tokens → (S,) in [-1, 0]: min(-(L - (L_max - L_buf))/L_buf, 0), added to the reward.

    Soft over-long punishment, DAPO, arXiv 2503.14476 §3.4: 0 up to L_max - L_buf, then falling to -1 at L_max.
    """
    if not 0 < buffer <= limit:
        raise UserError(f"over-long penalty: buffer {buffer} must be in (0, limit {limit}]; set it lower")
    over = lengths.to(torch.get_default_dtype()) - (limit - buffer)
    return (-over / buffer).clamp(-1, 0)


def random_rewards(count: int, correct: float, wrong: float, generator: torch.Generator) -> Tensor:
    """(count,) `correct` or `wrong` by the toss of a coin: a control that carries no information."""
    heads = torch.rand(count, generator=generator, device=generator.device) < 0.5
    return torch.full((count,), float(wrong)).masked_fill(heads.cpu(), correct)


def format_rewards(responses: Sequence[str], kind: str, correct: float, wrong: float) -> Tensor:
    """(S,) `correct` for a response in the asked format, whatever it says: a control that teaches format alone.

    `kind` "math": a `\\boxed{…}` is opened; "code": a fenced block is opened and closed.
    """
    if kind not in ("math", "code"):
        raise UserError(f"format reward: kind {kind!r} is neither 'math' nor 'code'")
    fits = [bool(BOXED.search(r)) if kind == "math" else len(FENCED.findall(r)) >= 2 for r in responses]
    return torch.tensor([float(correct if fit else wrong) for fit in fits])


def wrong_labels(answers: Sequence[str], generator: torch.Generator) -> list[str]:
    """For each problem the answer of another one, always a different answer: a control that rewards being wrong.

    Give the answers of one family at a time, so that a wrong label has the type of a right one. Raises `UserError`
    where all answers are the same.
    """
    different = sorted(set(answers))
    if len(different) < 2:
        raise UserError("wrong-label reward: all answers are the same; give at least two different ones")
    place = {answer: i for i, answer in enumerate(different)}
    labels = []
    for answer in answers:
        # Among the others, which are the different answers with a gap at this one's place.
        drawn = int(torch.randint(len(different) - 1, (1,), generator=generator))
        labels.append(different[drawn + (drawn >= place[answer])])
    return labels
