r"""What stands directly around a box: it may deny the answer, set a condition, or belong to it.

A box that the text denies, supposes or crosses out is no answer. Neither is an operand of a larger formula.
A comparison that bounds one name (`2x < \boxed{5}`), a second answer (`\boxed{5} or 6`) and a word that scales it
(`\boxed{5} thousand`) become part of the answer, so that the gold decides.
"""

import re

from steer.verify.math.before import FUNCTION, SUMMAND_BEFORE, refuted, telling
from steer.verify.math.clutter import COMMAND
from steer.verify.math.numbers import DECIMAL_TEXT, roughly
from steer.verify.math.phrases import CONDITION, NUMBER_WORDS
from steer.verify.math.units import known
from steer.verify.math.withdrawal import NUMBER, withdrawn

# a dozen and a quarter (a coin) may be the unit that the question asks for, and `76 sixth graders` are no parts
DOZEN = NUMBER_WORDS.index("dozen")
PARTS = [word for word in NUMBER_WORDS[DOZEN : NUMBER_WORDS.index("k")] if word.endswith(("hs", "ds", "ves"))]
MAGNITUDES = "tens", *NUMBER_WORDS[NUMBER_WORDS.index("hundred") : DOZEN], *PARTS

BEFORE, BEHIND = 160, 240  # characters that are looked at
# a command behind a box that makes it an operand
OPERATION = (
    rf"cdot|times|div|ast|sqrt|[dt]?frac(?!\s*\{{\s*(?:\\(?:text|mathrm|rm)\b|[a-zA-Z]{{1,3}}\s*\}}))|{FUNCTION}"
    r"|arc\w+|binom|choose|over"
    r"|sum|prod|int|lim|cap|cup|setminus|oplus|otimes|overline|bar|hat|vec|[lr]floor|[lr]ceil|max|min|pi|tau|phi"
    r"|varphi|theta|alpha|beta|gamma"
    r"|lambda|sigma|omega|infty"
)
GAP_BEHIND = re.compile(r"\s*\}?\s*=")
OPERAND_BEHIND = re.compile(
    r"\}?(?:\.?\d|[eE][-+]?\d|\\?%\s*\\(?:cdot|times)"
    r"|,\d{3}(?!\d)|\\[,;:!]\s*\d|:(?!00\b)\d|[ ]?[–—]\s*\d|[abcijknpqrtxyz](?![a-zA-Z])|-?ish\b"
    r"|\s*[inkpxyz]\s*\$|\s+(?:to|through)\s+\$?(?!1\b)\d|-to-(?!1\b)\d"
    rf"|[^\S\n]*\\(?:(?:{OPERATION})(?![a-zA-Z])|notin\b|(?:neq?|mid)\b(?!\s*-?\d))|(?!(?:[kcdm]?m|ft|in|yd|mi"
    rf"|s)\^)[a-z]+\^|\((?![^()]*[a-zA-Z]{{3}})[^()]*[-+^]"
    r"|[ ]*-[ ]*\d+[ ]*(?:[=$]|\Z)"
    r"|(?:\s*\\right)?\s?[)\]]*\s*(?:\^\s*\{?\s*[-\da-z]|!+\s*(?:\$|\\[\])]))|\{,\}\d{3}|[\s\\]*\\%\s*(?:\d|\\text\s*\{\s*of)|\\[cl]?dots|\s?(?:[×÷√∛π²³⁰-⁹⁻ⁿ]|[·⋅]\s*[\d$\\(])"
    r"|\s*(?:[*/]\s*\d|\+(?:\s*(?:\d|[a-zA-Z]\b)|\B)))"
)
SCALED_BEHIND = re.compile(
    rf"[ \t$*]*(?:\\text\s*\{{\s*)?({'|'.join(MAGNITUDES)}|squared|cubed|factorial|point\s+\w+"
    r"|and\s+a\s+(?:half|quarter|third|bit)|(?:degrees\s+)?below\s+zero"
    r"|(?:times|plus|minus|over|divided\s+by|multiplied\s+by|choose)\s+\$?[\d\\]\w*"
    r"|(?:th\s+power|to\s+the\s+(?:\w+\s+)?power)\s+of|of\s+the\s+(?:answer|result)"
    r"|(?:more|less|greater|smaller|larger|higher|lower)\s+than\s+(?:the\s+(?:\w+\s+)?(?:answer|truth|result)|it\s+should))(?!\w)",
    re.IGNORECASE,
)
# what is said of the answer: `The answer has \\boxed{5} digits`
ANSWER_HAS = re.compile(r"\banswer\s+(?:has|have|contains)[\s$\\(]*$", re.IGNORECASE)
PROPERTY = re.compile(r"[\s$\\)]*(?:\w+\s+)?(?:digits?|decimals?|zero(?:e?s)?|factors|divisors)\b", re.IGNORECASE)
# with a unit, it is an error of measurement
PLUS_MINUS = re.compile(r"\s*\\(?:pm|mp)\s*[\d.]+(?![\d.]|[\s$]*(?:[a-zA-Z%°]|\\(?:text|mathrm|circ)))")
BASE_BEHIND = re.compile(r"_(?:\d|\{\w+\})")
CONDITION_BEHIND = re.compile(
    rf"[ \t$*,;(]*+(?:only\s+)?(?:(?:if(?!\s+(?:you|we|one|i)\b)|unless)\b[^.?!\n]*?{CONDITION}"
    r"|(?:otherwise|else)\b[\s$,:]*[-\d\\])",
    re.IGNORECASE,
)
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
OR = (
    r"(?:\\text\s*\{\s*)?(?:(?:or(?:,?\s+(?:maybe|perhaps|possibly|rather|even|is\s+it|else|equivalently),?)?|oder"
    r"|ou|maybe|perhaps|possibly"
    r"|alternatively|или)(?![^\W\d_])|或者?|还是|또는|または)(?:\s*\})?|\\(?:lor|vee)(?![a-z])"
)
EITHER = re.compile(rf"[\s$*,;\\)\](\[]*(?:{OR}|vs\.?|versus)[\s$*:,\\(\[]*", re.IGNORECASE)
EQUAL = re.compile(
    rf"[\s$]*(?:=>?|->|[→⇒⟹≈]|,?\s*(?:that\s+is|i\.?e\.?),?|\\(?:to|approx|[rR]ightarrow|implies|mapsto)(?![a-zA-Z]))[\s$]*({NUMBER})"
    r"(?=[.,]?[ \t]*(?:\$|\\[\])]|\n|\Z))"
)
FIRST = re.compile(
    rf"(?:\$((?:(?!\\boxed)[^$\n]){{1,60}})\$"
    rf"|(?<![\w.,/^{{])({NUMBER}))\s*,?\s*(?:{OR})[\s$*:\\(\[]*(?:([a-zA-Z](?:_\w)?)\s*=\s*)?$",
    re.IGNORECASE,
)
WORDED = re.compile(r"(?<![\\a-zA-Z])[^\W\d_]{2}[^\n$]*$")  # words before a box, behind which `!` is no factorial
MINUS = re.compile(r"(?:(?:[$=({]|\\[\[(])\s*|[a-zA-Z]{2} (?=.$)|^(?=.$))([-−])\s*$")
EQUATION = re.compile(r"([^$=,.:;\n]*)=[\s$]*$")
SOLVED = re.compile(
    r"[\s$]*(?:=([^$=,;\n]{1,30}))?[\s$.,;]*(?:so|hence|thus|therefore|then|giving|which\s+(?:gives|means)|→|⇒"
    r"|\\(?:implies|Rightarrow|to)(?![a-zA-Z]))(?:\s+(?:that|we\s+(?:get|have|find)))?[\s,$\\(]*([a-zA-Z])\s*="
)
# a number that goes on (`or 2 times 7`) is not read
SECOND = re.compile(
    rf"[ \t$*,;\\)\](\[—–]*(?:(?:\.{{3}}|…)\s*)?(?:{OR})[\s*:,]*(?:(?:\$|\\\()(?P<formula>[^$\n]{{1,60}}?)(?:\$|\\\))"
    r"|(?-i:\(?(?P<letter>[A-J]))(?=[).$]|\s*\Z)"
    rf"|(?P<number>{NUMBER}!?)(?![\w^\\.]*\w)(?!\s*(?:[-+*/^=]|in\s+\d|\\(?:cdot|times)|(?:times|plus|minus|over"
    r"|choose)\s+[\d$\\(]|(?:more|out|divided)\b))"
    rf"(?:\s*(?P<unit>[a-zA-Zµ°/^\d]+))?|(?P<word>{'|'.join(NUMBER_WORDS[:21])})[\s.)]*$)",
    re.IGNORECASE,
)
ALSO = re.compile(
    rf"[\s$*]*(?:[;&]|,(?!\d{{3}})(?:\s*(?:and|respectively|resp\.)\s)?|(?:and|und|et|vs\.?|versus|as\s+well\s+as"
    r"|resp\.?|respectively|\|)\s)[\s$*]*"
    rf"({NUMBER}(?:,\s*{NUMBER})*)[\s$*.)\]\\}}]*(?:\n|$)"
)
# the box ends a list or tuple: `(6, \\boxed{5})`
ALSO_BEFORE = re.compile(
    rf"(?:[$(\[]|\\\{{|\b(?:candidates|options|choices|possibilities)(?:\s+are)?[\s:]*)\s*((?:{NUMBER}\s*,\s*)+)$",
    re.IGNORECASE,
)


