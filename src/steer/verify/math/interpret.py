r"""Determine the form of a normalised answer from its structure outside brackets; formulas stay text."""

import re
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from steer.verify.math.brackets import enclosed, levels, split
from steer.verify.math.forms import (
    Based,
    Collection,
    Combined,
    Expr,
    Form,
    Quantity,
    Ratio,
    Relation,
    Seq,
    Several,
    Words,
)
from steer.verify.math.numbers import DECIMAL_TEXT, roughly
from steer.verify.math.phrases import SPOILED
from steer.verify.math.wording import MATH_WORDS, is_name, reworded, wordy

SEPARATOR = re.compile(
    r"[,;]|\\text\s*\{\s*(?:,\s*)?(?:and|or|und|y)\s*\}|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])|\\(?:lor|vee|land|wedge)(?![a-z])"
)
RELATION = re.compile(
    r"\\(?:le|ge|ne|approx|equiv|in|simeq|sim|cong|subseteq|supseteq|subset|supset|Rightarrow|implies|rightarrow|leftarrow"
    r"|leftrightarrow|Leftrightarrow|iff|mid|nmid|parallel|perp|not(?:in|subseteq|subset|supseteq|supset|mid|parallel|equiv))"
    r"(?![a-zA-Z])|:=|<=|>=|!=|≈|[=<>]"
)
QUANTIFIED = re.compile(r"[\s(]*(?:\\neg\s*[\s(]*)?\\(?:forall|n?exists)(?![a-zA-Z])")
JOINED = re.compile(
    r"\\(?:(?P<either>lor|vee)|(?P<both>land|wedge)|(?P<then>[rR]ightarrow|implies|iff|[lL]eftrightarrow))(?![a-zA-Z])"
)
VALUED = re.compile(r"[\d=<>]|\\(?:[lg]e|ne|text)(?![a-zA-Z])")
JOINERS = {"\\lor": "lor", "\\vee": "lor", "\\land": "land", "\\wedge": "land"}
RELATIONS = {"<=": "\\le", ">=": "\\ge", "!=": "\\ne", ":=": "=", "\\equiv": "=", "\\cong": "=", "\\simeq": "\\approx",
             "\\sim": "\\approx", "≈": "\\approx", "\\nmid": "\\notmid", "\\iff": "\\leftrightarrow",
             "\\Leftrightarrow": "\\leftrightarrow", "\\implies": "\\rightarrow",
             "\\Rightarrow": "\\rightarrow"}  # fmt: skip
