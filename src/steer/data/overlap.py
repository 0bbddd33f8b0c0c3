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
    sizes: dict[str, int] = {}
    for evaluation_id, question in evaluation:
        wanted = grams(question)
        sizes[evaluation_id] = len(wanted)
        for gram in wanted:
            by_gram[gram].append(evaluation_id)
        if key := exact_key(question):
            by_text[key].append(evaluation_id)
    found: dict[str, dict[str, float]] = {}
    for identity, question in training.items():
        shared = Counter(evaluation_id for gram in grams(question) for evaluation_id in by_gram.get(gram, ()))
        shares = {key: round(count / sizes[key], 3) for key, count in shared.items() if count >= MIN_SHARE * sizes[key]}
        shares |= dict.fromkeys(by_text.get(exact_key(question), ()), 1.0)
        if shares:
            found[identity] = shares
    return found
