r"""Answers in words and parts, written as the formulas that they mean: `\text{five}`, `2 h 30 min`, `(a) 3 (b) 7`."""

import re

from steer.verify.math.nouns import counted
from steer.verify.math.numbers import DECIMAL
from steer.verify.math.phrases import NUMBER_WORDS
from steer.verify.math.units import known, unit

BELOW_TWENTY, TENS = NUMBER_WORDS[:20], NUMBER_WORDS[20:28]
HUNDREDS = {"hundred": 100, "thousand": 1000}
SPELLED = re.compile(
    rf"(?:\\text\s*\{{)?\s*(?P<sign>(?:minus|negative)\s+)?(?:(?P<tens>{'|'.join(TENS)})(?:[\s-]+|(?=\W*$)))?"
    rf"(?P<ones>{'|'.join(BELOW_TWENTY)})?\b\s*(?P<scale>{'|'.join(HUNDREDS)})?(?:\s+(?P<noun>[a-z]+))?[\s}}.]*",
    re.IGNORECASE,
)
# `2\text{ h }30\text{ min}`, `5 feet and 3 inches`
AMOUNT = rf"({DECIMAL})\s*(\\text\s*\{{[^{{}}\d]*\}}|[a-zA-Z]+)"
AMOUNTS = re.compile(rf"{AMOUNT}(?:\s*(?:,|and|\\text\s*\{{\s*(?:,\s*)?(?:and)?\s*\}})?\s*{AMOUNT})+\.?")
# `22^\circ 30'`, `\lfloor x\rfloor = 2`
DEGREES = re.compile(
    r"(\d+)\s*\^\s*\{?\s*\\circ\s*\}?\s*(\d+)\s*(?:'|\^\s*\{?\s*\\prime\s*\}?)(?:\s*(\d+)\s*(?:''|\"))?"
)
STEP = re.compile(r"\\(?:l(floor)\s*([a-z])\s*\\rfloor|l(ceil)\s*([a-z])\s*\\rceil)\s*=\s*(-?\d{1,9})")
JOINER = re.compile(r"\b(?:and|,)(?=\s*\}?$)")
# the parts of a question: `(a) 3, (b) 7`, `\text{(i) }3`
LABEL = re.compile(r"(?:^|(?<=[\s,;.}]))(?:\\text\s*\{\s*)?(?:[pP]art\s*)?\(?(i{1,3}|iv|[a-f]|[1-6])\)\s*[:.]?\s*\}?")
LABELS = [list(labels) for labels in ("abcdef", "123456", ("i", "ii", "iii", "iv"))]
# what belongs to whom: `\text{Amy: }5, \text{Ben: }7`
OWNER = re.compile(r"(?:^|(?<=[\s,;.}]))(?:\\text\s*\{\s*([A-Z][\w' -]*?)\s*:\s*\}|([A-Z][a-z]+)\s*:)")
# an order of names: `\text{Amy > Bob}`
PLACE = r"[^<>=\\{}]*[a-zA-Z][^<>=\\{}]*"
ORDER = re.compile(rf"\\text\s*\{{((?:{PLACE}[<>=])+{PLACE})\}}")
NAMES = re.compile(r"[^<>=\s](?:[^<>=]*[^<>=\s])")

QUALIFIED = re.compile(r"\b(?:or|least|most|not|wrong)\b")
MATH_WORDS = re.compile(
    r"(?:a?(?:rc)?(?:sinh?|cosh?|tanh?|cot|sec|csc)|ln|log|lg|exp|cis|sqrt|pi|infty|infinity|inf|oo|abs|min|max|gcd|lcm|np|floor|ceil)+"
)


def reworded(text: str) -> str | None:
    """The formula that an answer in words or parts means; None for all others."""
    if text[:1].isdigit():
        if turned := DEGREES.fullmatch(text):
            return rf"({turned[1]} + \frac{{{turned[2]}}}{{60}} + \frac{{{turned[3] or 0}}}{{3600}})^\circ"
        return _amount(text) if AMOUNTS.fullmatch(text) else None
    if step := STEP.fullmatch(text):
        n = int(step[5])
        return rf"{n} \le {step[2]} < {n + 1}" if step[1] else rf"{n - 1} < {step[4]} \le {n}"
    if order := ORDER.fullmatch(text):
        named = NAMES.sub(r"\\text{\g<0>}", order[1])
        return re.sub(r"\\text\{([a-zA-Z]+) ?(\d+)\}", r"\1_{\2}", named)
    if LABEL.match(text):
        return _parts(text)
    if OWNER.match(text):
        return _shares(text)
    spelled = SPELLED.fullmatch(text)
    if not spelled or not (spelled["tens"] or spelled["ones"]) or (spelled["noun"] and not counted(spelled["noun"])):
        return None
    tens = 10 * (TENS.index(spelled["tens"].lower()) + 2) if spelled["tens"] else 0
    ones = BELOW_TWENTY.index(spelled["ones"].lower()) if spelled["ones"] else 0
    value = (tens + ones) * (HUNDREDS[spelled["scale"].lower()] if spelled["scale"] else 1)
    noun = rf"\text{{ {spelled['noun']}}}" if spelled["noun"] else ""
    return f"{'-' if spelled['sign'] else ''}{value}{noun}" if not tens or ones < 10 else None