def answer(before: str, content: str, behind: str) -> str | None:
    """Return what a box and its surroundings state; None if the answer is denied, supposed or crossed out."""
    if "\\" in before + behind:
        before, behind = SPACING.sub(" ", before), SPACING.sub(" ", behind)
    left = ""
    if (behind[:1] == "!" and not WORDED.search(before)) or ("=" in behind and _solved(before, behind)):
        return None
    if before.rstrip()[-1:] in tuple("-−") and (minus := MINUS.search(before)):
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
            content = f"{earlier[1]} {content}"
    return _with_behind(content, behind, left) if left or behind.strip("$.\n* ") else content


def _solved(before: str, behind: str) -> bool:
    """Check whether a box is a side of an equation whose only name gets its value next: `x + 1 = 5, so x = 4`."""
    solved = SOLVED.match(behind)
    equation = (EQUATION.search(before) or [None, ""])[1] + (solved[1] or "") if solved else ""
    return bool(solved) and equation.strip() != solved[2] and set(VARIABLE.findall(equation)) == {solved[2]}


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
        or OPERAND_BEHIND.match(behind)
        or (CONDITION_BEHIND.match(behind) and not VARIABLE.search(IN_TEXT.sub("", content)))
    ):
        return None
    if (left or right) and (relation := _related(left, content, right)):
        content, behind = relation, rest
    if scaled := SCALED_BEHIND.match(behind):
        return rf"{content}\text{{ {scaled[1]}}}"
    if tail := PLUS_MINUS.match(behind) or BASE_BEHIND.match(behind):
        return content + tail[0]
    if (second := SECOND.match(behind)) and (second["letter"] is None or content.strip("()").isalpha()):
        return rf"{content} \text{{ or }} {_second(second)}"
    if (equal := EQUAL.match(behind)) and not roughly(number, equal[1]):
        return f"{content} = {equal[1]}"
    return f"{content}, {also[1]}" if (also := ALSO.match(behind)) else content


def _first(match: re.Match, before: str) -> str | None:
    """The answer in front of `or`; None for `$2x = 10$, or $x =$`, which only says the same in other words."""
    said = before[: match.end(1 if match[1] else 2)]
    name, _, value = (part.strip() for part in (match[1] or match[2]).rpartition("="))
    if match[3] and not said.replace(" ", "").endswith(f"{match[3]}={value}"):
        return None
    return value if not name or (NAME.fullmatch(name) and DECIMAL_TEXT.fullmatch(value)) else None


def _second(match: re.Match) -> str:
    """The answer behind `or`: a formula, a letter, or a number with its unit, also if it is a word."""
    if match["word"]:
        return str(NUMBER_WORDS.index(match["word"].lower()))
    if match["unit"] and known(match["unit"]):
        return rf"{match['number']}\text{{ {match['unit']}}}"
    return match["formula"] or match["letter"] or match["number"]
