"""The script that gathers evidence on a GPU: its limits and what it says, without a GPU."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
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


def test_a_part_that_hangs_is_ended_with_its_children(script, tmp_path):
    def hang():
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        (tmp_path / "pid").write_text(str(child.pid))
        time.sleep(60)

    started = time.monotonic()
    assert script.limited(hang, 2) == "not done after 2 s"
    assert time.monotonic() - started < 30
    child = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    for _ in range(100):
        if not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the child is still running")


def test_a_part_that_fails_says_its_last_line_and_does_not_stop_the_next(script, tmp_path):
    def half(result):
        result["first"] = {"passed": True}
        raise ValueError("the reason")

    def die(result):
        os.kill(os.getpid(), signal.SIGKILL)

    summary = script.Result(tmp_path / "summary.json")
    for name, work in {"a": half, "b": die, "c": lambda result: result.update(passed=True)}.items():
        script.ask(summary, name, work, tmp_path, 30)
    kept = json.loads((tmp_path / "summary.json").read_text())
    assert all(found.pop("seconds") >= 0 for found in kept.values())
    assert kept == {
        "a": {"first": {"passed": True}, "error": "ValueError: the reason"},
        "b": {"error": "status -9"},
        "c": {"passed": True},
    }
    assert script.failing(kept) == ["a", "b"]


@pytest.mark.slow
def test_what_parts_share_uses_no_cuda(script):
    """A process that has used it cannot fork one that could."""
    watched = ("is_available", "device_count", "current_device", "get_device_capability", "init", "_lazy_init")
    code = (
        f"import sys; sys.path[:0] = [{str(SCRIPT.parent)!r}, 'src']\n"
        "import gpu_evidence, torch\n"
        "from steer import cli\n"
        "called = []\n"
        f"for name in {watched}:\n"
        "    setattr(torch.cuda, name, lambda *_, name=name: called.append(name))\n"
        "gpu_evidence.share([*gpu_evidence.MODULES.values(), *gpu_evidence.SHARED])\n"
        "assert 'steer.train.run' in sys.modules\n"
        "print(called)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=SCRIPT.parents[1])
    assert done.stdout.strip() == "[]", done.stderr


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


# The script with two parts of its own in place of the usual ones: one ends at once, one never.
TWO_PARTS = """
import sys, time, types
import gpu_evidence

def quick(folder, cpu, seconds, result):
    result["passed"] = True

def endless(folder, cpu, seconds, result):
    result["first"] = 1
    time.sleep(60)

sys.modules["parts"] = types.SimpleNamespace(quick=quick, endless=endless)
gpu_evidence.MODULES = {"quick": "parts", "endless": "parts"}
gpu_evidence.PARTS = {"quick": 0.5, "endless": 0.5}
gpu_evidence.SHARED = ()
gpu_evidence.share = lambda names: None
gpu_evidence.described = lambda result: result.update(torch="2")
gpu_evidence.main()
"""


@pytest.fixture
def stuck(tmp_path):
    """The script in its endless part: its process, that of the part, and the summary's file."""
    out = tmp_path / "summary.json"
    command = [sys.executable, "-c", TWO_PARTS, "--cpu", "--seconds", "100", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    script = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    children = Path(f"/proc/{script.pid}/task/{script.pid}/children")
    while not (out.is_file() and "quick" in json.loads(out.read_text()) and (running := children.read_text().split())):
        assert script.poll() is None
        time.sleep(0.02)
    yield script, int(running[0]), out
    script.kill()
    script.communicate()


def test_told_to_end_it_prints_what_it_has_and_leaves_nothing_running(stuck):
    script, part, out = stuck
    script.terminate()
    summary = json.loads(script.communicate(timeout=60)[0])
    assert summary["quick"]["passed"]
    assert summary["endless"].pop("seconds") >= 0
    assert summary["endless"] in ({"first": 1, "error": "stopped"}, {"error": "stopped"})
    assert summary == {**json.loads(out.read_text()), "endless": summary["endless"]}
    assert script.returncode != 0
    assert not Path(f"/proc/{part}").exists()


def test_killed_it_leaves_what_was_done(stuck):
    script, part, out = stuck
    script.kill()
    script.wait()
    os.kill(part, signal.SIGKILL)
    kept = json.loads(out.read_text())
    assert kept["quick"]["passed"]
    assert kept["environment"]["torch"] == "2"
    assert "endless" not in kept


def test_without_a_gpu_it_says_so_with_versions():
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, env=environment)
    summary = json.loads(done.stdout)
    assert summary["error"] == "no GPU that torch can use; --cpu tries the script itself"
    assert summary["environment"]["torch"]


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
