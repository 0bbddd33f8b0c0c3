r"""Find the final answer in a response: the last balanced \boxed{} outside of thoughts, and what to do without one.

Everything here is linear in the length of the text: a response of 10 MB costs milliseconds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from steer.verify.math import unboxed
from steer.verify.math.phrases import MARK
from steer.verify.math.sentences import MATH
from steer.verify.math.unboxed import TAIL, WORD, WRAPPED
from steer.verify.thought import before_end, outside_thought

BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
BOX_LIMIT = 10_000  # characters inside a box; a longer answer would not be compared anyway
BOX_TRIES = 64
GROUP_GAP = 60  # at most this much text between two boxes that together state several answers
MARKS_LIMIT = 200_000  # angle brackets of a text that is searched for marks of thoughts and of the end
LABEL = re.compile(r"(?<![\w\\])(\\?[a-zA-Z]\w*'*(?:_\{?\w+\}?)?(?:\(\w\))?)\s*=\s*[$\\(\[\s]*$")
# directly before or behind a box: it is not the answer, or one of two
DENIED_BEFORE = re.compile(
    r"(?:\b(?:not|never|cannot|neither|nor|maybe|perhaps|either\b[^.]{1,40}\bor)|n['’]t|\\ne(?:q)?|≠|不是|不等于|不可能是|nicht|pas|no\s+es|não\s+é|не)"
    r"(?:\s+(?:be|equal(?:\s+to)?|the\s+(?:\w+\s+)?answer))*[\s$*:\\(\[}]*$"
    r"|(?:\\(?:lnot|neg)|\\cancel\s*\{|~~|\b(?:wrong|incorrect)\s+(?:answer|to\s+say)(?:\s+(?:is|that))?)[\s$*:\\(\[}]*$"
    r"|\\(?:frac|sqrt)\s*\{\s*$|\\(?:cdot|times)\s*$|(?<=[\w\s=$({])/$|(?<=[=$({])-$|(?<=[=$({] )-$|^-$",
    re.IGNORECASE,
)
DENIED_BEHIND = re.compile(
    r"\}?\s*(?:\^\s*\{?\s*[-\da-z]|[*/+]\s*\d|\\(?:cdot|times)\s*\d)|[\s$*.,;:!()\]\\}]*+(?:\?|(?:(?:which|this|that|it|the\s+(?:answer|result|above))\s+)?(?:(?:is|was|looks|seems|must\s+be|would\s+be|can['’]?t\s+be|cannot\s+be)"
    r"\s*(?:n['’]t|\w+ly)?\s+)?(?:not\s+(?:the\s+)?(?:\w+\s+)?(?:answer|correct|right|true|valid|possible|it)|wrong|incorrect|false|mistaken|impossible)\b"
    r"|(?:but|however)\b[^.?!]*\b(?:right|correct|real|actual|true)\b|(?:no|nope|oops|hmm+|wait|sorry|scratch\s+that|actually|correction)\b|(?:不对|错|錯|不是|아니|違)|[^.?!]{0,40}\b(?:i\s+(?:was|am)\s+(?:wrong|mistaken)|(?:is|was)\s+(?:wrong|incorrect))\b)",
    re.IGNORECASE,
)
EITHER = re.compile(
    r"[\s$*,;\\)\](\[]*(?:or|oder|ou|or\s+maybe|or\s+perhaps|maybe|perhaps|或|或者|또는|または|или)[\s$*:,\\(\[]*",
    re.IGNORECASE,
)

Reading = Literal["stated", "guessed", ""]


@dataclass(frozen=True)
class Extraction:
    """Result of extraction. `answer` is None if the response has none.

    `boxes` is the final group of boxed answers, including the last one, for golds with several answers. `how` says
    where the answer was found, `reading` whether the response states it or it was guessed.
    """

    answer: str | None
    how: str
    boxes: tuple[str, ...] = ()
    reading: Reading = ""


def balanced(text: str, start: int, limit: int) -> int:
    """Return the index after the brace that closes the one at `start`, or -1 if there is none before `limit`."""
    depth = 0
    for match in BRACE.finditer(text, start, limit):
        brace = match.group()
        if brace == "{":
            depth += 1
        elif brace == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    return -1


def _places(text: str) -> Iterator[int]:
    """Where boxes begin, the last one first. No part of the text is searched twice."""
    places = {mark: text.rfind(mark) for mark in ("\\boxed", "\\fbox")}
    while (place := max(places.values())) >= 0:
        yield place
        mark = next(mark for mark, at in places.items() if at == place)
        places[mark] = text.rfind(mark, 0, place)


def _spans(text: str) -> list[tuple[int, int, int]]:
    """Return start, content start and end of the last balanced box and of those directly before it."""
    group: list[tuple[int, int, int]] = []
    before = len(text)
    for place in islice(_places(text), BOX_TRIES):
        match = BOX.match(text, place)
        end = balanced(text, match.end(), min(before if group else len(text), match.end() + BOX_LIMIT)) if match else -1
        if end >= 0 and (not group or before - end <= GROUP_GAP):
            group.append((place, match.end() + 1, end))
        elif group:
            break  # an unfinished box at the end of a truncated response is passed over, others end the group
        before = place
    return group[::-1]


def boxed_group(text: str) -> tuple[str, ...]:
    """Contents of the last balanced box and of the boxes that stand directly before it, in reading order. Names in
    front of several boxes belong to them: `x = \\boxed{1}, y = \\boxed{2}`."""
    spans = _spans(text)
    contents = [text[start : end - 1].strip() for _, start, end in spans]
    if len(spans) > 1:
        names = [LABEL.search(text[max(0, place - 40) : place]) for place, _, _ in spans]
        if all(names) and len({name[1] for name in names}) > 1:
            return tuple(f"{name[1]} = {content}" for name, content in zip(names, contents, strict=True))
    return tuple(contents)


def _boxed(text: str) -> Extraction | None:
    spans = _spans(text)
    if not spans:
        return None
    place, start, end = spans[-1]
    answer = text[start : end - 1].strip()
    if DENIED_BEFORE.search(text[max(0, place - 60) : place]) or DENIED_BEHIND.match(text[end : end + 120]):
        return Extraction(None, "the boxed answer is denied")
    if len(spans) > 1 and EITHER.fullmatch(text[spans[-2][2] : place]):
        answer = rf"{text[spans[-2][1] : spans[-2][2] - 1].strip()} \text{{ or }} {answer}"
    return Extraction(answer, "boxed", boxed_group(text) if len(spans) > 1 else (answer,), "stated")


def extract(response: str) -> Extraction:
    """Extract the final answer of a response."""
    if len(response) > MARKS_LIMIT and response.count("<") > MARKS_LIMIT:
        return Extraction(None, f"more than {MARKS_LIMIT:,} angle brackets")
    text = outside_thought(before_end(response))
    if text is None:
        return Extraction(None, "the thought is not closed")
    boxed = _boxed(text) if "\\boxed" in text or "\\fbox" in text else None
    if boxed:
        return boxed
    if not text or text.isspace():
        return Extraction(None, "empty response")
    tail = text[-TAIL:].strip()
    answer, how = unboxed.stated(tail)
    if answer:
        return Extraction(answer, how, reading="stated")
    if how == "denied":
        return Extraction(None, "the answer is denied")
    answer = unboxed.guessed(tail)
    return Extraction(answer, "last in the text", reading="guessed") if answer else Extraction(None, "no answer found")


def extract_gold(gold: str) -> str:
    """Extract the answer from a gold that may be a complete worked solution."""
    boxes = boxed_group(gold) if "\\boxed" in gold or "\\fbox" in gold else ()
    if boxes:
        return ", ".join(dict.fromkeys(boxes))
    if len(gold) > 200 and len(WORD.findall(WRAPPED.sub(" ", MATH.sub(" ", gold)))) > 8:
        announced = [said for mark in MARK.finditer(gold) if (said := unboxed.statement(gold[mark.end() :].lstrip()))]
        return announced[-1] if announced else unboxed.last_value(gold) or gold
    return gold.strip()
