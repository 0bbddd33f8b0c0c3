"""Comparison by Math-Verify and SymPy, for what our own comparison does not read. Runs in worker processes only."""

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

CONFIG = (LatexExtractionConfig(), ExprExtractionConfig())


def _parse(text: str) -> list:
    return parse(f"${text}$", CONFIG, parsing_timeout=None, raise_on_error=False)


def compare(gold: str, answer: str, kind: str | None) -> tuple[str, str]:
    """Verdict and reason; gold first."""
    gold_parsed, answer_parsed = _parse(gold), _parse(answer)
    if not gold_parsed:
        return "unverifiable", "the gold answer cannot be parsed"
    if not answer_parsed:
        return "wrong", "the answer cannot be read as mathematics"
    if verify(gold_parsed, answer_parsed, timeout_seconds=None, raise_on_error=False):
        return "correct", "equal (Math-Verify)"
    return "wrong", "not equal (Math-Verify)"


# Parsers build their tables at the first use: do it before the workers are forked
for _gold, _answer in (("\\frac{x+1}{2}", "\\frac{x}{2}+0.5"), ("(1,2]\\cup\\{3\\}", "\\sin(x)"), ("x<3", "3>x")):
    compare(_gold, _answer, None)
