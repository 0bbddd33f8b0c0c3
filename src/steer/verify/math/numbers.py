"""Read exact rational numbers in common spellings, in plain Python: no floats, no evaluation, bounded cost."""

import re
from dataclasses import dataclass
from fractions import Fraction

from steer.verify.math.normalise import key, latex

MAX_DIGITS = 2000
MAX_EXPONENT = 5000

INTEGER = re.compile(r"[-+]?\d+")
DECIMAL = r"(?:\d+(?:\.\d*)?|\.\d+)"  # in a time that grows with the length, not with its square
DECIMAL_TEXT = re.compile(rf"[-+]?{DECIMAL}")
PLAIN = re.compile(
    rf"(?P<sign>[-+]?)(?:"
    rf"(?P<whole>\d+)?\\frac\{{(?P<ns>-?)(?P<num>\d+)\}}\{{(?P<den>\d+)\}}"
    rf"|(?P<plain_whole>\d+)[ ](?P<plain_num>\d+)/(?P<plain_den>\d+)"
    rf"|(?P<a>{DECIMAL})/(?P<b>{DECIMAL})"
    rf"|(?P<mantissa>{DECIMAL})(?:(?:\\times|\\cdot|\*|x)10\^(?:\{{(?P<e1>[-+]?\d+)\}}|(?P<e2>[-+]?\d+))|[eE](?P<e3>[-+]?\d+))?"
    rf"|10\^(?:\{{(?P<e4>[-+]?\d+)\}}|(?P<e5>[-+]?\d+))"
    rf"|(?P<head>\d*\.\d*)\\(?:overline|bar|dot)\{{?(?P<cycle>\d+)\}}?"
    rf")(?P<suffix>%|percent|pct|percentage|\^\{{?\\circ\}}?|dollars?)?"
)


@dataclass(frozen=True)
class Number:
    """An exact value and the mark it carries: "" (none), "%", "deg" or "$"."""

    value: Fraction
    mark: str = ""
    text: str = ""


def _power_of_ten(exponent: str) -> Fraction | None:
    if len(exponent) > 6 or abs(int(exponent)) > MAX_EXPONENT:
        return None
    return Fraction(10) ** int(exponent)


def _repeating(head: str, cycle: str) -> Fraction:
    whole, _, fixed = head.partition(".")
    repeated = Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(fixed))
    return Fraction(int((whole + fixed) or "0"), 10 ** len(fixed)) + repeated


def _magnitude(match: re.Match) -> Fraction | None:
    part = match.groupdict()
    if part["num"]:
        if not int(part["den"]):
            return None
        value = Fraction(int(part["num"]), int(part["den"]))
        if part["whole"]:
            # `3\frac{4}{5}` is a mixed number; `3\frac{5}{4}` or a negative numerator can only be a product
            mixed = value < 1 and not part["ns"]
            return int(part["whole"]) + value if mixed else int(part["whole"]) * (-value if part["ns"] else value)
        return -value if part["ns"] else value
    if part["plain_num"]:
        top, bottom = int(part["plain_num"]), int(part["plain_den"])
        return int(part["plain_whole"]) + Fraction(top, bottom) if top < bottom else None
    if part["a"]:
        divisor = Fraction(part["b"].rstrip(".") or "0")
        return Fraction(part["a"].rstrip(".")) / divisor if divisor else None
    if part["cycle"]:
        return _repeating(part["head"], part["cycle"])
    exponent = part["e1"] or part["e2"] or part["e3"] or part["e4"] or part["e5"]
    power = _power_of_ten(exponent) if exponent else Fraction(1)
    if power is None:
        return None
    return Fraction(part["mantissa"].rstrip(".")) * power if part["mantissa"] else power


def number(text: str) -> Number | None:
    """Read the number in `text` (from `normalise.key`), or None if it is not just a number."""
    if len(text) > MAX_DIGITS:
        return None
    if INTEGER.fullmatch(text):
        return Number(Fraction(int(text)))
    begins = text[:1].isdigit() or text[:1] in ("+", "-", ".", "\\")
    match = PLAIN.fullmatch(text) if begins and "(" not in text and "," not in text else None
    magnitude = match and _magnitude(match)
    if not match or magnitude is None:
        return None
    suffix = match["suffix"] or ""
    mark = {"": "", "^": "deg", "d": "$"}.get(suffix[:1], "%")
    return Number(-magnitude if match["sign"] == "-" else magnitude, mark, text)


def approximates(decimal: str, exact, digits: int = 6) -> bool:
    """Check whether a decimal of at least `digits` significant digits equals `exact`, rounded or truncated.

    `exact` is a value without a finite decimal, of any type that mixes with Fraction or float arithmetic.
    """
    whole, point, places = decimal.lstrip("+-").partition(".")
    if (digits > 1 and not point) or len((whole + places).lstrip("0")) < digits:
        return False
    unit = Fraction(1, 10 ** len(places))
    value = Fraction(decimal)
    difference = abs(type(exact)(value.numerator) / value.denominator - exact)
    cut = (
        abs(exact) >= abs(type(exact)(value.numerator) / value.denominator)
        and difference < 1 * unit.numerator / unit.denominator
    )
    return bool(2 * difference * unit.denominator <= 1 or cut)


def roughly(text: str, other: str) -> bool:
    """Check whether two plain numbers may be the same one, rounded to the digits shown. Anything else may."""
    texts = [key(latex(one.strip())) for one in (text, other)]
    read = [number(one) for one in texts]
    if None in read or equal(*read):
        return True
    marked = [one.mark == "%" for one in read]
    a, b = (one.value * (1 if mark or not any(marked) else 100) for one, mark in zip(read, marked, strict=True))
    plain = [DECIMAL_TEXT.fullmatch(one.rstrip("%")) for one in texts]
    return bool(
        (plain[1] and approximates(plain[1][0], a, 1))
        or (plain[0] and "." in texts[0] and approximates(plain[0][0], b, 1))
    )


def _finite(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def equal(gold: Number, answer: Number) -> bool:
    """Compare two numbers. A per cent or degree sign may be omitted; if both have marks, they must be equal.

    Twenty per cent also equals one fifth.
    """
    if gold.mark and answer.mark:
        return gold.mark == answer.mark and gold.value == answer.value
    if gold.value == answer.value:  # but 0.5% of a gold 0.5 is no answer in per cent
        return answer.mark != "%" or abs(gold.value) >= 1
    if gold.mark == "%":
        return answer.value * 100 == gold.value
    if answer.mark == "%":
        return gold.value * 100 == answer.value
    if not _finite(gold.value):
        return DECIMAL_TEXT.fullmatch(answer.text) is not None and approximates(answer.text, gold.value)
    if not _finite(answer.value):
        return DECIMAL_TEXT.fullmatch(gold.text) is not None and approximates(gold.text, answer.value)
    return False
