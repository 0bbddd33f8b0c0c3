r"""Guess the answer of a text that states none: its last formula or number, if nothing near it speaks against it."""

import re

from steer.verify.math.phrases import (
    BUT,
    CLAUSE,
    CONDITIONAL,
    CONTRASTED,
    HANGING,
    SPOILED,
    SPOILED_BEHIND,
    SUPPOSED,
)
from steer.verify.math.sentences import END, MATH, sentences
from steer.verify.math.unboxed import CALCULATOR
from steer.verify.math.units import known
from steer.verify.math.withdrawal import withdrawn
from steer.verify.math.working import without_aside

SENTENCES = 8  # sentences that a guess looks back over
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+)?(?:/\d+)?(?:\s?\\?%)?")
LETTER = re.compile(r"(?<![\w'])\(?([A-H])\)?(?![\w'])")
GOES_ON, WHOLE = re.compile(r"[,;]\s*\w"), re.compile(r"[^\s$*]*")
PLAIN = r"(?:-?\d+(?:\.\d+)?(?:/\d+)?%?|\$[^$\n]{1,60}\$)"
TUPLE = re.compile(rf"\(\s*{PLAIN}(?:\s*,\s*{PLAIN})+\s*\)(?=\W*$)")
LISTED = re.compile(rf"\b(?:are|is)\s+(?P<list>(?:{PLAIN},\s+)*{PLAIN},?\s+(?:and|or)\s+{PLAIN})(?=\W*$)")
UNIT_BEFORE = re.compile(r"\d\s+((?:[a-zA-Z]+/)?[a-zA-Z]+\^)\{?$")
# what a conclusion says of its subject, with a number in an addition behind it: `So she makes $18 for 9 eggs`
CONCLUDED = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|finally|overall|altogether|in\s+(?:conclusion|total|summary))\b|\w+\s+will\b)[^.?!\d$]*?"
    r"\b(?:is|are|be|have|has|had|makes?|made|earns?|earned|pays?|paid|costs?|spends?|spent|needs?|gets?|takes?|took|saves?|saved"
    r"|sold|sells|total\s+of|receives?)\s+(?:a\s+total\s+of\s+)?\$?",
    re.IGNORECASE,
)
# one of these words announces the answer behind it: `So she saves $5 a week for a total of 60 dollars`
ANNOUNCING = r"total|altogether|overall|sum|and|so|is|are|has|have|was|were|left|leaving|gives|makes|which|but|or"
DIVIDED = r"all|with|each|every|per|an?"
ADDITION = re.compile(
    r"(?P<noun>(?:\s+(?!(?:each|every|per|an?)\b)[a-z]+){0,3}?)\s+(?:"
    rf"(?:by|after|from)\s+[a-z]+ing\s(?:(?!\b(?:{ANNOUNCING})\b)[^.,;:=?!])*"
    rf"|(?:for|in|from\s+the)\s(?:all\s)?(?:(?!\b(?:{ANNOUNCING}|{DIVIDED})\b)[^\d.,;:=?!])*"
    rf"\d[\d,.]*(?:(?!\b(?:{ANNOUNCING}|{DIVIDED})\b)[^\d.,;:=?!])*)\W*$",
    re.IGNORECASE,
)


def last_value(text: str) -> str | None:
    """Return the last formula, number or choice letter of a text, whatever surrounds it; for golds."""
    parts = reversed(sentences(text))
    found = (_last_value(without_aside(CONTRASTED.sub("", part) or part)) for part in parts)
    return next((value[0] for value in found if value), None)


def guessed(text: str) -> str | None:
    """Return the last formula, number or choice letter of a text; None if it is not an answer."""
    if "<<" in text:
        text = CALCULATOR.sub("", text)
    parts = sentences(text)[-SENTENCES:]
    for place, part in reversed(list(enumerate(parts))):
        whole = CONTRASTED.sub("", part) or part
        shown = without_aside(whole)
        found = _last_value(shown)
        if not found:
            if withdrawn("", part) or part.rstrip().endswith(("?", "？")):
                return None
            continue
        last = place == len(parts) - 1
        if _accepted(part, found, last):
            return found[0]
        # `24 more than adults because 72 - 48 = 24`: with its computation, the sentence still ends in its answer
        again = _last_value(whole) if shown != whole else None
        return again[0] if again and _accepted(part, again, last) else None
    return None


def _accepted(part: str, found: tuple[str, int, int], last: bool) -> bool:
    """Check that nothing in the sentence denies, doubts or compares its value, and that the text does not break off."""
    _, start, end = found
    before, after = BUT.sub("", part[:start]), part[end:]
    aside = CONTRASTED.match(after, len(after) - len(after.lstrip()))
    clause = before[max((m.end() for m in CLAUSE.finditer(before)), default=0) :]
    if before.rstrip()[-1:] in tuple("+*/^×÷") or CONDITIONAL.match(before):
        return False
    if SUPPOSED.search(before[-150:]) or SPOILED.search(clause) or (not aside and SPOILED_BEHIND.search(after)):
        return False
    return not (last and not END.search(after) and (HANGING.search(after) or GOES_ON.search(after)))


def _last_value(shown: str) -> tuple[str, int, int] | None:
    """Return the last formula or number of a sentence with its position, or the last choice letter."""
    if whole := TUPLE.search(shown):
        return whole[0], *whole.span()
    if whole := LISTED.search(shown):
        return whole["list"], *whole.span("list")
    spans = list(MATH.finditer(shown))
    number = _last_number(shown, spans[-1].end() if spans else 0)
    if spans and not number:
        return next(group for group in spans[-1].groups() if group is not None).strip(), *spans[-1].span()
    if number:
        begins = CONCLUDED.match(shown)
        first = begins and NUMBER.match(shown, begins.end())
        addition = first and first.end() < number.start() and ADDITION.match(shown, first.end())
        if addition and (addition["noun"] or shown[first.start() - 1] == "$"):
            number = first
        answer, start, end = _whole(shown, number)
        return answer, start, end
    letters = list(LETTER.finditer(shown))
    return (letters[-1][1], *letters[-1].span()) if letters else None


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
    if text[start - 1 : start] not in ("^", "{", "_") and text[end : end + 1] not in ("^", "}"):
        return number.group().strip(), start, end
    start = max(text.rfind(edge, 0, start) for edge in " \n\t$=*") + 1
    whole = WHOLE.match(text, start)[0]
    return whole.rstrip(".,;:"), start, start + len(whole)
