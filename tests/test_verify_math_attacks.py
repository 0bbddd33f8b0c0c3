"""Thousands of attacks on the golds of the real benchmarks: none is paid, and right answers in odd words are."""

import json

import pytest
from math_attacks import ACCEPTED, REJECTED, RELATIONS, attacks

from steer.verify.math import MathVerifier
from steer.verify.math.extract import extract_gold

FILES = {
    "aime24": "answer",
    "amc23": "answer",
    "math500": "answer",
    "minerva": "solution",
    "olympiadbench": "final_answer",
}


def golds_of(folder) -> list[str]:
    found = []
    for name, field in FILES.items():
        for line in (folder / "math" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            value = json.loads(line)[field]
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(value, (str, int, float)):
                found.append(extract_gold(str(value)).strip("$ ").removesuffix(".0"))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_no_attack_is_paid_and_no_rewriting_is_lost(shared_data, seed):
    made = list(attacks(golds_of(shared_data) + RELATIONS, seed, 80))
    assert len(made) > 1200 and {kind for kind, *_ in made} == {*REJECTED, *ACCEPTED}
    with MathVerifier(workers=2) as verifier:
        verdicts = verifier.verify([(gold, response, None) for _, gold, response, _ in made])
    named = [(*pair, v.verdict, v.reason) for pair, v in zip(made, verdicts, strict=True)]
    assert [row for row in named if row[3] is False and row[4] != "wrong"] == []
    lost = [row for row in named if row[3] and row[4] != "correct"]
    assert len(lost) <= 0.01 * sum(row[3] for row in named), lost
