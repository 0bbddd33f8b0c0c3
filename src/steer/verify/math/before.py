r"""What stands in front of a box: it may deny or suppose the answer, or make the box an operand of a formula."""

import re
import string

from steer.verify.math.phrases import COMMON, START
from steer.verify.math.phrases.tables import compiled, table

LISTS = table("before", **COMMON)
REFUTED = re.compile(rf"(?=^|{START}|[\\<\[%.!?\n]|n['’]|display)(?:{LISTS['REFUTED']})$", re.IGNORECASE)
OPERAND = re.compile(rf"(?:{LISTS['OPERATED']})\Z")
SUPPOSED, SAID_OF, ASSUMED, COUNTED, HEDGED = compiled(LISTS, "SUPPOSED", "SAID_OF", "ASSUMED", "COUNTED", "HEDGED")
SUMMAND_BEFORE = re.compile(r"(?:[\w)}]\s*\+|(?:[$=+*/^]|\bis\s|\\(?:\(|\[|cdot|times))\s*[^\s$]{1,20}\s*-)\s*$")
BEFORE_IT = REFUTED, SUPPOSED, OPERAND, SAID_OF, ASSUMED

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
initially originally incorrectly nexists claimed suggested conjectured asserted rumored rumoured believed like
placeholder doubtful dubious untrue impossible doubt careless bogus fake trap decoy flawed erroneous mistaken
extraneous wrongly mistakenly erroneously falsely absurdly squared cubed doubled bmod pmod mod cup cap setminus matrix
pmatrix bmatrix equivalently sometimes say says claim claims think thinks thought believe believes bet random old
previous earlier former complement negation near candidates options choices possibilities vs versus would probably
hopefully presumably likely well sure unsure hunch dark up distractor circumstances rumor rumour tempted my someone
somebody chatgpt wikipedia internet online factorial successor predecessor logarithm contradicting differed differing
eliminates imagining pretending
"""
HEDGING = set(["vielleicht", "forse", "talvez", "misschien", "belki", "mungkin", "angenommen", "supposons", "quizas"])
TELLING = {*TELLING.split(), *HEDGING}
ANNOUNCED = "is", "are", "equals", "nswer"
COMPUTED = "+", "-", "*", "/", " of ", "'s", " mod", "his ", "her ", "their "
FILLING, ENDS = " \n\t\r$*:\\([{,&", "-+/~<>≤≥}'’|^_#"
WORDS_ONLY = {ord(sign): " " for sign in string.punctuation}


def refuted(before: str) -> bool:
    """Check whether what stands before a box denies or supposes the answer, or makes it an operand."""
    if any(pattern.search(before) for pattern in BEFORE_IT):
        return not COUNTED.search(before)
    words = not before.isascii() or not HEDGING.isdisjoint(before.lower().split())
    return words and HEDGED.search(before) is not None


def telling(before: str) -> bool:
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
        or ("nswer" in low and (not bare.endswith(ANNOUNCED) or any(sign in low for sign in COMPUTED)))
        or not TELLING.isdisjoint(low.translate(WORDS_ONLY).split())
    )
