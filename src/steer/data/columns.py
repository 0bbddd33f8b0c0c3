"""Read a row of any layout as `Item`, by the columns that a data set names."""

import ast
import decimal
import json
import re
import warnings
from typing import Any

from steer.configs.dataset import DataSet
from steer.data.benchmarks.code_rows import fenced
from steer.data.benchmarks.prompts import Question
from steer.data.benchmarks.source import Item

TESTS = "give assert text, a list of cases (`args` and `expected`, or `input` and `output`), or {kind: …} of these"


class Malformed(ValueError):
    """A malformed row; the message names the field and the value found."""


def item_of(row: dict[str, Any], number: int, name: str, spec: DataSet) -> Item:
    """Read the row (`number` from 1) of the set `name`. Raises `Malformed`."""
    key = _scalar(row, spec.id, "id") if spec.id else f"{name}-{number}"
    # Dates and the like of a table become text.
    meta = {column: json.loads(json.dumps(value(row, column), default=str)) for column in spec.meta}
    question = _text(row, spec.question, "question")
    prefix = _text(row, spec.prefix, "prefix", empty=True) if spec.prefix else ""
    solution = _text(row, spec.solution, "solution", empty=True) if spec.solution else ""
    judged = bool(spec.verifier)
    if spec.kind == "code" and not (judged and _absent(row, spec, "tests")):
        # Empty in rows whose tests run the whole program.
        entry_point = (_text(row, spec.entry_point, "entry_point", empty=True) or None) if spec.entry_point else None
        tests = as_tests(value(row, spec.tests, "tests"), entry_point, f"tests: column `{spec.tests}`")
        response = fenced(solution) if solution and "```" not in solution else solution
        asserts = tuple(line for line in (tests.get("code") or "").splitlines() if line.startswith("assert "))
        shown_code = Question(question, starter=prefix, tests=asserts)
        return Item(key, shown_code, tests=tests, solution=response, prefix=prefix, meta=meta)
    if spec.kind == "code" or (judged and _absent(row, spec, "answer")):
        return Item(key, Question(question, starter=prefix), solution=solution, prefix=prefix, meta=meta)
    gold = _scalar(row, spec.answer, "answer")
    if spec.answer_after is not None:
        before, mark, gold = gold.rpartition(spec.answer_after)
        if not mark:
            raise Malformed(f"answer: column `{spec.answer}` has no {spec.answer_after!r}: {shown(before + gold)}")
        solution = solution or before.strip()
    elif "####" in gold and "\\boxed" not in gold:  # GSM8K's mark, which YAML reads as a comment without quotes
        raise Malformed(f'answer: column `{spec.answer}` has a mark; write `answer_after: "####"`: {shown(gold)}')
    gold = gold.strip()
    if not any(sign.isprintable() and not sign.isspace() for sign in gold):
        raise Malformed(f"answer: column `{spec.answer}` holds no answer: {shown(value(row, spec.answer))}")
    if f"\\boxed{{{gold}}}" not in solution:
        solution = f"{solution}\n\nThe answer is \\boxed{{{gold}}}.".strip()
    return Item(key, Question(question), gold=gold, answer_type=spec.type, solution=solution, meta=meta)


def _absent(row: dict[str, Any], spec: DataSet, field: str) -> bool:
    """Whether the set names no column for the field, and its rows have none of that name."""
    return field not in spec.model_fields_set and field not in row


def value(row: Any, column: str, field: str = "") -> Any:
    """Return a row's value at `a.0.b`: a column of that name, else nested mappings and lists."""
    if isinstance(row, dict) and column in row:
        return row[column]
    found, said = row, f"{field}: " if field else ""
    for part in column.split("."):
        if isinstance(found, str):
            found = _unpacked(found)
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.lstrip("-").isdigit() and -len(found) <= int(part) < len(found):
            found = found[int(part)]
        else:
            place = "the row" if found is row else f"the part that should have `{part}`"
            here = (
                f"has {', '.join(map(repr, found)) or 'nothing'}" if isinstance(found, dict) else f"is {shown(found)}"
            )
            raise Malformed(f"{said}no column `{column}`; {place} {here}")
    return found


