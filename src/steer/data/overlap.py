"""Which evaluation problems a training problem repeats: the same text, or much of its word 10-grams."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

WORDS_PER_GRAM = 10
MIN_SHARE = 0.5

Gram = tuple[str, ...]


def words(text: str) -> list[str]:
    """Runs of Latin letters and digits, in lower case: LaTeX commands count as words, signs do not."""
    return re.findall(r"[a-z0-9]+", text.lower())


def grams(text: str) -> set[Gram]:
    """The distinct word 10-grams of `text`; empty below ten words."""
    found = words(text)
    return {tuple(found[start : start + WORDS_PER_GRAM]) for start in range(len(found) - WORDS_PER_GRAM + 1)}


def exact_key(text: str) -> str:
    """Equal for texts that differ in case, white space, punctuation and math signs only."""
    return re.sub(r"[\W_]+", "", text.lower())


def overlaps(training: dict[str, str], evaluation: Iterable[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """{training id: {evaluation id: share}} for every pair that overlaps.

    `training` maps ids to questions, `evaluation` holds (id, question). `share` is the part of the evaluation
    question's distinct 10-grams that the training question contains, at least `MIN_SHARE`; 1.0 for an exact match.
    """
    by_gram: dict[Gram, list[str]] = defaultdict(list)
    by_text: dict[str, list[str]] = defaultdict(list)
    for identity, question in training.items():
        by_text[exact_key(question)].append(identity)
        for gram in grams(question):
            by_gram[gram].append(identity)
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for evaluation_id, question in evaluation:
        wanted = grams(question)
        shared = Counter(identity for gram in wanted for identity in by_gram.get(gram, ()))
        for identity, count in shared.items():
            if count >= MIN_SHARE * len(wanted):
                found[identity][evaluation_id] = round(count / len(wanted), 3)
        key = exact_key(question)
        for identity in by_text.get(key, ()) if key else ():
            found[identity][evaluation_id] = 1.0
    return dict(found)
