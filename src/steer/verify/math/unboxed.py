r"""Find the answer of a text without a box, by two readings.

`stated`: the text says that this is its answer: "the answer is …", `####`, answer tags, or a last line or sentence that
consists of the answer. `guessed`: the last formula or number of the text, if nothing near it denies, doubts or
compares it and the text does not break off after it.
"""

import re

from steer.verify.math.clutter import RECURRING, decimal
from steer.verify.math.nouns import counted
from steer.verify.math.numbers import roughly
from steer.verify.math.phrases import (
    ASCII_KEYS,
    ASIDE,
    BUT,
    CLAUSE,
    CLOSING,
    DECEIVING,
    KEYS,
    LOOKAHEAD,
    LOOKBACK,
    LOSING,
    MARK,
    NUMBER_WORDS,
    OPENING,
    OTHER_SUBJECT,
    PLAIN,
    SPOILED,
    SUPPOSED,
    bound,
)
from steer.verify.math.sentences import END, MATH, sentence, sentences
from steer.verify.math.withdrawal import disowned, withdrawn
from steer.verify.math.working import AGAIN, result, without_aside

TAIL = 2000  # characters of a response that are searched, because a final answer is at the end
HEADED_LENGTH = 300  # of a heading and the line below it
AFTERWARDS = 240  # characters after a statement that may withdraw it
WORD = re.compile(
    r"(?<![^\W\d_]|\\)(?:[^\W\d_]{3,}|is|it|so|we|of|to|as|be|at|by|my|not|no)(?![^\W\d_]|[\^_({])", re.IGNORECASE
)
TAGGED = re.compile(r"<answer>((?:[^<]|<(?!/?answer>))*)</answer>", re.IGNORECASE)
WRAPPED = re.compile(
    r"\\(?:text|mbox|mathrm|textbf|textnormal|operatorname)\s?\{[^{}]*\}|\\[a-zA-Z]+\s?|\{[a-z]*matrix\}|\{array\}"
)
# words that belong to formulas: functions, and products of letters such as LCs
MATHS = re.compile(
    r"^(?:(?!cost$|tank$|mode$)(?i:and|or|sqrt|pi|sin|cos|tan|ln|log|exp|np|infty|infinity|mod|base)\d*[a-z]?\d*|(?i:arc\w+)|[A-Z]{2,3}[a-z]?|[b-df-hj-np-tv-z]{3,4})$"
)
SUBJECT = re.compile(r"[^=?]{1,120}?\b(?:is|are|equals|was)\b[\s:]*", re.DOTALL)
YES = re.compile(r"(yes|no|true|false)[,:;]\s+(?:it|they|this|that|there|he|she|we)\b[^?\d]*$", re.IGNORECASE)
BOLD_END = re.compile(r"(?<=\*\*)!+$")
CALCULATED, ALTERNATIVE = re.compile(r"[-+*/=×·÷−]|times|plus|minus|\\"), re.compile(r"\bor\b|i\.?e\b|\bis\b|ntly\b")
# of ten or more, a factorial would be written in a formula; emoticons
EXCLAIMED = re.compile(r"(?:^|\s)[1-9]\d+!$")
CALCULATOR = re.compile(r"<<[^<>\n]*>>")  # of GSM8K's solutions
EMOTICON = re.compile(r"\s[:;]-?[()DP]$")
SPELLED = re.compile(r"(?<![\d.])(1?\d|20)\s*\((\w+)\)$")
# a heading above the last line: `### Final Answer`
HEADED = re.compile(r"(?:^|\n)[ \t#*_>]*(?:final\s+)?answer[*_ \t]*\n\s*([^\n]+)$", re.IGNORECASE)
VALUES = re.compile(r"[\d$=\\]")
NAMED = re.compile(
    r"\b(?:is|are|was|were|be)\s+(?:(?:an?|the|on)\s+)?\*\*([^\W\d_][^*\n]{1,40})\*\*[\s.!]*$"
    r"|^\W*?(?:\w+,?\s)?\*\*([^\W\d_][^*\n]{1,40})\*\*\s+(?!(?:is|was|are|were|gets?|got)\s+(?:\w+ly\s+)?(?:\w+ed|beaten|shown|out|off)\b)"
    r"(?:is|are|was|were|has|had|have|won|wins|came|got|ate|took|[a-z]+ed)\b(?=[^*]*$)"
)
HOPE = re.compile(r"\W*I hope (?:it|this|that) is correct\b", re.IGNORECASE)
MARKED = re.compile(r"[A-J](?:[.:)]|(?=$))|\([A-J]\)")
EMPHASIS = re.compile(r"(?<![\w)}])\*\*|\*\*(?![\w({])")
BRACES = re.compile(r"\{[^{}]*\}")
STARTS = re.compile(r"[-+(\[{]*(?:[\d.\\$€£|]|[a-zA-Z](?![a-zA-Z]))")
TO_NUMBER = re.compile(r"^.*[\d$)\]}]", re.DOTALL)
FORMULA, SIGNS = re.compile(r"[\d\\$]"), re.compile(r"[\\$=+*/^]")
LISTED, BULLETS = re.compile(r"\s*(?:or|and)\s+\$?-?\d[^a-z\n]*$"), ("- ", "* ", "• ")
SOON = 40  # characters behind an announcement in which it is denied
ARTICLE = re.compile(r"\b(?:the|an?|his|her|my|our|their)$", re.IGNORECASE)  # `the car`, which is no French reason
BEFORE_ASIDE = " \t\r\n,;:—–-"
HOWEVER = re.compile(r"\b(?:but|however|yet)\b")
QUOTES = "\"'`*“”„«»_ \t\r\n"


