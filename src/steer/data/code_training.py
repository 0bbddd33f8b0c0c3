"""Code training data: ArcherCodeR (the paper's) by hub id, and LeetCode problems as a local replacement."""

import json
import re
from typing import Any

from steer.data.benchmarks.code_rows import fenced
from steer.data.benchmarks.livecodebench import LEETCODE_PREFIX
from steer.data.benchmarks.prompts import Question
from steer.data.benchmarks.source import Item

_FOREIGN_HELPERS = re.compile(r"\b(?:list_node|tree_node|is_same_list|is_same_tree)\(")
_LEETCODE_CALL = re.compile(r"\n+check\(Solution\(\)\.(\w+)\)\s*\Z")


def leetcode(row: dict[str, Any], index: int) -> Item | None:
    """A LeetCode problem of rllm with solution and `check(candidate)` tests.

    None for problems on linked lists and trees: their tests call helpers that the file lacks.
    """
    problem, tests = row["problem"], row["tests"]["functional"]
    if _FOREIGN_HELPERS.search(tests):
        return None
    call = _LEETCODE_CALL.search(tests)
    if call is None:
        raise ValueError("the tests do not end in check(Solution().…)")
    return Item(
        str(index),
        Question(problem.partition("\n\n")[2] or problem),
        tests={"kind": "assert", "code": tests[: call.start()] + "\n", "entry_point": call.group(1)},
        solution=fenced(row["solutions"]),
        prefix=LEETCODE_PREFIX,
        prompt=problem,
    )


def archer(row: dict[str, Any], index: int) -> Item:
    """A row of ArcherCodeR in verl's layout: chat `prompt`, and `reward_model.ground_truth` with JSON tests.

    The tests are a list of cases (`input`, `output`, `type` or `testtype`, `metadata.func_name`) or a dict of
    `inputs`, `outputs` and an optional `fn_name`.
    """
    prompt, truth = row["prompt"][-1]["content"], row["reward_model"]["ground_truth"]
    tests = _archer_tests(json.loads(truth) if isinstance(truth, str) else truth)
    prefix = LEETCODE_PREFIX if tests["kind"] == "function" else ""
    return Item(str(index), Question(prompt), tests=tests, prefix=prefix)


def _archer_tests(truth: Any) -> dict[str, Any]:
    if isinstance(truth, dict):
        name = truth.get("fn_name")
        pairs = list(zip(truth["inputs"], truth["outputs"], strict=True))
    else:
        name = (truth[0].get("metadata") or {}).get("func_name") if truth else None
        pairs = [(case["input"], case["output"]) for case in truth]
    if not pairs:
        raise ValueError("no test cases")
    if not name:
        return {"kind": "stdin", "cases": [{"input": _text(given), "output": _text(out)} for given, out in pairs]}
    cases = [{"args": _arguments(given), "expected": _value(out)} for given, out in pairs]
    return {"kind": "function", "entry_point": name, "cases": cases}


def _text(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else value


def _arguments(given: Any) -> list[Any]:
    """Read arguments: a list, or text with one JSON value per line."""
    return given if isinstance(given, list) else [json.loads(line) for line in given.split("\n") if line.strip()]


def _value(out: Any) -> Any:
    return json.loads(out) if isinstance(out, str) else out