BASED = re.compile(
    r"(-?)\s*\(?([0-9A-Za-z]+)\)?\s*_\s*(?:\{\s*(?:\\text\s*\{)?\s*(\w+)\s*\}?\s*\}|(\d)|\\text\s*\{(\w+)\})"
)
BASE_IN_WORDS = re.compile(r"\s*(?:\\text\s*\{)?\s*\(?\s*(?:in\s+)?base[\s-]*\}?\s*(\w+)\s*\)?\s*\}?$")
BUILT = re.compile(r"(?P<head>.*?)(?:\\mid|\\vert|\||:)(?P<condition>.*)", re.DOTALL)
# the element of a set: a name, perhaps with its domain, or a point of several
ELEMENT = re.compile(r"\s*(?:[a-zA-Z](?:_\{?\w\}?)?|\\[a-z]+|\([a-z\s,]+\))\s*(?:\\in(?![a-z])(.*))?", re.DOTALL)
EVERYTHING = re.compile(r"\s*\\mathbb\s*\{?\s*[RC]\s*\}?\s*(?:\^\s*\{?\s*[2-9n]\s*\}?\s*)?")
RUNNING = re.compile(r"\s*([a-z])\s*(?:\\in(?![a-z])|[<>=]|\\[lg]e(?![a-z]))")
REALS = re.compile(
    r"\\(?:mathbb|Bbb)\s*\{?\s*R\s*\}?|\\R|\\text\{R\}|(?:\\text\{)?\s*(?:all|any)\s+reals?(?:\s+numbers?)?\s*\}?"
)
LEFT_OUT = re.compile(r"\s*(?:\\text\s*\{)?\s*(?:except|excluding|other\s+than|but)(?:\s+for)?\s*\}?\s*(?:[a-z]\s*=)?")
BASE_NAMES = "two three four five six seven eight nine ten eleven twelve"
BASE_WORDS = {name: n for n, name in enumerate(BASE_NAMES.split(), 2)}
UNIT_WORD = (
    r"(?:\\text\s*\{[^{}]*\}|[a-zA-Zµ]{2,}(?![a-zA-Z])\.?|(?<=\s)[mgsLlNJVWAKhCF](?![a-zA-Z])|(?<=\d)m(?=\s*\^\s*\{?\s*[23]))"
    r"(?:\s*\^\s*\{?\s*-?\d\s*\}?)?"
)
QUANTITY = re.compile(
    rf"(?P<value>.*?[\d)}}\]a-z])\s*(?P<unit>(?:[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]{{1,3}}|\^\s*\{{?\s*\\circ\s*\}}?\s*[CF]|\^\s*\{{\s*(?:\\prime\s*)+\}}|(?:{UNIT_WORD})(?:\s*(?:[/*]|\\cdot)?\s*(?:{UNIT_WORD}|[a-z](?![a-zA-Z])))*))",
    re.DOTALL,
)
QUANTITY_LENGTH = 400  # characters; the search takes a time that grows with their square
DEGREES = re.compile(
    r"(?P<value>.+?)(?:\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\s*(?:\\text\s*\{\s*(?:degrees?|deg)\s*\}|\bdegrees?))",
    re.DOTALL,
)
TWICE = re.compile(r"(?:%|\\circ)[\s{}]*$")  # `5\%\%` has no value
# `2\sin 20^\circ` is a number, `\arcsin(0.6)^\circ` an angle
TRIGONOMETRIC = re.compile(r"(?<![a-z])(?:sin|cos|tan|cot|sec|csc|cis)(?![a-z])(?!\s*\^\s*\{?\s*-)")
PERCENT = re.compile(
    r"(?P<value>.+?)\s*(?:%|\\text\s*\{\s*(?:percent|pct|percentage|%)\s*\}|(?:percentage|percent|pct)\b)", re.DOTALL
)
TRANSPOSED = re.compile(r"(?<=^\()(?P<inside>[^()]*)\)\s*\^\s*\{?\s*(?:T|\\top|\\text\{T\})\s*\}?$")
CHOICE = re.compile(r"(?:\\text\s*\{)?\s*\(?\s*([A-Za-z])\s*\)?\s*\}?")
CHOICE_LABEL = re.compile(r"(?:\\text\s*\{\s*\(([A-J])\)\s*\}|\(([A-J])\))\s*(?=[\d\\$a-zA-Z(-])(?!\(?[A-J]\)?$)")
LEADING = re.compile(
    r"^(?:(?:approximately|about|approx\.?|exactly|equals|is|are|the|therefore|thus|answer|option|choice|so|we|get|have)\b[\s:]*|\\(?:approx|simeq)(?![a-z])\s*|=\s*|≈\s*)+",
    re.IGNORECASE,
)
# a left side that is a value itself, or no name: `\pi \approx 3.14`, `\sqrt{x} \approx 5`
EXACT = re.compile(r"\d|\\pi(?![a-z])|^\s*e\s*$")
OF_A_NAME = re.compile(r"\s*\\(?:sqrt|ln|log|exp)(?![a-z])(?!.*(?:\d|\\pi))")
AGAIN = re.compile(r"(?<![\\a-zA-Z])([a-zA-Z])\s*=.*[\s\d}\\]\1\s*=")
PIECEWISE = re.compile(r"(?:[a-zA-Z](?:\s*\(\s*[a-zA-Z]\s*\))?\s*=\s*)?\\begin\s*(\{cases\})(.*)\\end\s*\1", re.DOTALL)
ALIGNED = re.compile(r"&\s*=")
CONDITION = re.compile(r"^\s*(?:\\text\s*\{\s*,?\s*(?:if|for|when|where)\s*\}|(?:if|for|when)\b)")
IN_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
INTRODUCTION = re.compile(r"[^\d=<>]*?(?::|\b(?:is|are|equals))\s*")


