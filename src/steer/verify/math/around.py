r"""What stands directly around a box: it may deny the answer, set a condition, or belong to it.

A box that the text denies, supposes or crosses out is no answer. Neither is an operand of a larger formula.
A comparison that bounds one name (`2x < \boxed{5}`), a second answer (`\boxed{5} or 6`) and a word that scales it
(`\boxed{5} thousand`) become part of the answer, so that the gold decides.
"""

import re

from steer.verify.math.clutter import COMMAND
from steer.verify.math.numbers import DECIMAL_TEXT, roughly
from steer.verify.math.phrases import CONDITION, NUMBER_WORDS
from steer.verify.math.units import known

BEFORE, BEHIND = 160, 120  # characters that are looked at
NOT_SHOWN = (
    r"\\(?:[bx]?cancel|cancelto|sout|st|[hv]?phantom)\s*(?:\{[^{}]*\}\s*)?\{|<(?:s|del|strike)>|\\(?:text)?color\s*\{white\}\s*\{?"
    r"|\\(?:re)?newcommand\*?\s*\{?\\\w+\}?(?:\[\d\])?\s*\{|\\def\s*\\\w+\s*\{|\[//\]:\s*#\s*\(|display:\s*none[^>]*>|[❌✗✘]"
)
# directly before or behind a box: it is not the answer, or one of two
DENIED_BEFORE = re.compile(
    r"(?:\b(?:not|never|cannot|neither|nor|maybe|perhaps|either\b[^.]{1,40}\bor)|n['’]t|\\ne(?:q)?|\\not\s*=|≠|不是|不等于|不可能是|nicht|pas|no\s+es|não\s+é|не)"
    r"(?:[\s$]+(?:be|equal(?:\s+to)?|the\s+(?:\w+\s+)?answer))*[\s$*:\\(\[}]*$"
    rf"|(?:\\(?:lnot|neg)|{NOT_SHOWN}|~~|\b(?:wrong|incorrect)\s+(?:answer|to\s+say)(?:\s+(?:is|that))?)[\s$*:\\(\[}}]*$"
    r"|\\(?:[dt]?frac|sqrt)\s*\{\s*$|\\(?:cdot|times)\s*$|(?<=[\w\s=$({])/$|^-$",
    re.IGNORECASE,
)
SAID = r"(?:the\s+(?:final\s+)?answer|it|this|that)(?:\s+(?:is|equals|=)|['’]s)"
DOUBTED_BEFORE = re.compile(
    r"(?:\b(?:minus|negative|except(?:\s+for)?|excluding|other\s+than|different\s+from|unlikely(?:\s+to\s+be)?|(?:any|every)thing\s+but"
    r"|rather\s+than|instead\s+of|let(?:\s+me|['’]?s)\s+try|between\s+\S+\s+and)|\\notin|(?:^|[.!?\n])\W*(?:false|wrong|incorrect|(?:my\s+)?guess|is\s+it|(?:could|might)\s+it\s+be)"
    rf"|\b(?:suppos|assum|imagin|pretend)\w*\s+(?:that\s+)?{SAID}|\b(?:wrong|false|incorrect|not\s+true)\s+that\s+{SAID}"
    r"|\b(?:half|twice|double|thrice|triple|square|root|cube|reciprocal|opposite|inverse|logarithm|than|plus)\s+(?:of\s+)?"
    r"(?:the|our|my)\s+(?:final\s+)?answer\s+(?:is|equals|=)|\banswer\s*(?:[-+*/]|plus|minus|times|divided\s+by)[^.?!\n]{1,20}(?:\bis|\bequals|=)"
    r"|\bexample\s+(?:answer|format|output)|\b(?:write|put|place|enter|give|box)\s+your\s+(?:final\s+)?answer\s+(?:as|in|inside|within|like))"
    r"[\s$*:,\\(\[]*$",
    re.IGNORECASE,
)
# the box is an operand: `2\boxed{5}`, `\log\boxed{5}`; a sum may still have a gap to fill, `3 + \boxed{5} = 8`
FUNCTION = r"(?:log|ln|sin|cos|tan|cot|sec|csc|exp|det|gcd|lcm)"
OPERAND_BEFORE = re.compile(
    rf"\d$|(?<![\\a-zA-Z])[a-zA-Z]$|[\^_]\s*\{{?\s*$|[\d)}}]\s*\*\s+$|[=$({{]\s*-\s*$|\\(?:pm|mp|div)\s*$"
    rf"|\\{FUNCTION}(?:_\{{?\w+\}}?)?\s*[({{]?\s*$|\\[dt]?frac\s*\{{[^{{}}]*\}}\s*\{{\s*$|\\binom\s*\{{\s*$|[$=(]\s*\|\s*$"
    r"|\\(?:boxed|fbox)\s*\{\s*[^{}=]*[^{}=\s]\s*$"
)
SUMMAND_BEFORE, GAP_BEHIND = re.compile(r"[\w)}]\s*\+\s*$"), re.compile(r"\s*\}?\s*=")
OPERAND_BEHIND = re.compile(
    r"\}?(?:\.?\d|,\d{3}(?!\d)|:\d|[–—]\s*\d|!\s*\$|[abcijknpqrtxyz](?![a-zA-Z])|\s*[inkpxyz]\s*\$|\s+(?:to|through)\s+\$?\d"
    rf"|\s*\\(?:pi|sqrt|[dt]?frac|cdot|times|div|{FUNCTION})(?![a-zA-Z]))"
)
SCALED_BEHIND = re.compile(
    r"[\s$*]*(hundred|thousand|dozen|squared|cubed|and\s+a\s+(?:half|quarter|third)|times\s+\d+)\b", re.IGNORECASE
)
RETURN = r"(?:\d|\Z|(?:wait|it|that|this\s+is|i|no|not|let|the\s+(?:\w+\s+)?(?:answer|result))\b)"  # to what was said
DENIED_BEHIND = re.compile(
    r"\}?[ ]*-[ ]*\d+[ ]*(?:[=$]|\Z)|\}?\s*(?:\^\s*\{?\s*[-\da-z]|[*/+]\s*\d)"
    r"|[\s$*.,;:!()\]\\}]*+(?:\?|(?:(?:which|this|that|it|the\s+(?:answer|result|above))\s+)?(?:(?:is|was|looks|seems|must\s+be|would\s+be|can['’]?t\s+be|cannot\s+be)"
    r"\s*(?:n['’]t|\w+ly)?\s+)?(?:not\s+(?:the\s+)?(?:\w+\s+)?(?:answer|correct|right|true|valid|possible(?!\s+to)|it)|wrong|incorrect|false|mistaken|impossible(?!\s+to)"
    r"|(?:cannot|can['’]?t|could(?:\s+not|n['’]t))\s+be\s+(?:the\s+answer|right|correct|true))\b"
    r"|(?:but|however)\b(?=[^.?!]*[\d$\\])[^.?!]*\b(?:right|correct|real|actual|true)\b"
    rf"|(?:(?:no|wait|sorry)\b(?=\s*(?:[^\w\s]|{RETURN}))|actually\b(?=[\s,]*(?:[^\w\s,]|{RETURN}))"
    r"|(?:nope|oops|hmm+|scratch\s+that|correction)\b|不对|错|錯|不是|아니|違)"
    r"|(?:(?!\b(?:since|because|as)\b)[^.?!]){0,40}\b(?:i\s+(?:was|am)\s+(?:wrong|mistaken)|(?:is|was)\s+(?:wrong|incorrect))\b)"
    r"|[\s$*,(]*+(?:or\s+(?:more|less|fewer|greater|larger|smaller|higher|lower|above|below|so)\b"
    r"|or\s+(?:something|anything|none|nothing|no|neither|another|others?)\b|\(?(?:(?:this|which|that)\s+)?(?:is|was)\s+(?:only\s+|just\s+|merely\s+)?"
    r"an?\s+(?:lie|guess|placeholder|joke|typo|example|mistake|error)\b|[❌✗✘]|not\b[\s.!]*\Z"
    r"|not\s+sure\b|i\s+guess\b|i['’]?m\s+(?:not\s+sure|guessing|unsure)\b|(?:just\s+)?a\s+guess\b)",
    re.IGNORECASE,
)
# `if x = 1 then`, with nothing between the condition and the box but words that announce it
SUPPOSED_BEFORE = re.compile(
    r"(?:^|[.!?。:;\n]|\b(?:so|thus|then|and|but|now|hence|only)\b)\W*(?:if(?!\s+(?:you|we|one|i)\b)|unless|in\s+case|provided)\b[^.?!\n]*?"
    rf"{CONDITION}[^,.?!\n]*?(?:[,:]|\bthen\b)[ \t$*,]*(?:then\b[\s,:]*)?"
    r"(?:(?:the\s+(?:final\s+)?answer|it|this|that)(?:['’]s|\s+is|\s+would\s+be|\s+gives)\b|we\s+(?:get|have|obtain)\b)?[\s$*:,\\(\[]*$",
    re.IGNORECASE,
)
CONDITION_BEHIND = re.compile(
    rf"[ \t$*,;(]*+(?:only\s+)?(?:(?:if(?!\s+(?:you|we|one|i)\b)|unless)\b[^.?!\n]*?{CONDITION}"
    r"|(?:otherwise|else)\b[\s$,:]*[-\d\\])",
    re.IGNORECASE,
)
VARIABLE = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z](?![a-zA-Z])")  # a formula's condition is its domain
SIGN = r"(?:(?<![-=<>])[<>]=?(?![-=<>])|\\(?:[lg]t|[lg]eq?(?:slant)?)(?![a-zA-Z])|[≤≥])"
SPACING = re.compile(r"\\(?<!\\\\)(?:[,;:!]|q?quad(?![a-zA-Z]))")
TAG = r"</?[a-zA-Z]\w*(?:\s[^<>]{0,60})?>"
TAG_BEFORE, TAG_BEHIND = re.compile(rf"{TAG}[\s$]*$"), re.compile(rf"[\s$]*{TAG}")
# a side of a comparison reaches to the end of the formula, to a word or to a comma
SIGN_BEFORE = re.compile(rf"{SIGN}(?=[\s$&\\(\[]*$)")
SIDE_BEGINS = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{2,}[\s.!?}]*[\s}]|\\[\\(\[]|[$\n,;:]")
SIDE_BEHIND = re.compile(rf"[\s$&]*({SIGN}[^$\n,;]*?)(?=[$\n,;]|\\[)\]\\]|[.:!?](?:\s|\Z)|\s[a-zA-Z]{{2,}}|\Z)")
NAME = re.compile(r"\\(?:alpha|beta|theta|lambda)(?![a-zA-Z])|[a-zA-Z](?:_(?:\w|\{\w+\}))?")
STRUCTURE = {"frac", "dfrac", "tfrac", "cdot", "times", "left", "right", "sqrt", "lvert", "rvert", "vert"}
STRUCTURE |= {"lt", "gt", "le", "ge", "leq", "geq", "leqslant", "geqslant", "alpha", "beta", "theta", "lambda"}
NUMBER = r"[-+]?(?:\d[\d,]*\d|\d)(?:\.\d+)?(?:/\d+)?%?"
OR = (
    r"(?:\\text\s*\{\s*)?(?:(?:or(?:\s+(?:maybe|perhaps|possibly|rather|even|is\s+it|else))?|oder|ou|maybe|perhaps|possibly"
    r"|alternatively|или)(?![^\W\d_])|或者?|还是|또는|または)(?:\s*\})?|\\(?:lor|vee)(?![a-z])"
)
EITHER = re.compile(rf"[\s$*,;\\)\](\[]*(?:{OR})[\s$*:,\\(\[]*", re.IGNORECASE)
EQUAL = re.compile(
    rf"[\s$]*(?:=>?|->|[→⇒⟹]|\\(?:to|[rR]ightarrow|implies|mapsto)(?![a-zA-Z]))[\s$]*({NUMBER})"
    r"(?=[.,]?[ \t]*(?:\$|\\[\])]|\n|\Z))"
)
FIRST = re.compile(
    rf"(?:\$((?:(?!\\boxed)[^$\n]){{1,60}})\$|(?<![\w.,/^{{])({NUMBER}))\s*,?\s*(?:{OR})[\s$*:\\(\[]*(?:([a-zA-Z](?:_\w)?)\s*=\s*)?$",
    re.IGNORECASE,
)
# a number that goes on (`or 2 times 7`) is not read
SECOND = re.compile(
    rf"[ \t$*,;\\)\](\[]*(?:{OR})[\s*:,]*(?:(?:\$|\\\()(?P<formula>[^$\n]{{1,60}}?)(?:\$|\\\))"
    r"|(?-i:\(?(?P<letter>[A-J]))(?=[).$]|\s*\Z)"
    rf"|(?P<number>{NUMBER})(?![\w^\\.]*\w)(?!\s*(?:[-+*/^=]|\\(?:cdot|times)|(?:times|plus|minus|over|choose)\s+[\d$\\(]|(?:more|out|divided)\b))"
    rf"(?:\s*(?P<unit>[a-zA-Zµ°/^\d]+))?|(?P<word>{'|'.join(NUMBER_WORDS[:21])})[\s.)]*$)",
    re.IGNORECASE,
)
ALSO = re.compile(
    rf"[\s$*]*(?:[;&]|,(?!\d{{3}})(?:\s*and\s)?|(?:and|und|et|vs\.?|versus|as\s+well\s+as)\s)[\s$*]*"
    rf"({NUMBER}(?:,\s*{NUMBER})*)[\s$*.)\]]*(?:\n|$)"
)


# most boxes stand behind other words, in front of nothing: the searches above are spared them
TELLING = """
not never cannot neither nor maybe perhaps or oder ou possibly alternatively rather even else t ne neq nicht pas es é
lnot neg quad qquad cdot times lt gt le leq ge geq leqslant geqslant lor vee frac sqrt cancel bcancel xcancel sout st
phantom hphantom vphantom pm mp log ln sin cos tan cot sec csc exp det gcd lcm dfrac tfrac binom minus negative except
excluding than from unlikely but of notin false incorrect wrong guess div
"""
LINKING = """
be equal equals to answer say is it that this would gives then s get have obtain as in inside within like format output
try and for
"""
TELLING, LINKING = set(TELLING.split()), set(LINKING.split())
HINTS = re.compile(
    "either|not|never|n't|wrong|incorrect|false|neither|nor|maybe|perhaps|if|unless|case|provided|assum|suppos|imagin|pretend|half"
    "|twice|double|thrice|triple|square|root|cube|reciprocal|opposite|inverse|logarithm|than|plus|minus|times|divided|your|example"
    r"|is it|could|might|unlikely|let|between|except|\\ne|answer\W*[-+*/]"
)
# shortly before an equals sign, perhaps with words and a name between
EQUATED = re.compile(r"\\not|\\vee|or|ou|maybe|perhaps|possibly|alternatively|[<>]=|assum|suppos|imagin|pretend|nswer")
FILLING, ENDS = " \n\t\r$*:\\([{,&", "-+/~<>≤≥}'’|^_#"


def answer(before: str, content: str, behind: str) -> str | None:
    """Return what a box and its surroundings state; None if the answer is denied, supposed or crossed out."""
    if "\\" in before + behind:
        before, behind = SPACING.sub(" ", before), SPACING.sub(" ", behind)
    left = ""
    if _telling(before):
        refuted = (DENIED_BEFORE, DOUBTED_BEFORE, SUPPOSED_BEFORE, OPERAND_BEFORE)
        if any(pattern.search(before) for pattern in refuted):
            return None
        if SUMMAND_BEFORE.search(before):
            return content if GAP_BEHIND.match(behind) else None
        sign = SIGN_BEFORE.search(before)
        left = SIDE_BEGINS.split(before[: sign.end()])[-1].strip() if sign and not TAG_BEFORE.search(before) else ""
        if not left and (first := FIRST.search(before)) and (other := _first(first, before)):
            content = rf"{other} \text{{ or }} {content}"
    return _with_behind(content, behind, left) if left or behind.strip("$.\n* ") else content


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


def _telling(before: str) -> bool:
    """Check whether what stands before a box may change its meaning, by its last word and sign."""
    bare = before.rstrip(FILLING)
    if (
        not before.isascii()
        or not bare
        or bare[-1] in ENDS
        or (bare[-1] == "=" and EQUATED.search(bare[-48:].lower()))
        or bare[-2:-1] == "_"
    ):
        return bool(before)
    start = end = len(bare)
    while start and bare[start - 1].isalpha():
        start -= 1
    word = bare[start:end].lower()
    if (
        word in TELLING
        or before[-1:].isalnum()
        or "\\def" in before
        or "\\boxed" in before
        or before.rstrip(" ")[-1:] in ("*", "{")
    ):
        return True
    return (word in LINKING or before.rstrip(" $\n") != bare) and HINTS.search(before.lower()) is not None


def _with_behind(content: str, behind: str, left: str) -> str | None:
    if (
        DENIED_BEHIND.match(behind)
        or OPERAND_BEHIND.match(behind)
        or (CONDITION_BEHIND.match(behind) and not VARIABLE.search(content))
    ):
        return None
    number, compared = content, SIDE_BEHIND.match(behind)
    right = compared[1].strip() if compared and not TAG_BEHIND.match(behind) else ""
    if (left or right) and (relation := _related(left, content, right)):
        content, behind = relation, behind[compared.end() if right else 0 :]
    if scaled := SCALED_BEHIND.match(behind):
        return rf"{content}\text{{ {scaled[1]}}}"
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
