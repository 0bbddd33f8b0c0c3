"""Compare two formulas by their values, exactly if they are rational, else at many points.

Two expressions that agree to 40 digits at six independently drawn points are the same function except in
constructed cases. Unlike simplification, this has a bounded cost and does not depend on how a formula is written.
"""

import random
from fractions import Fraction
from functools import lru_cache

from mpmath import mp, mpc

from steer.verify.math.arithmetic import Undefined, inexact, plus, rounding, times
from steer.verify.math.evaluate import Evaluator
from steer.verify.math.grammar import VECTORS
from steer.verify.math.notation import shared_functions, vectors
from steer.verify.math.parse import parse
from steer.verify.math.trees import Node, applied, functions, substituted, symbols

POINTS = 6  # positive points that must agree
STEP_POINTS = 30  # and where there are floors, which differ on parts of the line only
TRIES = 60
INTEGRAL = {"fact", "binom", "gcd", "lcm", "sum", "prod"}
STEPS = {"floor", "ceil"}
PIECEWISE = STEPS | {"abs", "max", "min", "root", "sgn"}
COUNTING = set("jklmnKMN")  # names that mean whole numbers where there are floors, or multiples of pi
SCALES = ((Fraction(1, 3), Fraction(3)), (Fraction(1, 20), Fraction(1)), (Fraction(2), Fraction(12)))
FUNCTION_DIGITS = 50  # working precision at points; constants have the full precision of `arithmetic`
SURE_DIGITS = 1000  # of constants that agree in those


def close(a, b) -> bool:
    """Compare two values: exactly for rationals, else relative to four fifths of the working precision."""
    if isinstance(a, tuple) or isinstance(b, tuple):
        if not (isinstance(a, tuple) and isinstance(b, tuple)) or (len(a), len(a[0])) != (len(b), len(b[0])):
            return False
        return all(close(x, y) for r, s in zip(a, b, strict=True) for x, y in zip(r, s, strict=True))
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a == b
    a, b = inexact(a), inexact(b)
    if mp.isinf(a) or mp.isinf(b):
        return a == b
    return abs(a - b) <= rounding(0.8, mp.dps) * max(abs(a), abs(b))


def value_of(node: Node, point: dict, real: bool, base10: bool = False):
    """Evaluate a tree at a point. A value that is only rounding error is zero."""
    evaluator = Evaluator(point, real, base10)
    value = evaluator(node)
    if isinstance(value, (Fraction, tuple)) or not value or abs(value) > rounding(0.5, mp.dps):
        return value
    return value if evaluator.lasts(node, value) else Fraction(0)


@lru_cache(maxsize=2048)
def fixed(node: Node, base10: bool, digits: int):
    """Evaluate a tree without symbols with a working precision of `digits`."""
    with mp.workdps(digits):
        return value_of(node, {}, False, base10)


def constant(text: str):
    """Evaluate a formula without symbols; None if it has symbols. Raises the parser's and evaluator's exceptions."""
    node = parse(text)
    return None if symbols(node) else fixed(node, False, mp.dps)


def points(names: set[str], used: set[str], signed: bool, count: int = TRIES, far: Fraction | None = None):
    """Return points for evaluation, equal for equal names.

    Integers if the functions need them; beyond `far` if it is given.
    """
    draw = random.Random(2510)

    def number(name: str, n: int) -> Fraction:
        if used & INTEGRAL or (used & STEPS and name in COUNTING):
            value = Fraction(draw.randint(2, 9 + 2 * n))
        else:
            low, high = SCALES[n % len(SCALES)] if far is None else (far, 3 * far)
            value = low + (high - low) * Fraction(draw.randint(1, 9999), 10000)
        return -value if signed and draw.random() < 0.6 else value

    for n in range(count):
        yield {
            name: tuple((number(name, n),) for _ in range(3)) if name.startswith(VECTORS) else number(name, n)
            for name in sorted(names)
        }


def sample(node: Node, point: dict, real: bool, base10: bool):
    """Return the value at a point, or None if it is undefined."""
    try:
        return value_of(node, point, real, base10)
    except (Undefined, ZeroDivisionError, OverflowError):
        return None


