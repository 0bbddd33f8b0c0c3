"""The script that gathers evidence on a GPU: its limits and what it says, without a GPU."""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripts import load_script

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu_evidence.py"


@pytest.fixture(scope="module")
def script():
    return load_script("benchmarks/gpu_evidence.py")


def test_a_part_that_hangs_is_ended_with_its_children(script, tmp_path):
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    )
    started = time.monotonic()
    assert script.limited([sys.executable, "-c", code], 2, dict(os.environ)) == "not done after 2 s"
    assert time.monotonic() - started < 30
    child = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    for _ in range(100):
        if not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the child is still running")


def test_a_part_that_fails_says_its_last_line(script):
    assert script.limited([sys.executable, "-c", "raise ValueError('the reason')"], 30, dict(os.environ)) == (
        "ValueError: the reason"
    )


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


def test_told_to_end_it_prints_what_it_has_and_leaves_nothing_running(tmp_path):
    out = tmp_path / "summary.json"
    command = [sys.executable, str(SCRIPT), "--cpu", "--seconds", "100", "--out", str(out)]
    script = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def parts():
        lines = Path(f"/proc/{script.pid}/task/{script.pid}/children").read_text().split()
        return [pid for pid in lines if "--part" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")]

    while not (running := parts()):
        assert script.poll() is None
        time.sleep(0.05)
    assert json.loads(out.read_text())["environment"]["torch"], "written as it goes"
    script.terminate()
    summary = json.loads(script.communicate(timeout=60)[0])
    assert summary["units"]["error"] == "stopped"
    assert summary == json.loads(out.read_text())
    assert not Path(f"/proc/{running[0]}").exists()


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
