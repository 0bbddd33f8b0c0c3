"""A budget of work for one comparison, counted rather than timed, so that a busy machine changes no verdict.

A unit is about a microsecond of a quiet core. The limits on processor time (`worker`) are a backstop behind it, for
what is not counted here.
"""

BUDGET = 100_000
NODE, TOKEN, CHARACTER = 10, 1, 1  # units: a node of a tree evaluated, a token parsed, a character looked at

_left = BUDGET


class TooMuchWork(Exception):
    """The comparison has used up its budget."""


def begin() -> None:
    """A new comparison begins."""
    global _left
    _left = BUDGET


def spend(units: int) -> None:
    """Count `units` of work. Raises `TooMuchWork` where the budget is used up."""
    global _left
    _left -= units
    if _left < 0:
        raise TooMuchWork


def weight(size: int) -> int:
    """Units of one step of arithmetic whose numbers have `size` bits: it grows with the square of their length."""
    return NODE * (1 + (size // 4000) ** 2)
