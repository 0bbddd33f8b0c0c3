"""The oracle: every gold and every reference program goes through the verifiers that grade models.

The default suite grades all golds and a sample of the programs; `-m slow` grades every program. Rows that cannot
reach `correct` or `pass` are named here, with the reason.
"""

import pytest

from steer.data.benchmarks.load import load_benchmark
from steer.data.sets import known_sets

# AIME 2026 has no rows at hand; DAPO and GSM8K's training rows have tests of their own.
MATH = [n for n, spec in known_sets().items() if spec.kind == "math" and n not in ("aime26", "dapo", "gsm8k_train")]
# name: (how many programs the default suite takes, spread over the benchmark; CPU seconds per program)
CODE = {"humaneval": (20, 6), "humanevalplus": (2, 20), "mbpp": (30, 6), "mbpp_sanitized": (20, 6), "mbppplus": (2, 20)}
SLOW = {"mbppplus/255": "more than 1 GiB of memory", "mbppplus/599": "more than 20 s of CPU time"}
# Reference programs that import packages outside the standard library.
FOREIGN = {f"leetcode/{n}" for n in (141, 221, 953, 985, 1047, 1197, 1374, 1613, 1752, 1769, 1810, 1817, 1857)}


@pytest.fixture(scope="module")
def grade_math():
    from steer.verify.math import MathVerifier

    with MathVerifier() as verifier:

        def grade(problems, responses):
            pairs = [(p.gold, response, p.answer_type) for p, response in zip(problems, responses, strict=True)]
            return [verdict.verdict for verdict in verifier.verify(pairs)]

        yield grade


@pytest.fixture(scope="module")
def grade_code():
    from steer.verify.code import Program, Sandbox, extract_program

    with Sandbox() as sandbox:

        def grade(problems, seconds, change=lambda response: response):
            """{id: verdict} for the reference responses after `change`."""
            programs = []
            for p in problems:
                text = extract_program(change(p.solution), p.prefix, p.tests["entry_point"])
                programs.append(Program(text, p.tests, time_limit_s=seconds))
            return {p.id: verdict for p, verdict in zip(problems, sandbox.judge(programs), strict=True)}

        yield grade


def not_passed(verdicts):
    return {identity: (v.reason, v.detail) for identity, v in verdicts.items() if v.verdict != "pass"}


@pytest.mark.parametrize("name", MATH)
def test_every_gold_is_correct_against_itself_and_in_the_reference_response(shared_data, name, grade_math):
    problems = load_benchmark(name, shared_data)
    for responses in ([p.solution for p in problems], [f"\\boxed{{{p.gold}}}" for p in problems]):
        verdicts = grade_math(problems, responses)
        assert [p.id for p, v in zip(problems, verdicts, strict=True) if v != "correct"] == []


def test_dapo_golds_are_correct_against_themselves(shared_data, grade_math):
    problems = load_benchmark("dapo", shared_data)
    verdicts = grade_math(problems, [p.solution for p in problems])
    assert [p.id for p, v in zip(problems, verdicts, strict=True) if v != "correct"] == []


@pytest.mark.parametrize("name", ["aime24", "aime25", "amc23", "gsm8k"])
def test_the_answer_to_another_problem_is_not_correct(shared_data, name, grade_math):
    """The check above would mean nothing if the grader accepted everything."""
    problems = load_benchmark(name, shared_data)
    others = problems[1:] + problems[:1]
    verdicts = grade_math(problems, [p.solution for p in others])
    same = [p.gold == q.gold for p, q in zip(problems, others, strict=True)]
    assert [v == "correct" for v in verdicts] == same and not all(same)


def test_minerva_and_olympiad_tolerances(shared_data, grade_math):
    minerva = {p.gold: p for p in load_benchmark("minerva", shared_data)}
    olympiad = {p.id: p for p in load_benchmark("olympiadbench", shared_data)}
    near, error = minerva["3.83e35"], olympiad["olympiadbench/2592"]
    assert grade_math([near, near], ["\\boxed{3.85 \\times 10^{35}}", "\\boxed{4.0 \\times 10^{35}}"]) == [
        "correct",
        "wrong",
    ]
    assert grade_math([error, error], ["\\boxed{4.25}", "\\boxed{4.4}"]) == ["correct", "wrong"]


@pytest.mark.parametrize("name", CODE)
def test_a_sample_of_reference_programs_passes(shared_data, name, grade_code):
    count, seconds = CODE[name]
    problems = [p for p in load_benchmark(name, shared_data) if p.id not in SLOW]
    sample = problems[:: len(problems) // count][:count]
    assert len(sample) == count
    assert not_passed(grade_code(sample, seconds)) == {}


def test_programs_without_a_body_fail(shared_data, grade_code):
    """The sample above would mean nothing if the sandbox passed everything."""
    problems = load_benchmark("mbpp", shared_data, limit=8)
    verdicts = grade_code(
        problems, 6, lambda response: "```python\ndef f():\n    return None\n```" if response else response
    )
    assert {v.verdict for v in verdicts.values()} == {"fail"}


def test_leetcode_programs_get_their_imports(shared_data, grade_code):
    problems = [p for p in load_benchmark("leetcode", shared_data) if p.id not in FOREIGN][:: 1768 // 4]
    assert len(problems) >= 4
    assert not_passed(grade_code(problems, 6)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", CODE)
def test_every_reference_program_passes_but_the_slow_ones(shared_data, name, grade_code):
    failed = not_passed(grade_code(load_benchmark(name, shared_data), CODE[name][1]))
    assert failed.keys() <= SLOW.keys(), failed


@pytest.mark.slow
def test_every_leetcode_program_passes_but_those_with_foreign_imports(shared_data, grade_code):
    assert not_passed(grade_code(load_benchmark("leetcode", shared_data), 6)).keys() <= FOREIGN