def _introduces(words: str) -> bool:
    """Check whether words only announce a value (`Total:`, `The area is`)."""
    return INTRODUCTION.fullmatch(words) is not None and not SPOILED.search(words)


def _flatten(items: list[Form]) -> tuple[Form, ...]:
    return tuple(
        part for item in items for part in (item.items if isinstance(item, Several) and item.joiner == "pm" else [item])
    )


def _list(parts: list[str]) -> tuple[Form, ...]:
    return _flatten([interpret(part) for part in parts if part.strip()])


@lru_cache(maxsize=4096)
def interpret(text: str) -> Form:
    """Return the form of a normalised answer."""
    text = LEADING.sub("", text.strip()).lstrip(" ,;:").rstrip(" .,;:") or text.strip()  # `.5` keeps its point
    if (other := reworded(text)) is not None:
        return interpret(other)
    opening = IN_TEXT.match(text)
    # `\text{12 cm}`, `\text{Option A}`: more than words
    if opening and opening.end() == len(text) and (re.search(r"\d", opening[1]) or LEADING.match(opening[1])):
        text = LEADING.sub("", opening[1].strip()) or opening[1].strip()
    elif opening and (LEADING.fullmatch(opening[1].strip()) or _introduces(opening[1])):  # `\text{The answer is } 12`
        text = text[opening.end() :].strip() or text
    if not text:
        return Words("")
    if text[0] == "{" and enclosed(text):
        return interpret(text[1:-1])
    if text.endswith("{}"):
        return interpret(text[:-2])
    if (cases := PIECEWISE.fullmatch(text)) and "\\begin" not in cases[2]:
        return _piecewise(cases[2])
    if QUANTIFIED.match(text) or (not VALUED.search(text) and len({m.lastgroup for m in JOINED.finditer(text)}) > 1):
        return Expr(text)  # quantifiers keep their order, and mixed signs their precedence
    parts, separators = split(text, SEPARATOR)
    if separators and any(part.strip() for part in parts[1:]):
        return _several(parts, separators)
    if "\\pm" in text or "\\mp" in text:
        upper = text.replace("\\pm", "+").replace("\\mp", "-")
        lower = text.replace("\\pm", "-").replace("\\mp", "+")
        return Several((interpret(upper), interpret(lower)), "pm")
    return _relation(text) or _set(text) or _bracketed(text) or _scalar(text)


def _piecewise(body: str) -> Form:
    """The rows of a piecewise definition, each a value and its condition; without conditions, a system of equations."""
    rows = [row.strip(" ,;.") for row in body.split("\\\\") if row.strip(" ,;.")]
    if all("&" not in row or ALIGNED.search(row) for row in rows):
        return interpret(", ".join(row.replace("&", " ") for row in rows))
    cells = ([CONDITION.sub("", cell).strip(" ,;") for cell in row.split("&")] for row in rows)
    return Collection(tuple(Seq("|", "|", tuple(map(interpret, row))) for row in cells))


def _several(parts: list[str], separators: list[str]) -> Form:
    if ";" in separators and any(s != ";" for s in separators):  # groups of answers: a=1,b=2; a=3,b=4
        groups, current = [], [parts[0]]
        for part, separator in zip(parts[1:], separators, strict=True):
            if separator == ";":
                groups.append(current)
                current = []
            current.append(part)
        groups.append(current)
        return Several(
            tuple(Seq("(", ")", _list(group)) if len(group) > 1 else interpret(group[0]) for group in groups)
        )
    items = _list(parts)
    words = {JOINERS.get(s, "or" if "or" in s else "and" if "and" in s else ",") for s in separators} - {","}
    return Several(items, words.pop() if len(words) == 1 else ",") if len(items) > 1 else items[0]


