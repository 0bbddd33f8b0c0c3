"""Words after a number that do not change its value: known units, and nouns of counted things.

Any other word may change the value (`5 hundred`, `5 squared`, `5 and a half`), deny it or offer a second
answer, so only listed words and plurals count.
"""

import re

from steer.verify.math.phrases import NUMBER_WORDS, SPOILED
from steer.verify.math.units import known

IRREGULAR = """
people men women children mice geese feet teeth dice fish sheep deer oxen data vertices indices matrices axes radii foci
loci bacteria cacti fungi criteria phenomena police cattle aircraft series species yen rupees euro won units
"""
# around the noun: how much of it, and of what
DESCRIPTION = """
left total altogether remaining each more of the a an in all per different distinct possible whole red blue green white
black yellow new old small large real positive negative prime even odd consecutive full non complete extra additional
ordered unordered other such good bad integer natural rational complex square cubic long wide tall high deep away apart
overall every day week month year hour minute second person piece side on for old
"""
# of those, what may stand without a noun: `5 left`, `5 in all`
WITHOUT_NOUN = """
left total altogether remaining each more in of the all overall apart away long wide tall high deep old
"""
SINGULAR_NOUNS = """
apple orange ball way point person piece day week month year hour minute second time unit dollar cent degree side edge
solution root pair triangle square circle book coin card student digit number integer element term step sequence set
function value answer item box row column page percent
"""
NO_PLURALS = """
plus minus times is was has does less unless besides yes versus this thus always perhaps as us its his hers ours theirs
yours sometimes afterwards nowadays various previous otherwise else bias pas mas mais menos moins fois las los les des
"""
PLURALS, AROUND, ALONE, SINGULAR, NO_PLURAL = (
    set(words.split()) for words in (IRREGULAR, DESCRIPTION, WITHOUT_NOUN, SINGULAR_NOUNS, NO_PLURALS)
)
ARITHMETIC = """
twos threes fours fives sixes sevens eights nines elevens twelves thirteens fourteens fifteens sixteens seventeens
eighteens nineteens twenties thirties forties fifties lakhs crores grosses myriads opposites negatives reciprocals
inverses doubles multiples powers roots logarithms factorials squared cubed and plus minus times or nor by over under
divided others among
"""
MULTIPLES = set(NUMBER_WORDS) | set(ARITHMETIC.split())
ROOTS = re.compile(r"\b(real|complex|distinct|different|positive|negative|rational|integer) roots\b")
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
MARK = re.compile(r"(?:\^\s*\{?\s*)?(?:\\circ|°|(?:\\prime\s*)+)\s*\}?\s*[CFK]?")  # degrees, feet and inches
COUNTERS = re.compile(
    r"\s*(?:个|個|人|元|种|種|次|天|岁|歲|米|厘米|公里|千米|只|本|条|块|分钟|小时|개|명|원|가지|번|마리|円|本|通り|回|枚|度)\s*"
)


def counted(text: str) -> bool:
    """Check that the words of `text`, which follow a number, do not change its value."""
    text = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text).strip(" .,;:$*`\"'")
    if text[:4] in ("per ", "per~"):  # `5 per second` is a rate, of nothing that is named; `5 per person` is a share
        return text[4:] in SINGULAR and text[4:] not in MULTIPLES and not known(text[4:])
    if not text or text in ("%", "deg") or MARK.fullmatch(text) or known(text) or COUNTERS.fullmatch(text):
        return True
    words = WORD.findall(ROOTS.sub(r"\1 solutions", text))
    if not words or len(words) > 6 or re.search(r"[^\w\s.,'’/^{}²³\\-]", text) or any(c.isdigit() for c in text):
        return False
    if SPOILED.search(text) or any(word.lower() in MULTIPLES for word in words):
        return False
    return _noun([word.lower() for word in words])


def _noun(words: list[str]) -> bool:
    """Check for a plural or a common singular noun, preceded only by words that describe it."""
    if not any(map(_plural, words)) and not (len(words) <= 3 and words[-1] in SINGULAR):
        return set(words) <= ALONE and words[-1] not in ("in", "of", "the")
    if words[0] in ("in", "for", "on", "at", "by", "without"):  # `5 in some cases`
        return False
    first = next((n for n, word in enumerate(words) if _plural(word)), len(words) - 1)
    return first <= 3 and all(
        word in AROUND or _plural(word) or n < first or words[n - 1] == "of" for n, word in enumerate(words)
    )


def _plural(word: str) -> bool:
    if word in PLURALS:
        return True
    ends = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "ous"))
    return ends and word not in NO_PLURAL and word not in MULTIPLES


def worded(text: str) -> bool:
    """Check whether a gold is words rather than mathematics: `Yes, infinitely many`."""
    bare = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text)
    return not re.search(r"[\d\\=+*/^_<>(){}$|]", bare) and re.search(r"[^\W\d_]{2,}", bare) is not None
