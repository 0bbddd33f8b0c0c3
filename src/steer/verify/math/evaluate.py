"""Evaluate expression trees at a point: exact rationals as long as possible, then 100 decimal digits (mpmath).

Runs only in worker processes, whose limits bound the cost of a value, together with the checks below, which stop
towers of powers before they are computed.
"""

import math
import zlib
from fractions import Fraction

from mpmath import mp, mpc, mpf

from steer.verify.math.arithmetic import (
    EXACT_BITS,
    HUGE_LOG10,
    TooLarge,
    Undefined,
    bits,
    entrywise,
    exact_root,
    fold,
    inexact,
    integer,
    log10,
    product,
    real,
    rounding,
)
from steer.verify.math.grammar import ANY_ORDER
from steer.verify.math.trees import Node
from steer.verify.math.work import spend, weight

TINY = mpf(10) ** -20
PRECISION_WEIGHT = 8  # a function of a real number costs as much as arithmetic with numbers that much longer


class Evaluator:
    """Evaluates with the symbols bound to `point`. With `real`, a complex intermediate value is `Undefined`."""

    def __init__(self, point: dict[str, Fraction], real: bool, base10: bool = False):
        self.point, self.real, self.base10 = point, real, base10

    def __call__(self, node: Node):
        value = getattr(self, "_" + node[0])(*node[1:])
        if value != value:  # not a number: infinity times 0, or less infinity
            raise Undefined("not a number")
        spend(weight(bits(value) if isinstance(value, Fraction) else PRECISION_WEIGHT * mp.prec))
        return value

    def _num(self, value):
        return value

    def _sym(self, name):
        return self.point[name]

    def _const(self, name):
        if name == "i":
            return mpc(0, 1)
        return {"pi": mp.pi, "e": mp.e, "inf": mp.inf}[name] * 1

    def _matrix(self, rows):
        return tuple(tuple(self(entry) for entry in row) for row in rows)

    def _pair(self, left, right):
        a, b = self(left), self(right)
        if isinstance(a, Fraction) and isinstance(b, Fraction) and bits(a) + bits(b) > EXACT_BITS:
            raise TooLarge
        return (
            (a, b) if type(a) is type(b) or isinstance(a, tuple) or isinstance(b, tuple) else (inexact(a), inexact(b))
        )

    def _add(self, left, right):
        a, b = self._pair(left, right)
        if isinstance(a, tuple) or isinstance(b, tuple):
            return entrywise(a, b)
        if isinstance(a, Fraction) or not a or not b:
            return a + b
        small, node, large = (a, left, b) if abs(a) < abs(b) else (b, right, a)
        if mp.isinf(large) or abs(small) >= abs(large) * rounding(0.7, mp.dps):
            return a + b
        if self.lasts(node, small):  # pi + 10^{-90}: digits that this precision would lose
            raise Undefined("terms of too different size")
        return large

    def lasts(self, node: Node, value) -> bool:
        """Check that a tiny value is not zero with rounding error: more digits do not make it smaller."""
        if mp.dps > 2000:
            return True
        with mp.workdps(2 * mp.dps):
            return bool(abs(inexact(self(node))) > abs(inexact(value)) * TINY)

    def _cross(self, left, right):
        a, b = self(left), self(right)
        if not (isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) == 3):
            raise Undefined("product of vectors")
        (x,), (y,), (z,) = a
        (u,), (v,), (w,) = b
        return ((y * w - z * v,), (z * u - x * w,), (x * v - y * u,))

    def _dot(self, left, right):
        a, b = self(left), self(right)
        if not (isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) == 3):
            raise Undefined("product of vectors")
        return sum((x * y for (x,), (y,) in zip(a, b, strict=True)), Fraction(0))

    def _neg(self, node):
        value = self(node)
        return tuple(tuple(-x for x in row) for row in value) if isinstance(value, tuple) else -value

    def _mul(self, left, right):
        a, b = self._pair(left, right)
        return product(a, b) if isinstance(a, tuple) or isinstance(b, tuple) else a * b

    def _div(self, left, right):
        a, b = self._pair(left, right)
        if isinstance(b, tuple) or b == 0 or mp.isinf(inexact(b)):
            raise Undefined("division")
        return product(a, (1 / b)) if isinstance(a, tuple) else a / b

    def _pow(self, base, exponent):
        a, b = self(base), self(exponent)
        if isinstance(a, tuple) or isinstance(b, tuple):
            raise Undefined("power of a matrix")
        whole = integer(b)
        if a == 0:
            if inexact(b).real > 0:
                return Fraction(0)
            raise Undefined("power of zero")
        if mp.isinf(inexact(a)) or mp.isinf(inexact(b)):
            raise Undefined("power of infinity")
        if abs(inexact(b)) * abs(log10(a)) > HUGE_LOG10:
            raise TooLarge
        if whole is not None and isinstance(a, Fraction):
            if abs(whole) * bits(a) > EXACT_BITS:
                raise TooLarge
            return a**whole
        return self._real_only(inexact(a) ** (whole if whole is not None else inexact(b)))

    def _real_only(self, value):
        if isinstance(value, mpc):
            if value.imag == 0:
                return value.real
            if self.real:
                raise Undefined("complex")
        if mp.isinf(value):
            raise Undefined("infinite")
        return value

    def _fact(self, node):
        value = self(node)
        n = integer(value)
        if n is not None and n < 0:
            raise Undefined("factorial")
        if n is not None and n <= 3000:
            return Fraction(math.factorial(n))
        if log10(value) > 6:
            raise TooLarge
        return self._real_only(mp.gamma(inexact(value) + 1))

    def _call(self, name, *nodes):
        values = [self(node) for node in nodes]
        if name == "abs" and isinstance(values[0], tuple) and len(values[0][0]) == 1:
            return mp.sqrt(sum(inexact(x) ** 2 for (x,) in values[0]))
        if any(isinstance(value, tuple) for value in values):
            raise Undefined("function of a matrix")
        if name in ("abs", "floor", "ceil", "max", "min", "binom", "gcd", "lcm", "root"):
            return getattr(self, "_f_" + name)(*values)
        function = _FUNCTIONS.get("log10" if name == "log" and self.base10 else name)
        if function is None or len(values) != 1:
            raise Undefined(f"function {name}")
        value = inexact(values[0])
        if log10(value) > 30:
            raise TooLarge
        try:
            result = self._real_only(function(value))
        except (ZeroDivisionError, ValueError):
            raise Undefined(name) from None
        if name in ("tan", "cot", "sec", "csc") and log10(result) > mp.dps / 2:
            raise Undefined("a pole")
        return result

    def _f_abs(self, value):
        return abs(value)

    def _f_floor(self, value):
        return self._rounded(value, math.floor, mp.floor)

    def _f_ceil(self, value):
        return self._rounded(value, math.ceil, mp.ceil)

    def _rounded(self, value, exact, approximate):
        if isinstance(value, mpc) or log10(value) > 30:
            raise Undefined("rounding")
        return Fraction(exact(value) if isinstance(value, Fraction) else int(approximate(value)))

    def _f_max(self, *values):
        return max(values, key=real)

    def _f_min(self, *values):
        return min(values, key=real)

    def _f_gcd(self, *values):
        return Fraction(fold(values, math.gcd))

    def _f_lcm(self, *values):
        return Fraction(fold(values, math.lcm))

    def _f_binom(self, top, bottom):
        n, k = integer(top), integer(bottom)
        if n is not None and k is not None:
            if k < 0 or (0 <= n < k):
                return Fraction(0)
            if 0 <= n <= 3000:
                return Fraction(math.comb(n, k))
        if log10(top) > 6:
            raise TooLarge
        return self._real_only(mp.binomial(inexact(top), inexact(bottom)))

    def _f_root(self, value, degree):
        n = integer(degree)
        if n is None or n <= 0:
            raise Undefined("root")
        negative = not isinstance(value, mpc) and value < 0
        if negative and n % 2:
            return -(inexact(-value) ** (mpf(1) / n))
        if isinstance(value, Fraction) and not negative and bits(value) < 2000:
            top, bottom = exact_root(value.numerator, n), exact_root(value.denominator, n)
            if top is not None and bottom is not None:
                return Fraction(top, bottom)
        return self._real_only(mp.root(inexact(value), n) if n > 2 else mp.sqrt(inexact(value)))

    def _apply(self, name, *nodes):
        values = [inexact(self(node)) for node in nodes]
        if name in ANY_ORDER:
            values.sort(key=str)
        label = name + ",".join(mp.nstr(value, 15) for value in values)
        return Fraction(zlib.crc32(label.encode()) % 99991 + 9, 9973)

    def _sum(self, variable, first, last, body):
        return self._series(variable, first, last, body, Fraction(0), lambda a, b: a + b)

    def _prod(self, variable, first, last, body):
        return self._series(variable, first, last, body, Fraction(1), lambda a, b: a * b)

    def _series(self, variable, first, last, body, total, combine):
        a, b = integer(self(first)), integer(self(last))
        if a is None or b is None:
            raise Undefined("series")
        if b - a > 2000:
            raise TooLarge
        for n in range(a, b + 1):
            value = Evaluator(self.point | {variable: Fraction(n)}, self.real, self.base10)(body)
            exact = isinstance(total, Fraction) and isinstance(value, Fraction)
            total = combine(total, value) if exact else combine(inexact(total), inexact(value))
        return total


_FUNCTIONS = {
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc,
    "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "coth": mp.coth,
    "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arccot": mp.acot,
    "arcsinh": mp.asinh, "arccosh": mp.acosh, "arctanh": mp.atanh,
    "ln": mp.log, "log": mp.log, "log10": mp.log10, "sgn": mp.sign,
}  # fmt: skip
