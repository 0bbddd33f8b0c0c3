"""Agreement with labelled pairs, and every published gold against itself, on real rows."""

import json
import random
import re

import pytest

from steer.verify.math import MathVerifier

# Labels that we do not follow, with the reason. Every other label must be met.
DISAGREEMENTS = {
    "mathverify/test_all/test_math_extraction_additional_cases/172": "the last box holds 255, the text says 10,455",
}


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def verifier():
    with MathVerifier(workers=2) as verifier:
        yield verifier


@pytest.mark.parametrize(
    ("file", "count"), [("math_pairs.jsonl", 237), ("format_variants.jsonl", 193), ("gsm8k_solutions.jsonl", 1200)]
)
def test_labelled_pairs(verifier, shared_data, file, count):
    pairs = rows(shared_data / "verify" / file)
    assert len(pairs) == count
    verdicts = verifier.verify([(row["gold"], row.get("response") or row["answer"], None) for row in pairs])
    missed = {
        row["id"]
        for row, verdict in zip(pairs, verdicts, strict=True)
        if (verdict.verdict == "correct") != bool(row["label"])
    }
    assert missed <= set(DISAGREEMENTS)


def golds(folder):
    """(name, gold) of every evaluation row; the two worked-solution sets state theirs in a box."""
    for name in ("aime24", "amc23", "math500", "gsm8k", "olympiadbench", "aime25", "minerva"):
        for number, row in enumerate(rows(folder / "math" / f"{name}.jsonl")):
            gold = row.get("answer", row.get("final_answer", row.get("solution")))
            if name == "gsm8k":
                gold = gold.rpartition("####")[2].strip()
            if name in ("aime25", "minerva"):
                gold = row["solution"]
            if name == "olympiadbench":
                gold = ", ".join(
                    json.loads(gold.replace("'", '"').replace("\\", "\\\\")) if isinstance(gold, str) else gold
                )
            yield f"{name}/{number}", str(gold)


def spread(gold: str) -> str:
    """The same gold in another spelling, so that more than equal text is compared."""
    if not re.search(r",\d{3}(?!\d)", gold):  # the comma of 1,000 stays as it is
        gold = gold.replace(",", ", ")
    return gold.replace("=", " = ").replace("\\frac", "\\dfrac ")


def test_every_gold_agrees_with_itself(verifier, shared_data):
    from steer.verify.math.extract import extract_gold

    pairs = [(name, gold) for name, gold in golds(shared_data)]
    assert len(pairs) > 2800
    again = verifier.verify([(gold, rf"Thus it is $\boxed{{{extract_gold(gold)}}}$.", None) for _, gold in pairs])
    assert [name for (name, _), verdict in zip(pairs, again, strict=True) if verdict.verdict != "correct"] == []
    spaced = verifier.verify([(gold, rf"\boxed{{{spread(extract_gold(gold))}}}", None) for _, gold in pairs])
    assert [name for (name, _), verdict in zip(pairs, spaced, strict=True) if verdict.verdict != "correct"] == []


def test_no_gold_agrees_with_another(verifier, shared_data):
    """Golds of different questions, paired at random: only equal values may agree."""
    named = [gold for name, gold in golds(shared_data) if name.startswith(("math500", "olympiad"))]
    others = random.Random(7).sample(named, len(named))
    verdicts = verifier.verify([(gold, rf"\boxed{{{other}}}", None) for gold, other in zip(named, others, strict=True)])
    agreeing = [pair for *pair, verdict in zip(named, others, verdicts, strict=True) if verdict.verdict == "correct"]
    assert len(agreeing) < 0.02 * len(named), agreeing
    assert all(verdict.verdict != "unverifiable" for verdict in verdicts[:100])


# ordinary endings of a response, none of which denies, bounds or doubts the answer in front of it
CLOSINGS = (
    "", " Hope this helps!", " is the final answer.", ", and we are done.", " in total.", " only.", " (not 0).",
    "</p>", "</b>", "<br/>",
    ", which is correct.", ". Otherwise the sum would be odd.", " as the answer, since the other option is wrong.",
    ". Alternatively, 2 ways lead here.", ". That is not possible to improve.", " if everything above is right.",
    "\n\nIf anything is unclear, let me know.", "\n\nUnless stated otherwise, lengths are in cm.",
    "\n\nOr, as a check, 2 + 2 = 4.",
    "\n\nNo further work is needed. However, one can check that 2+2=4.", "\n\nMaybe there is a shorter way.",
    "\n\nActually, this identity is well known.", "\n\nHowever, the approach is not the only correct one.",
    "\n\nSorry for the long solution.", "\n\nIt is impossible to get more.", "\n\nNote: if $x = 0$ it is undefined.",
    "\n\nThe wrong approach would give 17.", "\n\nNot all problems are this easy.", "\n\n% end of the solution",
    ". I could not find any other solutions.", ". I was unable to shorten it.", ". I crossed out the other root.",
    "\n\nLet us begin by rewriting the equation.", ". I did not finish the last simplification; it is not needed.",
    ". I need to stop here for length.", ". I need to leave the answer in exact form.", ". Both others are wrong.",
    ". The two other cases were tried. Both are wrong.", ". Statement 7 is false.",
)  # fmt: skip


def test_no_published_solution_loses_its_answer_to_a_closing_sentence(verifier, shared_data):
    rowed = [row for name in ("math500", "minerva", "aime25") for row in rows(shared_data / "math" / f"{name}.jsonl")]
    boxed = [row for row in rowed if "\\boxed" in row["solution"]]
    assert len(boxed) > 700
    pairs = [
        (str(row.get("answer") or row["solution"]), row["solution"].rstrip().removesuffix(".") + ending, None)
        for number, row in enumerate(boxed)
        for ending in (CLOSINGS[number % len(CLOSINGS)], CLOSINGS[(number + 11) % len(CLOSINGS)])
    ]
    verdicts = verifier.verify(pairs)
    assert [(pair[0], pair[1][-120:]) for pair, v in zip(pairs, verdicts, strict=True) if v.verdict != "correct"] == []
