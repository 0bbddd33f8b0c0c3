r"""Compare single values: formulas, decimals, units, per cent and degrees, numbers in a base, ratios, words.

Functions take the running comparison `c` first: `c.same` compares parts and `c.rules` is the answer type.
"""

import re
from itertools import combinations

from steer.verify.math.arithmetic import TooLarge, inexact
from steer.verify.math.forms import Based, Collection, Expr, Form, Quantity, Ratio, Words
from steer.verify.math.normalise import key
from steer.verify.math.nouns import counted, worded
from steer.verify.math.numbers import approximates
from steer.verify.math.parse import parse
from steer.verify.math.several import ordered
from steer.verify.math.tokens import Unreadable
from steer.verify.math.trees import symbols
from steer.verify.math.units import LOOSE_NUMBER, rescaled, unit
from steer.verify.math.values import constant, equal_texts

PLAIN = re.compile(r"-?\s*(?:\d+(?:\.\d*)?|\.\d+)")
CLOCK = re.compile(r"(?:1?\d|2[0-3]):[0-5]\d")
PRODUCT = re.compile(r"-?[a-z]{3,6}")  # of letters, or a word
MEANING = re.compile(
    r"(?<![A-Za-z])-(?!-)|[+|^<>=/≤≥≠?]|\\(?:sqrt|frac|ln|log|exp|sin|cos|tan|cot|sec|csc|neg|lnot|not\w*|le|ge|ne|to"
    r"|forall|exists|rightarrow|subset|supset|in|cup|cap|land|lor|vee|wedge|overline|sim|times|[bx]?cancel|sout|phantom)(?![a-z])"
    r"|^!|[×❌✗✘\u0334-\u0338\u20d2-\u20e0]"
)
NOTHING = re.compile(
    r"(?:there (?:is|are) |(?:\w+ ){0,2}(?:it|equation|system|inequality|problem) ha(?:s|ve) )?"
    r"no (?:(?:real|such|valid|possible|integer) )*(?:solution|root|answer|value|number|integer)"
    r"(?: exists?)?|none|empty set|null set|no solution exist"
)
COUNTED = re.compile(r"infinitely many (?:solution|value|root|answer|number|pair|integer|way)$")
ARTICLES = re.compile(r"\b(?:the|a|an)\b")

# Inverse and transposed matrices: their products do not commute and are compared as they are written. Nobody divides by
# a matrix: `N C^{-1}` may be `N/C`.
MATRIX = re.compile(r"[A-Z]\s*\^\s*\{?\s*(?:-\s*1|T|\\top)(?![\w.])")
CAPITAL, DIVISION = re.compile(r"(?<![a-z\\])[A-Z](?![a-z])"), re.compile(r"/|\\[dt]?frac")
NABLA = re.compile(r"\\nabla\s*(\\cdot|\\times|\^\s*\{?2|)")


def bag(text: str) -> str:
    """Return the words of a text without articles, case and punctuation."""
    text = re.sub(r"\\[a-z]+\s*", " ", text).lower()
    words = re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+|\d", ARTICLES.sub(" ", text))
    singular = (w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith(("ss", "us")) else w for w in words)
    return COUNTED.sub("infinitely many", " ".join(singular))


def nothing(form: Form) -> bool:
    """Check whether an answer says that there is no solution."""
    if isinstance(form, Collection):
        return not form.items
    return isinstance(form, Words) and NOTHING.fullmatch(bag(form.text)) is not None


def meaning(text: str) -> list[str]:
    """Return signs that change the meaning of words: `Amy > Bob`."""
    return MEANING.findall(text)


def statement(text: str) -> bool:
    """Check whether a gold is a sentence, which other words may state too: more than a name, yes or no, or a list."""
    if not worded(text):
        return False
    first = bag(text).split()[:1]
    count = len(bag(text).split())
    listed = all(len(bag(part).split()) <= 2 for part in re.split(r",|\band\b|\bor\b", text))
    return (count > 3 and not listed) or (
        count > 1 and first[0] in ("yes", "no", "true", "false") and not NOTHING.match(bag(text))
    )


def words(c, gold: Form, answer: Form) -> bool:
    texts = [form.text if isinstance(form, (Words, Expr)) else None for form in (gold, answer)]
    if None in texts:
        return False
    if bag(texts[0]) == bag(texts[1]) != "":  # which drops what makes `-abc` another value
        return meaning(texts[0]) == meaning(texts[1])
    return c.rules.name != "text" and any(map(PRODUCT.fullmatch, texts)) and _same_product(*texts)


