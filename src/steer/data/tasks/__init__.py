"""Synthetic families of problems, ten in symbols and eight in words.

They are split so that no evaluation question is a training question.
"""

import zlib
from collections.abc import Iterator
from random import Random
from typing import Literal

from steer.configs.load import nearest
from steer.data.problem import Problem
from steer.data.tasks import mathematics, programs, words
from steer.errors import UserError

# In symbols, for models trained from scratch; families in words are for pretrained models.
SYMBOLIC = {**mathematics.FAMILIES, **programs.FAMILIES}
FAMILIES = {**SYMBOLIC, **words.FAMILIES}

# One question in eight belongs to the evaluation set, by a checksum of its text, so the split needs no bookkeeping.
_EVALUATION_SHARE = 8


def make_problems(family: str, split: Literal["train", "evaluation"], seed: int) -> Iterator[Problem]:
    """Yield an endless stream of the family's problems in one split, determined by the arguments."""
    if family not in FAMILIES:
        raise UserError(f"data.benchmarks: no synthetic family {family!r}{nearest(family, FAMILIES)}")
    rng = Random(f"{family}/{split}/{seed}")
    number = 0
    while True:
        problem = _problem(family, FAMILIES[family](rng), f"{family}-{split}-{seed}-{number}")
        if (zlib.crc32(problem.prompt.encode()) % _EVALUATION_SHARE == 0) == (split == "evaluation"):
            yield problem
            number += 1


def distinct_problems(family: str, split: Literal["train", "evaluation"], seed: int, count: int) -> list[Problem]:
    """Take the first `count` problems of the stream with distinct questions; fewer if the family has no more."""
    chosen: dict[str, Problem] = {}
    for tries, problem in enumerate(make_problems(family, split, seed)):
        chosen.setdefault(problem.prompt, problem)
        if len(chosen) == count or tries > 50 * count + 1000:
            return list(chosen.values())
    raise AssertionError("the stream has no end")


def training_families(benchmarks: list[str]) -> list[str]:
    """List the families to train on: the evaluated ones, or those in symbols if real benchmarks are evaluated."""
    return [name for name in benchmarks if name in FAMILIES] or list(SYMBOLIC)


def _problem(family: str, exercise: mathematics.Exercise | programs.ProgramExercise, name: str) -> Problem:
    if isinstance(exercise, programs.ProgramExercise):
        cases = [{"args": [x], "expected": y} for x, y in exercise.cases]
        tests = {"kind": "function", "entry_point": "f", "cases": cases}
        return Problem(name, family, "code", exercise.question, tests=tests, solution=exercise.program)
    return Problem(
        name,
        family,
        "math",
        exercise.question,
        gold=exercise.answer,
        answer_type=exercise.answer_type,
        solution=exercise.solution,
    )
