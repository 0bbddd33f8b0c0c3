r"""Find the final answer in a response: the last balanced \boxed{} after any </think>, and what to do without one.

Everything here is linear in the length of the text: a response of 10 MB costs milliseconds.
"""

import re
from dataclasses import dataclass

BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
BOX_LIMIT = 10_000  # characters inside a box; a longer answer would not be compared anyway
BOX_TRIES = 64
TAIL = 4000  # characters of an unboxed response that are searched: a final answer stands at the end
GROUP_GAP = 60  # at most this much text between two boxes that together state several answers
SPECIAL = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end_of_text)\|>")
PHRASE = re.compile(
    r"(?:\b(?:final\s+answer|answer|solution|result)\b\**\s?(?:(?:is|are|equals)\b\s?:?|[:=])|\b(?:answers|solutions)\s+are\b\s?:?|^\s?A\s?:|####)\s?\**\s?",
    re.IGNORECASE | re.MULTILINE,
)
MATH = re.compile(
    r"\$\$([^$]+)\$\$|\\\[((?:[^\\]|\\(?![\[\]]))+)\\\]|\\\(((?:[^\\]|\\(?![()]))+)\\\)|(?<!\\)\$((?:\\.|[^$\\])+)\$",
    re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+)?(?:/\d+)?(?:\s?\\?%)?")
LETTER = re.compile(r"(?<![\w'])\(?([A-H])\)?(?![\w'])")
WORD = re.compile(
    r"(?<![A-Za-z\\])(?:[A-Za-z]{3,}|is|it|so|we|of|to|as|be|at|by|my|not)(?![A-Za-z^_({])", re.IGNORECASE
)
TAGGED = re.compile(r"<answer>([^<]*)</answer>")
CONNECTOR = re.compile(r"\s*(?:,|;|and\b|or\b|\"|\\quad)?\s*")
WRAPPED = re.compile(
    r"\\(?:text|mbox|mathrm|textbf|textnormal|operatorname)\s?\{[^{}]*\}|\\[a-zA-Z]+\s?|\{[a-z]*matrix\}|\{array\}"
)
MATHS = re.compile(r"^(?:and|or|sqrt|pi|sin|cos|tan|ln|log|exp|arc\w+|np|infty|infinity)", re.IGNORECASE)


@dataclass(frozen=True)
class Extraction:
    """`answer` is None where the response states none. `boxes` holds the closing group of boxed answers, last one
    included, for golds that consist of several answers. `how` says where the answer was found."""

    answer: str | None
    how: str
    boxes: tuple[str, ...] = ()


def balanced(text: str, start: int, limit: int) -> int:
    """Index just after the brace that closes the one at `start`, or -1 if there is none before `limit`."""
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


def boxed_group(text: str) -> tuple[str, ...]:
    """Contents of the last balanced box and of the boxes that stand directly before it, in reading order."""
    group: list[str] = []
    before, framed = len(text), "\\fbox" in text
    for _ in range(BOX_TRIES):
        place = max(text.rfind("\\boxed", 0, before), text.rfind("\\fbox", 0, before) if framed else -1)
        if place < 0:
            break
        match = BOX.match(text, place)
        end = balanced(text, match.end(), min(before if group else len(text), match.end() + BOX_LIMIT)) if match else -1
        if end >= 0 and (not group or before - end <= GROUP_GAP):
            group.append(text[match.end() + 1 : end - 1].strip())
        elif group:
            break  # an unfinished box at the end of a truncated response is passed over, others end the group
        before = place
    return tuple(reversed(group))


def _clean(answer: str) -> str:
    return SPECIAL.split(answer)[0].strip().strip("*").strip()


def _leading_formulas(text: str) -> str | None:
    """`$12$ and $13$` at the start of `$12$ and $13$, since ...`."""
    match = MATH.match(text)
    if not match:
        return None
    while match:
        end = match.end()
        match = MATH.match(text, CONNECTOR.match(text, end).end())
    unit = re.match(r"\s*(?:\\?%|[a-z]+(?:\s[a-z]+)?)\s*$", text[end:])
    return text if unit else text[:end]


def _last_number(text: str, start: int = 0) -> re.Match | None:
    found = None
    for match in NUMBER.finditer(text, start):
        if any(character.isdigit() for character in match.group()):
            found = match
    return found


def _whole(text: str, number: re.Match) -> str:
    r"""The LaTeX without dollar signs that a number is part of, such as `\frac{1}{5}` or `2^5`; else the number."""
    start, end = number.span()
    if text[start - 1 : start] not in ("^", "{") and text[end : end + 1] not in ("^", "}"):
        return number.group().strip()
    start = max(text.rfind(edge, 0, start) for edge in " \n\t$=*") + 1
    return re.match(r"[^\s$*]*", text[start:])[0].rstrip(".,;:")


def core(text: str) -> str | None:
    """The answer in a sentence or in a short response: all of it, or its last formula or number if it is prose."""
    text = _clean(text).strip("\"' ")
    leading = _leading_formulas(text)
    if leading:
        return leading.strip()
    spans = list(MATH.finditer(text))
    outside = WRAPPED.sub(" ", MATH.sub(" ", text))
    prose = [word for word in WORD.findall(outside) if not MATHS.match(word)]
    digits = any(character.isdigit() for character in outside)
    if not spans and (not prose or (len(prose) <= 3 and not (digits and WORD.match(text) and not MATHS.match(text)))):
        return text or None
    number = _last_number(text, spans[-1].end() if spans else 0)
    if spans and not number:
        return next(group for group in spans[-1].groups() if group is not None).strip()
    if number:
        return _whole(text, number)
    letters = LETTER.findall(text)
    return letters[-1] if letters else None


def _stated(tail: str) -> str | None:
    """What follows the last phrase such as "the answer is", up to the end of its sentence."""
    for match in reversed(list(PHRASE.finditer(tail))):
        rest = tail[match.end() :].lstrip()
        formulas = _leading_formulas(rest)
        sentence = formulas or re.split(r"\n|\.(?=\s|$)", rest, maxsplit=1)[0]
        answer = core(sentence) or _clean(sentence)
        if answer:
            return answer
    return None


def extract(response: str) -> Extraction:
    """The final answer of a response."""
    text = response.rpartition("</think>")[2] if "</think>" in response else response
    boxes = boxed_group(text)
    if boxes:
        return Extraction(boxes[-1], "boxed", boxes)
    if not text.strip():
        return Extraction(None, "empty response")
    tail = SPECIAL.split(text[-TAIL:])[0].strip() or text[-TAIL:]
    tagged = TAGGED.findall(tail)
    if tagged:
        return Extraction(core(tagged[-1]), "in answer tags")
    stated = _stated(tail)
    if stated:
        return Extraction(stated, "stated in words")
    answer = core(tail)
    return Extraction(answer, "last in the text" if answer else "no answer found")


def extract_gold(gold: str) -> str:
    """The answer inside a gold that may be a whole worked solution."""
    boxes = boxed_group(gold)
    if boxes:
        return ", ".join(dict.fromkeys(boxes))
    if len(gold) > 200 and len(WORD.findall(WRAPPED.sub(" ", MATH.sub(" ", gold)))) > 8:
        return extract(gold).answer or gold
    return gold.strip()