def strip(text: str) -> str:
    """Remove surrounding quotation marks, emphasis and sentence punctuation."""
    text = text.strip(QUOTES)
    kept = ("\\,", "\\;", "\\:", "\\!", "!")
    while text and text[-1] in ".,;:!。，；：、।" + QUOTES and not text.endswith(kept):
        if text.endswith("...") and RECURRING.search(text[-24:]):  # `0.555...`
            break
        text = text[:-1]
    return text.lstrip(":：")


def prose(text: str) -> list[str]:
    """Return the words of a text outside formulas."""
    return [word for word in WORD.findall(outside(text)) if not MATHS.match(word)]


def outside(text: str) -> str:
    """Remove formulas from a text, recognised by dollar signs, commands and braces."""
    text = WRAPPED.sub(" ", MATH.sub(" ", text))
    while "{" in text and (shorter := BRACES.sub(" ", text)) != text:
        text = shorter
    return text


def pure(text: str, strict: bool = False) -> bool:
    """Check whether a text is only an answer: a formula, a number with its unit, a choice, a few words.

    Unless `strict`, any words may replace a unit; the comparison decides whether they are one.
    """
    words = prose(text)
    if not words:
        return any(character.isalnum() or character == "_" for character in text)
    if len(words) > 6 or len(text) > 300:
        return False
    if not MATH.search(text) and not any(c.isdigit() or c == "π" for c in text) and "\\" not in text:
        return True
    if MARKED.match(text):
        return True
    formula = MATH.match(text)
    starts = formula or STARTS.match(text)
    tail = text[formula.end() :] if formula else TO_NUMBER.sub("", outside(text))
    if not starts or any(c.isdigit() for c in tail) or WORD.search(text[:3]):
        return False
    behind = text[text.rfind(words[0]) :]  # as a unit does, the words follow all formulas and numbers
    return not any(c.isdigit() or c in "$=" for c in behind) and (not strict or counted(behind))


def bold_words(text: str) -> str | None:
    """The words in bold that end or open a last sentence without numbers: `The winner is **Ann**`."""
    last = sentences(text)[-1]
    named = NAMED.search(last)
    if (
        not named
        or VALUES.search(last)
        or LOSING.search(last)
        or SPOILED.search(last, 0, named.start(named.lastindex))
        or SPOILED.search(last, named.end())
    ):
        return None
    return named[named.lastindex]


def statement(text: str) -> str | None:
    """Return the answer at the start of `text`, which follows an announcement; None if more than an answer follows."""
    end = sentence(text)
    said = text[:end]
    if said.rstrip(QUOTES + ")").endswith(("?", "？")) or said.lstrip().startswith(("...", "…")):
        return None
    said = bare(said)
    if not said:
        return None
    if text[:end].endswith("\n") and text[end:].strip() and not FORMULA.search(said) and SPOILED.search(said):
        return None  # `The answer is not`, and the number on the next line
    if pure(said):
        return said
    subject = SUBJECT.match(said)
    valued = said[0].isdigit() and "," in subject.group() if subject else True  # `3, whose cube is 27`
    if not valued and not OTHER_SUBJECT.search(subject.group()):
        rest = bare(said[subject.end() :])
        if rest and pure(rest) and any(c.isdigit() or c == "$" for c in rest):
            return rest
    return None


def bare(text: str) -> str:
    """Remove a sentence's opening ("So", "we get"), closing and asides."""
    if text.endswith((")", "(", "D", "P")):
        text = EMOTICON.sub("", text)
    text = BUT.sub("", strip(EMPHASIS.sub("", BOLD_END.sub("", text.rstrip())).lstrip("} ")))
    if text[-1:] in tuple(")]}") and sum(map(text.count, "([{")) < sum(map(text.count, ")]}")):  # `(Answer: 11)`
        text = strip(text[:-1])
    while match := OPENING.match(text):
        text = text[match.end() :].lstrip(QUOTES)
    text = strip(CLOSING.sub("", text))
    if "," in text or ":" in text or ";" in text:
        text = YES.sub(r"\1", text)
    if CALCULATED.search(text):
        text = result(without_aside(text))
    again = AGAIN.search(text, max(0, len(text) - 80)) if ALTERNATIVE.search(text) else None
    if again and FORMULA.search(text, 0, again.start()):
        text = rf"{text[: again.start()]} \text{{ or }} {again[1]}"
    if text.endswith("!") and EXCLAIMED.search(text):
        text = text[:-1]
    if (spelled := SPELLED.search(text)) and spelled[2].lower() in NUMBER_WORDS[int(spelled[1]) : int(spelled[1]) + 1]:
        text = text[: spelled.start(2) - 1].rstrip()
    for _ in range(3):
        cut = ASIDE.search(text)
        kept = strip(text[: cut.start()].rstrip(BEFORE_ASIDE)) if cut else ""
        if (
            not kept
            or deceiving(kept, text[cut.start() :])
            or ARTICLE.search(kept)
            or (len(kept) > 12 and not FORMULA.search(kept))
        ):
            break
        text = kept
    return text