def _same_product(gold: str, answer: str) -> bool:
    """Check whether letters that were read as words are equal formulas: `abc` and `b \\cdot ca`."""
    try:
        one_letter = all(len(name) == 1 for text in (gold, answer) for name in symbols(parse(text)))
        return one_letter and equal_texts(gold, answer)
    except (Unreadable, ArithmeticError):
        return False


def expr(c, gold: str, answer: str) -> bool:
    if key(gold) == key(answer):
        return True
    if len(gold) == len(answer) == 1 and gold.isalpha() and answer.isalpha():
        return gold == answer or (c.rules.name == "choice" and gold.lower() == answer.lower())
    if "\\nabla" in gold and sorted(NABLA.findall(gold)) != sorted(NABLA.findall(answer)):
        return False  # a divergence is no gradient
    if MATRIX.search(gold) and len(set(CAPITAL.findall(gold))) > 1 and not DIVISION.search(answer):
        return False
    try:
        if equal_texts(gold, answer):
            return True
    except TooLarge:
        return large(c, gold, answer)
    return near(c, gold, answer)


def large(c, gold: str, answer: str) -> bool:
    """Compare when one side is too large: unequal to an ordinary number, else undecided."""
    for text in (gold, answer):
        try:
            if constant(text) is not None:
                return False
        except TooLarge:
            continue
    raise TooLarge


def near(c, gold: str, answer: str) -> bool:
    """Compare a decimal with an exact value without a finite decimal, with the answer type's tolerance."""
    values = constant(gold), constant(answer)
    if None in values or any(isinstance(value, tuple) for value in values):
        return False
    values = tuple(inexact(value) for value in values)
    if any(getattr(value, "imag", 0) for value in values):
        return False
    if c.rules.accepts(*values):
        return True
    decimals = [PLAIN.fullmatch(text.strip()) is not None for text in (gold, answer)]
    if decimals == [True, False]:
        return approximates(gold.replace(" ", ""), values[1])
    if decimals == [False, True]:
        return approximates(answer.replace(" ", ""), values[0])
    return False


def quantity(c, gold: Form, answer: Form) -> bool:
    wanted, given = (form if isinstance(form, Quantity) else None for form in (gold, answer))
    gold_value, answer_value = (form.value if isinstance(form, Quantity) else form for form in (gold, answer))
    if wanted and given:
        if {wanted.unit, given.unit} & {"%", "deg"}:
            return marked(c, wanted, given)
        if LOOSE_NUMBER.search(given.unit) and not LOOSE_NUMBER.search(wanted.unit):
            return False
        (size, dimensions), (other_size, other_dimensions) = unit(wanted.unit), unit(given.unit)
        if dimensions != other_dimensions:
            # a count of things may be called anything: 12 apples, 12 fruits
            return False
        if size == other_size:
            return c.same(gold_value, answer_value)
        a, b = constant(gold_value.text), constant(answer_value.text)
        return None not in (a, b) and abs(inexact(a) * size / (inexact(b) * other_size) - 1) < 1e-9
    if not wanted and not counted(given.unit):
        return False  # `5 hundred`, `5 squared`, `5 otherwise six`: words that may change the number
    if c.same(gold_value, answer_value):
        return True
    return bare(c, (wanted or given).unit, gold_value, answer_value, gold_marked=wanted is not None)


def marked(c, gold: Quantity, answer: Quantity) -> bool:
    if gold.unit == answer.unit:
        return c.same(gold.value, answer.value)
    other = answer.unit if gold.unit == "deg" else gold.unit
    if "deg" in (gold.unit, answer.unit) and unit(other)[1] & {("temperature", 1), ("fahrenheit", 1)}:
        return c.same(gold.value, answer.value)
    if {gold.unit, answer.unit} == {"deg", "rad"} or "radian" in gold.unit + answer.unit:
        degrees, radians = (gold, answer) if gold.unit == "deg" else (answer, gold)
        return bare(c, "deg", degrees.value, radians.value, gold_marked=True)
    return False


def bare(c, mark: str, gold: Form, answer: Form, gold_marked: bool) -> bool:
    """Compare a marked with an unmarked value: 28 % is 0.28, and 30 degrees are pi/6."""
    if mark not in ("%", "deg") or not (isinstance(gold, Expr) and isinstance(answer, Expr)):
        return False
    factor = "\\frac{1}{100}" if mark == "%" else "\\frac{\\pi}{180}"
    if gold_marked:
        return equal_texts(f"({gold.text}){factor}", answer.text)
    return equal_texts(gold.text, f"({answer.text}){factor}")


