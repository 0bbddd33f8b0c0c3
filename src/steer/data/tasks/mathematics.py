"""Seven synthetic mathematical families, each with a worked solution.

They replace benchmarks when nothing can be downloaded; no model trained elsewhere has seen them, and none is
named after a real benchmark. A maker takes a random generator and returns an `Exercise`.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from random import Random


@dataclass(frozen=True)
class Exercise:
    """A question, the working that leads to its answer, the answer, and the answer's type for the verifier."""

    question: str
    working: str
    answer: str
    answer_type: str

    @property
    def solution(self) -> str:
        return f"{self.working};\\boxed{{{self.answer}}}"


def sums(rng: Random) -> Exercise:
    """Two two-digit numbers, added column by column. Integer."""
    a, b = rng.randrange(10, 100), rng.randrange(10, 100)
    ones = a % 10 + b % 10
    tens = f"{a // 10}+{b // 10}" + ("+1" if ones > 9 else "")
    working = f"{a % 10}+{b % 10}={ones},{tens}={a // 10 + b // 10 + ones // 10}"
    return Exercise(f"{a}+{b}=?", working, str(a + b), "integer")


def differences(rng: Random) -> Exercise:
    """A number minus a product, mostly below zero. Negative integer."""
    a, b, c = rng.randrange(1, 20), rng.randrange(2, 10), rng.randrange(2, 8)
    return Exercise(f"{a}-{b}*{c}=?", f"{b}*{c}={b * c},{a}-{b * c}={a - b * c}", str(a - b * c), "integer")


def fractions(rng: Random) -> Exercise:
    """The sum of two proper fractions, over their least common denominator. Rational."""
    q, s = rng.sample(range(2, 9), 2)
    p, r = rng.randrange(1, q), rng.randrange(1, s)
    common = lcm(q, s)
    top = p * (common // q) + r * (common // s)
    value = Fraction(p, q) + Fraction(r, s)
    answer = f"{value.numerator}/{value.denominator}" if value.denominator > 1 else str(value.numerator)
    working = f"{p * (common // q)}/{common}+{r * (common // s)}/{common}={top}/{common}"
    return Exercise(f"{p}/{q}+{r}/{s}=?", working, answer, "rational")


def equations(rng: Random) -> Exercise:
    """A linear equation in x with an integer root. Equation."""
    a, root, b = rng.randrange(2, 7), rng.randrange(-6, 7), rng.randrange(1, 10)
    sign = rng.choice("+-")
    right = a * root + (b if sign == "+" else -b)
    return Exercise(f"{a}x{sign}{b}={right}", f"{a}x={a * root}", f"x={root}", "equation")


def residues(rng: Random) -> Exercise:
    """The remainder of a product, by subtracting the multiple below it. Residue."""
    a, b, m = rng.randrange(3, 13), rng.randrange(3, 13), rng.randrange(3, 12)
    product = a * b
    working = f"{a}*{b}={product},{product}-{product - product % m}={product % m}"
    return Exercise(f"{a}*{b} mod {m}", working, str(product % m), "integer")


def intervals(rng: Random) -> Exercise:
    """A double inequality, shifted to x alone; open and closed ends matter. Interval."""
    low, shift = rng.randrange(-5, 6), rng.randrange(1, 6)
    high = low + rng.randrange(1, 10)
    left, right = rng.choice(["<", "<="]), rng.choice(["<", "<="])
    sign = rng.choice("+-")
    move = -shift if sign == "+" else shift
    answer = ("[" if left == "<=" else "(") + f"{low + move},{high + move}" + ("]" if right == "<=" else ")")
    return Exercise(
        f"{low}{left}x{sign}{shift}{right}{high}", f"{low + move}{left}x{right}{high + move}", answer, "interval"
    )


def chains(rng: Random) -> Exercise:
    """A digit and four to six operations applied to it in turn, modulo ten: several steps, each needing the last.

    Integer.
    """
    value = rng.randrange(10)
    question, steps = str(value), []
    for _ in range(rng.randrange(4, 7)):
        sign, digit = rng.choice("+-*"), rng.randrange(10)
        before = value
        value = {"+": before + digit, "-": before - digit, "*": before * digit}[sign] % 10
        question += f",{sign}{digit}"
        steps.append(f"{before}{sign}{digit}={value}")
    return Exercise(f"{question} mod 10", ",".join(steps), str(value), "integer")


FAMILIES = {
    "sums": sums,
    "differences": differences,
    "fractions": fractions,
    "equations": equations,
    "residues": residues,
    "intervals": intervals,
    "chains": chains,
}
