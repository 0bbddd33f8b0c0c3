r"""What stands directly around a box: it may deny the answer, set a condition, or belong to it.

A box that the text denies, supposes or crosses out is no answer. Neither is an operand of a larger formula.
A comparison that bounds one name (`2x < \boxed{5}`), a second answer (`\boxed{5} or 6`) and a word that scales it
(`\boxed{5} thousand`) become part of the answer, so that the gold decides.
"""

import re
import string

from steer.verify.math.clutter import COMMAND
from steer.verify.math.numbers import DECIMAL_TEXT, roughly
from steer.verify.math.phrases import CONDITION, NUMBER_WORDS
from steer.verify.math.units import known
from steer.verify.math.withdrawal import NUMBER, withdrawn

MAGNITUDES = "tens", *NUMBER_WORDS[NUMBER_WORDS.index("hundred") : NUMBER_WORDS.index("k")]

BEFORE, BEHIND = 160, 240  # characters that are looked at
NOT_SHOWN = (
    r"\\(?:[bx]?cancel|cancelto|sout|st|[hv]?phantom)\s*(?:\{[^{}]*\}\s*)?\{|<(?:s|del|strike|\w+\s+hidden)\b[^>]*>"
    r"|\\(?:text)?color\s*\{white\}\s*\{?"
    r"|\\(?:re)?newcommand\*?\s*\{?\\\w+\}?(?:\[\d\])?\s*\{|\\def\s*\\\w+\s*\{|\[//\]:\s*#\s*\("
    r"|display:\s*none[^>]*>|[❌✗✘]"
)
# what denies, doubts or replaces the answer, if nothing but light words stands between it and the box
GOVERNING = (
    r"not|never|cannot|neither|nor|maybe|perhaps|possibly|hardly|either\b[^.]{1,40}\bor|no\s+longer|by\s+no\s+means"
    r"|(?:might|could|may)(?=\s+be\b)|nicht|pas|no\s+es|não\s+é|не|exclude[sd]?|reject(?:s|ed|ing)?|rul(?:es?|ed"
    r"|ing)\s+out"
    r"|contradict(?:s|ed|ing)?|(?:excluded|rejected)\s+\w+\s+is|except(?:\s+for)?|excluding|unlikely|unlike"
    r"|as\s+opposed\s+to"
    r"|(?<!none )(?<!no )other\s+than|differ\w*\s+from|(?:far|apart|aside)\s+from|rather\s+than|instead\s+of"
    r"|wrong|incorrect|false|naive(?:ly)?|mistake|tempting|silly|foolish|absurd|one\s+(?:might|could"
    r"|may)(?!\s+(?:also\s+)?write)|(?:nobody|no\s+one)(?:\s+would)?"
    r"|discard(?:s|ed)?|ignor(?:e|ed|ing)|dis(?:prove[sd]?|regard|miss)|eliminate[sd]?|used\s+to(?=\s+be\b)"
)
LIGHT = (
    r"this|be|been|is|are|was|it|equals?|to|of|the|an?|as|that|final|correct|answer|value|result|solution|approach"
    r"|method|even"
    r"|simply|say|think|guess|expect|gives?|write|gets?|close|obtain|have|put|use|choose|accept|take|report|enter"
)
SCALING = (  # directly before the number
    r"minus|negative|half(?:\s+of)?|twice|double|thrice|triple|(?:square|root|cube|reciprocal|opposite|inverse"
    r"|logarithm|factorial)\s+of"
    r"|\d\s+(?:times|plus)|(?:one|two|\d)\s+(?:more|less)\s+than|(?:\\?%|percent)\s+of|(?:any|every)thing\s+but"
    r"|let(?:\s+me|['’]?s)\s+try|between\s+\S+\s+and|almost|(?:shy|short|multiple|divisor|factor)\s+of"
    r"|(?:slightly|just|barely|a\s+(?:little|bit))\s+(?:(?:more|less|greater|smaller|higher|lower)\s+than|over|under"
    r"|above|below)"
)
# of which one word spoils what is said after it: `It is doubtful that x equals`, `A wrong approach yields`
DOUBTED = (
    r"(?:(?:doubtful|dubious|untrue|false|wrong|not\s+true|impossible)\s+that|no\s+way|(?:not"
    r"|\w*n['’]t)\s+(?:believe|think|claim|say)|(?<!no )(?<!without )(?<!a )doubt)\s+(?:that\s+)?"
    r"(?:[\w'’$]+\s+){0,4}(?:is|it['’]s|equals|=|be)"
    r"|(?:wrong|incorrect|naive|careless|bogus|fake|trap|decoy|flawed|erroneous|mistaken"
    r"|(?<!ing the )extraneous)\s+(?:\w+\s+){0,2}(?:is|gives?|yields?|gets?|leads\s+to)"
    r"|(?:incorrectly|wrongly|mistakenly|erroneously|falsely|absurdly),?(?:\s+\w+){0,2}"
)
SAID = r"(?:the\s+(?:final\s+)?answer|it|this|that)(?:\s+(?:is|equals|=)|['’]s)"
REFUTED_BEFORE = re.compile(
    rf"(?:(?:(?:\b(?:{GOVERNING})|n['’]t|\\neq?|\\not\s*=|≠|不是|不等于|不可能是)(?:[\s$]+(?:{LIGHT})\b)*|\b(?:{SCALING})"
    r"|\\(?:notin|nexists|not\s*\\ni)(?![a-zA-Z])"
    rf"|(?:^|[.!?\n])\W*(?:(?:my\s+)?guess|is\s+it|(?:could|might)\s+it\s+be)|\b(?:(?:suppos|assum|imagin"
    rf"|pretend)\w*\s+(?:for\s+\w+\s+)?(?:that\s+)?|if\s+){SAID}"
    r"|\b(?:at\s+first|initially|originally|incorrectly|naively),?\s+(?:i|we|one|you)\s+(?!ha(?:ve"
    r"|d)\b)\w+(?:\s+it\s+(?:was|is))?"
    rf"|\b(?:{DOUBTED})|\b(?:half|twice|double|thrice|triple|than|plus|minus|times|(?!value)\w+\s+of)[^\S\n]+(?:of\s+)?"
    r"(?:the|our|my)\s+(?:final\s+)?answer(?:['’]s\s+\w+)?\s+(?:is|equals|=)|\banswer\s*(?:[-+*/]|plus|minus|times"
    r"|divided\s+by|squared|cubed|doubled)[^.?!\n]{1,20}(?:\bis|\bequals|=)"
    r"|\bexample\s+(?:answer|format|output)|\b(?:write|put|place|enter|give"
    r"|box)\s+your\s+(?:final\s+)?answer\s+(?:as|in|inside|within|like))"
    rf"[\s$*:,\\(\[}}]*|(?:\\(?:lnot|neg)|{NOT_SHOWN})[\s$*:\\(\[}}]*)$",
    re.IGNORECASE,
)
# the box is an operand: `2\boxed{5}`, `\log\boxed{5}`; a sum may still have a gap to fill, `3 + \boxed{5} = 8`
FUNCTION = r"(?:log|ln|sin|cos|tan|cot|sec|csc|exp|det|gcd|lcm)"
OPERAND_BEFORE = re.compile(
    rf"(?:\d\(?|(?<![\\a-zA-Z])[a-zA-Z]\(?|\([^()$]*[-+^][^()$]*\)|[\^_]\{{[^{{}}]*|\}}\s*/\s*"
    rf"|(?<=[\w\s=$({{])/|^[-−]|(?<!\d)0\.|(?<=[\s$(=])\.|[\^_]\s*\{{?\s*|[\d)}}]\s*\*\s+"
    rf"|[=$({{]\s*[-−]\s*|\\(?:pm|mp|div|cdot|times|mid)\s*"
    rf"|\\{FUNCTION}(?:_\{{?\w+\}}?)?\s*[({{]?\s*"
    rf"|\\[dt]?frac\s*(?:\{{[^{{}}]*\}}\s*)?\{{\s*|\\(?:sqrt|binom|overline|bar|hat)\s*\{{\s*|[$=(]\s*\|\s*"
    r"|[$(]\s*\d+\s*:\s*|\\(?:boxed|fbox)\s*\{\s*[^{}=]*[^{}=\s]\s*)$"
)
SUMMAND_BEFORE = re.compile(r"(?:[\w)}]\s*\+|(?:[$=+*/^]|\\(?:\(|\[|cdot|times))\s*[^\s$]{1,20}\s*-)\s*$")
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
    r"\}?(?:\.?\d|,\d{3}(?!\d)|\\[,;:!]\s*\d|:\d|[ ]?[–—]\s*\d|!\s*\$|[abcijknpqrtxyz](?![a-zA-Z])|-?ish\b"
    r"|\s*[inkpxyz]\s*\$|\s+(?:to|through)\s+\$?\d"
    rf"|[^\S\n]*\\(?:(?:{OPERATION})(?![a-zA-Z])|notin\b|(?:neq?|mid)\b(?!\s*-?\d))|(?!(?:[kcdm]?m|ft|in|yd|mi"
    rf"|s)\^)[a-z]+\^|\((?![^()]*[a-zA-Z]{{3}})[^()]*[-+^]"
    r"|[ ]*-[ ]*\d+[ ]*(?:[=$]|\Z)"
    r"|(?:\s*\\right)?\s?[)\]]*\s*\^\s*\{?\s*[-\da-z]"
    r"|\s*(?:[*/]\s*\d|\+(?:\s*(?:\d|[a-zA-Z]\b)|\B))|\s*(?:\\?%|percent)[\s$]+of\s+\$?\d|\s+(?:less|more|fewer"
    r"|greater|higher|lower)\s+than\s+\$?(?:\d|[a-z]\b))"
)
SCALED_BEHIND = re.compile(
    rf"[\s$*]*(?:\\text\s*\{{\s*)?({'|'.join(MAGNITUDES)}|squared|cubed|factorial|point\s+\w+|and\s+a\s+(?:half|quarter|third|bit)|(?:degrees\s+)?below\s+zero"
    r"|(?:times|plus|minus|over|divided\s+by|multiplied\s+by)\s+\$?[\d\\]\w*)(?!\w)",
    re.IGNORECASE,
)
# with a unit, it is an error of measurement
PLUS_MINUS = re.compile(r"\s*\\(?:pm|mp)\s*[\d.]+(?![\d.]|[\s$]*(?:[a-zA-Z%°]|\\(?:text|mathrm|circ)))")
BASE_BEHIND = re.compile(r"_(?:\d|\{\w+\})")
# `if x = 1 then`, with nothing between the condition and the box but words that announce it
SUPPOSED_BEFORE = re.compile(
    r"(?:^|[.!?。:;\n]|\b(?:so|thus|then|and|but|now|hence|only)\b)\W*(?:if(?!\s+(?:you|we|one|i)\b)|unless|in\s+case"
    r"|provided)\b[^.?!\n]*?"
    rf"{CONDITION}[^,.?!\n]*?(?:[,:]|\bthen\b)[ \t$*,]*(?:then\b[\s,:]*)?"
    r"(?:(?:the\s+(?:final\s+)?answer|it|this|that)(?:['’]s|\s+is|\s+would\s+be|\s+gives)\b|we\s+(?:get|have"
    r"|obtain)\b)?[\s$*:,\\(\[]*$",
    re.IGNORECASE,
)
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
SIGN_BEFORE = re.compile(rf"{SIGN}(?=[\s$&\\(\[]*$)")
SIDE_BEGINS = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{2,}[\s.!?}]*[\s}]|\\[\\(\[]|[$\n,;:]")
SIDE_BEHIND = re.compile(rf"[\s$&]*({SIGN}[^$\n,;]*?)(?=[$\n,;]|\\[)\]\\]|[.:!?](?:\s|\Z)|\s[a-zA-Z]{{2,}}|\Z)")
NAME = re.compile(r"\\(?:alpha|beta|theta|lambda)(?![a-zA-Z])|[a-zA-Z](?:_(?:\w|\{\w+\}))?")
STRUCTURE = {"frac", "dfrac", "tfrac", "cdot", "times", "left", "right", "sqrt", "lvert", "rvert", "vert"}
STRUCTURE |= {"lt", "gt", "le", "ge", "leq", "geq", "leqslant", "geqslant", "alpha", "beta", "theta", "lambda"}
OR = (
    r"(?:\\text\s*\{\s*)?(?:(?:or(?:,?\s+(?:maybe|perhaps|possibly|rather|even|is\s+it|else|equivalently),?)?|oder"
    r"|ou|maybe|perhaps|possibly"
    r"|alternatively|или)(?![^\W\d_])|或者?|还是|또는|または)(?:\s*\})?|\\(?:lor|vee)(?![a-z])"
)
EITHER = re.compile(rf"[\s$*,;\\)\](\[]*(?:{OR})[\s$*:,\\(\[]*", re.IGNORECASE)
EQUAL = re.compile(
    rf"[\s$]*(?:=>?|->|[→⇒⟹≈]|\\(?:to|approx|[rR]ightarrow|implies|mapsto)(?![a-zA-Z]))[\s$]*({NUMBER})"
    r"(?=[.,]?[ \t]*(?:\$|\\[\])]|\n|\Z))"
)
FIRST = re.compile(
    rf"(?:\$((?:(?!\\boxed)[^$\n]){{1,60}})\$"
    rf"|(?<![\w.,/^{{])({NUMBER}))\s*,?\s*(?:{OR})[\s$*:\\(\[]*(?:([a-zA-Z](?:_\w)?)\s*=\s*)?$",
    re.IGNORECASE,
)
# a number that goes on (`or 2 times 7`) is not read
SECOND = re.compile(
    rf"[ \t$*,;\\)\](\[]*(?:{OR})[\s*:,]*(?:(?:\$|\\\()(?P<formula>[^$\n]{{1,60}}?)(?:\$|\\\))"
    r"|(?-i:\(?(?P<letter>[A-J]))(?=[).$]|\s*\Z)"
    rf"|(?P<number>{NUMBER}!?)(?![\w^\\.]*\w)(?!\s*(?:[-+*/^=]|\\(?:cdot|times)|(?:times|plus|minus|over"
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
ALSO_BEFORE = re.compile(rf"(?:[$(\[]|\\\{{)\s*((?:{NUMBER}\s*,\s*)+)$")


# a text in front of a box that has none of these words and ends in none of these signs is spared the searches
TELLING = """
not never cannot neither nor maybe perhaps possibly hardly either no t ne neq might could may nicht pas exclude
excludes excluded reject rejects rejected rejecting rule rules ruled ruling contradict contradicts contradicted except
excluding unlikely unlike opposed other differ differs different far apart aside rather instead wrong incorrect false
naive naively mistake tempting minus negative but try between almost shy short multiple divisor factor slightly just
barely little bit notin guess suppose supposed supposes supposing assume assumed assumes assuming imagine pretend half
twice double thrice triple square root cube reciprocal opposite inverse logarithm than plus times divided example your
lnot neg if unless case provided or oder ou vee lor alternatively else log ln sin cos tan cot sec csc exp det gcd lcm
pm mp div cdot mid lt gt le ge leq geq leqslant geqslant silly foolish absurd nobody one discard discards discarded
ignore ignored ignoring disprove disproves disproved disregard dismiss eliminate eliminated used percent first
initially originally incorrectly nexists doubtful dubious untrue impossible doubt careless bogus fake trap decoy
flawed erroneous mistaken extraneous wrongly mistakenly erroneously falsely absurdly squared cubed doubled
equivalently
"""
TELLING = set(TELLING.split())
FILLING, ENDS = " \n\t\r$*:\\([{,&", "-+/~<>≤≥}'’|^_#"
WORDS_ONLY = {ord(sign): " " for sign in string.punctuation}


def _telling(before: str) -> bool:
    """Check whether what stands before a box may change its meaning."""
    bare, low = before.rstrip(FILLING), before.lower()
    return bool(before) and (
        not before.isascii()
        or bare[-1:] in ENDS
        or bare[-2:-1] in ("_", "<", ">")
        or before[-1].isalnum()
        or before[-1] == "."
        or before.rstrip(" $")[-1:] in tuple("{([*,)")
        or (bare[-1].isdigit() and before.rstrip(" ")[-1:] == ":")
        or any(words in low for words in ("s it", "% of"))
        or "\\def" in before
        or "\\boxed" in before
        or ("nswer" in low and any(sign in low for sign in ("+", "-", "*", "/", " of ", "'s")))
        or not TELLING.isdisjoint(low.translate(WORDS_ONLY).split())
    )


def answer(before: str, content: str, behind: str) -> str | None:
    """Return what a box and its surroundings state; None if the answer is denied, supposed or crossed out."""
    if "\\" in before + behind:
        before, behind = SPACING.sub(" ", before), SPACING.sub(" ", behind)
    left = ""
    if _telling(before):
        if any(pattern.search(before) for pattern in (REFUTED_BEFORE, SUPPOSED_BEFORE, OPERAND_BEFORE)):
            return None
        if SUMMAND_BEFORE.search(before):
            return content if GAP_BEHIND.match(behind) else None
        sign = SIGN_BEFORE.search(before)
        left = SIDE_BEGINS.split(before[: sign.end()])[-1].strip() if sign and not TAG_BEFORE.search(before) else ""
        if not left and (first := FIRST.search(before)) and (other := _first(first, before)):
            content = rf"{other} \text{{ or }} {content}"
        elif earlier := ALSO_BEFORE.search(before):
            content = f"{earlier[1]} {content}"
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


def _with_behind(content: str, behind: str, left: str) -> str | None:
    if (
        withdrawn(content, IN_TEXT.sub(r" \1 ", behind))
        or OPERAND_BEHIND.match(behind)
        or (CONDITION_BEHIND.match(behind) and not VARIABLE.search(IN_TEXT.sub("", content)))
    ):
        return None
    number, compared = content, SIDE_BEHIND.match(behind)
    right = compared[1].strip() if compared and not TAG_BEHIND.match(behind) else ""
    if (left or right) and (relation := _related(left, content, right)):
        content, behind = relation, behind[compared.end() if right else 0 :]
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
