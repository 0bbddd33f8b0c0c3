"""Whether two formulas are equal: by their values, exactly where they are rational, at many points where they are not.

Two expressions that agree to 40 digits at six independently drawn points are the same function in all but
constructed cases; unlike simplification this has a bounded cost and never depends on how a formula is written.
"""

import random
from fractions import Fraction
from functools import lru_cache

from mpmath import mp, mpc, mpf

from steer.verify.math.arithmetic import Undefined, inexact
from steer.verify.math.evaluate import Evaluator
from steer.verify.math.grammar import Node
from steer.verify.math.parse import functions, parse, symbols

POINTS = 6  # positive points that must agree
TRIES = 40
INTEGRAL = {"fact", "binom", "floor", "ceil", "gcd", "lcm", "sum", "prod"}
SCALES = ((Fraction(1, 3), Fraction(3)), (Fraction(1, 20), Fraction(1)), (Fraction(2), Fraction(12)))
FUNCTION_DIGITS = 50  # working precision at points; constants have the full precision of `arithmetic`


def close(a, b) -> bool:
    """Equality of two values: exact for rationals, to four fifths of the working precision else."""
    if isinstance(a, tuple) or isinstance(b, tuple):
        if not (isinstance(a, tuple) and isinstance(b, tuple)) or (len(a), len(a[0])) != (len(b), len(b[0])):
            return False
        return all(close(x, y) for r, s in zip(a, b, strict=True) for x, y in zip(r, s, strict=True))
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a == b
    a, b = inexact(a), inexact(b)
    if mp.isinf(a) or mp.isinf(b):
        return a == b
    difference, size, noise = abs(a - b), max(abs(a), abs(b)), mpf(10) ** -int(0.8 * mp.dps)
    return difference <= noise * size or (size < 1 and max(difference, min(abs(a), abs(b))) < noise / 1000)


@lru_cache(maxsize=2048)
def constant(text: str):
    """The value of a formula without symbols; None where it has symbols. Raises as the parser and evaluator do."""
    node = parse(text)
    return None if symbols(node) else Evaluator({}, real=False)(node)


def points(names: set[str], integral: bool, signed: bool, count: int = TRIES):
    """Points to evaluate at: the same for the same names. Whole numbers where the functions ask for them."""
    draw = random.Random(2510)
    for n in range(count):
        point = {}
        for name in sorted(names):
            if integral:
                point[name] = Fraction(draw.randint(2, 9 + 2 * n))
            else:
                low, high = SCALES[n % len(SCALES)]
                point[name] = low + (high - low) * Fraction(draw.randint(1, 9999), 10000)
                if signed and draw.random() < 0.6:
                    point[name] = -point[name]
        yield point


def sample(node: Node, point: dict, real: bool, base10: bool):
    """The value at a point, or None where there is none."""
    try:
        return Evaluator(point, real, base10)(node)
    except (Undefined, ZeroDivisionError, OverflowError):
        return None


def same_function(a: Node, b: Node, base10: bool = False) -> bool:
    """Whether two trees agree wherever both have a value. Raises `Undefined` where too few points have one."""
    names = symbols(a) | symbols(b)
    used = functions(a) | functions(b)
    if not names:
        return close(Evaluator({}, False, base10)(a), Evaluator({}, False, base10)(b))
    with mp.workdps(FUNCTION_DIGITS):
        return _agree(a, b, names, used, base10)


def _agree(a: Node, b: Node, names: set[str], used: set[str], base10: bool) -> bool:
    imaginary, integral = "i" in used, bool(used & INTEGRAL)
    agreed = 0
    for point in points(names, integral, signed=False):
        x, y = sample(a, point, not imaginary, base10), sample(b, point, not imaginary, base10)
        if x is None or y is None:
            if (x is None) != (y is None):
                agreed -= 0.2  # one is undefined where the other is not
            continue
        if not close(x, y):
            return False
        agreed += 1
        if agreed >= POINTS:
            break
    if agreed < 3:
        if imaginary or integral:
            raise Undefined("no common domain")
        return _complex_agree(a, b, names, base10)
    if not imaginary and not integral:
        for point in points(names, False, signed=True, count=6):
            x, y = sample(a, point, True, base10), sample(b, point, True, base10)
            if x is not None and y is not None and not close(x, y):
                return False
    return True


def _complex_agree(a: Node, b: Node, names: set[str], base10: bool) -> bool:
    agreed = 0
    for point in points(names, False, signed=True, count=6):
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
    """Equality of two formulas given as text. Raises `Unreadable`, `Undefined` or `TooLarge`."""
    if same_function(parse(gold), parse(answer)):
        return True
    products = parse(gold, False), parse(answer, False)  # `a(b)` read as a product on both sides
    if products != (parse(gold), parse(answer)) and same_function(*products):
        return True
    return "\\log" in gold + answer and same_function(parse(gold), parse(answer), base10=True)


def proportional(gold: Node, answer: Node) -> int:
    """Sign of the constant c != 0 with gold = c * answer everywhere, or 0 where there is none."""
    names = symbols(gold) | symbols(answer)
    if not names or symbols(gold) != symbols(answer):
        return 0
    used = functions(gold) | functions(answer)
    ratio, agreed = None, 0
    for point in points(names, bool(used & INTEGRAL), signed=not used & {"call", "pow"}):
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
        if agreed >= POINTS:
            break
    if agreed < 3:
        return 0
    ratio = inexact(ratio)
    return 1 if isinstance(ratio, mpc) or ratio > 0 else -1


def bound(text: str):
    """The value of an interval's end as a real number; None where it depends on symbols."""
    value = constant(text)
    if value is None:
        return None
    value = inexact(value) if not isinstance(value, (Fraction, tuple)) else value
    if isinstance(value, (mpc, tuple)):
        raise Undefined("an end must be real")
    return value


def linear_root(node: Node) -> tuple[str, object, int] | None:
    """For a tree that is linear in its only symbol (or unknown function): its name, its root and the slope's sign."""
    names = symbols(node)
    if len(names) != 1:
        return None
    (name,) = names
    at = [sample(node, {name: Fraction(n)}, True, False) for n in (0, 1, 2, 7)]
    if any(value is None or isinstance(value, (tuple, mpc)) for value in at):
        return None
    zero, one, two, seven = at
    slope = one - zero if type(one) is type(zero) else inexact(one) - inexact(zero)
    if slope == 0:
        return None
    for n, value in ((2, two), (7, seven)):
        if not close(inexact(value), inexact(zero) + n * inexact(slope)):
            return None
    root = -zero / slope if type(zero) is type(slope) else -inexact(zero) / inexact(slope)
    return name, root, 1 if slope > 0 else -1
