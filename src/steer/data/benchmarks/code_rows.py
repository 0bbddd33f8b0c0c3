"""Read rows of HumanEval(+) and MBPP(+) as `Item`, with tests in the format of `steer verify code`."""

import ast
import warnings
from typing import Any

from steer.data.benchmarks.prompts import Question
from steer.data.benchmarks.source import Item

# HumanEval+ 32 as published swaps root and polynomial, so no program can pass; EvalPlus' evaluator checks the value of
# the polynomial at the root.
_SWAPPED = ("assert _poly(*candidate(*inp), inp) <= 0.0001", "assert abs(_poly(*inp, candidate(*inp))) <= 0.0001")


def fenced(program: str) -> str:
    """Format a program as a chat model's reference response: one fenced block."""
    return f"```python\n{program.strip(chr(10))}\n```"


def humaneval(row: dict[str, Any], index: int) -> Item:
    """HumanEval and HumanEval+: `check(candidate)` tests, a prompt that the program continues."""
    prompt, entry_point = row["prompt"], row["entry_point"]
    # Three tests call a helper defined only in the prompt, so the judge gets the prompt as well.
    code = row["test"].replace(*_SWAPPED)
    tests = {"kind": "assert", "code": code, "entry_point": entry_point, "prompt": prompt}
    return Item(
        str(row["task_id"]).removeprefix("HumanEval/"),
        Question(prompt, starter=prompt),
        tests=tests,
        solution=fenced(prompt + row["canonical_solution"]),
        prefix=prompt,
        meta={"task_id": row["task_id"]} | ({"flaw": "test repaired"} if code != row["test"] else {}),
    )


def mbpp(row: dict[str, Any], index: int) -> Item:
    """MBPP, full (`text`, `test_setup_code`) and sanitized (`prompt`, `test_imports`)."""
    text = row["text"] if "text" in row else row["prompt"]
    setup = row.get("test_setup_code") or "\n".join(row.get("test_imports") or ())
    code = "\n".join(part for part in (setup, *row["test_list"]) if part)
    return _mbpp_item(row, text, code)


def mbppplus(row: dict[str, Any], index: int) -> Item:
    """MBPP+: MBPP's sanitized columns, with the extended checks in `test`."""
    return _mbpp_item(row, row["prompt"], row["test"])


def _mbpp_item(row: dict[str, Any], text: str, code: str) -> Item:
    tests = tuple(row["test_list"])
    return Item(
        str(row["task_id"]),
        Question(text, tests=tests),
        tests={"kind": "assert", "code": code, "entry_point": _entry_point(row["code"], tests)},
        solution=fenced(row["code"].replace("\r\n", "\n")),
        meta={"task_id": row["task_id"]},
    )


def _entry_point(program: str, tests: tuple[str, ...]) -> str:
    """Find the function under test: the last one that the reference program defines and the tests call."""
    called = {
        node.func.id
        for test in tests
        for node in ast.walk(_tree(test))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    names = [node.name for node in _tree(program).body if isinstance(node, ast.FunctionDef) and node.name in called]
    if not names:
        raise ValueError("the tests call no function that the reference program defines")
    return names[-1]


def _tree(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reference programs have "\\d" and the like in plain strings
        try:
            return ast.parse(source)
        except (SyntaxError, MemoryError) as error:
            raise ValueError(f"a program or test is not Python: {error}") from None
