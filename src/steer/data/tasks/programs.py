"""Three synthetic families of program synthesis: the model writes `def f(x): …`, which is run against hidden cases.

`examples` shows input and output pairs, `descriptions` names two operations to compose, `lists` asks for a
reduction over selected items. Expected outputs come from the composition itself, not from running the solution.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

HEADER = "def f(x): return "


@dataclass(frozen=True)
class ProgramExercise:
    """A question, a program that solves it, and hidden (input, output) cases."""

    question: str
    program: str
    cases: list[tuple[Any, Any]]


def examples(rng: Random) -> ProgramExercise:
    """A linear function to find from three of its values."""
    a, b = rng.choice([v for v in range(-5, 10) if v]), rng.randrange(-9, 10)
    term = f"{b:+d}" if b else ""

    def function(x: int) -> int:
        return a * x + b

    shown = " ".join(f"f({x})={function(x)}" for x in sorted(rng.sample(range(5), 3)))
    return ProgramExercise(shown, f"{HEADER}{a}*x{term}", [(x, function(x)) for x in (0, 1, 3, -4, 10)])


def _operations(rng: Random) -> tuple[str, str, Callable[[int], int]]:
    """(words, expression with {} for the operand, function)."""
    k = rng.randrange(2, 10)
    return rng.choice(
        [
            ("double", "{}*2", lambda v: v * 2),
            ("triple", "{}*3", lambda v: v * 3),
            ("negate", "-{}", lambda v: -v),
            ("square", "{}**2", lambda v: v**2),
            ("halve", "{}//2", lambda v: v // 2),
            (f"add {k}", f"{{}}+{k}", lambda v: v + k),
            (f"subtract {k}", f"{{}}-{k}", lambda v: v - k),
            (f"mod {k}", f"{{}}%{k}", lambda v: v % k),
        ]
    )


def descriptions(rng: Random) -> ProgramExercise:
    """Two operations, one after the other."""
    (first, inner, f), (second, outer, g) = _operations(rng), _operations(rng)
    program = HEADER + outer.format(f"({inner.format('x')})")
    return ProgramExercise(f"{first}, {second}", program, [(x, g(f(x))) for x in (0, 1, 5, -3, 12)])


def lists(rng: Random) -> ProgramExercise:
    """A reduction over the items that meet a condition."""
    k = rng.randrange(1, 10)
    words, condition, keep = rng.choice(
        [
            ("even", "v%2==0", lambda v: v % 2 == 0),
            ("odd", "v%2==1", lambda v: v % 2 == 1),
            ("positive", "v>0", lambda v: v > 0),
            ("negative", "v<0", lambda v: v < 0),
            (f"above {k}", f"v>{k}", lambda v: v > k),
            (f"below {k}", f"v<{k}", lambda v: v < k),
        ]
    )
    j = rng.randrange(1, 10)
    change, expression, apply = rng.choice(
        [
            ("", "v", lambda v: v),
            (" doubled", "v*2", lambda v: v * 2),
            (" squared", "v*v", lambda v: v * v),
            (f" plus {j}", f"v+{j}", lambda v: v + j),
        ]
    )
    reduction, call = rng.choice([("sum of", sum), ("largest", max), ("smallest", min), ("sorted", sorted)])
    name = call.__name__
    # Every condition holds for some item, so that max and min are defined.
    inputs = ([-4, 12, 3, 0, -7, 15], [11, -2, -1, 20, 5, 0, 0], [2, 2, -8, 9, -3, 14, 13])
    cases = [(x, call([apply(v) for v in x if keep(v)])) for x in inputs]
    return ProgramExercise(
        f"{reduction} {words}{change}", f"{HEADER}{name}({expression} for v in x if {condition})", cases
    )


FAMILIES = {"examples": examples, "descriptions": descriptions, "lists": lists}
