"""Pairs that this verifier or another one once judged wrongly, and their neighbours: tests/math_faults.jsonl."""

import json
from pathlib import Path

from steer.verify.math import MathVerifier

PAIRS = [json.loads(line) for line in Path(__file__).with_name("math_faults.jsonl").read_text("utf-8").splitlines()]


def test_every_fault_is_mended():
    with MathVerifier(workers=2) as verifier:
        found = verifier.verify([(pair["gold"], pair["response"], None) for pair in PAIRS])
    wrong = [(pair, v.verdict, v.reason) for pair, v in zip(PAIRS, found, strict=True) if v.verdict != pair["verdict"]]
    assert wrong == []


def test_too_much_is_wrong_and_not_masked():
    much = ["1 + " * 900, "A " * 300, r"\boxed{" + "(" * 45 + "5" + ")" * 45 + "+1}", r"\boxed{3" + "+0" * 900 + "}"]
    much += [r"\boxed{" + ", ".join(map(str, range(700))) + "}", "The answer is " + "7" * 2500]
    with MathVerifier() as verifier:
        verdicts = verifier.verify([("5", response, None) for response in much])
    assert [v.verdict for v in verdicts] == ["wrong"] * len(much)
