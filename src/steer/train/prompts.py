"""Choose and tokenize the prompts of a step."""

import math
from collections.abc import Mapping

import torch

from steer.configs.schema import Training
from steer.data.problem import Problem
from steer.models.tokenizer import render_prompt
from steer.train.seeds import step_generator

GOLDEN = (math.sqrt(5) - 1) / 2


def choose_prompts(
    problems: list[Problem],
    training: Training,
    seed: int,
    step: int,
    attempt: int = 0,
    shares: Mapping[str, float] | None = None,
) -> list[Problem]:
    """Choose the step's prompts (`step` from 1): each epoch visits all problems once, in its own order.

    Each further `attempt` of dynamic sampling uses another order. With `shares` each training set has its share of the
    step's prompts, within one prompt, and its own epochs.
    """
    purpose = f"order/{attempt}" if attempt else "order"
    if shares is None:
        return _in_turn(problems, (step - 1) * training.prompts, training.prompts, seed, purpose)
    chosen = []
    for name, (before, count) in quotas(shares, training.prompts, step).items():
        own = [problem for problem in problems if problem.benchmark == name]
        chosen += _in_turn(own, before, count, seed, f"{purpose}/{name}")
    order = torch.randperm(len(chosen), generator=step_generator(seed, step, f"mix/{purpose}")).tolist()
    return [chosen[index] for index in order]


def quotas(shares: Mapping[str, float], prompts: int, step: int) -> dict[str, tuple[int, int]]:
    """Map each set to (prompts in all earlier steps, prompts in this one).

    Systematic sampling: the points (i + u) / prompts are assigned to the sets by cumulative share. The offset u moves
    by the golden ratio from step to step, so that rounding averages out.
    """
    bounds = torch.tensor([0.0, *shares.values()], dtype=torch.float64).cumsum(0)
    bounds[-1] = 1.0
    offsets = (torch.arange(1, step + 1, dtype=torch.float64) * GOLDEN) % 1
    # Number of a step's points below each bound.
    below = (prompts * bounds[None] - offsets[:, None]).ceil().clamp(0, prompts).long()
    counts = below.diff(dim=1)
    before = counts[:-1].sum(0)
    return {name: (int(before[i]), int(counts[-1, i])) for i, name in enumerate(shares)}


def _in_turn(problems: list[Problem], first: int, count: int, seed: int, purpose: str) -> list[Problem]:
    chosen = []
    for position in range(first, first + count):
        epoch, index = divmod(position, len(problems))
        if not chosen or index == 0:
            order = torch.randperm(len(problems), generator=step_generator(seed, epoch, purpose)).tolist()
        chosen.append(problems[order[index]])
    return chosen


def without_long_prompts(tokenizer, problems: list[Problem], limit: int) -> list[Problem]:
    """Keep problems whose prompt has at most `limit` tokens: a question without its beginning is useless."""
    # A tokenizer makes at most one token per byte, so only long prompts have to be tokenized to check.
    frames = {system: len(render_prompt(tokenizer, "", system).encode()) for system in {p.system for p in problems}}
    unsure = [i for i, p in enumerate(problems) if frames[p.system] + len(p.prompt.encode()) > limit]
    whole = encode_prompts(tokenizer, [problems[i] for i in unsure], limit + 1) if unsure else []
    long = {i for i, tokens in zip(unsure, whole, strict=True) if len(tokens) > limit}
    return [p for i, p in enumerate(problems) if i not in long]


def encode_prompts(tokenizer, problems: list[Problem], limit: int) -> list[list[int]]:
    """Tokenize prompts; one longer than `limit` loses its left end."""
    rendered = [render_prompt(tokenizer, p.prompt, p.system) for p in problems]
    return [tokens[-limit:] for tokens in tokenizer(rendered, add_special_tokens=False)["input_ids"]]
