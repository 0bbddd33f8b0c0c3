r"""Compare equations and inequalities with each other and with the value or set that they describe.

Functions take the running comparison `c` first: `c.same` compares parts.
"""

import re
from dataclasses import replace

from steer.verify.math import regions
from steer.verify.math.computed import computes
from steer.verify.math.forms import Combined, Expr, Form, Quantity, Ratio, Relation, Seq, Words
from steer.verify.math.parse import OPERATORS, parse
from steer.verify.math.several import ordered
from steer.verify.math.tokens import Unreadable
from steer.verify.math.trees import symbols
from steer.verify.math.values import constant, equal_texts, proportional, renamed, same_function

NAME = re.compile(
    r"\\?[a-zA-Z]+'*(?:_(?:\{[^{}]*(?:\{[^{}]*\})?[^{}]*\}|\\?\w+))?'*(?:\s*\(\s*\\?[a-zA-Z](?:\s*,\s*\\?[a-zA-Z])*\s*\))?"
)
# `P(A|B)`, `n(A \cap B)`; but `n(n+1)` is a product
COUNT = re.compile(
    r"(?:[PE]|\\Pr|[fgh]\s*\^\s*\{?\s*-1\s*\}?)\s*\((?:[^()=<>]|\([^()=<>]*\))*\)"
    r"|\\#\s*\{?\s*[a-zA-Z]+\s*\}?|[nN]\s*\((?:[A-Z'|,{}\s]|\^\s*\{?c|\\text\s*\{[^{}]*\}|\\(?!text)[a-zA-Z]+(?![a-zA-Z]))*\)"
)
MEASURES = {"deg", "det", "gcd", "lcm", "max", "min", "Re", "Im", "arg"}
LABEL = re.compile(r"(?=.*[a-zA-Z])[\\a-zA-Z0-9_{}'\s:|/().°^+\[\]-]+", re.DOTALL)


# what a relation is when read from the right
REVERSED = regions.FLIP | {
    "=": "=", "\\approx": "\\approx", "\\subset": "\\supset", "\\supset": "\\subset", "\\subseteq": "\\supseteq",
    "\\supseteq": "\\subseteq", "\\rightarrow": "\\leftarrow", "\\leftarrow": "\\rightarrow",
    "\\leftrightarrow": "\\leftrightarrow", "\\in": "\\ni", "\\parallel": "\\parallel", "\\perp": "\\perp",
}  # fmt: skip
WORDS_OF_A_VALUE = re.compile(
    r"\d|\\(?!text)[a-z]|(?<!\w)-|\b(?:not|no|half|twice|double|squared|cubed|root of|wrong|false|incorrect)\b",
    re.IGNORECASE,
)  # which name nothing
ANGLE = re.compile(r"\\?(?:[A-Z]|\\(?:alpha|beta|gamma|delta|theta|phi|varphi|omega))")


def relation(c, gold: Form, answer: Form) -> bool:
    """Compare two forms of which at least one is an equation or inequality."""
    if isinstance(gold, Relation) and isinstance(answer, Relation):
        return _both(c, gold, answer)
    stated, other = (gold, answer) if isinstance(gold, Relation) else (answer, gold)
    if stated.signs == ("=",):
        left, right = stated.parts
        if (
            (isinstance(left, Expr) and (computes(left.text, getattr(right, "text", "")) or _labels(left.text, right)))
            or (isinstance(left, (Seq, Ratio)) and _named(left))
            or (isinstance(left, Words) and not WORDS_OF_A_VALUE.search(left.text))
            or _sets(left)
        ):
            return c.same(right, other) if stated is gold else c.same(other, right)
        if isinstance(left, Quantity) and isinstance(right, Quantity) and c.same(left, right):  # `24 cm = 0.24 m`
            return c.same(left, other) if stated is gold else c.same(other, left)
        if isinstance(left, Quantity) and _labels(getattr(left.value, "text", "1"), right):
            return c.same(right, other) if stated is gold else c.same(other, right)
        value = _value(left, right)
        return value is not None and (c.same(value, other) if stated is gold else c.same(other, value))
    return _same_region(gold, answer)


def _named(form: Seq | Ratio) -> bool:
    """Check that each part is what a question may ask for: not `(6, 7) = 5`, `x : 2 = 5`, `(x + 1, y) = (5, 6)`."""
    return all(_asked_for(part) for part in form.items)


def _asked_for(part: Form) -> bool:
    if isinstance(part, Words):
        return not WORDS_OF_A_VALUE.search(part.text)
    if not isinstance(part, Expr) or not re.search("[a-zA-Z]", part.text):
        return False
    return NAME.fullmatch(part.text.strip()) is not None or len(symbols(parse(part.text))) != 1


def _sets(form: Form) -> bool:
    """Whether a form is an operation on named sets, as the left side of `A \\cap B = \\{1, 3\\}`."""
    return isinstance(form, Combined) and all(isinstance(i, Expr) and NAME.fullmatch(i.text) for i in form.items)


def _value(left: Form, right: Form) -> Form | None:
    """What `5 = x`, or a sum that is written out and true (`3 + 9 = 12`), says the value is."""
    value = right.value if isinstance(right, Quantity) else right
    if not (isinstance(left, Expr) and isinstance(value, Expr)) or symbols(parse(left.text)):
        return None
    if NAME.fullmatch(value.text.strip()):
        return left
    return right if not symbols(parse(value.text)) and equal_texts(left.text, value.text) else None


