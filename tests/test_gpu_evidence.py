"""The script that gathers evidence on a GPU: its limits and what it says, without a GPU."""

import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from scripts import load_script

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu_evidence.py"


@pytest.fixture(scope="module", autouse=True)
def benchmarks():
    """The script's folder is where Python looks first."""
    sys.path.insert(0, str(SCRIPT.parent))
    yield
    sys.path.remove(str(SCRIPT.parent))


@pytest.fixture(scope="module")
def script(benchmarks):
    return load_script("benchmarks/gpu_evidence.py")


@pytest.fixture(params=["fork", "spawn"])
def method(request):
    """Forked on a CPU, begun anew on a GPU."""
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method(request.param, force=True)
    yield request.param
    multiprocessing.set_start_method(before, force=True)


def hang(folder):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (folder / "pid").write_text(str(child.pid))
    time.sleep(60)


def half(result):
    result["first"] = {"passed": True}
    raise ValueError("the reason")


def die(result):
    os.kill(os.getpid(), signal.SIGKILL)


def done(result):
    result.update(passed=True)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid):
    """Whether the process ends within five seconds."""
    for _ in range(100):
        if not is_running(pid):
            return True
        time.sleep(0.05)
    return False


def test_a_part_that_hangs_is_ended_with_its_children(script, method, tmp_path):
    started, limit = time.monotonic(), 2 if method == "fork" else 10
    assert script.limited(partial(hang, tmp_path), limit) == f"not done after {limit} s"
    assert time.monotonic() - started < 30
    assert ends(int((tmp_path / "pid").read_text()))


def test_a_part_that_fails_says_its_last_line_and_does_not_stop_the_next(script, method, tmp_path):
    summary = script.Result(tmp_path / "summary.json")
    for name, work in {"a": half, "b": die, "c": done}.items():
        script.ask(summary, name, work, tmp_path, 60)
    kept = json.loads((tmp_path / "summary.json").read_text())
    assert all(found.pop("seconds") >= 0 for found in kept.values())
    assert kept == {
        "a": {"first": {"passed": True}, "error": "ValueError: the reason"},
        "b": {"error": "status -9"},
        "c": {"passed": True},
    }
    assert script.failing(kept) == ["a", "b"]


def test_what_fails_in_a_process_apart_is_said(benchmarks, method):
    processes = importlib.import_module("processes")
    processes.apart(partial(done, {}))
    with pytest.raises(RuntimeError, match=r"^ValueError: the reason$"):
        processes.apart(partial(half, {}))
    with pytest.raises(RuntimeError, match=r"^a process ended with status -9$"):
        processes.apart(partial(die, {}))


def test_what_a_part_found_before_it_was_stopped_is_kept(script, tmp_path):
    result = script.Result(tmp_path / "part.json")
    result["first"] = 1
    result.update(second=[2])
    assert json.loads((tmp_path / "part.json").read_text()) == {"first": 1, "second": [2]}


def test_time_that_a_part_leaves_is_the_later_ones(script):
    """And what versions and the device took to tell is no one's: the end stays where it is."""
    left = 500.0
    for part in script.PARTS:
        limit = script.limit_of(part, left)
        assert 0 < limit <= left
        left -= limit / 2
    assert limit == pytest.approx(2 * left), "the last one may take all there is"
    assert script.limit_of("smollm2", 500) == pytest.approx(500)
    assert script.limit_of("units", 500) == pytest.approx(500 * script.PARTS["units"])
    assert script.limit_of("small", -3) == 0


# Parts in place of the usual ones: one ends at once, one waits for a process of its own that never ends.
PARTS = """
import os, time
from functools import partial
from processes import apart

def described(result):
    result.update(torch="2")

def quick(folder, cpu, seconds, result):
    result["passed"] = True

def endless(folder, cpu, seconds, result):
    result["first"] = os.getpid()
    apart(partial(child, folder / "child"))

def child(told):
    told.with_suffix(".tmp").write_text(str(os.getpid()))
    told.with_suffix(".tmp").rename(told)
    time.sleep(60)
"""
MAIN = """
import gpu_evidence, parts

if __name__ == "__main__":
    gpu_evidence.MODULES = {"quick": "parts", "endless": "parts"}
    gpu_evidence.PARTS = {"quick": 0.5, "endless": 0.5}
    gpu_evidence.SHARED = ()
    gpu_evidence.share = lambda names: None
    gpu_evidence.described = parts.described
    gpu_evidence.main()
"""