def _relation(text: str) -> Form | None:
    parts, signs = split(text, RELATION)
    if not signs or not all(part.strip() for part in parts) or (set(signs) == {"\\mid"} and len(signs) > 1):
        return None
    concluded = any(sign in ("\\Rightarrow", "\\implies") for sign in signs)
    if concluded and any(sign in "=<>" or sign in ("\\le", "\\ge", "\\ne") for sign in signs):
        last = max(n for n, sign in enumerate(signs) if sign in ("\\Rightarrow", "\\implies"))
        kept = parts[last + 1]
        for sign, part in zip(signs[last + 1 :], parts[last + 2 :], strict=True):
            kept += sign + part
        return interpret(kept)
    signs = [RELATIONS.get(sign, sign) for sign in signs]
    if "\\approx" in signs:  # `x = 1/3 \approx 0.33`: what is exact stands before
        keep = signs.index("\\approx")
        if not all(_rounded(*pair) for pair in pairwise(parts[keep:])) or OF_A_NAME.match(parts[0]):
            return Words(text)  # `5 \\approx 6`, `\\sqrt{x} \\approx 5`
        if keep == 0:
            return interpret(parts[0] if EXACT.search(parts[0]) else parts[1])
        parts, signs = parts[: keep + 1], signs[:keep]
    if signs[-1] == "\\in" and not re.search(
        r"[-+\d^*/|]|\\(?:frac|sqrt|sin|cos|tan|ln|log|exp)(?![a-z])", re.sub(r"_\{?\w", "", parts[-2])
    ):  # of a mere name
        return interpret(parts[-1])
    if len(signs) > 1 and set(signs) == {"="}:
        # `x = 6 = 5`, `x = 6 x = 5`
        if not all(roughly(part.strip(), parts[-1].strip()) for part in parts[1:-1]) or AGAIN.search(text):
            return Words(text)
        parts, signs = [parts[0], parts[-1]], ["="]
    return Relation(tuple(interpret(part) for part in parts), tuple(signs))


def _rounded(exact: str, rounded: str) -> bool:
    """Whether the second of two plain numbers is the first, rounded or cut off: `5 \\approx 6` is two answers."""
    if not all(DECIMAL_TEXT.fullmatch(part.strip()) for part in (exact, rounded)):
        return True
    given = rounded.strip().rstrip(".")
    places = len(given.partition(".")[2])
    trailing = len(given) - len(given.rstrip("0")) if not places else 0
    return abs(Fraction(exact.strip().rstrip(".")) - Fraction(given)) < Fraction(10) ** (trailing - places)


def _set(text: str) -> Form | None:
    for operation, pattern in (
        ("cup", r"\\cup(?![a-z])|(?<=[\])}])\s*[Uu]\s*(?=[(\[\\])"),
        ("cap", r"\\cap(?![a-z])"),
        ("minus", r"\\(?:setminus|backslash)(?![a-z])|(?<=\})\s*-\s*(?=\\\{)"),
    ):
        parts, found = split(text, re.compile(pattern))
        if found:
            return Combined(operation, tuple(interpret(part) for part in parts))
    if text.startswith("\\{") and text.endswith("\\}") and all(depth > 0 for depth in levels(text)[2:-2]):
        inner = text[2:-2].strip()
        built = BUILT.fullmatch(inner)
        if built and RELATION.search(built["condition"]):
            return _built(built["head"], built["condition"])
        parts, _ = split(inner, SEPARATOR)
        return Collection(_list(parts))
    if text in ("\\emptyset", "\\{\\}", "\\{ \\}"):
        return Collection(())
    if REALS.fullmatch(text):
        return Seq("(", ")", (Expr("-\\infty"), Expr("\\infty")))
    if (reals := REALS.match(text)) and (left_out := LEFT_OUT.match(text, reals.end())):
        return Combined("minus", (interpret("\\mathbb{R}"), interpret(rf"\{{ {text[left_out.end() :]} \}}")))
    return None


