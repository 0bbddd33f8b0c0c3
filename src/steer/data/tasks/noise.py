"""Solutions to warm-start on: some corrupted, some without working, so that there is something left to learn."""

from random import Random

from steer.data.problem import Problem

_DIGITS, _OPERATORS = "0123456789", "+-*%"


def noisy_solution(problem: Problem, rng: Random, *, noise: float, direct: float) -> str:
    """The problem's solution; for mathematics with probability `direct` the boxed answer alone; then with
    probability `noise` one symbol of it, a digit where there is one, replaced by another of its kind."""
    text = problem.solution
    if problem.kind == "math" and rng.random() < direct:
        text = f"\\boxed{{{problem.gold}}}"
    return corrupt(text, rng) if rng.random() < noise else text


def corrupt(text: str, rng: Random) -> str:
    """`text` with one digit (or, where it has none, one operator) replaced by a different one; else unchanged."""
    for symbols in (_DIGITS, _OPERATORS):
        places = [i for i, symbol in enumerate(text) if symbol in symbols]
        if places:
            i = rng.choice(places)
            return text[:i] + rng.choice(symbols.replace(text[i], "")) + text[i + 1 :]
    return text
