"""The life of the sandbox: callers that die, judges that die, a loaded machine; nothing is left, nothing changes."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from steer.verify.code import Program, Sandbox, monitor
from tests.hostile import SQUARES, SQUARES_ASSERTED, SQUARES_READ, asserts

SQUARE = "def f(x): return x * x"
SOURCE = str(Path(__file__).resolve().parents[1] / "src")


@pytest.mark.parametrize("tests", [SQUARES_READ, SQUARES_ASSERTED])
def test_a_killed_caller_takes_everything_along(tests):
    script = f"""
from steer.verify.code import Program, Sandbox
with Sandbox(1) as sandbox:
    print(sandbox._free.queue[0].process.pid, flush=True)
    sandbox.judge([Program("import os, time\\nos.fork()\\nwhile True: time.sleep(0.01)", {tests!r}, 60.0)])
"""
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    caller = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    judge = int(caller.stdout.readline())
    caller.stdout.close()
    time.sleep(1.0)
    family = [judge, *descendants(judge)]
    assert len(family) >= 4
    caller.kill()
    caller.wait()
    deadline = time.monotonic() + 20
    while alive(family) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(family) == []


def alive(pids):
    """Those of `pids` that run still (a zombie waits for its new parent only)."""
    found = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] != "Z":
                    found.append(pid)
        except OSError:
            continue
    return found


def test_the_caller_is_never_forked():
    def refuse():
        raise AssertionError("forked")

    os.register_at_fork(before=lambda: refuse() if watching else None)
    watching = [1]
    try:
        with Sandbox(1) as sandbox:
            assert sandbox.judge([Program(SQUARE, SQUARES)])[0].verdict == "pass"
    finally:
        watching.clear()


def test_a_program_killed_from_outside_is_judged_once_more():
    """As the kernel does where the machine's memory is short."""
    slow = Program("import time\ntime.sleep(1.5)\ndef f(x): return x * x", SQUARES)
    with Sandbox(1) as sandbox:
        judge = sandbox._free.queue[0].process.pid
        before = descendants(judge)

        def kill():
            os.kill(next(pid for pid in reversed(descendants(judge)) if pid not in before), signal.SIGKILL)

        timer = threading.Timer(0.5, kill)
        timer.start()
        assert sandbox.judge([slow])[0].verdict == "pass"


def test_a_test_process_killed_from_outside_masks_its_program():
    slow = Program("import time\ntime.sleep(1.5)\ndef f(x): return x * x", SQUARES_ASSERTED)
    with Sandbox(1) as sandbox:
        judge = sandbox._free.queue[0].process.pid
        before = descendants(judge)

        def kill():
            (inner,) = monitor.children(judge)
            os.kill(next(pid for pid in monitor.children(inner) if pid not in before), signal.SIGKILL)

        timer = threading.Timer(0.5, kill)
        timer.start()
        verdict = sandbox.judge([slow])[0]
        assert (verdict.verdict, verdict.reason) == ("sandbox_error", "the test's process ended with status -9")
        assert sandbox.judge([slow])[0].verdict == "pass"


def test_a_lost_judge_masks_its_program_and_is_replaced():
    with Sandbox(1) as sandbox:
        (judge,) = monitor.children(sandbox._free.queue[0].process.pid)  # below its supervisor
        timer = threading.Timer(0.5, os.kill, (judge, signal.SIGKILL))
        timer.start()
        lost = sandbox.judge([Program("import time\ntime.sleep(3)\ndef f(x): return x * x", SQUARES)])[0]
        assert lost.verdict == "sandbox_error"
        assert sandbox.judge([Program(SQUARE, SQUARES)])[0].verdict == "pass"


def descendants(pid):
    return [found for child in monitor.children(pid) for found in (child, *descendants(child))]


def spin():
    while True:
        pass