def _built(head: str, condition: str) -> Form:
    """A set given by a condition: what fulfils it, or a formula of that (`\\{2k : k \\in \\mathbb{Z}\\}`)."""
    element = ELEMENT.fullmatch(head)
    if element is None:
        running = RUNNING.match(condition)
        if running:
            head, condition = (
                re.sub(rf"(?<![\\a-zA-Z]){running[1]}(?![a-zA-Z])", "k", part) for part in (head, condition)
            )
        return Seq("|", "|", (interpret(head), interpret(condition)))
    fulfilled = interpret(condition)
    if not element[1] or EVERYTHING.fullmatch(element[1]):
        return fulfilled
    return Combined("cap", (fulfilled, interpret(element[1])))


def _bracketed(text: str) -> Form | None:
    text = TRANSPOSED.sub(r"\g<inside>)", text)
    if (signed := re.match(r"([-+])\s*(?=\()", text)) and "," in text and enclosed(text[signed.end() :]):
        parts, _ = split(text[signed.end() + 1 : -1], re.compile(","))
        return Seq("(", ")", tuple(interpret(f"{signed[1]}({part})") for part in parts))
    if text.startswith("\\langle") and text.endswith("\\rangle"):
        text = "(" + text[7:-7] + ")"
    reversed_ends = re.fullmatch(r"([\[\]])([^\[\]]*)([\[\]])", text)
    if reversed_ends and text[0] + text[-1] != "[]":  # ]0,1[ is (0,1)
        opening, closing = "(" if text[0] == "]" else "[", ")" if text[-1] == "[" else "]"
        text = opening + reversed_ends[2] + closing
    if not enclosed(text):
        return None
    parts, separators = split(text[1:-1], re.compile(r"[,;]"))
    if separators and all(part.strip() for part in parts):
        items = [interpret(part) for part in parts]
        if any(isinstance(item, Several) for item in items):  # (\pm 1, 2): one tuple for each sign
            pick = [[i.items[k] if isinstance(i, Several) and i.joiner == "pm" else i for i in items] for k in (0, 1)]
            return Several(tuple(Seq(text[0], text[-1], tuple(chosen)) for chosen in pick), "pm")
        opening = {"]": "("}.get(text[0], text[0])
        return Seq(opening, {"[": ")"}.get(text[-1], text[-1]), tuple(items))
    return interpret(text[1:-1]) if text[0] == "(" and text[-1] == ")" and len(text) > 3 and not separators else None


def _scalar(text: str) -> Form:
    based = BASED.fullmatch(BASE_IN_WORDS.sub(r"_{\1}", text))
    if based and any(c.isdigit() for c in based[2]):
        word = based[3] or based[4] or based[5]
        base = int(word) if word.isdigit() else BASE_WORDS.get(word.lower(), 0)
        if 2 <= base <= 36:
            return Based((based[1] + based[2]).upper(), base)
    parts, found = split(text, re.compile(r":"))
    if found and all(part.strip() for part in parts):
        return Ratio(tuple(interpret(part) for part in parts))
    if CHOICE.fullmatch(text):
        return Expr(CHOICE.fullmatch(text)[1])
    label = CHOICE_LABEL.match(text)
    if label:
        return interpret(text[label.end() :])
    for pattern, unit in ((PERCENT, "%"), (DEGREES, "deg")):
        match = pattern.fullmatch(text)
        if match and not TWICE.search(match["value"]) and not (unit == "deg" and TRIGONOMETRIC.search(match["value"])):
            return Quantity(interpret(match["value"]), unit)
    match = QUANTITY.fullmatch(text) if len(text) <= QUANTITY_LENGTH else None
    if match and not MATH_WORDS.fullmatch(match["unit"].split("^")[0]) and not is_name(match):
        return Quantity(interpret(match["value"]), match["unit"].strip())
    return Words(text) if wordy(text) else Expr(text)