def same_function(a: Node, b: Node, base10: bool = False) -> bool:
    """Check whether two trees agree wherever both have a value. Raises `Undefined` if too few points have one."""
    names = symbols(a) | symbols(b)
    used = _used(a, b)
    if not names:
        values = fixed(a, base10, mp.dps), fixed(b, base10, mp.dps)
        if not close(*values) or all(isinstance(value, Fraction) for value in values):
            return close(*values)
        with mp.workdps(SURE_DIGITS):
            return close(fixed(a, base10, mp.dps), fixed(b, base10, mp.dps))
    if a[0] == b[0] == "matrix" and [len(row) for row in a[1]] == [len(row) for row in b[1]]:
        return all(
            same_function(x, y, base10) for r, s in zip(a[1], b[1], strict=True) for x, y in zip(r, s, strict=True)
        )
    with mp.workdps(FUNCTION_DIGITS):
        return _agree(a, b, names, used, base10)


def _used(a: Node, b: Node) -> set[str]:
    """The functions of two trees; those that need whole numbers only where a name is among their arguments."""
    used = functions(a) | functions(b)
    return used - (INTEGRAL - _varying(a) - _varying(b)) if used & INTEGRAL else used


def _varying(node: Node) -> set[str]:
    """The functions whose arguments have names: `1!` is a number."""
    if not symbols(node):
        return set()
    if node[0] == "matrix":
        return functions(node)
    own = {node[1] if node[0] == "call" else node[0]}
    return own.union(*(_varying(part) for part in node[1:] if isinstance(part, tuple) and part))


def further(a: Node, b: Node, names: set[str], used: set[str]):
    """Return points of both signs, and beyond all constants for piecewise functions."""
    yield from points(names, used, True, count=STEP_POINTS if used & PIECEWISE else 4)
    if used & STEPS:  # at the steps
        for point in points(names, used, True, count=POINTS):
            yield {name: value if isinstance(value, tuple) else Fraction(round(value)) for name, value in point.items()}
    if used & PIECEWISE and not used & INTEGRAL:
        yield from points(names, used, True, count=2 * POINTS, far=3 * (largest(a) + largest(b) + 1))


def largest(node: Node) -> Fraction:
    """Bound the constants in a tree and what they scale names by."""
    if node[0] in ("num", "const"):
        return abs(node[1]) if node[0] == "num" else Fraction(4)
    if node[0] != "matrix" and not symbols(node):
        value = Evaluator({}, real=False)(node)
        if isinstance(value, tuple) or not value or mp.isinf(inexact(value)):
            return Fraction(4)
        return Fraction(int(max(abs(inexact(value)), 1 / abs(inexact(value)))) + 1)
    if node[0] in ("mul", "div"):  # `x / 1000 / 1000`
        return max(1, largest(node[1])) * max(1, largest(node[2]))
    if node[0] == "matrix":
        return max(largest(entry) for row in node[1] for entry in row)
    return max((largest(part) for part in node[1:] if isinstance(part, tuple) and part), default=Fraction(0))


def _agree(a: Node, b: Node, names: set[str], used: set[str], base10: bool) -> bool:
    imaginary, integral = "i" in used, bool(used & INTEGRAL)
    wanted = STEP_POINTS if used & STEPS else POINTS
    agreed = 0
    for point in points(names, used, signed=False):
        x, y = sample(a, point, not imaginary, base10), sample(b, point, not imaginary, base10)
        if x is None or y is None:
            if (x is None) != (y is None):
                agreed -= 0.2  # one is undefined where the other is not
            continue
        if not close(x, y):
            return False
        agreed += 1
        if agreed >= wanted:
            break
    if agreed < 3:
        if imaginary or integral:
            raise Undefined("no common domain")
        return _complex_agree(a, b, names, base10)
    if not imaginary and not integral:
        for point in further(a, b, names, used):
            x, y = sample(a, point, True, base10), sample(b, point, True, base10)
            if x is not None and y is not None and not close(x, y):
                return False
    return True


def _complex_agree(a: Node, b: Node, names: set[str], base10: bool) -> bool:
    agreed = 0
    for point in points(names, set(), signed=True, count=6):
        x, y = sample(a, point, False, base10), sample(b, point, False, base10)
        if x is None or y is None:
            continue
        if not close(x, y):
            return False
        agreed += 1
    if agreed < 3:
        raise Undefined("no common domain")
    return True


