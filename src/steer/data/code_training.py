"""Code training data: ArcherCodeR (the paper's) by hub id, and LeetCode problems as a local stand-in for it."""

import json
import re
from pathlib import Path
from typing import Any

from steer.data.benchmarks.code_rows import fenced
from steer.data.benchmarks.livecodebench import LEETCODE_PREFIX
from steer.data.benchmarks.load import read_rows
from steer.data.hub import hub_rows, read_parquet
from steer.data.problem import Problem
from steer.errors import UserError

ARCHER_HUB = "Fate-Zero/ArcherCodeR-Dataset"
ARCHER_FILE = "train/archer_code.parquet"
LEETCODE_FILE = "train/leetcode_train.json"
_FOREIGN_HELPERS = re.compile(r"\b(?:list_node|tree_node|is_same_list|is_same_tree)\(")
_LEETCODE_CALL = re.compile(r"\n+check\(Solution\(\)\.(\w+)\)\s*\Z")


def load_leetcode(data_dir: str | Path | None) -> list[Problem]:
    """LeetCode problems of rllm with solutions and `check(candidate)` tests, from `data_dir`.

    Left out are problems on linked lists and trees: their tests call helpers that the file does not hold.
    """
    if data_dir is None:
        raise UserError(
            "the LeetCode training problems are on no hub: give data_dir a folder that holds " + LEETCODE_FILE
        )
    path = Path(data_dir) / LEETCODE_FILE
    if not path.is_file():
        raise UserError(f"{path}: no such file; put rllm's leetcode training rows there")
    problems = [_leetcode(row, number, path) for number, row in enumerate(read_rows(path))]
    return [problem for problem in problems if not _FOREIGN_HELPERS.search(problem.tests["code"])]


def load_archer_code(data_dir: str | Path | None = None) -> list[Problem]:
    """ArcherCodeR: `data_dir`/train/archer_code.parquet, or the hub's newest revision, for the paper pins none."""
    rows = hub_rows(ARCHER_HUB, "train") if data_dir is None else read_parquet(Path(data_dir) / ARCHER_FILE, ARCHER_HUB)
    return [archer_problem(row, number) for number, row in enumerate(rows)]


def archer_problem(row: dict[str, Any], number: int) -> Problem:
    """A row of verl's layout: chat `prompt`, and `reward_model.ground_truth` with JSON tests.

    The tests are a list of cases (`input`, `output`, `type` or `testtype`, `metadata.func_name`) or a dict of
    `inputs`, `outputs` and an optional `fn_name`.
    """
    try:
        prompt, truth = row["prompt"][-1]["content"], row["reward_model"]["ground_truth"]
        tests = _archer_tests(json.loads(truth) if isinstance(truth, str) else truth)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise UserError(f"{ARCHER_HUB}, row {number + 1}: not the expected layout ({error})") from None
    prefix = LEETCODE_PREFIX if tests["kind"] == "function" else ""
    meta = {"question": prompt}
    return Problem(f"archer/{number}", "archer", "code", prompt, tests=tests, prefix=prefix, meta=meta)


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
    """Arguments are a list, or text with one JSON value a line."""
    return given if isinstance(given, list) else [json.loads(line) for line in given.split("\n") if line.strip()]


def _value(out: Any) -> Any:
    return json.loads(out) if isinstance(out, str) else out


def _leetcode(row: dict[str, Any], number: int, path: Path) -> Problem:
    try:
        problem, solution, tests = row["problem"], row["solutions"], row["tests"]["functional"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}, row {number + 1}: no field {error}; replace the file") from None
    call = _LEETCODE_CALL.search(tests)
    if call is None:
        raise UserError(f"{path}, row {number + 1}: the tests do not end in check(Solution().…); replace the file")
    return Problem(
        id=f"leetcode/{number}",
        benchmark="leetcode",
        kind="code",
        prompt=problem,
        tests={"kind": "assert", "code": tests[: call.start()] + "\n", "entry_point": call.group(1)},
        solution=fenced(solution),
        prefix=LEETCODE_PREFIX,
        meta={"question": problem.partition("\n\n")[2] or problem},
    )
