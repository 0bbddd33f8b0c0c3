"""Hostile programs get no pass they have not earned, and get nothing out; correct ones pass; nothing survives."""

import glob
import os
import time

import pytest

from steer.verify.code import Program, Sandbox
from tests.hostile import correct, escapes, forged, resources, tricks

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
    """What a program of the corpus could leave: processes under us, folders and files, shared memory."""
    patterns = ("/tmp/steer-code-*", "/tmp/steer-left", "/var/tmp/steer-*", "/dev/shm/steer*", "/dev/shm/*_steer*")
    files = [path for pattern in patterns for path in glob.glob(pattern)]
    with open("/proc/sysvipc/shm") as file:
        segments = [line for line in file.read().splitlines()[1:] if line.split()[0] == "4242"]
    return len(descendants(os.getpid())), sorted(files), segments


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
    assert wrong(judge(sandbox, tricks.CASES + forged.CASES)) == {}


# These end by the wall clock or in the judge's own process, after seconds.
LONG = {"sleep", "deadlock", "waits for itself", "threads without end", "endless range"}
IDLE = [case for case in resources.CASES if case.name in LONG]


@pytest.mark.slow
def test_endless_programs(sandbox):
    started = time.monotonic()
    assert wrong(judge(sandbox, [case for case in resources.CASES if case not in IDLE])) == {}
    assert time.monotonic() - started < 300


@pytest.mark.slow
def test_idle_programs(sandbox):
    assert len(IDLE) == len(LONG)
    assert wrong(judge(sandbox, IDLE)) == {}


def test_ways_out(sandbox):
    assert wrong(judge(sandbox, escapes.CASES)) == {}


def test_correct_programs_pass(sandbox):
    assert wrong(judge(sandbox, correct.CASES)) == {}


def test_the_corpus_is_as_large_as_promised():
    names = [case.name for module in (tricks, forged, resources, escapes) for case in module.CASES]
    assert len(names) == len(set(names)) >= 60
    names = [case.name for case in correct.CASES]
    assert len(names) == len(set(names)) >= 40
