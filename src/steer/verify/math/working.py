r"""A computation beside an unboxed answer, as `18 dollars (6 + 12)`, `18, i.e. 3 times 6`, `6 + 12 = 18 dollars`.

It is no part of the answer if its value is the answer's, which is computed here from the four operations.
"""

import re
from fractions import Fraction

from steer.verify.math.numbers import DECIMAL, number

OPERATORS = r"\+|-|−|\*|×|·|÷|/|x(?=[\s\d])|\\(?:times|cdot|div)(?![a-z])|plus|minus|times|divided\s+by|multiplied\s+by"
OPERAND = rf"[$(]*{DECIMAL}%?"
COMPUTATION = rf"{OPERAND}(?:\s*(?:{OPERATORS})\s*{OPERAND})+"
STEP = re.compile(rf"({OPERATORS})?\s*[$(]*({DECIMAL})(%?)")
REASON = r"(?:i\.?e\.?|that\s+is|which\s+(?:is|equals)|equals|or|as|since|because|from|namely|in\s+other\s+words)"
# at the end of a sentence; the equation `3 x 6 = 18` counts as the computation on its left
ASIDE = re.compile(
    rf"(?=\(|\b\w)(?:\(\s*(?:{REASON},?\s+)?|\b{REASON},?\s+)\$?({COMPUTATION})\$?(?:\s*=\s*\$?({DECIMAL})(?:\s*[a-z]+){{0,2}})?\)?[\s$.!)]*$",
    re.IGNORECASE,
)
CHAIN = re.compile(rf"\s*({COMPUTATION})\s*=\s*\$?({DECIMAL})(?=[\s$]|$)")
# the same answer again, in another form: `1/2, i.e., 50%`
AGAIN = re.compile(
    rf"[\s,;]*\(?\b(?:i\.?e\.?|that\s+is|which\s+(?:is|equals)|equivalently|or\s+equivalently|or),?\s+(?:(?:about|approximately|roughly)\s+)?(\$[^$]+\$|[-+]?{DECIMAL}(?:/\d+)?%?)\)?[\s.!)]*$",
    re.IGNORECASE,
)
ENDS_IN_NUMBER = re.compile(rf"(?<![\w.,])({DECIMAL})(?:/(\d+))?(?:[\s$*]|[a-z])*$", re.IGNORECASE)
LENGTH = 120  # characters at the end of a text in which an aside is looked for
SIGNS = {"plus": "+", "minus": "-", "−": "-", "/": "/", "÷": "/", "\\div": "/"}


def value(text: str) -> Fraction | None:
    """The value of a computation without nested brackets; None for a division by zero."""
    terms: list[Fraction] = []
    for operator, digits, percent in STEP.findall(text):
        operand = Fraction(digits.rstrip(".")) / (100 if percent else 1)
        sign = SIGNS.get(operator.lower(), "/" if operator.lower().startswith("divided") else operator)
        if sign in ("", "+", "-"):
            terms.append(-operand if sign == "-" else operand)
        elif sign != "/":
            terms[-1] *= operand
        elif operand:
            terms[-1] /= operand
        else:
            return None
    return sum(terms)


def without_aside(text: str) -> str:
    """Remove a computation at the end of `text` that has the value of the number in front of it."""
    begin = max(0, len(text) - LENGTH)
    aside = ASIDE.search(text, begin)
    if not aside:
        return text
    kept = text[: aside.start()].rstrip(" ,;:(—–")
    before = ENDS_IN_NUMBER.search(kept, max(0, len(kept) - LENGTH))
    if not before or (aside[2] and value(aside[2]) != value(aside[1])):
        return text
    said = number(before[1] + (f"/{before[2]}" if before[2] else ""))
    return kept if said and said.value == value(aside[1]) else text


def result(text: str) -> str:
    """The right side of `6 + 12 = 18 dollars`, if the left side has that value; else `text`."""
    chain = CHAIN.match(text)
    return text[chain.start(2) :] if chain and value(chain[1]) == Fraction(chain[2].rstrip(".")) else text