def based(c, gold: Form, answer: Form) -> bool:
    if isinstance(gold, Based) and isinstance(answer, Based):
        return gold.base == answer.base and canonical(gold) == canonical(answer)
    if isinstance(gold, Based):  # the base may be left out, as a unit may
        return isinstance(answer, Expr) and answer.text.replace(" ", "").upper() == gold.digits
    if len(answer.digits) == 1:  # `5_6` is a name with an index
        return False
    try:
        value = int(answer.digits, answer.base)
    except ValueError:
        return isinstance(gold, Expr) and expr(c, gold.text, f"{answer.digits}_{{{answer.base}}}")
    return isinstance(gold, Expr) and constant(gold.text) == value


def ratio(c, gold: Form, answer: Form) -> bool:
    if isinstance(gold, Ratio) and isinstance(answer, Ratio):
        if len(gold.items) != len(answer.items):
            return False
        if ordered(c, gold.items, answer.items):
            return True
        texts = [[item.text for item in form.items if isinstance(item, Expr)] for form in (gold, answer)]
        clock = any(re.fullmatch(r"0\d?", text.strip()) for side in texts for text in side)
        clock |= all(CLOCK.fullmatch(":".join(side).replace(" ", "")) is not None for side in texts)
        if clock or any(len(side) != len(gold.items) for side in texts):
            return False
        first = texts[0][0], texts[1][0]
        return all(equal_texts(f"({g})({first[1]})", f"({a})({first[0]})") for g, a in zip(*texts, strict=True))
    parts, other = (gold, answer) if isinstance(gold, Ratio) else (answer, gold)
    if len(parts.items) != 2 or not isinstance(other, Expr) or not all(isinstance(i, Expr) for i in parts.items):
        return False
    return equal_texts(f"\\frac{{{parts.items[0].text}}}{{{parts.items[1].text}}}", other.text)


def canonical(form: Based) -> str:
    return form.digits.lstrip("0") or "0"


def either(c, gold: Form, items: tuple[Form, ...]) -> bool:
    """Compare a single value with alternatives: one must be it, and all must be the same (`60 min or 1 hour`)."""
    return any(c.same(gold, item) for item in items) and all(_alike(c, *pair) for pair in combinations(items, 2))


def _alike(c, a: Form, b: Form) -> bool:
    r"""Check whether two alternatives state one value: `50\% or 0.5`, `1/3 or 33.3\%`, `60 or 1 hour`."""
    marks = [form.unit if isinstance(form, Quantity) else "" for form in (a, b)]
    values = [form.value if isinstance(form, Quantity) else form for form in (a, b)]
    if not all(isinstance(value, Expr) for value in values):
        return c.same(a, b)
    texts = [value.text for value in values]
    if marks.count("%") != 1:
        same = c.same(a, b)
    else:
        same = equal_texts(*(f"({text})" + "/100" * (mark == "%") for text, mark in zip(texts, marks, strict=True)))
    return same or _shortened(texts, marks) or _shortened(texts[::-1], marks[::-1]) or _unnamed(texts, marks)


def _shortened(texts: list[str], marks: list[str]) -> bool:
    """Check whether the first is the second in decimals, rounded to two digits or more: `2.83 or 2\\sqrt2`."""
    value = constant(texts[1])
    if {*marks} - {"", "%"} or value is None or isinstance(value, tuple) or getattr(value, "imag", 0):
        return False
    decimals = [PLAIN.fullmatch(text.strip()) is not None for text in texts]
    factor = 100 ** ((marks[0] == "%") - (marks[1] == "%"))
    return decimals == [True, False] and approximates(texts[0].replace(" ", ""), value * factor, 2)


def _unnamed(texts: list[str], marks: list[str]) -> bool:
    """Check whether one number lacks the unit in which it is the other: `60 or 1 hour`."""
    if marks.count("") != 1:
        return False
    bare, other = texts if not marks[0] else texts[::-1]
    a, b = constant(bare), constant(other)
    if None in (a, b) or isinstance(a, tuple) or isinstance(b, tuple):
        return False
    return rescaled(inexact(a), inexact(b), marks[0] or marks[1])