def _same_region(gold: Form, answer: Form) -> bool:
    found = [regions.region(form) for form in (gold, answer)]
    if None in found:
        return False
    (gold_name, gold_pieces), (answer_name, answer_pieces) = found
    named_alike = not gold_name or not answer_name or gold_name == answer_name
    return named_alike and regions.equal(gold_pieces, answer_pieces)


def _both(c, gold: Relation, answer: Relation) -> bool:
    if len(gold.signs) == len(answer.signs):
        if gold.signs == answer.signs and ordered(c, gold.parts, answer.parts):
            return True
        flipped = tuple(REVERSED.get(sign) for sign in reversed(answer.signs))
        if gold.signs == flipped and ordered(c, gold.parts, answer.parts[::-1]):
            return True
    if "=" not in gold.signs and "=" not in answer.signs and _same_region(gold, answer):
        return True
    if len(gold.signs) != 1 or len(answer.signs) != 1:
        return False
    if not all(isinstance(part, Expr) for part in gold.parts + answer.parts):
        return False
    if not {*gold.signs, *answer.signs} <= {"=", *regions.FLIP}:
        return False
    sides = [("add", parse(f.parts[0].text), ("neg", parse(f.parts[1].text))) for f in (gold, answer)]
    sign = proportional(*sides)
    if sign:
        return gold.signs[0] == (answer.signs[0] if sign > 0 else REVERSED.get(answer.signs[0]))
    return gold.signs == answer.signs == ("=",) and _renamed(gold, answer)


def names(form: Form) -> tuple[Form, ...]:
    """Return the names in `(x, y) = (1, 2)`."""
    named = isinstance(form, Relation) and form.signs == ("=",) and isinstance(form.parts[0], Seq)
    named = named and _named(form.parts[0])
    return form.parts[0].items if named else ()


def definition(form: Form, order: tuple[Form, ...] = ()) -> Form:
    """`x = 1` and `y = 2` together read as they stand; a lone `(x, y) = (1, 2)` is its right side, in `order`."""
    own = names(form)
    if not own:
        return form
    values = form.parts[1]
    if isinstance(values, Seq) and len(values.items) == len(own) == len(order) and set(own) == set(order):
        return replace(values, items=tuple(values.items[own.index(name)] for name in order))
    return values


def _labels(left: str, right: Form) -> bool:
    """Check whether the left side of an equation only names the value on the right.

    It is a name, or a requested expression such as m + n or AB. In `x/2 = 5` and `|x| = 5`, 5 is not a name's value.
    """
    if left.strip()[1:] in OPERATORS | {"infty", "sum", "prod"}:
        return False
    if NAME.fullmatch(left.strip()) or ("\\frac" in left and parse(left)[0] == "sym"):  # dy/dx
        return True
    if COUNT.fullmatch(left.strip()):
        return True
    if not LABEL.fullmatch(left.strip()):
        return False
    if re.search(r"\\(?:angle|text|triangle|overline)|\[", left) and not re.search(r"[-+/]|\\frac|^\s*\d", left):
        return True
    try:
        tree = parse(left)
    except Unreadable:
        return False
    if tree[0] == "apply" or (tree[0] == "sym"):
        return True
    if tree[:1] == ("call",) and tree[1] in ("sin", "cos", "tan", "cot", "sec", "csc") and tree[2][0] == "sym":
        return ANGLE.fullmatch(tree[2][1]) is not None
    if tree[0] == "call" and tree[1] in MEASURES and all(part[0] in ("sym", "num") for part in tree[2:]):
        return bool(symbols(tree))
    if tree[:2] == ("call", "abs") and tree[2][0] == "sym" and re.fullmatch(r"[A-Zz]", tree[2][1]):
        return True  # the size of a set, the modulus of a number z
    if tree[:2] == ("call", "abs") and tree[2][0] == "mul" and all(map(str.isupper, symbols(tree))):
        return True  # |AB|
    names = symbols(tree) - set("xyz")  # `3x + 2y = 6` is a line
    return len(names) + len(_values(tree)) > 1 and names == symbols(tree) and _asked(tree) and _nonzero(right)


def _asked(tree) -> bool:
    """Check for a formula of several names, such as a sum or quotient, that a question may ask for."""
    if tree[0] in ("add", "mul", "div", "neg", "pow", "call"):
        return all(_asked(part) for part in tree[1:] if isinstance(part, tuple))
    return tree[0] in ("sym", "num") or (tree[0] == "apply" and not symbols(tree))


def _values(tree) -> set:
    """The values of unknown functions at numbers in a tree, as f(1) and f(2)."""
    if tree[0] == "apply" and not symbols(tree):
        return {tree}
    return {value for part in tree[1:] if isinstance(part, tuple) for value in _values(part)}


def _nonzero(form: Form) -> bool:
    value = form.value if isinstance(form, Quantity) else form
    if not isinstance(value, Expr):
        return False
    number = constant(value.text)
    return number is not None and not isinstance(number, tuple) and number != 0


def _renamed(gold: Relation, answer: Relation) -> bool:
    """`f(x) = 2x` and `f(n) = 2n` define the same function."""
    heads = [re.fullmatch(r"\s*(\w)\s*\(\s*([a-zA-Z])\s*\)\s*", form.parts[0].text) for form in (gold, answer)]
    if None in heads or heads[0][1] != heads[1][1]:
        return False
    bodies = [parse(form.parts[1].text) for form in (gold, answer)]
    if heads[0][2] != heads[1][2] and heads[0][2] in symbols(bodies[1]):
        return False
    return same_function(bodies[0], renamed(bodies[1], heads[1][2], heads[0][2]))