def _unpacked(text: str) -> Any:
    """Parse nested rows that some tables store as JSON text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _text(row: dict[str, Any], column: str, field: str, empty: bool = False) -> str:
    found = value(row, column, field)
    if empty and found is None:
        return ""
    if not isinstance(found, str):
        raise Malformed(f"{field}: column `{column}` is not text: {shown(found)}")
    if not found.strip() and not empty:
        raise Malformed(f"{field}: column `{column}` is empty")
    return found


def _scalar(row: dict[str, Any], column: str, field: str) -> str:
    """Return text or a number as text."""
    found = value(row, column, field)
    if isinstance(found, bool) or not isinstance(found, str | int | float | decimal.Decimal):
        raise Malformed(f"{field}: column `{column}` is neither text nor a number: {shown(found)}")
    if isinstance(found, float) and found.is_integer() and abs(found) < 2**53:
        found = int(found)  # tables hold integers as floats where a cell is empty
    text = f"{found:f}" if isinstance(found, decimal.Decimal) else str(found)
    if text.lower() == "nan" or text in ("inf", "-inf"):
        raise Malformed(f"{field}: column `{column}` holds no finite number: {shown(found)}")
    if not text.strip():
        raise Malformed(f"{field}: column `{column}` is empty: {shown(found)}")
    return text


def as_tests(given: Any, entry_point: str | None, said: str = "tests") -> dict[str, Any]:
    """Convert tests to the format of `steer verify code`.

    Accepts assert text or a list of such lines, cases (`input` and `output`, or `args` and `expected`), or that format
    itself; each also as JSON text.
    """
    tests = _formed(given, entry_point, said)
    _check_tests(tests, said)
    return tests


def _formed(given: Any, entry_point: str | None, said: str) -> dict[str, Any]:
    if isinstance(given, str):
        unpacked = _unpacked(given)
        given = unpacked if isinstance(unpacked, dict | list) else given
    if isinstance(given, list) and given and all(isinstance(line, str) for line in given):
        given = "\n".join(given)
    if isinstance(given, str) and given.strip():
        return {"kind": "assert", "code": given, **({"entry_point": entry_point} if entry_point else {})}
    if isinstance(given, list) and given and all(isinstance(case, dict) for case in given):
        given = [_filled(case) for case in given]
        if all({"input", "output"} <= case.keys() for case in given):
            called = [case for case in given if "functional" in (case.get("testtype"), case.get("type"))]
            if called:
                raise Malformed(f"{said}: this case calls a function; write `args` and `expected`: {shown(called[0])}")
            cases = [{"input": _lines(case["input"], said), "output": _lines(case["output"], said)} for case in given]
            return {"kind": "stdin", "cases": cases}
        if all({"args", "expected"} <= case.keys() for case in given):
            given = {"kind": "function", "cases": given}
    if not isinstance(given, dict) or given.get("kind") not in ("function", "stdin", "assert"):
        raise Malformed(f"{said} holds no tests: {shown(given)}; {TESTS}")
    given = _filled(given)
    tests = {**({"entry_point": entry_point} if entry_point else {}), **given}
    if isinstance(tests.get("cases"), list):
        tests["cases"] = [_filled(case) if isinstance(case, dict) else case for case in tests["cases"]]
    if tests["kind"] == "function" and not tests.get("entry_point"):
        raise Malformed(f"{said}: these tests call a function, and nothing names it; set `entry_point`")
    if not tests.get("code" if tests["kind"] == "assert" else "cases"):
        raise Malformed(f"{said} holds no tests: {shown(given)}")
    return tests


def _filled(given: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a table adds: it gives each of its mappings the keys of all, without a value."""
    return {key: found for key, found in given.items() if found is not None or key == "expected"}


def _check_tests(tests: dict[str, Any], said: str) -> None:
    """Raise `Malformed` for tests that no program could pass, whatever it does."""
    name = tests.get("entry_point")
    if name is not None and not re.fullmatch(r"\w+(\(\))?(\.\w+)*", str(name)):
        raise Malformed(f"{said}: `entry_point` is no function's name: {shown(name)}")
    if tests["kind"] == "assert" and not isinstance(tests["code"], str):
        raise Malformed(f"{said}: `code` is no text: {shown(tests['code'])}")
    if tests["kind"] == "assert":
        try:
            with warnings.catch_warnings(action="ignore"):
                ast.parse(f"{tests.get('prompt') or ''}\n{tests['code']}")
        except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
            reason = getattr(error, "msg", error)
            raise Malformed(f"{said} is not Python ({reason}): {shown(tests['code'])}") from None
        return
    if not isinstance(tests["cases"], list):
        raise Malformed(f"{said}: `cases` is no list: {shown(tests['cases'])}")
    for number, case in enumerate(tests["cases"], 1):
        found = case if isinstance(case, dict) else {}
        if tests["kind"] == "stdin" and not all(isinstance(found.get(key), str) for key in ("input", "output")):
            raise Malformed(f"{said}, case {number}: no text `input` and `output`: {shown(case)}")
        if tests["kind"] == "function" and not (isinstance(found.get("args"), list) and "expected" in found):
            raise Malformed(f"{said}, case {number}: no list `args` and `expected`: {shown(case)}")
        try:
            json.dumps(found)
        except (TypeError, ValueError) as error:
            raise Malformed(f"{said}, case {number}: no plain value ({error}): {shown(case)}") from None
        if found.get("kwargs"):
            raise Malformed(f"{said}, case {number}: `kwargs` are not passed on; write them into `args`: {shown(case)}")


def _lines(given: Any, said: str) -> str:
    if isinstance(given, list) and all(isinstance(line, str) for line in given):
        return "\n".join(given)
    if not isinstance(given, str):
        raise Malformed(f"{said}: input and output of a case are text, found {shown(given)}")
    return given


def shown(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= 80 else f"{text[:77]}..."
