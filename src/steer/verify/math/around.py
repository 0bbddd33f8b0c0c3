r"""What stands directly around a box: it may deny the answer, set a condition, or belong to it.

A box that the text denies, supposes or crosses out is no answer. Neither is an operand of a larger formula.
A comparison that bounds one name (`2x < \boxed{5}`), a second answer (`\boxed{5} or 6`) and a word that scales it
(`\boxed{5} thousand`) become part of the answer, so that the gold decides.
"""

import re

from steer.verify.math.before import SUMMAND_BEFORE, refuted, telling
from steer.verify.math.clutter import COMMAND
from steer.verify.math.numbers import DECIMAL_TEXT, roughly
from steer.verify.math.phrases import COMMON, NUMBER_WORDS
from steer.verify.math.phrases.tables import compiled, table
from steer.verify.math.units import known
from steer.verify.math.withdrawal import NUMBER, withdrawn

# a dozen and a quarter (a coin) may be the unit that the question asks for, and `76 sixth graders` are no parts
DOZEN = NUMBER_WORDS.index("dozen")
PARTS = [word for word in NUMBER_WORDS[DOZEN : NUMBER_WORDS.index("k")] if word.endswith(("hs", "ds", "ves"))]
MAGNITUDES = "tens", *NUMBER_WORDS[NUMBER_WORDS.index("hundred") : DOZEN], *PARTS

