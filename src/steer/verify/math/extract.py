r"""Find the final answer in a response: the last balanced \boxed{} after any </think>, and what to do without one.

Everything here is linear in the length of the text: a response of 10 MB costs milliseconds.
"""

import re
from dataclasses import dataclass

BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
TAIL = 4000  # characters of an unboxed response that are searched: a final answer stands at the end
GROUP_GAP = 60  # at most this much text between two boxes that together state several answers
SPECIAL = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end_of_text)\|>")
PHRASE = re.compile(
    r"(?:\b(?:final\s+answer|answer|solution|result)\b\**\s*(?:(?:is|are|equals)\b\s*:?|[:=])|^\s*A\s*:|####)"
    r"\s*\**\s*(?:therefore\s+)?",
    re.IGNORECASE | re.MULTILINE,
)
MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<!\\)\$((?:\\.|[^$\\])+)\$", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:/\d+)?(?=\D|$)")
CHOICE = re.compile(r"(?<![\w'])\(?([A-J])\)?(?![\w'])")
WORD = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True)
class Extraction:
    """`answer` is None where the response states none. `boxes` holds the closing group of boxed answers, last one
    included, for golds that consist of several answers. `how` says where the answer was found."""

    answer: str | None
    how: str
    boxes: tuple[str, ...] = ()


def balanced(text: str, start: int) -> int:
    """Index just after the brace that closes the one at `start`, or -1."""
    depth, position = 0, start
    for match in re.finditer(r"\\.|[{}]", text[start:], re.DOTALL):
        brace = match.group()
        if brace == "{":
            depth += 1
        elif brace == "}":
            depth -= 1
            if depth == 0:
                return position + match.end()
    return -1


def boxed_group(text: str) -> tuple[str, ...]:
    """Contents of the last balanced box and of the boxes that stand directly before it, in reading order."""
    group: list[str] = []
    next_start = None
    starts = [(match.start(), match.end() - 1) for match in BOX.finditer(text)][-200:]
    for start, brace in reversed(starts):
        limit = len(text) if next_start is None else next_start
        end = balanced(text[:limit] if next_start is None else text[: limit + 1], brace)
        if end < 0 or end > limit:
            if next_start is None:
                continue  # an unfinished box at the end of a truncated response
            break
        if next_start is not None and next_start - end > GROUP_GAP:
            break
        group.append(text[brace + 1 : end - 1].strip())
        next_start = start
        if len(group) == 32:
            break
    return tuple(reversed(group))


def _clean(answer: str) -> str:
    return SPECIAL.split(answer)[0].strip().strip("*").strip()


def _after_phrase(tail: str) -> str | None:
    """What follows the last phrase such as "the answer is", up to the end of its sentence."""
    for match in reversed(list(PHRASE.finditer(tail))):
        rest = _clean(tail[match.end() :])
        math = MATH.match(rest)
        if math:
            # `$12$ and $13$` is one answer; `$(0, 1)$, since ...` ends with the formula
            joined = re.match(r"(?:%s|\s*(?:,|and|or)\s*)+" % MATH.pattern.replace("(.+?)", ".+?"), rest, re.DOTALL)
            return (joined.group() if joined else math.group()).strip()
        sentence = re.split(r"\n|\.(?=\s|$)", rest, maxsplit=1)[0].strip()
        if sentence:
            return sentence
    return None


def looks_bare(text: str) -> bool:
    """Whether a whole response is just an answer: short, one line, and no running prose around a formula."""
    plain = re.sub(r"\\[a-zA-Z]+\s*", "", re.sub(r"\\(?:text|mbox|mathrm|textbf|textnormal)\s*\{[^{}]*\}", "", text))
    return len(text) <= 1500 and len(WORD.findall(plain)) <= 3


def extract(response: str) -> Extraction:
    """The final answer of a response."""
    text = response.rpartition("</think>")[2] if "</think>" in response else response
    boxes = boxed_group(text) if "\\boxed" in text or "\\fbox" in text else ()
    if boxes:
        return Extraction(boxes[-1], "boxed", boxes)
    if not text.strip():
        return Extraction(None, "empty response")
    tail = SPECIAL.split(text[-TAIL:])[0] or text[-TAIL:]
    stated = _after_phrase(tail)
    if stated:
        return Extraction(stated, "stated")
    if looks_bare(text):
        return Extraction(_clean(text), "bare")
    spans = list(MATH.finditer(tail))
    if spans:
        return Extraction(next(group for group in spans[-1].groups() if group is not None).strip(), "last formula")
    numbers = [match.group() for match in NUMBER.finditer(tail) if any(c.isdigit() for c in match.group())]
    if numbers:
        return Extraction(numbers[-1], "last number")
    return Extraction(None, "no answer found")


def extract_gold(gold: str) -> str:
    """The answer inside a gold that may be a whole worked solution."""
    if "\\boxed" in gold or "\\fbox" in gold:
        boxes = boxed_group(gold)
        if boxes:
            return ", ".join(dict.fromkeys(boxes))
    if len(gold) > 200 and not looks_bare(gold):
        return extract(gold).answer or gold
    return gold.strip()
