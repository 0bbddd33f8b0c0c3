"""Find evaluation problems that a training problem repeats: the same text, or many shared word 10-grams.

Words are read in two ways, with and without LaTeX commands, because copies of one question write formulas differently
(`\\left(`, `\\dfrac`, `\\operatorname{gcd}`), which breaks every 10-gram that contains them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence

WORDS_PER_GRAM = 10
MIN_SHARE = 0.5

Gram = tuple[str, ...]


def words(text: str) -> list[str]:
    """Split into runs of Latin letters and digits, in lower case: LaTeX commands count as words, signs do not."""
    return re.findall(r"[a-z0-9]+", text.lower())


def bare_words(text: str) -> list[str]:
    """Split into runs of letters and runs of digits, in lower case, without LaTeX commands: `x2` is two words."""
    return re.findall(r"[a-z]+|[0-9]+", re.sub(r"\\(?:[a-z]+|.)", " ", text.lower()))


def grams(text: str, read: Callable[[str], list[str]] = words) -> set[Gram]:
    """Return the distinct 10-grams of the words that `read` finds in `text`; empty below ten words."""
    found = read(text)
    return {tuple(found[start : start + WORDS_PER_GRAM]) for start in range(len(found) - WORDS_PER_GRAM + 1)}


def exact_key(text: str) -> str:
    """Key that is equal for texts that differ only in case, white space, punctuation and math signs.

    Below ten words operators count, because a sign can distinguish questions (`3 + 4`, `3 - 4`).
    """
    short = len(words(text)) < WORDS_PER_GRAM
    return re.sub(r"[^\w+*/^<>=-]+|_" if short else r"[\W_]+", "", text.lower())


def overlaps(
    training: dict[str, str], evaluation: Sequence[tuple[str, str]], exact: Collection[str] = ()
) -> dict[str, dict[str, float]]:
    """Return {training id: {evaluation id: share}} for every overlapping pair.

    `training` maps ids to questions, `evaluation` has (id, question). `share` is the part of the evaluation
    question's distinct 10-grams in the training question, by the reading that finds more, at least
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
    """Merge the shares of one reading into `found`, keeping the larger ones."""
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
