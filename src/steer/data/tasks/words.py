"""Eight families in words for a pretrained language model: seven of mathematics, one of small programs.

Every worked solution states its answer ("The answer is 12."). A maker takes a random generator and returns an exercise.
Numbers are small and solutions short: a model of a hundred million parameters solves some of them on a CPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from steer.data.tasks.mathematics import Exercise
from steer.data.tasks.programs import ProgramExercise

PEOPLE = ("Mia", "Tom", "Ana", "Ben", "Lea", "Sam", "Zoe", "Max")
THINGS = ("pens", "apples", "cards", "books", "coins", "stamps", "shells", "plums")


@dataclass(frozen=True)
class WordExercise(Exercise):
    """A question in words; its solution ends in a sentence that states the answer."""

    @property
    def solution(self) -> str:
        return f"{self.working} The answer is {self.answer}."


def purchases(rng: Random) -> WordExercise:
    """Some things, more of them, fewer again. Integer."""
    who, what = rng.choice(PEOPLE), rng.choice(THINGS)
    a, b = rng.randrange(5, 60), rng.randrange(5, 40)
    c = rng.randrange(2, 20)
    question = f"{who} has {a} {what}, buys {b} more and then gives {c} away. How many {what} does {who} have now?"
    return WordExercise(question, f"{a} + {b} = {a + b}. {a + b} - {c} = {a + b - c}.", str(a + b - c), "integer")


def parcels(rng: Random) -> WordExercise:
    """A product and a sum. Integer."""
    what = rng.choice(THINGS)
    boxes, each, loose = rng.randrange(3, 10), rng.randrange(4, 13), rng.randrange(2, 20)
    total = boxes * each
    question = f"There are {boxes} boxes with {each} {what} each and {loose} more {what}. How many {what} are there?"
    working = f"{boxes} * {each} = {total}. {total} + {loose} = {total + loose}."
    return WordExercise(question, working, str(total + loose), "integer")


def cakes(rng: Random) -> WordExercise:
    """The remaining fraction of a cake, in lowest terms. Rational."""
    who, slices = rng.choice(PEOPLE), rng.choice((6, 8, 9, 10, 12, 15, 16, 18, 20, 24))
    eaten = rng.randrange(1, slices - 1)
    left = slices - eaten
    value = Fraction(left, slices)
    question = f"A cake has {slices} equal slices, and {who} eats {eaten}. What fraction is left, in lowest terms?"
    working = f"{slices} - {eaten} = {left}, so {left}/{slices}."
    return WordExercise(question, working, f"{value.numerator}/{value.denominator}", "rational")


def prices(rng: Random) -> WordExercise:
    """Two prices together. Decimal."""
    what, other = rng.sample(("pen", "book", "cup", "lamp", "ball", "scarf"), 2)
    a, b = (rng.randrange(20, 199) * 5 for _ in range(2))
    total = f"{(a + b) / 100:.2f}"
    question = f"A {what} costs {a / 100:.2f} dollars and a {other} {b / 100:.2f} dollars. How much do both cost?"
    return WordExercise(question, f"{a / 100:.2f} + {b / 100:.2f} = {total}.", total, "decimal")


def pupils(rng: Random) -> WordExercise:
    """A part of a whole, of a hundred. Percentage."""
    total = rng.choice((10, 20, 25, 40, 50, 60, 80, 100))
    percent = rng.choice([p for p in range(5, 100, 5) if total * p % 100 == 0])
    part = total * percent // 100
    what = rng.choice(("wear glasses", "walk to school", "play chess", "have a dog", "sing", "ski", "paint"))
    question = f"Of {total} pupils, {part} {what}. What percentage is that?"
    return WordExercise(question, f"{part}/{total} = {percent}/100.", f"{percent}%", "percentage")


def choices(rng: Random) -> WordExercise:
    """Which of four sums is the largest. A letter."""
    pairs: dict[int, tuple[int, int]] = {}
    while len(pairs) < 4:
        a, b = rng.randrange(2, 30), rng.randrange(2, 30)
        pairs[a + b] = (a, b)
    sums = list(pairs)
    rng.shuffle(sums)
    letters = dict(zip("ABCD", sums, strict=True))
    options = " ".join(f"({letter}) {pairs[value][0]} + {pairs[value][1]}" for letter, value in letters.items())
    working = ", ".join(f"{letter} {value}" for letter, value in letters.items())
    return WordExercise(f"Which sum is the largest? {options}", f"{working}.", "ABCD"[sums.index(max(sums))], "choice")


def orders(rng: Random) -> WordExercise:
    """Numbers in increasing order. A list."""
    numbers = rng.sample(range(2, 100), rng.choice((4, 5)))
    listed = ", ".join(map(str, numbers))
    answer = ", ".join(map(str, sorted(numbers)))
    question = f"Write these numbers from the smallest to the largest: {listed}."
    return WordExercise(question, f"{min(numbers)} is the smallest.", answer, "tuple")


def _steps(rng: Random) -> tuple[str, str, Callable[[int], int]]:
    """(words, expression with {} for the operand, function)."""
    k = rng.randrange(2, 10)
    return rng.choice(
        [
            ("doubles it", "{} * 2", lambda v: v * 2),
            ("triples it", "{} * 3", lambda v: v * 3),
            ("squares it", "{} ** 2", lambda v: v**2),
            ("negates it", "-{}", lambda v: -v),
            (f"adds {k}", f"{{}} + {k}", lambda v: v + k),
            (f"subtracts {k}", f"{{}} - {k}", lambda v: v - k),
            (f"multiplies it by {k}", f"{{}} * {k}", lambda v: v * k),
            (f"takes the remainder modulo {k}", f"{{}} % {k}", lambda v: v % k),
        ]
    )


def recipes(rng: Random) -> ProgramExercise:
    """A function of two steps. Program."""
    (first, inner, f), (second, outer, g) = _steps(rng), _steps(rng)
    question = f"Write a Python function f(x) that takes a number, {first}, then {second} and returns it."
    program = f"```\ndef f(x):\n    x = {inner.format('x')}\n    return {outer.format('x')}\n```"
    return ProgramExercise(question, program, [(x, g(f(x))) for x in (0, 1, 5, -3, 12)])


FAMILIES = {
    "purchases": purchases,
    "parcels": parcels,
    "cakes": cakes,
    "prices": prices,
    "pupils": pupils,
    "choices": choices,
    "orders": orders,
    "recipes": recipes,
}
