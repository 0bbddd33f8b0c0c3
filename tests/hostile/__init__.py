"""Programs that try to get a pass they have not earned, to break out or to run on; and correct ones easily failed."""

from dataclasses import dataclass
from typing import Any

from steer.verify.code.program import REASONS

ANY_FAILURE = frozenset(REASONS)


@dataclass(frozen=True)
class Case:
    """A program with tests and what it must come to: `reasons` of a fail, or none for a pass."""

    name: str
    program: str
    tests: dict[str, Any]
    reasons: frozenset[str] = frozenset()
    time_limit_s: float = 2.0
    memory_limit_mb: int = 256


def function(*cases: tuple[list, Any], entry_point: str = "f") -> dict[str, Any]:
    rows = [{"args": args, "expected": expected} for args, expected in cases]
    return {"kind": "function", "entry_point": entry_point, "cases": rows}


def stdin(*cases: tuple[str, str]) -> dict[str, Any]:
    return {"kind": "stdin", "cases": [{"input": given, "output": wanted} for given, wanted in cases]}


def asserts(code: str, entry_point: str | None = "f") -> dict[str, Any]:
    return {"kind": "assert", "code": code, "entry_point": entry_point}


def fails(*reasons: str) -> frozenset[str]:
    return frozenset(reasons) or ANY_FAILURE


# Squares: an answer that a program cannot guess without doing the work or seeing the expected value.
SQUARES = function(([3], 9), ([7], 49), ([123], 15129))
SQUARES_ASSERTED = asserts("def check(candidate):\n    assert candidate(3) == 9\n    assert candidate(123) == 15129\n")
SQUARES_READ = stdin(("3\n", "9\n"), ("123\n", "15129\n"))
# A program that tries something forbidden and says whether it was kept from it.
CONTAINED = function(([1], "contained"))
