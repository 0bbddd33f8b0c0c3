"""Whose fault it is: a test's own faults mask a sample, a program's never do."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from steer.data.benchmarks.livecodebench import RUNNER
from steer.verify.code import Program, Sandbox
from tests.hostile import asserts, stdin

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
G = "def f(x): return x*x"
# ruff: noqa: E501  # a program a line

ROWS = [
    ("sandbox", G, asserts("def check(candidate):\n    assert candidate(2)==4", None)),
    ("sandbox", G, asserts("def test_f():\n    assert f(2)==4", None)),
    ("sandbox", G, asserts("def test_f():\n    assert f(2)==4")),
    (
        "sandbox",
        G,
        asserts("import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(2),4)"),
    ),
    ("sandbox", G, asserts("async def check(candidate):\n    assert candidate(2)==4")),
    ("sandbox", G, asserts("pass")),
    ("sandbox", G, asserts("assert f")),
    ("sandbox", "def f(x): return 0", asserts("def check(candidate):\n    assert candidate and callable(candidate)")),
    ("fail", "def f(x): return 0", asserts("assert f\nassert f(2)==4")),
    ("pass", "import re\ndef f(x): return re.match('a', x)", asserts("assert f('a')\nassert not f('b')")),
    ("sandbox", G, asserts("import nosuchmodule\nassert f(2)==4")),
    ("sandbox", G, asserts("def check(candidate):\n    assert candidate(2)==4\n    import nosuchmodule")),
    ("sandbox", G, asserts("def check(candidate):\n    assert candidate(2)==helper(2)")),
    ("sandbox", G, asserts("assert f(2)==undefined")),
    ("sandbox", G, asserts("undefined\nassert f(2)==4", None)),
    ("sandbox", G, asserts("x = 1/0\nassert f(2)==4")),
    ("sandbox", G, asserts("class C: pass\nf(C())")),
    ("fail", "def g(x): return x", asserts("assert f(2)==4", None)),
    ("fail", "def g(x): return x", asserts("assert f(2)==4")),
    ("fail", "import sys; sys.exit(0)", asserts("assert f(2)==4")),
    ("fail", "raise ImportError('x')", asserts("assert f(2)==4")),
    ("fail", "def f(x): raise NameError('undefined')", asserts("assert f(2)==4")),
    ("fail", "def f(x): raise ImportError('nosuch')", asserts("assert f(2)==4")),
    ("fail", "def f(x): import nosuch", asserts("assert f(2)==4")),
    ("fail", G, asserts("assert f(Pair(1,2))==4")),
    ("fail", "def f(x): return None", asserts("assert f(2)==4, undefined")),
    ("fail", "class C:\n    def __getitem__(s,i): return s\ndef f(x): return C()", asserts("assert f([1])[0:2]==[1]")),
    ("fail", "def max(a): return None", asserts("assert max([1,2])==2", None)),
    ("pass", "def max(a): return sorted(a)[-1]", asserts("assert max([1,2])==2", None)),
    ("fail", "def maxx(a): return sorted(a)[-1]", asserts("assert max([1,2])==2", None)),
    ("fail", "def max(a): return 9\ndef abs(x): return 0", asserts("assert abs(max([1,2])-2)<1e-9", None)),
    ("pass", "N=5", asserts("assert N==5", None)),
    ("fail", "N=6", asserts("assert N==5", None)),
    ("fail", "DEBUG=True\ndef f(x): return 0", asserts("if not DEBUG: assert f(2)==4")),
    ("fail", "def isclose(*a): return True\ndef f(x): return 0", asserts("assert isclose(f(2),4)")),
    ("fail", "def Counter(x): return 0\ndef f(x): return 0", asserts("assert Counter(f(2))==Counter('aab')")),
    ("fail", "class np:\n    allclose=lambda *a: True\ndef f(x): return 0", asserts("assert np.allclose(f(2),4)")),
    ("pass", "def sum(a,b): return 6", asserts("assert sum(10,15)==6", "sum")),
    ("fail", "import os\nos._exit(0)", asserts("assert f(2)==4", None)),
    ("fail", "while True: pass", asserts("assert f(2)==4", None)),
    ("pass", "import sys\ndef f(x): return sys.getsizeof(x)", asserts("assert f(2)==sys.getsizeof(2)")),
    ("fail", "class E(Exception): pass\ndef f(x): raise E", asserts("try:\n    f(2)\nexcept MyError: pass")),
    ("pass", G, asserts("def check(candidate):\n    assert candidate(2)==4\ncheck(f)", None)),
    (
        "pass",
        G,
        asserts(
            "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(2),4)\nr=unittest.TestResult()\nT('test_a').run(r)\nassert r.wasSuccessful()"
        ),
    ),
]


LEAVES = "import sys\nif f(2)!=4: sys.exit(1)\nsys.exit(0)"
ROWS += [
    ("pass", G, asserts(LEAVES)),
    ("fail", "def f(x): return 0", asserts(LEAVES)),
    ("fail", "def f(x): raise SystemExit(0)", asserts(LEAVES)),
    ("fail", "class E(SystemExit): code = 0\ndef f(x): raise E(3)", asserts(LEAVES)),
    (
        "fail",
        "class C:\n    def __bool__(s): return False\ndef f(x): return C()",
        asserts("import sys\nsys.exit(f(2))"),
    ),
    ("sandbox", G, asserts("import sys\nsys.exit(0)\nassert f(2)==4")),
]


def test_only_a_fault_that_shows_without_the_program_masks_it():
    with Sandbox(2) as sandbox:
        verdicts = sandbox.judge([Program(program, tests, 1.0, 256) for _, program, tests in ROWS])
    expected = [("sandbox_error" if wanted == "sandbox" else wanted) for wanted, *_ in ROWS]
    found = [verdict.verdict for verdict in verdicts]
    assert [row for row, a, b in zip(ROWS, expected, found, strict=True) if a != b] == []
    assert all(v.reason.startswith("bad input: the test") for v in verdicts if v.verdict == "sandbox_error")


SUM = stdin(("3 4\n", "7"))


def test_standard_input_is_a_file():
    programs = [
        "import os\nprint(sum(map(int, os.read(0, os.fstat(0).st_size).split())))",
        "import mmap\nprint(sum(map(int, mmap.mmap(0, 0).read().split())))",
        "import mmap\nprint(sum(map(int, mmap.mmap(0, 0, access=mmap.ACCESS_READ).read().split())))",
        "import sys\na = sys.stdin.read()\nsys.stdin.seek(0)\nassert sys.stdin.read() == a\nprint(sum(map(int, a.split())))",
        "print(sum(map(int, open('/dev/stdin').read().split())))",
        "import select, sys\nselect.select([0], [], [])\nprint(sum(map(int, sys.stdin.buffer.readline().split())))",
    ]
    with Sandbox(2) as sandbox:
        assert [(v.verdict, v.detail) for v in sandbox.judge([Program(p, SUM) for p in programs])] == [("pass", "")] * 6
        (grown,) = sandbox.judge(
            [Program("import os\nwhile True: os.pwrite(0, b'x' * 4096, os.fstat(0).st_size)", SUM)]
        )
    assert grown.reason == "runtime_error"


def test_sleepers_hold_their_places_for_their_limit_and_two_seconds():
    sleepers = [Program(f"import time\ntime.sleep(99 + {n})", SUM, 1.0) for n in range(6)]
    quick = [Program(f"print(sum(map(int, input().split())) + 0 * {n})", SUM, 1.0) for n in range(50)]
    with Sandbox(2) as sandbox:
        started = time.monotonic()
        verdicts = sandbox.judge([*sleepers, *quick])
        assert time.monotonic() - started <= 15
    assert Counter((v.verdict, v.reason) for v in verdicts) == {("fail", "wall_timeout"): 6, ("pass", ""): 50}


def test_slow_test_code_is_not_the_programs_time():
    """The test sleeps for longer than the program may take."""
    tests = asserts("import time\nassert f(2) == 4\ntime.sleep(2.8)\nassert f(3) == 9")
    with Sandbox(1) as sandbox:
        assert sandbox.judge([Program(G, tests, 0.3)])[0].verdict == "pass"


def test_no_zombie_is_left_for_process_1():
    """This process takes the place of one that collects nothing: orphans come to it."""
    rows = [{"program": f"def f(x): return x + {n}", "tests": asserts("assert f(1) == 1")} for n in range(4)]
    script = f"""
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
command = [sys.executable, "-m", "steer.cli", "verify", "code", "--workers", "2"]
subprocess.run(command, input={chr(10).join(map(json.dumps, rows))!r}.encode(), stdout=subprocess.DEVNULL, check=True)
print(open(f"/proc/self/task/{{os.getpid()}}/children").read())
"""
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == ""


def test_imports_recursion_limit_and_numbers_of_a_data_set():
    """LiveCodeBench's runner imports much and compares numbers; other stdin tests do neither."""
    program = "n = deque([int(input())])\ndef g(k): return k and g(k - 1)\ng(20_000)\nprint(prod(n) * 1.0, mean(n))"
    plain = stdin(("3\n", "3 3"))
    limits = {"recursion_limit": RUNNER["recursion_limit"]}
    tests = [RUNNER | plain, plain, limits | plain, plain | {"comparison": "closest"}, plain | {"imports": "import"}]
    tests += [plain | {"imports": f"try:\n    {line}\nfinally: pass"} for line in ("import nosuch", "from . import x")]
    with Sandbox(2) as sandbox:
        found = sandbox.judge([Program(program, each) for each in tests])
    assert [v.verdict for v in found] == ["pass", "fail", "fail", *["sandbox_error"] * 4]
    assert "deque" in found[2].detail


def test_the_imports_of_a_data_set_leave_built_in_names_alone():
    tests = RUNNER | stdin(("5\n", "32 8 3"))
    with Sandbox(1) as sandbox:
        program = "print(pow(2, int(input())), sum([3, 5]), abs(-3))\nopen('x', 'w').close()"
        assert sandbox.judge([Program(program, tests)])[0].verdict == "pass"