def _amount(text: str) -> str | None:
    """A sum of amounts in smaller and smaller units of one dimension, in the last one."""
    amounts = [(number, JOINER.sub("", name)) for number, name in re.findall(AMOUNT, text)]
    if not all(known(name) for _, name in amounts):
        return None
    sizes = [unit(name) for _, name in amounts]
    ratios = [size / sizes[-1][0] for size, _ in sizes]
    if len({dimensions for _, dimensions in sizes}) > 1 or ratios != sorted(set(ratios), reverse=True):
        return None
    total = "+".join(f"{number} \\cdot {round(ratio)}" for (number, _), ratio in zip(amounts, ratios, strict=True))
    name = amounts[-1][1]
    return f"({total}){name}" if name.startswith("\\text") else rf"({total})\text{{ {name}}}"


def _parts(text: str) -> str | None:
    """Parts with their labels as names of the values."""
    _, *pieces = LABEL.split(text)
    labels, said = pieces[::2], [piece.strip(" ,;.") for piece in pieces[1::2]]
    kind = next((one for one in LABELS if len(labels) > 1 and sorted(labels) == one[: len(labels)]), None)
    if kind is None or not all(said):
        return None
    return "; ".join(f"{LABELS[0][kind.index(label)]} = {piece}" for label, piece in zip(labels, said, strict=True))


def _shares(text: str) -> str | None:
    """What belongs to each of several owners, as equations."""
    owners = [match[1] or match[2] for match in OWNER.finditer(text)]
    said = [piece.strip(" ,;.") for piece in OWNER.sub("\0", text).split("\0")[1:]]
    if len(set(owners)) < 2 or not all(said):
        return None
    return "; ".join(rf"\text{{{owner}}} = {piece}" for owner, piece in zip(owners, said, strict=True))


def is_name(match: re.Match) -> bool:
    """`2xy` is a product and `a_text` a name: a unit follows a number, or a formula and stands apart from it."""
    value, unit = match["value"], match["unit"]
    if not re.search(r"[a-zA-Zµ]", unit):  # `12个`
        return False
    if QUALIFIED.search(unit):  # `5 \text{ or more}`
        return True
    if unit.startswith(("\\text", "^")):
        return value.rstrip().endswith(("_", "\\"))
    command = re.search(r"\\[a-zA-Z]*$", value)  # `8 \pi cm`, or the start of a longer name
    if not any(c.isdigit() for c in value) or re.search(r"_\s*\{?$", value):
        return True
    if command and (match.end("value") == match.start("unit") or (len(unit) == 1 and "+" in value)):
        return True  # `\\frac{\\pi}{6} + 2\\pi m`
    if re.search(r"[a-zA-Z]$", value) and not command:
        return True
    if re.match(r"[a-zA-Z](?![a-zA-Z])", unit) and re.search(r"(?<![\\a-zA-Z])[a-zA-Z](?![a-zA-Z])", value):
        return True  # `2m + 3 s` is a sum of names
    return not (known(unit) or max(map(len, re.findall(r"[a-zA-Z]+", unit))) >= 4)


def wordy(text: str) -> bool:
    """Check whether the text is words rather than a formula."""
    if re.fullmatch(r"\\text\s*\{\s*[A-Za-z]{2,}\s*\}", text):  # `\text{No}`
        return True
    stripped = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text)
    if "\\" in stripped.replace("\\ ", ""):
        return False
    runs = re.findall(r"[A-Za-z]+", stripped)
    long = [run for run in runs if len(run) >= 3 and not MATH_WORDS.fullmatch(run)]
    plain = not re.search(r"[=+*/^_<>()\d]", stripped)
    return (bool(long) and (plain or len(runs) >= 3)) or (plain and len(runs) >= 2 and "\\text" in text)