BEFORE, BEHIND = 160, 240  # characters that are looked at
GAP_BEHIND = re.compile(r"\s*\}?\s*=")
LISTS = table(
    "around",
    **COMMON,
    MAGNITUDE="|".join(MAGNITUDES),
    NUMBER=NUMBER,
    SMALL_NUMBER="|".join(NUMBER_WORDS[:21]),
)
OPERAND, SOLVED, EQUAL, ALSO = compiled(LISTS, "OPERAND", "SOLVED", "EQUAL", "ALSO", flags=0)
SCALED, ANSWER_HAS, PROPERTY, CONDITIONED, EITHER, FIRST, SECOND, ALSO_BEFORE = compiled(
    LISTS, "SCALED", "ANSWER_HAS", "PROPERTY", "CONDITIONED", "EITHER", "FIRST", "SECOND", "ALSO_BEFORE"
)
# with a unit, it is an error of measurement
PLUS_MINUS = re.compile(r"\s*\\(?:pm|mp)\s*[\d.]+(?![\d.]|[\s$]*(?:[a-zA-Z%°]|\\(?:text|mathrm|circ)))")
BASE_BEHIND = re.compile(r"_(?:\d|\{\w+\})")
IN_TEXT = re.compile(r"\\(?:text|mathrm)\s*\{([^{}]*)\}")
VARIABLE = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z](?![a-zA-Z])")  # a formula's condition is its domain
SIGN = r"(?:(?<![-=<>])[<>]=?(?![-=<>])|\\(?:[lg]t|[lg]eq?(?:slant)?)(?![a-zA-Z])|[≤≥])"
SPACING = re.compile(r"\\(?<!\\\\)(?:[,;:!](?!\d)|(?:q?quad|enspace|thinspace)(?![a-zA-Z]))")
TAG = r"</?[a-zA-Z]\w*(?:\s[^<>]{0,60})?>"
TAG_BEFORE, TAG_BEHIND = re.compile(rf"{TAG}[\s$]*$"), re.compile(rf"[\s$]*{TAG}")
# a side of a comparison reaches to the end of the formula, to a word or to a comma
SIGN_BEFORE = re.compile(rf"(?=[<>\\≤≥]){SIGN}(?=[\s$&\\(\[]*$)")
SIDE_BEGINS = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{2,}[\s.!?}]*[\s}]|\\[\\(\[]|[$\n,;:]")
SIDE_BEHIND = re.compile(
    rf"[\s$&]*({SIGN}(?:[^$\n,;]|,(?=\d{{3}}(?!\d)))*?)(?=[$\n;]|,(?!\d{{3}}(?!\d))|\\[)\]\\]|[.:!?](?:\s|\Z)|\s[a-zA-Z]{{2,}}|\Z)"
)
NAME = re.compile(r"\\(?:alpha|beta|theta|lambda)(?![a-zA-Z])|[a-zA-Z](?:_(?:\w|\{\w+\}))?")
STRUCTURE = {"frac", "dfrac", "tfrac", "cdot", "times", "left", "right", "sqrt", "lvert", "rvert", "vert"}
STRUCTURE |= {"lt", "gt", "le", "ge", "leq", "geq", "leqslant", "geqslant", "alpha", "beta", "theta", "lambda"}
WORDED = re.compile(r"(?<![\\a-zA-Z])[^\W\d_]{2}[^\n$]*$")  # words before a box, behind which `!` is no factorial
DASHES = "-−–‑－"
MINUS = re.compile(rf"(?:(?:[$=({{]|\\[\[(])\s*|(?:[a-zA-Z]{{2}} |^)(?=[-−]$))([{DASHES}])\s*$")
EQUATION = re.compile(r"([^$=,.:;\n]*)=[\s$]*$")


def answer(before: str, content: str, behind: str) -> str | None:
    """Return what a box and its surroundings state; None if the answer is denied, supposed or crossed out."""
    if "\\" in before + behind:
        before, behind = SPACING.sub(" ", before), SPACING.sub(" ", behind)
    left = ""
    if (behind[:1] == "!" and not WORDED.search(before)) or ("=" in behind and _solved(before, behind)):
        return None
    if before.rstrip()[-1:] in tuple(DASHES) and (minus := MINUS.search(before)):
        before, content = before[: minus.start(1)], f"-{content}" if content[:1].isdigit() else f"-({content})"
    if telling(before):
        if refuted(before) or (PROPERTY.match(behind) and ANSWER_HAS.search(before)):
            return None
        open_end = before.rstrip()[-1:]  # the searches that need a certain last sign are made only behind it
        if open_end in tuple("+-") and SUMMAND_BEFORE.search(before):
            return content if GAP_BEHIND.match(behind) and not withdrawn(content, behind) else None
        sign = SIGN_BEFORE.search(before)
        left = SIDE_BEGINS.split(before[: sign.end()])[-1].strip() if sign and not TAG_BEFORE.search(before) else ""
        if not left and (first := FIRST.search(before)) and (other := _first(first, before)):
            content = rf"{other} \text{{ or }} {content}"
        elif open_end == "," and (earlier := ALSO_BEFORE.search(before)):
            content = f"{earlier['numbers']} {content}"
    return _with_behind(content, behind, left) if left or behind.strip("$.\n* ") else content


def _solved(before: str, behind: str) -> bool:
    """Check whether a box is a side of an equation whose only name gets its value next: `x + 1 = 5, so x = 4`."""
    solved = SOLVED.match(behind)
    equation = (EQUATION.search(before) or [None, ""])[1] + (solved["side"] or "") if solved else ""
    return bool(solved) and equation.strip() != solved["name"] and set(VARIABLE.findall(equation)) == {solved["name"]}


def _related(left: str, content: str, right: str) -> str | None:
    r"""The whole comparison that a box is a side of, if it bounds one name: `2 \le x < \boxed{5}`, `|x| < \boxed{5}`.

    What bounds another expression (`BD^2 > \boxed{480}`, `x + 1/x \ge \boxed{2}`) leaves the number as it is.
    """
    sides = f"{left} {right}"
    if any(side.count(opening) != side.count(closing) for side in (left, right) for opening, closing in ("()", "{}")):
        return None
    plain = COMMAND.sub(lambda match: match[0] if NAME.fullmatch(match[0]) else "", sides)
    if set(COMMAND.findall(sides)) <= STRUCTURE and len(NAME.findall(plain)) == 1:
        return f"{left} {content} {right}".replace("&", "").strip()
    return None


def _with_behind(content: str, behind: str, left: str) -> str | None:
    number, compared = content, SIDE_BEHIND.match(behind)
    right = compared[1].strip() if compared and not TAG_BEHIND.match(behind) else ""
    rest = behind[compared.end() :] if right else behind  # the other side of a comparison is no other answer
    if (
        withdrawn(content, IN_TEXT.sub(r" \1 ", rest))
        or OPERAND.match(behind)
        or (CONDITIONED.match(behind) and not VARIABLE.search(IN_TEXT.sub("", content)))
    ):
        return None
    if (left or right) and (relation := _related(left, content, right)):
        content, behind = relation, rest
    if scaled := SCALED.match(behind):
        return rf"{content}\text{{ {scaled['scale']}}}"
    if tail := PLUS_MINUS.match(behind) or BASE_BEHIND.match(behind):
        return content + tail[0]
    if (second := SECOND.match(behind)) and (second["letter"] is None or content.strip("()").isalpha()):
        return rf"{content} \text{{ or }} {_second(second)}"
    if (equal := EQUAL.match(behind)) and not roughly(number, equal["value"]):
        return f"{content} = {equal['value']}"
    return f"{content}, {also['numbers']}" if (also := ALSO.match(behind)) else content


def _first(match: re.Match, before: str) -> str | None:
    """The answer in front of `or`; None for `$2x = 10$, or $x =$`, which only says the same in other words."""
    kind = "formula" if match["formula"] else "number"
    said = before[: match.end(kind)]
    name, _, value = (part.strip() for part in match[kind].rpartition("="))
    if match["name"] and not said.replace(" ", "").endswith(f"{match['name']}={value}"):
        return None
    return value if not name or (NAME.fullmatch(name) and DECIMAL_TEXT.fullmatch(value)) else None


def _second(match: re.Match) -> str:
    """The answer behind `or`: a formula, a letter, or a number with its unit, also if it is a word."""
    if match["word"]:
        return str(NUMBER_WORDS.index(match["word"].lower()))
    if match["unit"] and known(match["unit"]):
        return rf"{match['number']}\text{{ {match['unit']}}}"
    return match["formula"] or match["letter"] or match["number"]
