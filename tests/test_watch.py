"""`steer watch`: what it says of runs that wait, train, stopped or are done."""

import io
import json
import os
import shutil
import time

import pytest
import yaml
from fake_results import write_fake_results
from rich.console import Console

from steer.cli import main
from steer.configs.load import load_config
from steer.report.watch import Progress, _table, progress


def live(folder, run, lines, age=0.0, cut=""):
    path = folder / "checkpoints" / run / "seed0" / "0123456789abcdef" / "metrics.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + cut)
    os.utime(path, (time.time() - age,) * 2)


def line(step, seconds=2.0):
    return {"step": step, "reward": -0.5, "accuracy": 0.25, "entropy": 0.3125, "seconds": seconds}


@pytest.fixture
def results(tmp_path):
    """One finished run of 30 steps; five more runs are in the configuration."""
    write_fake_results(tmp_path, methods={"grpo": "GRPO"}, seeds=(0,))
    tree = yaml.safe_load((tmp_path / "config.yaml").read_text())
    tree["methods"] |= {name: None for name in ("steer", "clip_higher", "rloo")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return tmp_path


def states(results, now=None):
    from steer.configs.load import load_config

    config = load_config(results / "config.yaml")
    return {p.run: p for p in progress(config, results, now or time.time())}


def test_a_run_under_way_has_its_newest_line_and_the_time_left(results):
    live(results, "steer", [line(1), line(2), line(3, seconds=5.0)], cut='{"step": 4, "rew')
    found = states(results)["steer"]
    assert (found.state, found.step, found.steps) == ("running", 3, 30)
    assert found.last["entropy"] == 0.3125
    assert found.seconds_left == pytest.approx(27 * 3.0)


def test_done_waiting_and_silent_runs_are_told_apart(results):
    live(results, "clip_higher", [line(1)], age=3600)
    found = states(results)
    assert found["grpo"].state == "evaluated"
    assert found["grpo"].step == 30
    assert found["rloo"].state == "waiting"
    assert found["clip_higher"].state == "stopped"
    assert found["clip_higher"].seconds_left is None


def test_once_prints_every_run(results, capsys):
    live(results, "steer", [line(1)])
    assert main(["watch", str(results), "--once"]) == 0
    printed = capsys.readouterr().out
    for word in ("1 of 4 runs trained", "steer", "running", "1/30", "0.312", "rloo", "waiting"):
        assert word in printed


def test_a_folder_that_holds_no_results_is_one_line(tmp_path, capsys):
    assert main(["watch", str(tmp_path), "--once"]) == 2
    assert "no config.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [b"\xff\xfe\n", b"[1, 2]\n"])
def test_a_damaged_line_ends_what_is_read_of_a_run(results, damage):
    live(results, "steer", [line(1), line(2)])
    (path,) = (results / "checkpoints" / "steer").rglob("metrics.jsonl")
    path.write_bytes(path.read_bytes() + damage)
    assert states(results)["steer"].step == 2


def test_a_pause_of_no_length_is_refused(results, capsys):
    assert main(["watch", str(results), "--every", "-1"]) == 2
    assert "--every is -1; give a number of seconds above 0" in capsys.readouterr().err


def test_kept_results_without_runs_are_named_as_such(tmp_path, capsys):
    (tmp_path / "tables").mkdir()
    (tmp_path / "config.yaml").write_text("name: kept")
    assert main(["watch", str(tmp_path)]) == 2 and "steer compare" in capsys.readouterr().err


def test_old_tables_do_not_hide_a_run_under_way(results, capsys):
    shutil.rmtree(results / "runs")
    (results / "tables").mkdir(exist_ok=True)
    live(results, "steer", [line(1)])
    assert main(["watch", str(results), "--once"]) == 0 and "1/30" in capsys.readouterr().out


def test_our_longest_name_stays_on_one_line_of_80_columns():
    console = Console(width=80, file=io.StringIO())
    last = {"reward": -0.125, "accuracy": 0.125, "entropy": 0.125}
    name = "entropy_regularisation"
    console.print(_table(load_config("configs/tiny.yaml"), [Progress(name, 0, "evaluated", 66, 66, last, 12345.0)]))
    assert name in console.file.getvalue()
