"""Verdicts kept from one run to the next: the same as judging again, and never those of another question."""

import dataclasses
import json
import multiprocessing

import pytest

from steer.verify.code import Program, Sandbox, kept
from steer.verify.code.kept import KeptVerdicts
from steer.verify.code.program import CodeVerdict
from tests.hostile import SQUARES

RIGHT, WRONG = "def f(x): return x * x", "def f(x): return x + x"
PROGRAMS = [Program(RIGHT, SQUARES), Program(WRONG, SQUARES), Program("def f(x", SQUARES)]


def refuse(*_):
    raise AssertionError("a program was judged again")


def lines(folder):
    return [json.loads(line) for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines() if line]


def test_a_later_sandbox_takes_the_verdicts_and_judges_nothing(tmp_path, monkeypatch):
    with Sandbox(1, keep=tmp_path) as sandbox:
        first = sandbox.judge(PROGRAMS)
    assert [v.verdict for v in first] == ["pass", "fail", "fail"]
    with Sandbox(1, keep=tmp_path) as sandbox:
        monkeypatch.setattr(sandbox, "_attempt", refuse)
        again = sandbox.judge(PROGRAMS)
        assert again == first and [v.detail for v in again] == [v.detail for v in first]
        # Found once, they are in memory.
        monkeypatch.setattr(KeptVerdicts, "find", refuse)
        assert sandbox.judge(PROGRAMS) == first
    assert len(lines(tmp_path)) == 3


@pytest.mark.parametrize(
    "other",
    [
        Program(RIGHT, {**SQUARES, "cases": [{"args": [3], "expected": 6}]}),
        Program(RIGHT, SQUARES, time_limit_s=3.0),
        Program(RIGHT, SQUARES, memory_limit_mb=300),
        Program(RIGHT + " ", SQUARES),
    ],
    ids=["tests", "time", "memory", "text"],
)
def test_another_question_is_judged_for_itself(tmp_path, other):
    with Sandbox(1, keep=tmp_path) as sandbox:
        sandbox.judge([Program(RIGHT, SQUARES)])
    with Sandbox(1, keep=tmp_path) as sandbox:
        judged = []
        attempt = sandbox._attempt
        sandbox._attempt = lambda job: judged.append(job) or attempt(job)
        sandbox.judge([other])
    assert len(judged) == 1


def test_what_may_differ_the_next_time_is_not_kept(tmp_path):
    """A program stopped by a clock, and one that the sandbox failed on."""
    endless = Program("while True: pass", SQUARES, time_limit_s=0.2)
    with Sandbox(1, keep=tmp_path) as sandbox:
        assert sandbox.judge([endless])[0].reason == "cpu_timeout"
        nothing = {"kind": "assert", "code": "x = 1", "entry_point": "f"}
        assert sandbox.judge([Program(WRONG, nothing)])[0].verdict == "sandbox_error"
    assert lines(tmp_path) == []


def test_verdicts_of_another_judge_are_not_taken(tmp_path, monkeypatch):
    """A changed verifier judges again."""
    key = "aa/bb"
    KeptVerdicts(tmp_path).add({key: CodeVerdict("pass")})
    assert KeptVerdicts(tmp_path).find([key]) == {key: CodeVerdict("pass")}
    monkeypatch.setattr(kept, "judge_version", lambda: "another")
    assert KeptVerdicts(tmp_path).find([key]) == {}


def test_the_judges_version_is_that_of_the_package_programs_may_import_too(monkeypatch):
    before = kept.judge_version()
    monkeypatch.setattr(kept, "version", lambda name: "0.1")
    kept.judge_version.cache_clear()
    other = kept.judge_version()
    kept.judge_version.cache_clear()
    assert other != before


def test_verdicts_under_fewer_kernel_layers_are_not_taken(tmp_path):
    """Without a pid namespace programs cannot start others."""
    program = Program("import os\ndef f(x):\n    if not os.fork(): os._exit(0)\n    return x * x", SQUARES)
    with Sandbox(1, without=("pid_namespace",), keep=tmp_path) as sandbox:
        assert sandbox.judge([program])[0].verdict == "fail"
    with Sandbox(1, keep=tmp_path) as sandbox:
        if "pid_namespace" in sandbox.missing:
            pytest.skip("this machine has none")
        assert sandbox.judge([program])[0].verdict == "pass"


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"[1]", b"5", b"{}", b'{"program": "bb", "verdict": "pass", "more": 1}', b"[" * 100_000,
     b'{"program": "bb", "verdict": "unknown"}', b'{"program": ["bb"], "verdict": "pass"}'],
    ids=range(8),
)  # fmt: skip
def test_a_damaged_line_costs_itself_alone(tmp_path, line):
    folder = KeptVerdicts(tmp_path)
    folder.add({"aa/cc": CodeVerdict("pass")})
    path = next(tmp_path.rglob("*.jsonl"))
    path.write_bytes(path.read_bytes() + b"\n" + line)
    folder.add({"aa/dd": CodeVerdict("fail", "wrong_answer")})
    found = folder.find(["aa/bb", "aa/cc", "aa/dd"])
    assert {key: verdict.verdict for key, verdict in found.items()} == {"aa/cc": "pass", "aa/dd": "fail"}


def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path):
    verdicts = KeptVerdicts(tmp_path)
    verdicts.add({"aa/first": CodeVerdict("pass")})
    (path,) = tmp_path.rglob("*.jsonl")
    with open(path, "a") as file:
        file.write('\n{"program": "second", "verd')
    verdicts.add({"aa/third": CodeVerdict("fail", "wrong_answer", 0.1, 0.2, "case 0")})
    found = verdicts.find(["aa/first", "aa/second", "aa/third", "bb/first"])
    assert found.keys() == {"aa/first", "aa/third"}
    assert dataclasses.asdict(found["aa/third"]) == {
        "verdict": "fail", "reason": "wrong_answer", "cpu_seconds": 0.1, "wall_seconds": 0.2, "detail": "case 0"
    }  # fmt: skip


def _add(folder, writer):
    for i in range(100):
        KeptVerdicts(folder).add({f"aa/{writer}.{i}": CodeVerdict("pass", detail="x" * 300)})


def test_runs_that_write_at_once_lose_nothing(tmp_path):
    writers = [multiprocessing.get_context("fork").Process(target=_add, args=(tmp_path, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    wanted = [f"aa/{n}.{i}" for n in range(3) for i in range(100)]
    assert KeptVerdicts(tmp_path).find(wanted).keys() == set(wanted)
