"""`steer verify math`: one verdict a line, in order, whatever the lines hold."""

import json
import os
import subprocess
import sys
from pathlib import Path

from steer.verify.math.command import grade

FIELDS = ["id", "verdict", "extracted", "reason", "seconds", "reading"]


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
    results = [row for rows in grade([lines], workers=1) for row in rows]
    assert [list(row) for row in results] == [FIELDS] * 14
    found = [(row["id"], row["verdict"]) for row in results]
    masked = "unverifiable"
    assert found[:8] == [
        ("a", "correct"), (None, masked), (None, masked), ("b", "correct"), (None, masked), 
        ("c", masked), ("d", masked), ("e", "wrong"),
    ]  # fmt: skip
    assert found[8:10] == [(None, masked), (None, masked)]
    assert found[10:] == [(None, masked), ("f", "correct"), ("g", masked), ("h", "correct")]
    assert all(row["reason"] for row in results)


def program(*options: str, **streams) -> subprocess.Popen:
    code = """
import argparse, sys
sys.path.insert(0, sys.argv[1])
from steer.verify.math import command
parser = argparse.ArgumentParser()
command.configure(parser)
command.run(parser.parse_args(sys.argv[2:]))
"""
    source = str(Path(__file__).resolve().parents[1] / "src")
    return subprocess.Popen(
        [sys.executable, "-c", code, source, "--workers", "1", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def ran(data: bytes, *options: str) -> list[dict]:
    """What the program prints for `data`, read as strict JSON."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    with program(*options) as process:
        out = process.communicate(data)[0]
        assert process.returncode == 0
    return [json.loads(row, parse_constant=refuse) for row in out.decode("ascii").splitlines()]


def test_a_verdict_for_every_line_and_none_for_no_line():
    assert ran(b"") == []
    assert [row["verdict"] for row in ran(b"\n\r\n")] == ["unverifiable"] * 2
    lines = [
        line(id=7, gold=r"\frac{1}{2}", response=r"so \boxed{0.5}"),
        b"\xff\xfe\n",
        line(id=8, gold="1", response="2"),
    ]
    rows = ran(b"".join(lines)[:-1])  # the last line without its end
    assert [(row["id"], row["verdict"]) for row in rows] == [(7, "correct"), (None, "unverifiable"), (8, "wrong")]
    assert rows[0]["extracted"] == "0.5" and rows[0]["seconds"] < 1


def test_marks_numbers_and_types_that_break_no_other_line():
    good = line(id="good", gold="4", response=r"\boxed{4}")
    bad = [
        b'{"id": 1e400, "gold": "4", "response": "\\\\boxed{4}"}\n',
        b'{"id": NaN, "gold": "4", "response": "4"}\n',
        b'{"id": ' + b"[" * 900 + b"]" * 900 + b', "gold": "4", "response": "4"}\n',
        *(
            line(id=kind, gold="4", response=r"\boxed{5}", type=kind)
            for kind in ("real:rel=1e999", "real:rel=...", "real:abs=١")
        ),
    ]
    rows = ran(b"\xef\xbb\xbf" + good + b"".join(bad) + good)
    assert [row["verdict"] for row in (rows[0], rows[-1])] == ["correct", "correct"]
    assert len(rows) == len(bad) + 2 and rows[1]["id"] == "1e400"
    assert [row["verdict"] for row in rows[4:7]] == ["wrong"] * 3


def test_a_verdict_appears_as_soon_as_it_is_ready():
    with program() as process:
        for number in range(3):
            process.stdin.write(line(id=number, gold="x+1", response=r"\boxed{1+x}"))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()


def test_only_what_is_stated_counts_where_asked():
    lines = b"".join(
        line(id=text, gold="5", response=text)
        for text in (
            r"\boxed{5}",
            "The answer is 5.",
            "we are left with 5 of them",
            "there was nothing at all that could be said of it",
        )
    )
    both, stated = ran(lines), ran(lines, "--accept", "stated")
    assert [row["reading"] for row in both] == [row["reading"] for row in stated] == ["stated", "stated", "guessed", ""]
    assert [row["verdict"] for row in both] == ["correct"] * 3 + ["wrong"]
    assert [row["verdict"] for row in stated] == ["correct"] * 2 + ["wrong"] * 2


def test_a_worker_starts_without_extraction():
    loads = "import sys, steer.verify.math.worker, steer.verify.math.compare"
    code = f"{loads}; print('steer.verify.math.extract' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_import_is_light():
    heavy = ("sympy", "mpmath", "math_verify", "torch")
    code = f"import json, sys, steer.verify.math; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert json.loads(run.stdout) == []
