r"""Find the final answer in a response: the last balanced \boxed{} outside of thoughts, and what to do without one.

Everything here is linear in the length of the text: a response of 10 MB costs milliseconds.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple

from steer.verify.math import guess, unboxed
from steer.verify.math.around import BEFORE, BEHIND, EITHER
from steer.verify.math.around import answer as stands
from steer.verify.math.clutter import decimal
from steer.verify.math.numbers import DECIMAL, roughly
from steer.verify.math.phrases import MARK
from steer.verify.math.sentences import MATH, sentences
from steer.verify.math.unboxed import TAIL, WORD, WRAPPED
from steer.verify.math.units import known, rescaled
from steer.verify.math.withdrawal import disowned, replaced
from steer.verify.thought import before_end, outside_thought

BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
BOX_LIMIT = 10_000  # characters inside a box; a longer answer would not be compared anyway
BOX_TRIES = 64
GROUP_GAP = 60  # at most this much text between two boxes that together state several answers
MARKS_LIMIT = 200_000  # angle brackets of a text that is searched for marks of thoughts and of the end
LABEL = re.compile(r"(?<![\w\\])(\\?[a-zA-Z]\w*'*(?:_\{?\w+\}?)?(?:\(\w\))?)\s*=\s*[$\\(\[\s]*$")
# what a reader does not see: comments of LaTeX and HTML. A line that goes on with `% of` is none
COMMENT = re.compile(
    r"(?=[\n\\])(?:(?<![\w,])(?<![\w,] )(?:\n[ \t]*+%[^\n]*+)++|\\iffalse(?![a-zA-Z]).*?(?:\\fi(?![a-zA-Z])|\Z)"
    r"|\\begin\s*\{comment\}.*?(?:\\end\s*\{comment\}|\Z))",
    re.DOTALL,
)
# the same answer in another unit: `In minutes, the answer is 1080`
CONVERTED = re.compile(
    r"\W*(?:(?:so|or|thus|equivalently),?\s+)?(?:(?:expressed|converted|measured)\s+)?(?:in|into|to|as\s+an?)\s+(\w+),?\s+the"
    r"|.*\banswer\s+in\s+(\w+)",
    re.IGNORECASE,
)
VALUE = re.compile(rf"-?{DECIMAL}(?![\d,/])")
STRUCK = re.compile(r"(?<![\w}$~])~~(?=[^\s~])[^~\n]*(?<=\S)~~(?![\w\\$~])")
# an answer with its derivation below it: `Answer: 27. Solution: …`
OPENED = re.compile(r"\W*(?:final\s)?answer\W*:([^\n]{1,80}?)\s+\W*(?:solution|explanation|reason(?:ing)?)\W*:", re.I)
TAGS = "b", "strong", "i", "em", "u", "mark", "p", "code", "big", "center", "span", "div", "h1", "h2", "h3", "h4"
HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

NOT_THIS = re.compile(r"[ \t$]*,?\s+(?:and\s+)?(?:not|rather than|instead of)[\s$]+")
JOINED = {
    r" \text{ or } ": EITHER,
    ", ": re.compile(r"[ \t$]*(?:[,;&|]|,?\s*(?:and|und|et|as well as|but also|resp\.|respectively)\s)?[ \t$]*"),
}
ONE_OF_THEM = re.compile(r"\bis (?:one|another)\b")  # which denies a box that stands alone
OPEN_ITEM = re.compile(r"\n[ \t]*(\d{1,2})[.)](?=$|\s+[^\W\d_][^\d$\n]*$)")
ITEM = re.compile(r"^[ \t]*(\d{1,2})[.)]\s", re.MULTILINE)
OPERATION = re.compile(
    r"[\s$]*(?:[-+*/:^<>]|\\(?:cdot|times|div|lt|gt|leq?|geq?)(?![a-z])|to|times|plus|minus|over)[\s$]*"
)
Reading = Literal["stated", "guessed", ""]


class Extraction(NamedTuple):
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
    end = text.find("}", start, limit)
    if end < 0:
        return -1
    if "\\" not in (inside := text[start + 1 : end]) and "{" not in inside:
        return end + 1
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
    boxed, framed = text.rfind("\\boxed"), text.rfind("\\fbox")
    while boxed >= 0 or framed >= 0:
        if boxed > framed:
            yield boxed
            boxed = text.rfind("\\boxed", 0, boxed)
        else:
            yield framed
            framed = text.rfind("\\fbox", 0, framed)


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


def _contents(text: str, spans: list[tuple[int, int, int]]) -> tuple[str, ...]:
    """What boxes hold. Names in front of several belong to them: `x = \\boxed{1}, y = \\boxed{2}`."""
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
    while len(spans) > 1 and NOT_THIS.fullmatch(text[spans[-2][2] : spans[-1][0]]):  # `\boxed{16}, not \boxed{12}`
        spans.pop()
    place, start, end = spans[-1]
    content = decimal(text[max(0, place - 40) : place], text[start : end - 1].strip())
    for first, first_start, first_end in spans[-2::-1]:  # `\\boxed{5} or \\boxed{6}`, `\\boxed{5}, \\boxed{6}`
        between, name = text[first_end:place], LABEL.search(text[max(0, place - 40, first_end) : place])
        if name and (before := LABEL.search(text[max(0, first - 40) : first])) and before[1] == name[1]:
            between = between.rstrip("$\\([ \t=")[: -len(name[1])]  # `x = \\boxed{5} or x = \\boxed{6}`
        joined = next((sign for sign, pattern in JOINED.items() if pattern.fullmatch(between)), None)
        other = text[first_start : first_end - 1].strip()
        if joined is None or not other or not content:
            break
        place, content = first, content if other == content else f"{other}{joined}{content}"
    answer = stands(text[max(0, place - BEFORE) : place], content, text[end : end + BEHIND])
    behind = text[end:]
    taken = answer is None or _restated(behind, content) or disowned(content, behind)
    if taken or (len(behind) > BEHIND and replaced(content, behind[-BEHIND:])):
        return Extraction(None, "the boxed answer is denied")
    return Extraction(answer, "boxed", (len(spans) > 1 and _group(text, spans)) or (answer,), "stated")


def _group(text: str, spans: list[tuple[int, int, int]]) -> tuple[str, ...] | None:
    """What several boxes hold, with their signs; None if something around one changes it: `\\boxed{1} is wrong`."""
    contents, earlier = list(_contents(text, spans)), 0
    for n, (place, start, end) in enumerate(spans):
        later = spans[n + 1][0] if n + 1 < len(spans) else len(text)
        content = text[start : end - 1].strip()
        behind = ONE_OF_THEM.sub(" ", text[end : min(later, end + BEHIND)])
        between, before = text[earlier:place], text[max(earlier, place - BEFORE) : place]
        said = stands(before, content, behind)
        if OPERATION.fullmatch(between) or said not in (content, f"-{content}"):
            return None
        contents[n], earlier = contents[n] if said == content else said, end
    return tuple(contents)


def _restated(behind: str, content: str) -> bool:
    """Check whether the text behind a number in a box announces another number as its answer."""
    if "nswer" not in behind and "####" not in behind:
        return False
    said, how = unboxed.stated(behind[-TAIL:].strip())
    if how not in ("stated in words", "in answer tags") or said is None or roughly(content, said):
        return False
    said_in = next((CONVERTED.match(part) for part in reversed(sentences(behind[-TAIL:])) if "nswer" in part), None)
    unit = (said_in[1] or said_in[2]).lower() if said_in else ""
    if unit.startswith("percent"):
        return not roughly(content, f"{said.rstrip('%')}%")
    values = [VALUE.match(text) for text in (content, said)]
    if not known(unit) or not all(values):
        return True
    slack = 0.5 / 10 ** len(values[1][0].partition(".")[2])  # what is said may be rounded
    return not rescaled(*(float(value[0]) for value in values), unit, slack)


def _shown(text: str) -> str:
    """Remove comments and struck words, which a reader does not see."""
    if "<!--" in text:  # one that is never closed hides nothing
        head, end, tail = text.rpartition("-->")
        text = HTML_COMMENT.sub("", head + end) + tail
    if "</" in text:
        for tag in TAGS:
            if f"<{tag}>" in text:
                text = text.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    if "~~" in text:
        text = STRUCK.sub(" ", text)
    if "%" in text or "\\iffalse" in text or "{comment}" in text:
        return COMMENT.sub("", "\n" + text)[1:]
    return text


def _finished(tail: str) -> str:
    """Remove the number of a last item without a value: `1. Set x = 3.\\n2.`, `3. Done.`"""
    last = OPEN_ITEM.search(tail)
    if last and (items := ITEM.findall(tail, 0, last.start())) and int(last[1]) == int(items[-1]) + 1:
        return (tail[: last.start() + 1] + tail[last.end() :]).rstrip()
    return tail


def extract(response: str) -> Extraction:
    """Extract the final answer of a response."""
    if len(response) > MARKS_LIMIT and response.count("<") > MARKS_LIMIT:
        return Extraction(None, f"more than {MARKS_LIMIT:,} angle brackets")
    text = outside_thought(before_end(response))
    if text is None:
        return Extraction(None, "the thought is not closed")
    text = _shown(text)
    boxed = _boxed(text) if "\\boxed" in text or "\\fbox" in text else None
    if boxed:
        return boxed
    if not text or text.isspace():
        return Extraction(None, "empty response")
    tail = _finished(text[-TAIL:].strip())
    answer, how = unboxed.stated(tail)
    if answer:
        return Extraction(answer, how, reading="stated")
    if how == "denied":
        return Extraction(None, "the answer is denied")
    answer = guess.guessed(tail)
    opened = OPENED.match(text)
    said = unboxed.statement(opened[1]) if opened else None
    if said and (not answer or roughly(said, answer)) and not unboxed.followed(said, text[opened.end() :]):
        return Extraction(said, "stated in words", reading="stated")
    return Extraction(answer, "last in the text", reading="guessed") if answer else Extraction(None, "no answer found")


def extract_gold(gold: str) -> str:
    """Extract the answer from a gold that may be a complete worked solution."""
    boxes = _contents(gold, _spans(gold)) if "\\boxed" in gold or "\\fbox" in gold else ()
    if boxes:
        return ", ".join(dict.fromkeys(boxes))
    if len(gold) > 200 and len(WORD.findall(WRAPPED.sub(" ", MATH.sub(" ", gold)))) > 8:
        announced = [said for mark in MARK.finditer(gold) if (said := unboxed.statement(gold[mark.end() :].lstrip()))]
        return announced[-1] if announced else guess.last_value(gold) or gold
    return gold.strip()
