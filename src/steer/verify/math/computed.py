r"""Check a left side that is computed: `\int_0^1 2x\,dx = 1`, `\lim a_n = 12`, `1 + 2 + \ldots + 10 = 55`.

The value behind it is an answer unless a computation, done here to a few digits, contradicts it.
"""

import re

from mpmath import mp

from steer.verify.math.arithmetic import Undefined, inexact
from steer.verify.math.parse import parse
from steer.verify.math.trees import applied, symbols
from steer.verify.math.values import FUNCTION_DIGITS, constant, sample

DIGITS, SHARE = 15, 1e-3  # of the computation, and what it may miss the value by
END = r"(?:\{(?P<%s>[^{}]*)\}|(?P<%s_>\\?\w+|-\\?\w+))"
INTEGRAL = re.compile(
    rf"\\int\s*_\s*{END % ('low', 'low')}\s*\^\s*{END % ('high', 'high')}"
    r"(?P<body>[^=]*?[^=\s\\({])\s*d\s*(?P<name>\\?[a-zA-Z]+)"
)
DIFFERENTIAL = re.compile(r"\\frac\s*\{([^{}]*?)\s*d\s*([a-zA-Z])\s*\}(.*)")  # `\\frac{dx}{x}`
LIMIT = re.compile(
    r"\\lim\s*_\s*\{\s*(?P<name>[a-zA-Z])\s*\\rightarrow\s*(?P<low>[^{}^]+?)(?P<side>\s*\^.*?)?\s*\}(?P<body>[^=]+)"
)
SERIES = re.compile(
    r"\\sum\s*_\s*\{\s*(?P<name>[a-zA-Z])\s*=\s*(?P<low>\d+)\s*\}\s*\^\s*(?:\{\s*\\infty\s*\}|\\infty)(?P<body>[^=]+)"
)
# over a region, or without ends: then the value is a formula
OTHER_INTEGRAL = re.compile(
    r"\\(?:int(?P<ends>\s*_)?|i+nt|oint)(?![a-zA-Z])[^=]*[^=\s\\{(_^]\s*d\s*\\?[a-zA-Z]+(?:\s*d\s*[a-zA-Z])*\s*"
)
# sums and products of numbers or of names with an index, of which two terms are shown
ITEM = r"(?:[^=a-zA-Z\\]|[a-zA-Z]_(?:\{\w+\}|\w)|\\(?:cdot|times|frac)(?![a-zA-Z]))"
DOTTED = re.compile(rf"(?={ITEM}*?(?:\+|\\(?:cdot|times)){ITEM}+\\ldots|[a-zA-Z]_){ITEM}+\\ldots{ITEM}+")
TERMS = re.compile(r"(\d+)\s*\+\s*(\d+)\s*\+(?:\s*\d+\s*\+)*\s*\\ldots\s*\+\s*(\d+)")
FAR = 200  # terms of a series; an integrand far beyond it, or near 0, does not count


def computes(left: str, right: str) -> bool:
    """Check whether `left` is a computation that `right` may be the value of."""
    left = left.strip().replace("\\text{d}", "d ")
    left = DIFFERENTIAL.sub(lambda m: f"\\frac{{{m[1] or 1}}}{m[3]} d{m[2]}", left) if "\\int" in left else left
    if "\\ldots" in left and DOTTED.fullmatch(left):
        return not (found := TERMS.fullmatch(left)) or _progression(*map(int, found.groups()), constant(right))
    for pattern, estimate in ((INTEGRAL, _integral), (LIMIT, _limit), (SERIES, _series)):
        if found := pattern.fullmatch(left):
            return _near(estimate, found, right)
    if left.startswith(("\\sum", "\\prod")):
        return bool(applied(parse(left)))
    other = OTHER_INTEGRAL.fullmatch(left)
    return other is not None and (other["ends"] or not left.startswith("\\int") or bool(symbols(parse(right))))


def _progression(first: int, second: int, last: int, value) -> bool:
    """Whether a value is the sum of the terms from `first` to `last`, unless these follow no simple rule."""
    step, term, sums = second - first, first, []
    if step > 0 and (last - first) % step == 0:
        sums.append((first + last) * ((last - first) // step + 1) // 2)
    if step > 0 and first and second % first == 0:
        while term < last:
            term *= second // first
        if term == last:
            sums.append((term * (second // first) - first) // (second // first - 1))
    return not sums or value in sums


def _near(estimate, found: re.Match, right: str) -> bool:
    """Whether a computation of known functions comes near a value. One of unknown functions may have any value."""
    part = found.groupdict()
    name, tree = part["name"], parse(part["body"])
    ends = [part.get(end) or part.get(end + "_") for end in ("low", "high")]
    free = set().union(symbols(tree), *(symbols(parse(end)) for end in ends if end)) - {name}
    if applied(tree) or any(name in one.partition("_")[2] for one in free):
        return True
    value = constant(right)
    if free or value is None or isinstance(value, tuple):
        return not free and value is None
    with mp.workdps(DIGITS):

        def function(at):
            with mp.workdps(FUNCTION_DIGITS):
                here = sample(tree, {name: at}, True, False)
            if here is None or isinstance(here, tuple):
                raise Undefined("no number")
            return inexact(here)

        found, error = estimate(function, *(inexact(constant(end)) for end in ends if end))
        return bool(mp.isinf(inexact(value)) or abs(found - inexact(value)) <= error + SHARE * max(1, abs(found)))


def _integral(function, low, high):
    return mp.quad(lambda at: function(at) if FAR**-3 < abs(at) < 10 * FAR else mp.mpf(0), [low, high]), 0


def _limit(function, at):
    """The value near a place, from either side."""
    if mp.isinf(at):
        return function(mp.sign(at) * 10**6), 0.01
    try:
        return function(at + mp.mpf(10) ** -6), 0.01
    except Undefined:
        return function(at - mp.mpf(10) ** -6), 0.01


def _series(function, low):
    first, second = (sum(function(low + n) for n in range(begin, begin + FAR)) for begin in (0, FAR))
    if abs(second) > abs(first) / 2:
        raise Undefined("the series diverges")
    return first + second, 10 * abs(second)
