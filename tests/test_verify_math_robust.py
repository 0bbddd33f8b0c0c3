"""Hostile answers, killed processes, threads and processes: a verdict in bounded time, and no other pair is lost."""

import json
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from steer.verify.math import MathVerifier, work, worker
from steer.verify.math.compare import compare
from steer.verify.math.pool import Pool
from steer.verify.math.verifier import settle

BOUND_S = 3.0  # generous on a busy machine; the benchmark prints what it is on a quiet one
PATHOLOGICAL = {
    "tower": "9^{9^{9^9}}",
    "factorial": "(10^9)!",
    "nested factorials": "((((9!)!)!)!)!",
    "binomial": r"\binom{10^9}{5\cdot 10^8}",
    "parentheses": "(" * 3000 + "7" + ")" * 3000,
    "few parentheses": "(" * 30 + "x" + ")" * 30,
    "fractions": r"\frac{1}{" * 1000 + "7" + "}" * 1000,
    "signs": "-" * 1900 + "x",
    "powers": "2^" * 900 + "x",
    "long sum": "x+" * 900 + "x",
    "long product": "x" * 1900,
    "large power": "(x+1)^{10000000}",
    "sum of a billion": r"\sum_{k=1}^{10^9} k^k",
    "digits": "9" * 1900,
    "power of digits": "9" * 900 + "^{" + "9" * 900 + "}",
    "large sine": r"\sin(10^{10^{8}})",
    "integral": r"\int_0^{1} \int_0^1 x^{x^{y^{x}}} \sin(x^{y}) dx dy",
    "open": r"\frac{\sqrt{{{(((",
    "list": "1, " * 600 + "1",
    "exponents in text": r"\text{" + "m^{2}" * 380 + "}",
    "overs": r"{1 \over " * 35 + "7" + "}" * 35,
    "matrix": r"\begin{pmatrix}" + "1 & " * 400 + r"1 \end{pmatrix}",
}


@pytest.fixture(scope="module")
def verifier():
    with MathVerifier(workers=2) as verifier:
        verifier.verify([("x+1", "1+x", None), (r"\int_0^1 x dx", r"\frac{1}{2}", None)])  # start both pools
        yield verifier


@pytest.mark.parametrize("name", PATHOLOGICAL)
@pytest.mark.parametrize("gold", ["7", "x^2+1"])
def test_pathological_answers_end(verifier, name, gold):
    start = time.monotonic()
    verdict = verifier.verify([(gold, rf"\boxed{{{PATHOLOGICAL[name]}}}", None)])[0]
    assert verdict.verdict in ("wrong", "unverifiable") and verdict.reason
    assert time.monotonic() - start < BOUND_S


def test_a_function_of_itself_is_compared_in_time(verifier):
    """Each `cis` doubled the formula once."""
    verdict = verifier.verify([("7", r"\boxed{" + r"\operatorname{cis}(" * 25 + "1" + ")" * 25 + "}", None)])[0]
    assert (verdict.verdict, "exceeded" in verdict.reason) == ("wrong", False)


LONG = ["a", r"\boxed{", r"\boxed{1}", r"\fbox{1}", "$", "(", r"\(", "1 ", "7", "answer is ", "\x00", "\n", "<", "<|"]
LONG += ["</s>", " ", ",", "-", ";", "\\", "{", "<think>", "because ", "A. ", "(see ", "assistant\n", "答案", "$1$. "]
LONG += ["the answer ", "another ", "wait, ", "it is not "]
LONG += ["\n%", "\n ", "<!--", "\\iffalse ", "\\begin ", "\\boxed{1} or ", "if x=", "either ", "<!-- -->", "--><!--"]


AROUND = [("$", "$"), ("The answer is ", " 7"), ("", "</think>8"), (r"\boxed{7} ", " 8")]


