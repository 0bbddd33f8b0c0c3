"""Hostile programs get no pass they have not earned, and get nothing out; correct ones pass; nothing survives."""

import glob
import os
import time

import pytest

from steer.verify.code import Program, Sandbox
from tests.hostile import correct, escapes, resources, tricks

os.environ["STEER_TEST_SECRET"] = "do not tell"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(2) as sandbox:
        yield sandbox


def program(case):
    return Program(case.program, case.tests, case.time_limit_s, case.memory_limit_mb)


def descendants(pid):
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path) as file:
                children = [int(child) for child in file.read().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def traces():
    """What a program could leave: processes under us, folders, shared memory, System V memory."""
    files = [path for pattern in ("/tmp/steer-*", "/dev/shm/*") for path in glob.glob(pattern)]
    with open("/proc/sysvipc/shm") as file:
        return len(descendants(os.getpid())), sorted(files), len(file.readlines())


def settled(before):
    """Whether the traces are those of before, allowing the kernel a moment for its last steps."""
    for _ in range(50):
        if traces() == before:
            return True
        time.sleep(0.02)
    return False


def judge(sandbox, cases):
    sandbox.judge([program(cases[0])] * 2)
    before = traces()
    verdicts = sandbox.judge([program(case) for case in cases])
    assert settled(before), (before, traces())
    return {case.name: (case, verdict) for case, verdict in zip(cases, verdicts, strict=True)}


def wrong(judged):
    return {
        name: (verdict.verdict, verdict.reason, verdict.detail)
        for name, (case, verdict) in judged.items()
        if verdict.verdict != ("fail" if case.reasons else "pass")
        or (case.reasons and verdict.reason not in case.reasons)
    }


def test_unearned_passes(sandbox):
    assert wrong(judge(sandbox, tricks.CASES)) == {}


def test_endless_programs(sandbox):
    started = time.monotonic()
    judged = judge(sandbox, resources.CASES)
    assert wrong(judged) == {}
    assert time.monotonic() - started < 300


def test_ways_out(sandbox):
    assert wrong(judge(sandbox, escapes.CASES)) == {}


def test_correct_programs_pass(sandbox):
    assert wrong(judge(sandbox, correct.CASES)) == {}


def test_the_corpus_is_as_large_as_promised():
    names = [case.name for module in (tricks, resources, escapes) for case in module.CASES]
    assert len(names) == len(set(names)) >= 60
    names = [case.name for case in correct.CASES]
    assert len(names) == len(set(names)) >= 40
