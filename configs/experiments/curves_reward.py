"""The reward of the runs in docs/reading-curves.md: simple enough to be learned in a few steps."""


def score(problem, response: str) -> float:
    """From -1 to 1, by the share of the response's digits that are an 8; -1 without digits."""
    digits = [letter for letter in response if letter.isdigit()]
    return 2 * digits.count("8") / len(digits) - 1 if digits else -1.0