def deceiving(said: str, reason: str) -> bool:
    """Check whether the reason behind an answer gives another one, or says that it is none."""
    false = DECEIVING.search(reason)
    return false is not None and not (false["number"] and roughly(said, false["number"].rstrip(".,")))


def followed(said: str, after: str) -> bool:
    """Check whether the text after a stated answer withdraws it."""
    hoped = HOPE.match(after)  # "I hope it is correct" ends an answer; what follows it is another text
    return withdrawn(said, after[: hoped.end() + 40 if hoped else AFTERWARDS]) or disowned(said, after)


def stated(text: str) -> tuple[str | None, str]:
    """Return the answer that a text states, and how; None if it states none, with "denied" if it withdraws one."""
    plain = PLAIN.match(text[-80:].rstrip().rpartition("\n")[2])
    if plain:
        return plain[1], "stated in words"
    if "<<" in text:
        text = CALCULATOR.sub("", text)
    tagged = TAGGED.findall(text) if "nswer>" in text else None
    if tagged:
        inner = tagged[-1].strip()
        whole = bare(inner)  # perhaps of several lines, which are one answer
        said = statement(inner) if sentence(inner) == len(inner) else whole if pure(whole) else stated(inner)[0]
        behind = text[text.lower().rfind("</answer>") + len("</answer>") :]
        return (None, "denied") if not said or followed(said, behind) else (said, "in answer tags")
    mark = _mark(text)
    if mark:
        before = text[: mark.start()]
        lead = sentences(before[-300:])[-1:] or [""]
        opening = "" if END.search(lead[0][-1:]) else lead[0].lstrip("> ")
        lead = (
            opening
            if SUPPOSED.search(HOWEVER.split(opening)[-1])
            else opening[max((m.end() for m in CLAUSE.finditer(opening)), default=0) :]
        )
        rest = text[mark.end() :].lstrip()
        compared = rest[:1] in ("<", ">") and not mark.group().endswith("\n")  # no quotation mark of Markdown
        said = None if compared else statement(rest)
        said = decimal(mark.group(), said) if said else said
        after = rest[sentence(rest) :]
        several = LISTED.match(after) or (rest[:2] in BULLETS and after.startswith(rest[:2]))
        spoiled = SPOILED.search(lead) or bound(opening, mark.group())
        if several or (said and (spoiled or followed(said, after))):
            return None, "denied"
        if said:
            return said, "stated in words"
        spoiled = SPOILED.search(rest[: sentence(rest)])
        if spoiled and spoiled.start() <= SOON:
            return None, "denied"
        text = rest
    headed = None if mark else HEADED.search(text[-HEADED_LENGTH:])
    if headed and (said := statement(headed[1])):
        return said, "stated in words"
    return _closing(text), "the last line"


def _mark(text: str) -> re.Match | None:
    """Find the last announcement of an answer."""
    low, end = text.lower(), len(text)
    keys = ASCII_KEYS if low.isascii() else KEYS
    for _ in range(8):
        place = -1
        for key in keys:
            place = max(place, low.rfind(key, max(place, 0), end))
        if place < 0:
            return None
        found = list(MARK.finditer(text, max(0, place - LOOKBACK), place + LOOKAHEAD))
        if found:
            return found[-1]
        end = place
    return None


def _closing(text: str) -> str | None:
    """Return the last line or sentence if it is only the answer."""
    whole = MATH.sub(lambda m: m.group().replace("\n", " "), text.strip())
    lines = [line for line in whole.split("\n") if line.strip(QUOTES + "-#")]
    if not lines:
        return None
    line, above = lines[-1], lines[-2] if len(lines) > 1 else ""
    if all(MARKED.match(one.strip()) and len(one.strip()) > 3 for one in (line, above)):
        return None  # the options
    last = sentences(line)[-1]
    for part, before in ((line, above), (last, line[: len(line) - len(last)].rstrip() or above)):
        said = bare(part)
        if part.rstrip(QUOTES).endswith(("?", "？")) or not said or not pure(said, strict=True):
            continue
        only_words = not any(c.isdigit() for c in said) and not SIGNS.search(said) and len(said) > 1
        if only_words and (len(lines) > 1 or part is not line):
            continue
        if only_words and "**" in part:
            said = bold_words(part) or said
        open_before = before.strip() and not before.rstrip().endswith(tuple(".!?:。！？：)]}$*"))
        if open_before and SPOILED.search(before[-80:]):
            return None
        return said
    return None
