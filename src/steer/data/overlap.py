"""Which evaluation problems a training problem repeats: the same text, or much of its word 10-grams.

Words are read in two ways, with LaTeX commands and without: copies of one question write its formulas differently
(`\\left(`, `\\dfrac`, `\\operatorname{gcd}`), which breaks every 10-gram that touches them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence

WORDS_PER_GRAM = 10
MIN_SHARE = 0.5

Gram = tuple[str, ...]


def words(text: str) -> list[str]:
    """Runs of Latin letters and digits, in lower case: LaTeX commands count as words, signs do not."""
    return re.findall(r"[a-z0-9]+", text.lower())


def bare_words(text: str) -> list[str]:
    """Runs of letters and runs of digits, in lower case, without LaTeX commands: `x2` is two."""
    return re.findall(r"[a-z]+|[0-9]+", re.sub(r"\\(?:[a-z]+|.)", " ", text.lower()))


def grams(text: str, read: Callable[[str], list[str]] = words) -> set[Gram]:
    """The distinct 10-grams of what `read` finds in `text`; empty below ten words."""
    found = read(text)
    return {tuple(found[start : start + WORDS_PER_GRAM]) for start in range(len(found) - WORDS_PER_GRAM + 1)}


def exact_key(text: str) -> str:
    """Equal for texts that differ in case, white space, punctuation and math signs only. Below ten words, where a sign
    is much of the question (`3 + 4`, `3 - 4`), operators count."""
    short = len(words(text)) < WORDS_PER_GRAM
    return re.sub(r"[^\w+*/^<>=-]+|_" if short else r"[\W_]+", "", text.lower())


def overlaps(
    training: dict[str, str], evaluation: Sequence[tuple[str, str]], exact: Collection[str] = ()
) -> dict[str, dict[str, float]]:
    """{training id: {evaluation id: share}} for every pair that overlaps.

    `training` maps ids to questions, `evaluation` holds (id, question). `share` is the part of the evaluation
    question's distinct 10-grams that the training question contains, by the reading that finds more, at least
    `MIN_SHARE`; 1.0 for an exact match. For the training ids in `exact` only an exact match counts.
    """
    by_text: dict[str, list[str]] = defaultdict(list)
    for evaluation_id, question in evaluation:
        if key := exact_key(question):
            by_text[key].append(evaluation_id)
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for read in (words, bare_words):
        _shared({key: text for key, text in training.items() if key not in exact}, evaluation, read, found)
    for identity, question in training.items():
        if same := by_text.get(exact_key(question)):
            found[identity] |= dict.fromkeys(same, 1.0)
    return dict(found)


def _shared(
    training: dict[str, str],
    evaluation: Sequence[tuple[str, str]],
    read: Callable[[str], list[str]],
    found: dict[str, dict[str, float]],
) -> None:
    """Put the shares of one reading into `found`, where they are larger."""
    by_gram: dict[Gram, list[str]] = defaultdict(list)
    sizes: dict[str, int] = {}
    for evaluation_id, question in evaluation:
        wanted = grams(question, read)
        sizes[evaluation_id] = len(wanted)
        for gram in wanted:
            by_gram[gram].append(evaluation_id)
    for identity, question in training.items():
        counts = Counter(evaluation_id for gram in grams(question, read) for evaluation_id in by_gram.get(gram, ()))
        for evaluation_id, count in counts.items():
            if count >= MIN_SHARE * sizes[evaluation_id]:
                share = round(count / sizes[evaluation_id], 3)
                found[identity][evaluation_id] = max(share, found[identity].get(evaluation_id, 0.0))
