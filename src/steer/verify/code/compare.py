"""Compare answers with expected ones: values of function tests, text of stdin tests."""

import math
import re
from decimal import Decimal
from typing import Any

RELATIVE = 1e-9
ABSOLUTE = 1e-12  # for sums that should be 0
TINY = 1e-18  # an expected value below it, other than 0, is no such sum: its size counts
MAX_TOKEN = 100  # longer ones are compared as text alone
_DECIMAL = re.compile(rb"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?|[-+]?\d+\.?(?:[eE][-+]?\d+)?")


def same_value(expected: Any, answer: Any) -> bool:
    """Check whether `answer` (plain data) equals `expected` (from JSON).

    Python's `==`, adapted to JSON: a tuple equals a list, dictionary keys may be values that JSON turns into strings,
    NaN equals NaN, and floats agree to a relative error of 1e-9 (sums in another order are correct).
    """
    try:
        if expected == answer:
            return True
        return _same(expected, answer)
    except (RecursionError, ArithmeticError, ValueError):
        # A signalling NaN of `decimal` refuses every comparison, an integer of too many digits becomes no text.
        return False


def _same(expected: Any, answer: Any) -> bool:
    if isinstance(expected, list):
        if not isinstance(answer, list | tuple) or len(expected) != len(answer):
            return False
        return all(map(_same, expected, answer))
    if isinstance(expected, dict):
        if not isinstance(answer, dict) or len(expected) != len(answer):
            return False
        keyed = {_key(key): value for key, value in answer.items()}
        return len(keyed) == len(answer) and all(k in keyed and _same(v, keyed[k]) for k, v in expected.items())
    if isinstance(expected, float) and isinstance(answer, int | float) and not isinstance(answer, bool):
        return _close(expected, answer)
    if isinstance(answer, float) and isinstance(expected, int) and not isinstance(expected, bool):
        # Whole numbers are exact: the tolerance alone would take any answer near a large count.
        return _close(expected, answer) and round(answer) == expected
    return expected == answer


def _close(expected: float, answer: float) -> bool:
    if expected != expected:
        return answer != answer
    try:
        noise = ABSOLUTE if not expected or abs(expected) >= TINY else 0.0
        return math.isclose(expected, answer, rel_tol=RELATIVE, abs_tol=noise)
    except OverflowError:
        return False


def _key(key: Any) -> Any:
    """Return JSON's string for a dictionary key."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    return repr(key) if isinstance(key, int | float) else key


def same_text(expected: bytes, answer: bytes, numbers: bool = False) -> bool:
    """Check whether two outputs agree token by token, ignoring line ends and the amount of white space.

    Tokens are compared as text, or as numbers if the expected one has a decimal point or an exponent. With `numbers`,
    all numeric tokens are compared as numbers (60.0 equals 60), as in LiveCodeBench.
    """
    wanted, got = expected.split(), answer.split()
    if wanted == got:
        return True
    return len(wanted) == len(got) and all(_same_token(w, g, numbers) for w, g in zip(wanted, got, strict=True))


def _same_token(expected: bytes, answer: bytes, numbers: bool) -> bool:
    if expected == answer:
        return True
    if len(expected) > MAX_TOKEN or len(answer) > MAX_TOKEN:
        return False
    if not _DECIMAL.fullmatch(expected) or not _DECIMAL.fullmatch(answer):
        return False
    shown = re.search(rb"[.eE]", expected) is not None
    if not shown and not numbers:
        return False
    try:
        wanted, got = Decimal(expected.decode()), Decimal(answer.decode())
        if wanted == got:
            return True
        return shown and abs(wanted - got) <= _tolerance(expected, wanted)
    except ArithmeticError:  # an exponent beyond what decimals can have
        return False


def _tolerance(expected: bytes, wanted: Decimal) -> Decimal:
    """Return the tolerance for an expected number with a decimal point or an exponent."""
    # An expected value printed with six or more decimals matches all numbers that round to it.
    places = 0 if re.search(rb"[eE]", expected) else len(expected.partition(b".")[2])
    rounding = Decimal("0.5000001").scaleb(-places) if places >= 6 else Decimal(0)
    noise = Decimal(ABSOLUTE) if not wanted or abs(wanted) >= TINY else Decimal(0)
    return max(abs(wanted) * Decimal(RELATIVE), rounding, noise)