@contextlib.contextmanager
def busy_cores(processes):
    others = [multiprocessing.get_context("spawn").Process(target=spin, daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.kill()


WAITING = {
    "yields": "while True: os.sched_yield()",
    "naps": "while True: time.sleep(1e-6)",
    "idle": "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: os.sched_yield()",
}


@pytest.mark.slow
def test_a_program_that_makes_itself_wait_fails_in_bounded_time():
    """Before the tests call it, where it was masked as a fault of the tests once the judge's patience had ended."""
    programs = [Program(f"import os, time\n{code}", SQUARES_ASSERTED, 0.5) for code in WAITING.values()]
    with busy_cores(4), Sandbox(3) as sandbox:
        started = time.monotonic()
        verdicts = sandbox.judge(programs)
        assert time.monotonic() - started < 40
    assert {v.verdict for v in verdicts} == {"fail"}
    assert {v.reason for v in verdicts} <= {"wall_timeout", "cpu_timeout"}


@pytest.mark.slow
def test_tests_that_never_end_mask_the_program():
    """They use up all the processor time that a test may take, twelve seconds."""
    with Sandbox(1) as sandbox:
        verdict = sandbox.judge([Program(SQUARE, asserts("while True: pass\nf(2)"), 1.0, 256)])[0]
    assert verdict.verdict == "sandbox_error" and verdict.reason.startswith("bad input: the test"), verdict


@pytest.mark.slow
def test_a_thread_that_waits_for_a_core_is_waited_for():
    """The main thread only joins it, as contest programs do that need a larger stack."""
    work = "def work():\n    while time.thread_time() < 0.8: pass\n"
    start = "one = threading.Thread(target=work)\none.start()\none.join()\n"
    with busy_cores(12), Sandbox(1) as sandbox:
        program = Program(f"import threading, time\n{work}{start}{SQUARE}", SQUARES, 1.0)
        verdict = sandbox.judge([program])[0]
    assert (verdict.verdict, verdict.reason) == ("pass", ""), verdict


@pytest.mark.slow
def test_verdicts_do_not_depend_on_the_load_of_the_machine():
    """The same 200 programs, some near the limit of their CPU time, with and without both cores taken."""
    near = "import time\ndef f(x):\n    while time.process_time() < {}: pass\n    return x * x  # {}"
    programs = [Program(f"def f(x): return x * x + {n % 3}  # load {n}", SQUARES, 1.0) for n in range(190)]
    programs += [Program(near.format(used, n), SQUARES, 0.6) for n in range(5) for used in (0.15, 1.2)]
    with Sandbox(2) as sandbox:
        quiet = sandbox.judge(programs)
    with busy_cores(2), Sandbox(2) as sandbox:
        loaded = sandbox.judge(programs)
    assert [(v.verdict, v.reason) for v in quiet] == [(v.verdict, v.reason) for v in loaded]
    assert [v.reason for v in quiet[190:]] == ["", "cpu_timeout"] * 5


def test_low_limits_of_the_caller_are_said_and_their_verdicts_kept_apart(tmp_path):
    """A small stack fails a deep recursion that is right elsewhere."""
    script = f"""
import resource
from steer.verify.code import Program, Sandbox
deep = "import sys\\nsys.setrecursionlimit(10**6)\\nfrom functools import cache\\n"
deep += "@cache\\ndef g(n): return n and 1 + g(n - 1)\\ndef f(x): return g(20000) - 20000 + x * x"
resource.setrlimit(resource.RLIMIT_STACK, THESE)
with Sandbox(1, keep={str(tmp_path)!r}) as sandbox:
    print(sandbox.judge([Program(deep, {SQUARES!r})])[0].verdict)
"""
    said = []
    for limits in ("(1 << 20, 1 << 20)", "resource.getrlimit(resource.RLIMIT_STACK)"):
        command = [sys.executable, "-c", script.replace("THESE", limits)]
        environment = {**os.environ, "PYTHONPATH": SOURCE}
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        said.append((ended.stdout, "low limits of this process, STACK=1048576" in ended.stderr))
    assert said == [("fail\n", True), ("pass\n", False)]
