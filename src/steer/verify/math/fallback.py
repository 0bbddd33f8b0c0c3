"""Compare with Math-Verify and SymPy, for text that our comparison cannot read. Runs only in worker processes."""

import logging
import re

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that our limits replace its own
JOBS_PER_WORKER = 1  # what it computes depends on what its caches hold
CONFIG = (LatexExtractionConfig(), ExprExtractionConfig())


def _parse(text: str) -> list:
    found = parse(f"${text}$", CONFIG, parsing_timeout=None, raise_on_error=False)
    return found if any(not isinstance(part, str) for part in found) else []


def compare(gold: str, answers: list[str], kind: str | None) -> tuple[str, str, int]:
    """Return verdict, reason, and 0, because only the first answer is used. Gold first."""
    answer = answers[0]
    if _brackets(gold) != _brackets(answer):
        return "wrong", "another kind of answer", 0
    gold_parsed = _parse(gold)
    if not gold_parsed:
        return "unverifiable", "the gold answer cannot be parsed", 0
    answer_parsed = _parse(answer)
    if not answer_parsed:
        return "wrong", "the answer cannot be read as mathematics", 0
    if verify(gold_parsed, answer_parsed, timeout_seconds=None, raise_on_error=False):
        return "correct", "equal (Math-Verify)", 0
    return "wrong", "not equal (Math-Verify)", 0


def _brackets(text: str) -> tuple[bool, bool]:
    """Check whether an answer is written as a set and whether it has half-open ends, which Math-Verify confuses."""
    return text.lstrip().startswith("\\{"), bool(re.match(r"\s*(?:\[.*\)|\(.*\])\s*$", text))


# Parsers build their tables at the first use: do it before the workers are forked
for _gold, _answer in (("\\frac{x+1}{2}", "\\frac{x}{2}+0.5"), ("(1,2]\\cup\\{3\\}", "\\sin(x)"), ("x<3", "3>x")):
    compare(_gold, [_answer], None)
