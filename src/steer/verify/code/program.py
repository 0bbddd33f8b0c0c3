"""A program to judge, its verdict, and the check of one input line."""

import ast
from dataclasses import dataclass, field
from typing import Any, Literal

from steer.errors import UserError
from steer.verify.code.syntax import outside_library

TIME_LIMIT_S = 10.0
MEMORY_LIMIT_MB = 1024
MAX_DIGITS = 100_000  # of an integer in a test

REASONS = (
    "wrong_answer",
    "runtime_error",
    "no_output",
    "cpu_timeout",
    "wall_timeout",
    "memory",
    "output_limit",
    "syntax_error",
    "missing_entry_point",
)


@dataclass(frozen=True)
class Program:
    """Source text with its tests.

    `tests` is `{"kind": "function", "entry_point", "cases": [{"args", "expected"}]}`, `{"kind": "stdin", "cases":
    [{"input", "output"}]}` or `{"kind": "assert", "code", "entry_point"}`; an assert test may carry `prompt`,
    trusted source that is loaded beside `code`. All may carry `imports`, statements that run before the program, and
    `recursion_limit`; stdin tests `comparison`: `tokens`, or `numbers` where 60.0 is 60. `time_limit_s` is CPU time,
    of the whole run for function and assert tests and of each case for stdin tests; `memory_limit_mb` (MiB) holds for
    all its processes together.
    """

    program: str
    tests: dict[str, Any]
    time_limit_s: float = TIME_LIMIT_S
    memory_limit_mb: int = MEMORY_LIMIT_MB


@dataclass(frozen=True)
class CodeVerdict:
    """`reason` is empty for a pass, one of `REASONS` for a fail, free text for a sandbox error.

    `cpu_seconds` is the candidate's CPU time, `wall_seconds` the time from its start to its end, both summed over
    cases. `detail` tells people more (the exception, the first wrong case) and decides nothing.
    """

    verdict: Literal["pass", "fail", "sandbox_error"]
    reason: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    detail: str = field(default="", compare=False)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check(program: Program) -> str:
    """Describe what is wrong with the form of `program` and its tests; empty if nothing is."""
    if not isinstance(program.program, str):
        return "program: not text"
    if not _is_number(program.time_limit_s) or not 0 < program.time_limit_s <= 3600:
        return "time_limit_s: not a number of seconds in (0, 3600]"
    if not _is_number(program.memory_limit_mb) or not 16 <= program.memory_limit_mb <= 1 << 20:
        return "memory_limit_mb: not a number of MiB in [16, 1048576]"
    return _check_tests(program.tests) or _check_manner(program.tests)


def _check_manner(tests: dict[str, Any]) -> str:
    """Check the keys with settings of a data set's own runner."""
    if tests.get("comparison", "tokens") not in ("tokens", "numbers"):
        return "tests.comparison: not one of tokens, numbers"
    if not isinstance(tests.get("imports", ""), str):
        return "tests.imports: not text"
    try:
        imports = ast.parse(tests.get("imports", ""))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "tests.imports: not Python"
    if any(map(outside_library, ast.walk(imports))):
        return "tests.imports: not of the standard library alone"
    limit = tests.get("recursion_limit", 1000)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 100 <= limit <= 1_000_000:
        return "tests.recursion_limit: not a whole number in [100, 1000000]"
    return ""


def _check_tests(tests: Any) -> str:
    if not isinstance(tests, dict):
        return "tests: not an object"
    kind = tests.get("kind")
    if kind not in ("function", "stdin", "assert"):
        return "tests.kind: not one of function, stdin, assert"
    entry_point = tests.get("entry_point")
    if kind == "function" and not (isinstance(entry_point, str) and entry_point):
        return "tests.entry_point: not a name"
    if kind == "assert":
        if entry_point is not None and not isinstance(entry_point, str):
            return "tests.entry_point: not a name"
        if not isinstance(tests.get("prompt", ""), str):
            return "tests.prompt: not text"
        return "" if isinstance(tests.get("code"), str) and tests["code"].strip() else "tests.code: no test code"
    cases = tests.get("cases")
    if not isinstance(cases, list) or not cases:
        return "tests.cases: no cases"
    for number, case in enumerate(cases):
        if not isinstance(case, dict):
            return f"tests.cases[{number}]: not an object"
        if kind == "stdin" and not (isinstance(case.get("input"), str) and isinstance(case.get("output"), str)):
            return f"tests.cases[{number}]: input or output is not text"
        if kind == "function" and not (isinstance(case.get("args"), list) and "expected" in case):
            return f"tests.cases[{number}]: args is not a list or expected is missing"
    return ""


def from_row(row: Any) -> Program:
    """Make the program of one parsed input line; `UserError` describes errors in it."""
    if not isinstance(row, dict):
        raise UserError("not an object")
    program = Program(
        row.get("program"),
        row.get("tests"),
        TIME_LIMIT_S if row.get("time_limit_s") is None else row["time_limit_s"],
        MEMORY_LIMIT_MB if row.get("memory_limit_mb") is None else row["memory_limit_mb"],
    )
    if problem := check(program):
        raise UserError(problem)
    return program
