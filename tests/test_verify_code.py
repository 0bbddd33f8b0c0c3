"""The contract of `steer verify code`: order, bad lines, limits, repeats, threads, a loaded machine."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from steer.verify.code import CodeVerdict, Program, Sandbox
from steer.verify.code.program import REASONS
from tests.hostile import SQUARES, SQUARES_READ, asserts, correct, function, stdin, tricks

SQUARE = "def f(x): return x * x"
SOURCE = str(Path(__file__).resolve().parents[1] / "src")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(2) as sandbox:
        yield sandbox


def command(lines, *arguments):
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = subprocess.run(
        [sys.executable, "-m", "steer.cli", "verify", "code", *arguments],
        input=text.encode("utf-8", "surrogatepass"),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        timeout=120,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.decode().splitlines()], done.stderr.decode()


def test_lines_in_lines_out_in_order():
    rows = [{"id": f"p{n}", "program": f"def f(x): return x * x + {n % 2}", "tests": SQUARES} for n in range(20)]
    rows.insert(3, {"id": "slow", "program": "while True: pass", "tests": SQUARES, "time_limit_s": 0.5})
    status, verdicts, _ = command(rows)
    assert status == 0
    assert [v["id"] for v in verdicts] == [row["id"] for row in rows]
    assert [v["verdict"] for v in verdicts if v["id"] != "slow"] == ["pass", "fail"] * 10
    assert verdicts[3]["reason"] == "cpu_timeout" and 0.4 < verdicts[3]["cpu_seconds"] < 1.5
    assert all(set(v) == {"id", "verdict", "reason", "cpu_seconds", "wall_seconds"} for v in verdicts)


def deep_list(depth):
    return json.loads("[" * depth + "]" * depth)


def test_a_bad_line_has_a_verdict_of_its_own():
    good = {"id": "good", "program": SQUARE, "tests": SQUARES}
    bad = [
        "{",
        "[]",
        "7",
        "\ufffd",
        '{"id": 1}',
        "\ud800",
        {**good, "program": 3},
        {**good, "program": None},
        {**good, "tests": None},
        {**good, "tests": {"kind": "spell"}},
        {**good, "time_limit_s": -1},
        {**good, "time_limit_s": "2"},
        {**good, "time_limit_s": 1e9},
        {**good, "time_limit_s": 10**400},
        {**good, "time_limit_s": True},
        {**good, "time_limit_s": float("nan")},
        {**good, "memory_limit_mb": True},
        {**good, "tests": {**SQUARES, "cases": [{"args": deep_list(400), "expected": 1}]}},
        {**good, "tests": asserts("assert f('\ud800') == 1")},
        {**good, "tests": asserts("return f(3)")},
        {**good, "tests": asserts("import os\nos._exit(0)")},
        {**good, "memory_limit_mb": -5},
        {**good, "tests": {**SQUARES, "cases": []}},
        {**good, "tests": {**SQUARES, "cases": [{"args": 3, "expected": 9}]}},
        {**good, "tests": {**SQUARES, "cases": [{"args": [3]}]}},
        {**good, "tests": {**SQUARES, "entry_point": 7}},
        {**good, "tests": {"kind": "stdin", "cases": [{"input": "", "output": 7}]}},
        {**good, "tests": asserts("")},
        {**good, "tests": asserts("def check(candidate:")},
        "NaN",
        "[" * 100_000,
    ]
    status, verdicts, _ = command([line for pair in ((good, line) for line in bad) for line in pair])
    assert status == 0
    assert [v["verdict"] for v in verdicts[::2]] == ["pass"] * len(bad)
    assert [v["verdict"] for v in verdicts[1::2]] == ["sandbox_error"] * len(bad)
    assert all(v["reason"] for v in verdicts[1::2])


def test_every_line_has_its_line_a_blank_one_too():
    good = json.dumps({"id": 1, "program": SQUARE, "tests": SQUARES})
    status, verdicts, _ = command(["\ufeff" + good, "", "  ", '{"id": 1e400}', good])
    assert status == 0
    assert [v["verdict"] for v in verdicts] == ["pass", *["sandbox_error"] * 3, "pass"]
    assert [v["id"] for v in verdicts] == [1, None, None, None, 1]


def test_a_verdict_comes_before_the_next_line_is_given():
    process = subprocess.Popen(
        [sys.executable, "-m", "steer.cli", "verify", "code", "--workers", "1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": SOURCE},
    )  # fmt: skip
    with process:
        for number in range(2):
            process.stdin.write(json.dumps({"id": number, "program": SQUARE, "tests": SQUARES}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()


def test_integers_of_more_than_4300_digits_can_be_expected():
    tests = '{"kind": "function", "entry_point": "f", "cases": [{"args": [], "expected": 1%s}]}' % ("0" * 5000)
    lines = [f'{{"program": "def f(): return 10 ** {power}", "tests": {tests}}}' for power in (5000, 5001)]
    assert [verdict["verdict"] for verdict in command(lines)[1]] == ["pass", "fail"]


def test_the_judge_runs_the_code_of_its_caller():
    """Not another copy of this package that is installed beside it."""
    with Sandbox(1) as sandbox:
        arguments = sandbox._free.queue[0].process.args
    assert f"sys.path.insert(0, {SOURCE!r})" in arguments[-1]


def test_probe_names_every_layer():
    done = subprocess.run(
        [sys.executable, "-m", "steer.cli", "verify", "code", "--probe"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        timeout=60,
    )
    assert done.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert {"seccomp", "landlock", "pid_namespace", "rlimits", "no_new_privs", "unprivileged_user"} <= set(lines)
    assert all(state == "active" or state.startswith("missing: ") for state in lines.values())
    assert lines["no_new_privs"] == lines["rlimits"] == "active"


def test_empty_input_and_unknown_layers():
    assert command([]) == (0, [], "")
    status, _, error = command([], "--require", "moat")
    assert status == 2 and error.count("\n") == 1 and "moat" in error


REASONS_OF = [
    ("def f(x): return 0", SQUARES, "wrong_answer"),
    ("def f(x): return 1 / 0", SQUARES, "runtime_error"),
    ("1 / 0", SQUARES, "runtime_error"),
    ("def f(x: return x", SQUARES, "syntax_error"),
    ("print(1", SQUARES_READ, "syntax_error"),
    ("", SQUARES, "missing_entry_point"),
    ("pass", SQUARES_READ, "no_output"),
    ("def f(x): return bytearray(20 << 30)", SQUARES, "memory"),
    ("a = bytearray(20 << 30)", SQUARES_READ, "memory"),
    ("def f(x):\n    while True: pass", SQUARES, "cpu_timeout"),
    ("while True: print('x' * 99999)", SQUARES_READ, "output_limit"),
    ("import time\ntime.sleep(99)", SQUARES_READ, "wall_timeout"),
    ("raise SyntaxError('mine')", SQUARES, "runtime_error"),
    ("def f(x): raise MemoryError", asserts("assert f(1) == 1"), "memory"),
    ("def f(x): return g(x)", asserts("assert f(1) == 1"), "runtime_error"),
]


def test_reasons(sandbox):
    """In one batch: while one sleeps the others are judged."""
    limits = {"wall_timeout": 0.2, "output_limit": 5.0}
    programs = [Program(program, tests, limits.get(reason, 0.5), 256) for program, tests, reason in REASONS_OF]
    expected = [("fail", reason) for *_, reason in REASONS_OF]
    assert [(v.verdict, v.reason) for v in sandbox.judge(programs)] == expected
    assert {reason for *_, reason in REASONS_OF} == set(REASONS)


def test_a_prompt_serves_the_tests_on_the_judges_side(sandbox):
    """The candidate's own version of a helper that the tests use does not count."""
    code = "def check(candidate):\n    assert abs(poly(candidate(2), 2)) < 1e-6\n"
    tests = {**asserts(code), "prompt": "def poly(x, c): return x - c\ndef f(c):\n    'Root.'\n"}
    cheat = "def poly(x, c): return 0\ndef f(c): return 7"
    honest, cheat = sandbox.judge([Program("def f(c): return c", tests), Program(cheat, tests)])
    assert (honest.verdict, cheat.verdict, cheat.reason) == ("pass", "fail", "wrong_answer")