@pytest.fixture(params=[[], ["--fresh"]], ids=["fork", "spawn"])
def stuck(request, tmp_path):
    """The script in its endless part: its process, those of the part, and the summary's file."""
    (tmp_path / "parts.py").write_text(PARTS)
    (tmp_path / "main.py").write_text(MAIN)
    out, scratch = tmp_path / "summary.json", tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, str(tmp_path / "main.py"), "--cpu", "--seconds=100", f"--out={out}", *request.param]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent), "TMPDIR": str(scratch)}
    script = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    while not (told := list(scratch.glob("*/child"))):
        assert script.poll() is None
        time.sleep(0.02)
    part = json.loads(told[0].with_name("endless.json").read_text())["first"]
    yield script, [part, int(told[0].read_text())], out
    script.kill()
    script.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_prints_what_it_has_and_leaves_nothing_running(stuck, number):
    script, parts, out = stuck
    script.send_signal(number)
    summary = json.loads(script.communicate(timeout=60)[0])
    assert summary["quick"]["passed"]
    assert summary["endless"].pop("seconds") >= 0
    assert summary["endless"] == {"first": parts[0], "error": "stopped"}
    assert summary == {**json.loads(out.read_text()), "endless": summary["endless"]}
    assert script.returncode != 0
    assert all(map(ends, parts))


def test_killed_it_leaves_what_was_done_and_nothing_running(stuck):
    script, parts, out = stuck
    assert all(map(is_running, parts)), "of which the second is a child of the first"
    script.kill()
    script.wait()
    assert all(map(ends, parts))
    kept = json.loads(out.read_text())
    assert kept["quick"]["passed"]
    assert kept["environment"]["torch"] == "2"
    assert "endless" not in kept


def test_without_a_gpu_it_says_so_with_versions_and_has_not_even_imported_torch(tmp_path):
    """The process that starts the parts must not use CUDA."""
    main = tmp_path / "main.py"
    main.write_text(
        "import atexit, sys, gpu_evidence\n"
        "if __name__ == '__main__':\n"
        "    atexit.register(lambda: print(sorted({'torch', 'steer'} & set(sys.modules)), file=sys.stderr))\n"
        "    gpu_evidence.main()\n"
    )
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(SCRIPT.parent)}
    done = subprocess.run([sys.executable, str(main)], capture_output=True, text=True, env=environment)
    summary = json.loads(done.stdout)
    assert summary["error"] == "no GPU that torch can use; --cpu tries the script itself"
    assert summary["environment"]["torch"]
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_parts_that_start_processes_pass_when_each_begins_anew(tmp_path):
    """As on a GPU: what they hand on can be pickled."""
    main, out = tmp_path / "main.py", tmp_path / "summary.json"
    main.write_text(
        "import gpu_evidence\n"
        "if __name__ == '__main__':\n"
        "    gpu_evidence.MODULES = dict.fromkeys(('agreement', 'resume'), 'gpu_parts')\n"
        "    gpu_evidence.main()\n"
    )
    command = [sys.executable, str(main), "--cpu", "--fresh", "--seconds", "1500", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(SCRIPT.parent)})
    assert done.returncode == 0, done.stderr
    summary = json.loads(out.read_text())
    assert summary["agreement"]["fp32"]["passed"]
    assert summary["resume"]["passed"]


def test_the_parts_time_is_the_whole_time(script, monkeypatch):
    assert sum(script.PARTS.values()) == pytest.approx(1)
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    for part, module in script.MODULES.items():
        assert callable(getattr(importlib.import_module(module), part))
    assert list(script.MODULES) == list(script.PARTS)


def test_what_has_not_passed_is_named_by_its_keys(script):
    found = {"seconds": 3.0, "units": {"greedy": {"passed": False}, "checksum": {"passed": True}, "passed": True}}
    found |= {"served": {"not_run": "vLLM is not installed here"}, "resume": {"error": "not done after 9 s"}}
    assert script.failing(found) == ["units.greedy", "resume"]
    assert script.failing({"error": "no GPU"}) == ["start"]
    assert script.failing({"seconds": 3.0, "resume": {"passed": True}}) == []


def test_what_was_not_run_is_named_with_its_reason(script):
    found = {"seconds": 3.0, "served": {"not_run": "vLLM is not installed here"}, "resume": {"passed": True}}
    found |= {"smollm2": {"grpo": {"plan": {"not_run": "the plan does not know this GPU"}}}}
    assert script.left_out(found) == {
        "served": "vLLM is not installed here",
        "smollm2.grpo.plan": "the plan does not know this GPU",
    }
    assert script.left_out({"resume": {"passed": True}}) == {}
