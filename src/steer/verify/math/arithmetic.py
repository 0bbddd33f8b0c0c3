"""Arithmetic on the values of expression trees: exact rationals, mpmath numbers, and matrices as tuples of rows."""

import math
from fractions import Fraction
from functools import lru_cache

from mpmath import mp, mpc, mpf
from mpmath.libmp import from_rational, round_nearest

mp.dps = 100
EXACT_BITS = 200_000  # of a rational; beyond, it is too large to compare
HUGE_LOG10 = 1e7  # beyond: too large to compare, other than with something that is not


class Undefined(ArithmeticError):
    """The expression has no value here (division by zero, or a complex value where reals are required)."""


class TooLarge(ArithmeticError):
    """The magnitude is beyond 10**HUGE_LOG10."""


def inexact(value):
    """Return the value as mpf or mpc."""
    if not isinstance(value, Fraction):
        return value
    return mp.make_mpf(from_rational(value.numerator, value.denominator, mp.prec, round_nearest))


def bits(value: Fraction) -> int:
    return value.numerator.bit_length() + value.denominator.bit_length()


def integer(value) -> int | None:
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else None


def log10(value) -> float:
    """Return the decimal logarithm of the absolute value, to float precision; 0 for 0."""
    if isinstance(value, Fraction):
        size = math.log10(abs(value.numerator)) - math.log10(value.denominator) if value else 0.0
    elif not value or not mp.isfinite(value):
        return float(abs(value))
    else:
        _, mantissa, exponent, _ = abs(value)._mpf_
        size = math.log10(mantissa) + exponent * math.log10(2)
    return size if abs(size) > 1e-9 else float(mp.log10(abs(inexact(value)))) if value else 0.0


@lru_cache
def rounding(share: float, digits: int) -> mpf:
    """Return the relative error that counts as rounding: `share` of the working precision of `digits`."""
    return mpf(10) ** -int(share * digits)


def real(value):
    if isinstance(value, mpc):
        raise Undefined("order of complex numbers")
    return inexact(value)


def fold(values, function) -> int:
    whole = [integer(value) for value in values]
    if None in whole:
        raise Undefined("not whole")
    result = whole[0]
    for value in whole[1:]:
        result = function(result, value)
    return result


def exact_root(value: int, n: int) -> int | None:
    root = int(mp.nint(mp.root(value, n)))
    return root if root**n == value else None


def entrywise(a, b):
    if not (isinstance(a, tuple) and isinstance(b, tuple)) or (len(a), len(a[0])) != (len(b), len(b[0])):
        raise Undefined("shapes")
    return tuple(tuple(plus(x, y) for x, y in zip(r, s, strict=True)) for r, s in zip(a, b, strict=True))


def plus(x, y):
    return x + y if type(x) is type(y) else inexact(x) + inexact(y)


def times(x, y):
    return x * y if type(x) is type(y) else inexact(x) * inexact(y)


def product(a, b):
    if not isinstance(a, tuple):
        a, b = b, a
    if not isinstance(b, tuple):
        return tuple(tuple(times(x, b) for x in row) for row in a)
    if len(a[0]) != len(b):
        raise Undefined("shapes")
    columns = list(zip(*b, strict=True))
    return tuple(tuple(dot(row, column) for column in columns) for row in a)


def dot(row, column):
    total = Fraction(0)
    for x, y in zip(row, column, strict=True):
        total = plus(total, times(x, y))
    return total