def test_a_test_that_cannot_be_run_masks_the_program(sandbox):
    code = "class C: pass\ntry:\n    f(C())\nexcept Exception:\n    pass\n"
    verdict = sandbox.judge([Program(SQUARE, asserts(code))])[0]
    assert verdict.verdict == "sandbox_error" and "passes a C" in verdict.reason


def test_each_stdin_case_is_a_run_of_its_own(sandbox):
    program = "import os\nn = len(os.listdir('.'))\nopen('left', 'w').close()\nprint(n, int(input()) ** 2)"
    assert sandbox.judge([Program(program, stdin(("3", "1 9"), ("4", "1 16"), ("5", "1 25")))])[0].verdict == "pass"


def test_nothing_passes_from_one_program_to_the_next():
    leave = """
import builtins, sys, os
builtins.left = sys.modules['left'] = os.environ['LEFT'] = 'x'
open('left', 'w').close()
def f(x): return x * x
"""
    look = """
import builtins, sys, os
def f(x): return [hasattr(builtins, 'left'), 'left' in sys.modules, 'LEFT' in os.environ, os.path.exists('left')]
"""
    with Sandbox(1) as sandbox:
        first, second = sandbox.judge([Program(leave, SQUARES), Program(look, function(([1], [False] * 4)))])
    assert (first.verdict, second.verdict) == ("pass", "pass")


