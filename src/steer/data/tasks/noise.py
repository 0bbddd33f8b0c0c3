"""Noisy solutions for the warm start: some corrupted, some without working, to leave room for training."""

from random import Random

from steer.data.problem import Problem

_DIGITS, _OPERATORS = "0123456789", "+-*%"


def noisy_solution(problem: Problem, rng: Random, *, noise: float, direct: float) -> str:
    """Return the problem's solution with noise.

    For mathematics it is only the boxed answer with probability `direct`. Then, with probability `noise`, one symbol (a
    digit if there is one) is replaced by another of its kind.
    """
    text = problem.solution
    if problem.kind == "math" and rng.random() < direct:
        text = f"\\boxed{{{problem.gold}}}"
    return corrupt(text, rng) if rng.random() < noise else text


def corrupt(text: str, rng: Random) -> str:
    """Replace one digit of `text` (one operator if it has no digit) by a different one, if it has any."""
    for symbols in (_DIGITS, _OPERATORS):
        places = [i for i, symbol in enumerate(text) if symbol in symbols]
        if places:
            i = rng.choice(places)
            return text[:i] + rng.choice(symbols.replace(text[i], "")) + text[i + 1 :]
    return text
