"""`steer verify math`: one verdict a line, in order, whatever the lines hold."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from steer.verify.math.command import grade

FIELDS = ["id", "verdict", "extracted", "reason", "seconds"]


def line(**fields) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_order_fields_and_bad_lines():
    lines = [
        line(id="a", gold="4", response=r"\boxed{4}"),
        b"not json\n",
        b'{"id": "latin", "gold": "4", "response": "\xe9"}\n',
        line(id="b", gold="x+1", response=r"\boxed{1+x}", type="expression"),
        b"[1, 2]\n",
        line(id="c", gold="4"),
        line(id="d", gold=None, response="4"),
        line(id="e", gold="4", response="\x00\x1b[2J\ud800 \\boxed{5}"),
        b"[" * 100_000 + b"\n",
        b'{"id": 1, "gold": ' + b"9" * 5000 + b', "response": "x"}\n',
        b"\n",
        line(id="f", gold=4, response=4.0, type=None),
        line(id="g", gold="4", response="4", type=7),
        line(id="h", gold="4", response="4", type="unheard of"),
    ]
    results = list(grade(lines, workers=1))
    assert [list(row) for row in results] == [FIELDS] * 13
    found = [(row["id"], row["verdict"]) for row in results]
    masked = "unverifiable"
    assert found[:8] == [
        ("a", "correct"), (None, masked), (None, masked), ("b", "correct"), (None, masked), 
        ("c", masked), ("d", masked), ("e", "wrong"),
    ]  # fmt: skip
    assert found[8:10] == [(None, masked), (None, masked)]
    assert found[10:] == [("f", "correct"), ("g", masked), ("h", "correct")]
    assert all(row["reason"] for row in results)


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_no_lines_no_verdicts(data):
    assert list(grade(data.splitlines(keepends=True), workers=1)) == []


def test_the_program_itself():
    lines = (
        line(id=7, gold=r"\frac{1}{2}", response=r"so \boxed{0.5}") + b"\xff\xfe\n" + line(id=8, gold="1", response="2")
    )
    code = """
import argparse, sys
sys.path.insert(0, sys.argv[1])
from steer.verify.math import command
command.run(argparse.Namespace(workers=1))
"""
    source = str(Path(__file__).resolve().parents[1] / "src")
    run = subprocess.run([sys.executable, "-c", code, source], input=lines, capture_output=True, check=True)
    rows = [json.loads(row) for row in run.stdout.splitlines()]
    assert [row["verdict"] for row in rows] == ["correct", "unverifiable", "wrong"]
    assert rows[0]["extracted"] == "0.5" and rows[0]["seconds"] < 1