def equal_texts(gold: str, answer: str) -> bool:
    """Compare two formulas given as text. Raises `Unreadable`, `Undefined` or `TooLarge`.

    An answer with a name that the gold lacks is different, even if the name cancels: `0x`, `5x/x`.
    """
    gold, answer = vectors(gold, answer)
    shared = shared_functions(gold, answer)
    trees = parse(gold, shared or True), parse(answer, shared or True)
    more, fewer = symbols(trees[1]) - symbols(trees[0]), symbols(trees[0]) - symbols(trees[1])
    if len(more) == len(fewer) == 1 and more | fewer <= COUNTING and "pi" in functions(trees[0]):
        trees = trees[0], renamed(trees[1], *more, *fewer)  # \pi/4 + k\pi and \pi/4 + n\pi
    if not symbols(trees[1]) | applied(trees[1]) <= symbols(trees[0]) | applied(trees[0]):
        return False
    if same_function(*trees):
        return True
    products = parse(gold, False), parse(answer, False)  # `a(b)` read as a product on both sides
    factors = applied(trees[0]) | applied(trees[1]) <= symbols(trees[0]) | symbols(
        trees[1]
    )  # `p(1-p)`: p is no function
    if factors and not shared and products != trees and same_function(*products):
        return True
    return "\\log" in gold + answer and same_function(*trees, base10=True)


def renamed(node: Node, old: str, new: str) -> Node:
    return substituted(node, ("sym", old), ("sym", new))


def proportional(gold: Node, answer: Node) -> int:
    """Return the sign of the constant c != 0 with gold = c * answer everywhere, or 0 if there is none."""
    names = symbols(gold) | symbols(answer)
    if not names or symbols(gold) != symbols(answer):
        return 0
    used = _used(gold, answer)
    ratio, agreed = None, 0
    for n, point in enumerate(
        [*points(names, used, signed=False, count=4 * POINTS), *further(gold, answer, names, used)]
    ):
        if agreed >= POINTS and n < 4 * POINTS:
            continue
        x, y = sample(gold, point, "i" not in used, False), sample(answer, point, "i" not in used, False)
        if x is None or y is None or isinstance(x, tuple) or isinstance(y, tuple):
            continue
        if y == 0 or x == 0:
            if x != y:
                return 0
            continue
        quotient = x / y if type(x) is type(y) else inexact(x) / inexact(y)
        if ratio is None:
            ratio = quotient
        elif not close(ratio, quotient):
            return 0
        agreed += 1
    if agreed < 3:
        return 0
    ratio = inexact(ratio)
    return 1 if isinstance(ratio, mpc) or ratio > 0 else -1


def bound(text: str):
    """Return an interval's end as a real number; None if it depends on symbols."""
    value = constant(text)
    if value is None:
        return None
    value = inexact(value) if not isinstance(value, (Fraction, tuple)) else value
    if isinstance(value, (mpc, tuple)):
        raise Undefined("an end must be real")
    return value


def line(node: Node) -> tuple[object, object]:
    """Return slope and value at 0 of a tree that is linear in its only symbol. Raises `Undefined` for others."""
    if not symbols(node):
        value = value_of(node, {}, real=True)
        if isinstance(value, (tuple, mpc)):
            raise Undefined("not a real number")
        return Fraction(0), value
    if node[0] == "sym":
        return Fraction(1), Fraction(0)
    if node[0] == "neg":
        slope, start = line(node[1])
        return -slope, -start
    if node[0] == "add":
        (a, b), (c, d) = line(node[1]), line(node[2])
        return plus(a, c), plus(b, d)
    if node[0] in ("mul", "div"):
        (a, b), (c, d) = line(node[1]), line(node[2])
        if node[0] == "div" and c == 0 and d != 0:
            d = 1 / d
        elif node[0] == "mul" and a == 0:
            a, b, d = c, d, b
        elif node[0] == "div" or c != 0:
            raise Undefined("not linear")
        return times(a, d), times(b, d)
    raise Undefined("not linear")