@pytest.mark.parametrize(
    "around", [("", ""), (r"\boxed{7", "}"), *(pytest.param(pair, marks=pytest.mark.slow) for pair in AROUND)]
)
def test_ten_megabytes(around):
    """In processor time of this process, whatever else runs; a run of one sign took minutes once."""
    for unit in LONG:
        text = around[0] + unit * (10_000_000 // len(unit)) + around[1]
        start = time.process_time()
        assert settle("9", text, None).verdict in ("wrong", None)
        assert time.process_time() - start < 1, unit


@pytest.mark.parametrize("gold", ["", " ", r"\frac{", r"\mho(?)", "\x07", "(((", "x" * 5000])
def test_bad_golds_are_unverifiable_or_wrong_but_never_correct(verifier, gold):
    verdict = verifier.verify([(gold, r"\boxed{7}", None)])[0]
    assert verdict.verdict != "correct" and verdict.reason


@pytest.mark.parametrize("answer", ["\ue000", "\ue001\ue000x", r"6 \\ 7", r"7\ldots", "7'"])
def test_what_cannot_be_read_as_a_whole_is_wrong(verifier, answer):
    assert verifier.verify([("7", rf"\boxed{{{answer}}}", None)])[0].verdict == "wrong"


def test_the_cost_gate_names_the_side_that_is_too_long(verifier):
    long = "+".join(["x"] * 1500)
    verdicts = verifier.verify([(long, r"\boxed{7}", None), ("7", rf"\boxed{{{long}}}", None)])
    assert [(v.verdict, v.reason.split(" longer")[0]) for v in verdicts] == [
        ("unverifiable", "the gold is"),
        ("wrong", "the answer is"),
    ]
    assert verifier.verify([(long, rf"\boxed{{{long}}}", None)])[0].verdict == "correct"


def test_a_gold_that_cannot_be_parsed_masks_the_sample(verifier):
    assert verifier.verify([(r"\int_{", r"\boxed{7}", None)])[0].verdict == "unverifiable"
    assert verifier.verify([("", r"\boxed{7}", None)])[0].verdict == "unverifiable"


MISBEHAVING = """
import os, time
def compare(gold, answers, kind):
    if gold == "spin":
        while True: pass
    if gold == "sleep":
        time.sleep(60)
    if gold.startswith("tally "):
        with open(gold[6:], "a") as file:
            file.write("x")
        os._exit(3)
    if gold == "die":
        os._exit(3)
    if gold == "eat":
        block = bytearray(2**30)
    if gold == "allocate":
        kept = []
        while True: kept.append([])
    if gold == "leave":
        raise SystemExit
    if gold == "raise":
        raise ValueError("no")
    if gold == "rss":
        return "correct", str(os.getpid()), 0
    return "correct", gold, 0
"""


@pytest.fixture
def pool(tmp_path, monkeypatch):
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = Pool("misbehaving", 2, 0.2)
    yield pool
    pool.stop()


def test_work_is_counted_whatever_the_machine_does(pool):
    """A worker ends by what it allocates, and a comparison by its steps, long before the limits on time."""
    assert pool.compare([("allocate", ("a",), None)])[0]["reason"] == "too much work to compare"
    double = r"\sum_{k=1}^{2000} \sum_{j=1}^{2000} (k+j)"
    spent = []
    for gold, answer in [("x+1", double), (r"\sin x+1", r"1+\sin x"), ("x+1", double), (r"\sin x+1", r"1+\sin x")]:
        verdict, reason, _ = compare(gold, [answer], None)
        spent.append((verdict, reason, work._left))
    assert spent[:2] == spent[2:]
    assert spent[0][:2] == ("wrong", "too much work to compare")


@pytest.mark.slow
def test_a_busy_machine_changes_no_verdict(verifier):
    pairs = [(r"\int_0^1 x dx", r"\frac12"), ("x+1", PATHOLOGICAL["fractions"]), ("7", PATHOLOGICAL["long sum"])]
    pairs += [
        (r"\tan^2 y + 1", r"\sec^2 y"),
        (r"\int_0^1 x dx", PATHOLOGICAL["integral"]),
        ("x+1", r"\sum_{k=1}^{2000} x^k"),
    ]
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
    try:
        verdicts = verifier.verify([(gold, rf"\boxed{{{answer}}}", None) for gold, answer in pairs])
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert [v.verdict for v in verdicts] == ["correct", "wrong", "wrong", "correct", "wrong", "wrong"]
    assert not [v.reason for v in verdicts if "processor time" in v.reason]


@pytest.mark.slow
def test_a_killed_worker_loses_no_other_pair(pool):
    golds = [f"g{n}" for n in range(30)]
    for place, bad in ((3, "spin"), (8, "die"), (11, "eat"), (17, "raise"), (21, "sleep"), (29, "spin")):
        golds[place] = bad
    outcomes = pool.compare([(gold, ("a",), str(n)) for n, gold in enumerate(golds)])
    for gold, outcome in zip(golds, outcomes, strict=True):
        if gold.startswith("g"):
            assert (outcome["verdict"], outcome["reason"]) == ("correct", gold)
        else:
            assert outcome["verdict"] == "unverifiable"
    reasons = {gold: outcome["reason"] for gold, outcome in zip(golds, outcomes, strict=True)}
    assert "processor time" in reasons["spin"] and "memory" in reasons["eat"] and "ValueError" in reasons["raise"]


def test_jobs_that_wait_behind_a_failing_one_are_done(pool):
    """Whatever ends a worker, the jobs that wait in its pipe go to another one, also if none fits beside another."""
    long = "g" * 30_000
    golds = [gold for bad in ("die", "leave", "raise") for gold in (bad, "a", "b", long, "c", "d", "e", "f")]
    outcomes = pool.compare([(gold, ("a",), str(n)) for n, gold in enumerate(golds)])
    told = {"die": "ended twice", "leave": "ended twice", "raise": "ValueError"}
    for gold, outcome in zip(golds, outcomes, strict=True):
        wanted = ("unverifiable", told[gold]) if gold in told else ("correct", gold[:150])
        assert outcome["verdict"] == wanted[0] and wanted[1] in outcome["reason"]


def test_every_call_tries_a_job_twice_whose_worker_ended(pool, tmp_path):
    for tries in (2, 4):
        pool.compare([(f"tally {tmp_path / 'tries'}", ("a",), None)])
        assert len((tmp_path / "tries").read_text()) == tries


def test_an_outcome_written_just_before_the_limit_counts(monkeypatch):
    """A worker killed as late has an outcome in its pipe: it is read, and the job behind it waits."""
    monkeypatch.setattr(worker, "MEMORY_LIMIT", 2**45)  # this process is larger than a worker
    module = SimpleNamespace(compare=lambda gold, answers, kind: time.sleep(float(gold)) or ("correct", gold, 0))
    supervisor = worker.Supervisor(module, 1, 5.0)
    try:
        supervisor.waiting += [
            json.dumps({"n": n, "gold": g, "answers": [], "type": None}).encode() for n, g in enumerate("09")
        ]
        supervisor._hand_out()
        assert select.select([supervisor.workers[0].output], [], [], 20)[0]
        supervisor.workers[0].started -= 2 * worker.WALL_LIMIT_S
        assert json.loads(supervisor._found(0, ready=False))["verdict"] == "correct"
        assert [json.loads(line)["n"] for line in supervisor.waiting] == [1] and not supervisor.workers[0].jobs
    finally:
        os.kill(supervisor.workers[0].pid, signal.SIGKILL)
        worker._bury(supervisor.workers[0])


def test_a_killed_supervisor_is_replaced(pool):
    assert pool.compare([("a", ("a",), None)])[0]["verdict"] == "correct"
    os.kill(pool._process.pid, signal.SIGKILL)
    assert [o["verdict"] for o in pool.compare([("b", ("a",), None)] * 20)] == ["correct"] * 20


def test_workers_that_cannot_start_are_a_defect_not_a_verdict():
    with pytest.raises(RuntimeError, match="do not start"):
        Pool("no_such_module_anywhere", 1, 0.2).compare([("a", ("a",), None)])


def test_stop_leaves_no_process_behind(pool):
    pids = {int(o["reason"]) for o in pool.compare([("rss", ("a",), str(n)) for n in range(20)])}
    pids.add(pool._process.pid)
    pool.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_threads_share_a_verifier(verifier):
    results: dict[int, list[str]] = {}

    def grade(n: int) -> None:
        pairs = [(f"x+{n}+{k}", f"{n + k}+x" if k % 2 else f"{n + k + 1}+x", None) for k in range(20)]
        results[n] = [verdict.verdict for verdict in verifier.verify(pairs)]

    threads = [threading.Thread(target=grade, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: ["wrong", "correct"] * 10 for n in range(4)}


def _in_child(queue) -> None:
    from steer.verify.math import verify_math

    queue.put(verify_math("x+1", r"\boxed{1+x}").verdict)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_works_in_daemonic_processes(method):
    if method == "fork":
        from steer.verify.math import verify_math

        assert verify_math("y+1", "1+y").verdict == "correct"  # the parent's pool exists and must not be shared
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_in_child, args=(queue,), daemon=True)
    process.start()
    assert queue.get(timeout=30) == "correct"
    process.join()


def test_equal_pairs_are_compared_once(verifier, monkeypatch):
    calls = []
    pool = verifier._pools[0]
    original = pool.compare
    monkeypatch.setattr(pool, "compare", lambda jobs: calls.append(len(jobs)) or original(jobs))
    pair = ("z^2+4z+4", "(z+2)^2", None)
    assert {v.verdict for v in verifier.verify([pair] * 5)} == {"correct"}
    assert verifier.verify([pair])[0].verdict == "correct"
    assert calls == [1]
