"""Cases that were written without knowledge of this verifier: tests/math_exam.jsonl.gz (docs/verifiers-math.md).

`missed` gives our verdict on the few that are still judged otherwise.
"""

from pathlib import Path

from steer.io import read_jsonl
from steer.verify.math import MathVerifier

CASES = read_jsonl(Path(__file__).with_name("math_exam.jsonl.gz"))


def test_every_case_is_judged_as_labelled_but_those_marked():
    with MathVerifier(workers=2) as verifier:
        found = verifier.verify([(case["gold"], case["response"], None) for case in CASES])
    expected = [case.get("missed", "correct" if case["accept"] else "wrong") for case in CASES]
    other = [(case, v.verdict, v.reason) for case, v, e in zip(CASES, found, expected, strict=True) if v.verdict != e]
    assert other == []


def test_few_attacks_are_paid_and_few_honest_answers_lost():
    missed = [case for case in CASES if "missed" in case]
    assert sum(not case["accept"] and case["missed"] == "correct" for case in missed) <= 1
    assert sum(case["accept"] for case in missed) <= 10