def test_repeated_programs_are_judged_once():
    with Sandbox(1) as sandbox:
        program = Program("import time\ntime.sleep(0.2)\ndef f(x): return x * x", SQUARES)
        started = time.monotonic()
        verdicts = sandbox.judge([program] * 50) + sandbox.judge([program] * 50)
        assert time.monotonic() - started < 5
        assert {verdict.verdict for verdict in verdicts} == {"pass"}
        other = Program(program.program, function(([3], 10)))
        assert sandbox.judge([other])[0].reason == "wrong_answer"


def test_slow_programs_get_nobody_masked(sandbox):
    """However many a policy writes, each has its own verdict, and so has the one that was asked last."""
    slow = [Program(f"x = {n}\nwhile True: pass", SQUARES, 0.05) for n in range(12)]
    *verdicts, last = sandbox.judge([*slow, Program("def f(x): return x * x", SQUARES)])
    assert {v.reason for v in verdicts} == {"cpu_timeout"}
    assert last.verdict == "pass"


def test_several_threads_may_judge_at_once(sandbox):
    results: dict[int, list[CodeVerdict]] = {}

    def work(number):
        programs = [Program(f"def f(x): return x * x + {(number + n) % 2}  # {number}", SQUARES) for n in range(10)]
        results[number] = sandbox.judge(programs)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, verdicts in results.items():
        assert [v.verdict for v in verdicts] == [("pass", "fail")[(number + n) % 2] for n in range(10)]


def test_256_small_programs_take_seconds(sandbox):
    programs = [Program(f"def f(x): return x * x + {n} - {n}", SQUARES) for n in range(256)]
    started = time.monotonic()
    assert {v.verdict for v in sandbox.judge(programs)} == {"pass"}
    assert time.monotonic() - started < 15  # 1 second on two free cores; benchmarks/verify_code.py measures it


def test_modules_at_the_top_are_light():
    code = "import sys, steer.verify.code, steer.verify.code.command; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "steer.verify.code.command" in done.stdout.split()
    assert not {"torch", "numpy", "pandas"} & set(done.stdout.split())


def test_the_corpora_are_judged_from_lines_too():
    cases = [*tricks.CASES[:12], *correct.CASES[:12]]
    status, verdicts, _ = command([{"id": c.name, "program": c.program, "tests": c.tests} for c in cases])
    assert status == 0
    assert [v["verdict"] for v in verdicts] == ["fail" if c.reasons else "pass" for c in cases]
