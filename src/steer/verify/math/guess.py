r"""Guess the answer of a text that states none: its last formula or number, if nothing near it speaks against it."""

import re

from steer.verify.math.before import refuted, telling
from steer.verify.math.phrases import (
    BUT,
    CLAUSE,
    COMMON,
    CONDITIONAL,
    CONTRASTED,
    HANGING,
    NUMBER_WORDS,
    SPOILED,
    SPOILED_BEHIND,
    SUPPOSED,
)
from steer.verify.math.phrases.tables import compiled, table
from steer.verify.math.sentences import END, MATH, sentences
from steer.verify.math.unboxed import CALCULATOR, EMPHASIS, bold_words, deceiving
from steer.verify.math.units import known
from steer.verify.math.withdrawal import withdrawn
from steer.verify.math.working import without_aside

SENTENCES = 8  # sentences that a guess looks back over
# a digit may follow a word only in scripts without spaces
NUMBER = re.compile(
    r"(?<![^\W\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3])(?<!\.)[-+−]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+)?(?:/\d+)?(?:\s?\\?%)?"
)
LETTER = re.compile(r"(?<![\w'])\(?([A-H])\)?(?![\w'])")
EXACT = re.compile(r"(?:^|[\s=])([^\s=$]*[\d)}π])\s*≈\s*$")  # `1/6 ≈ 0.1667`
RATIO = re.compile(r"(?<![\w.:])(?:\d+:)+$")  # `3:` of `3:2`
GOES_WITH = re.compile(r"[}^π√∛²³]|!(?=\.)|[eE][-+]?\d|[nkxyz](?![a-zA-Z])")
# an equation that is not solved: `so 3x = 7`, `x + 1 = 7`; but not `1.5 x (1 + 1)`, `400g / 200g`
UNSOLVED = re.compile(
    r"(?:\d\s*[a-fh-z]\b(?!\s*[\d(])|\b[a-z]\s*(?:\^|[²³])|\b[a-z]\s*[-+*/]\s*\d|\d\s*[-+*/]\s*[a-z]\b)[^=.,:;]*=\s*$"
)
UNIT_LETTER = re.compile(r"[a-z]\b")  # `3 * 4m = 12m`
LISTS = table("guess", **COMMON)
TO_DO, EVALUATED, SUBJECT, NONE, LABELLED, TOLD, USED, BEYOND, LINK, CONCLUDED, ADDED = compiled(
    LISTS, "TO_DO", "EVALUATED", "SUBJECT", "NONE", "LABELLED", "TOLD", "USED", "BEYOND", "LINK", "CONCLUDED", "ADDED"
)
(GOES_ON,) = compiled(LISTS, "GOES_ON", flags=0)
REACHED, WHY = compiled(LISTS, "REACHED", "WHY", flags=re.IGNORECASE | re.DOTALL)
ENUMERATED = re.compile(r"(?:[-−]?\d[\d.]*,\s+){2,}(?:and\s+|or\s+)?$")  # the last of a list that is not the answer
# functions in words: `ln 2`, `3 sqrt(2)`
FUNCTION = re.compile(r"(?<![a-zA-Z\\])-?\d*(?:ln|log|sin|cos|tan|arc(?:sin|cos|tan)|sqrt|exp)\s?\(?$")
# a number that stands in what is said of the answer: `The answer is the next prime after 7`
ANSWERED = re.compile(r"\banswers?\b(?!\s+(?:the|this|that)\b)([^=:;$]*)$", re.IGNORECASE)
LIGHT = """
the a an of exactly just about approximately roughly sum value number integer then thus so therefore clearly only point
definitely certainly obviously surely evidently undoubtedly indeed really actually simply precisely still now always
pair set vector interval list fraction
"""
LIGHT = {*LIGHT.split(), *NUMBER_WORDS[:28]}
WORD = re.compile(r"[a-z]+")
WHOLE = re.compile(r"[^\s$*]*")
PLAIN = r"(?:[-−]?(?:\d+(?:\.\d+)?(?:√\d+|π)?|√\d+|π)(?:/\d+)?[%°]?|\$[^$\n]{1,60}\$)"
TUPLE = re.compile(rf"(?:[(\[]|\\?\{{)\s*{PLAIN}(?:\s*,\s*{PLAIN})+\s*(?:[)\]]|\\?\}})(?=\W*$)")
TERM = r"(?:\d[\d.]*(?:[a-z]|√\d+|π)?|[a-z]|√\d+|π)(?:[²³]|\^\d+)?"
SUM = re.compile(rf"(?:^|[\s=:])(-?{TERM}(?:\s*[-+−]\s*{TERM})+)[\s.]*$")
DIGIT, NAME = re.compile(r"\d"), re.compile(r"\$[a-zA-Z]\$")
PI = re.compile(r"(?<!\w)[-−]?π(?!\w)")
NAMES = re.compile(r"[a-z√π]")
SUBTRACTED = re.compile(r"(?:\d|[²³)]|\b[a-z])\s*[-−–]\s+$|[\d)]\s*[-−–]\$?$")
SCALE = re.compile(r"\s(?:per\s+)?(?:mille|thousand|[mb]illion)\b")
# the same answer again in brackets, as a word says or its unit shows: `2.5 hours (or 150 minutes)`
AGAIN = re.compile(
    rf"({PLAIN})\s*([a-z]*)\s*\(((?:or\b|i\.e\.,?|=|≈|)(?:\s*(?:about|approximately|roughly)\b)?)\s*({PLAIN})\s*([a-z]*)\)(?=\W*$)"
)
ITEM = rf"(?:[a-z](?:_\d)?\s*=\s*)?{PLAIN}"
LISTED = re.compile(
    rf"\b(?:are|is|be)\s+(?P<list>(?:{ITEM},\s+)*{ITEM},?\s+(?:and|or)\s+{ITEM}|(?:{ITEM},\s+){{2,}}{ITEM})(?=\W*$|\s+(?:degrees|respectively)\W*$)"
)
RATIO_IN_WORDS = re.compile(r"\bratio\b[^.?!]*?\b(\d+) to (\d+)(?=\W*$)", re.IGNORECASE)
SCIENTIFIC = re.compile(r"[-−]?\d[\d.]*\s*[×x*·⋅]\s*10(?:\^\{?[-−]?\d+\}?|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
UNIT_BEHIND = re.compile(
    r"\s?([€£¥₹]|(?:(?:square|cubic)\s+)?[a-zA-Zµ°]+(?:\s+per\s+[a-z]+|\s+(?:squared|cubed)|[/^][a-zA-Z\d^]+|[²³])?)"
)
NO_UNIT = {"in", "a", "as", "am", "A", "b", "bit", "s", "time", "times", "second"}  # words that are more often no units
UNIT_BEFORE = re.compile(r"\d\s+((?:[a-zA-Z]+/)?[a-zA-Z]+\^)\{?$")

# the number of an item or heading: `2. Then we check`, which is two sentences, and `2) Then we check`
NUMBERED, ITEM = re.compile(r"[\s#*>]*\d{1,2}\.[\s*]*"), re.compile(r"^[\s#*>]*\(?\d{1,2}\)(?=[\s*]+[^\W\d_]{2})")
OPTION = re.compile(r"\s*(?:[A-J][.:)]|\([A-J]\))\s*\S")
OPEN_ARTICLE = re.compile(r"\b(?:the|an?)[\s$*]*$")  # `we take the 43`, and no more


def last_value(text: str) -> str | None:
    """Return the last formula, number or choice letter of a text, whatever surrounds it; for golds."""
    parts = reversed(sentences(text))
    found = (_last_value(without_aside(CONTRASTED.sub("", part) or part)) for part in parts)
    return next((value[0] for value in found if value), None)


def guessed(text: str) -> str | None:
    """Return the last formula, number or choice letter of a text; None if it is not an answer."""
    if "<<" in text:
        text = CALCULATOR.sub("", text)
    if "**" in text:
        if named := bold_words(text):
            return named
        text = EMPHASIS.sub("", text)
    lines = text.replace("\n\n", "\n").rsplit("\n", 2)
    if len(lines) > 1 and all(map(OPTION.match, lines[-2:])):
        return None
    parts = sentences(text)[-SENTENCES:]
    for place, part in reversed(list(enumerate(parts))):
        last = place == len(parts) - 1
        if not last and NUMBERED.fullmatch(part):
            continue
        part = ITEM.sub("", part)
        whole = CONTRASTED.sub("", part) or part
        if (reached := REACHED.search(whole)) and DIGIT.search(whole, 0, reached.start()):
            part = whole = whole[: reached.start()] + "."
        why = WHY.search(whole)  # `64, since 65 is not a square`
        stated = _last_value(whole[: why.start()]) if why else None
        if stated and deceiving(stated[0], whole[why.start() :]):
            return None
        if stated and _accepted(whole[: why.start()] + ".", stated, False):
            return stated[0]
        shown = without_aside(whole)
        found = _last_value(shown)
        if not found:
            denied = withdrawn("", part) or NONE.match(part) or part.rstrip().endswith(("?", "？"))
            if denied or (last and HANGING.search(part)):
                return None
            continue
        if _accepted(part, found, last):
            return found[0]
        # `24 more than adults because 72 - 48 = 24`: with its computation, the sentence still ends in its answer
        again = _last_value(whole) if shown != whole else None
        return again[0] if again and _accepted(part, again, last) else None
    return None


def _accepted(part: str, found: tuple[str, int, int], last: bool) -> bool:
    """Check that nothing in the sentence denies, doubts or compares its value, and that the text does not break off."""
    _, start, end = found
    before, after = BUT.sub("", EVALUATED.sub("", part[:start], 1)), part[end:]
    aside = CONTRASTED.match(after, len(after) - len(after.lstrip()))
    near = before[-160:]
    clause = SUBJECT.sub("", before[max((m.end() for m in CLAUSE.finditer(before)), default=0) :])
    if before.rstrip()[-1:] in tuple("+*/^×÷·⋅") or CONDITIONAL.match(before) or BEYOND.search(near):
        return False
    if UNSOLVED.search(near) and not UNIT_LETTER.match(after):
        return False
    if (
        TO_DO.match(clause)
        or USED.match(after)
        or ENUMERATED.search(near)
        or (telling(near) and refuted(SUBJECT.sub("", near)))
    ):
        return False
    if TOLD.search(before) or LABELLED.search(near + part[start:end]) or LABELLED.search(near):
        return False
    answered = ANSWERED.search(near)
    if answered and not set(WORD.findall(LINK.sub("", answered[1].lower()))) <= LIGHT:
        return False
    if SUBTRACTED.search(before[-20:] + "-" * part.startswith(("-", "−"), start)):
        return False
    if SUPPOSED.search(before[-150:]) or SPOILED.search(clause) or (not aside and SPOILED_BEHIND.search(after)):
        return False
    open_end = last and not END.search(after)
    return not (open_end and (HANGING.search(after) or GOES_ON.search(after) or OPEN_ARTICLE.search(before)))


def _last_value(shown: str) -> tuple[str, int, int] | None:
    """Return the last formula or number of a sentence with its position, or the last choice letter."""
    if whole := TUPLE.search(shown):
        return rf"\{whole[0][:-1]}\}}" if whole[0][0] == "{" else whole[0], *whole.span()
    if whole := RATIO_IN_WORDS.search(shown):
        return f"{whole[1]}:{whole[2]}", *whole.span(1)
    if (whole := SUM.search(shown)) and NAMES.search(whole[1]):
        return whole[1], *whole.span(1)
    again = AGAIN.search(shown)
    if again and (again[3] if not again[2] else _unit(again[2]) and (again[3] or _unit(again[5]))):
        return rf"{again[1]}{_unit(again[2])} \text{{ or }} {again[4]}{_unit(again[5])}", *again.span()
    if whole := LISTED.search(shown):
        return whole["list"], *whole.span("list")
    spans = list(MATH.finditer(shown))
    number = _last_number(shown, spans[-1].end() if spans else 0)
    if spans and not number:
        last = next((span for span in reversed(spans) if not NAME.fullmatch(span[0])), spans[-1])
        return next(group for group in last.groups() if group is not None).strip(), *last.span()
    if number:
        begins = CONCLUDED.match(shown)
        first = begins and NUMBER.match(shown, begins.end())
        addition = first and first.end() < number.start() and ADDED.match(shown, first.end())
        if addition and (addition["noun"] or shown[first.start() - 1] == "$"):
            number = first
        answer, start, end = _whole(shown, number)
        if exact := EXACT.search(shown, max(0, start - 40), start):
            return rf"{exact[1]} \text{{ or }} {answer}", exact.start(1), end
        return answer, start, end
    if sign := PI.search(shown):
        return sign[0], *sign.span()
    letters = list(LETTER.finditer(shown))
    return (letters[-1][1], *letters[-1].span()) if letters else None


def _unit(words: str) -> str:
    """The LaTeX of a known unit, else nothing."""
    measured = known(words) or words.startswith("degree")
    return rf"\text{{ {words}}}" if measured and words not in NO_UNIT else ""


def _last_number(text: str, start: int = 0) -> re.Match | None:
    found = None
    for match in NUMBER.finditer(text, start):
        if any(character.isdigit() for character in match.group()):
            unit = UNIT_BEFORE.search(text, max(0, match.start() - 20), match.start())
            found = match if not unit or not known(unit[1].rstrip("^")) else found
    return found


def _whole(text: str, number: re.Match) -> tuple[str, int, int]:
    r"""The LaTeX without dollar signs that a number is part of, such as `\frac{1}{5}` or `2^5`; else the number."""
    start, end = number.span()
    if ratio := RATIO.search(text, max(0, start - 20), start):
        return ratio[0] + number.group().strip(), ratio.start(), end
    if scale := SCALE.match(text, end):
        return number.group().strip() + scale[0], start, scale.end()
    if function := FUNCTION.search(text, max(0, start - 12), start):
        end += text.startswith(")", end) and function[0].endswith("(")
        return text[function.start() : end], function.start(), end
    if text.startswith("10", start) or text[start - 1 : start] == "^":
        powers = SCIENTIFIC.finditer(text, max(0, start - 40))
        if power := next((power for power in powers if power.start() <= start < power.end()), None):
            return power[0], *power.span()
    if text[start - 1 : start] not in tuple("^{_√∛") and not GOES_WITH.match(text, end):
        answer = number.group().strip()
        if (sign := text[start - 1 : start]) and sign in "$€£¥₹":
            return sign.replace("$", "\\$") + answer, start, end
        behind = UNIT_BEHIND.match(text, end)
        if behind and behind[1] in "€£¥₹":
            return f"{answer} {behind[1]}", start, end
        unit = (_unit(behind[1]) or _unit(behind[1].partition(" per ")[0])) if behind else ""
        return answer + unit, start, end
    start = max(text.rfind(edge, 0, start) for edge in " \n\t$=*") + 1
    whole = WHOLE.match(text, start)[0]
    return whole.rstrip(".,;:"), start, start + len(whole)
