"""`steer import`: what is refused, and the formats that are files of their own."""

import gzip
import json
import re
from pathlib import Path

import pytest
import yaml
from outside_logs import console, event_files, rows, verl_line

from steer.cli import main
from steer.outside import events
from steer.outside.names import OURS


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", [], "no metrics"),
        ("nothing\nof interest\n", [], "unknown format"),
        ("nothing\nof interest\n", ["--format", "verl"], "no metrics of verl"),
        (console(1), ["--format", "tensorboard"], "not of the format tensorboard"),
        (console(1), ["--format", "jsonl"], "not of the format jsonl"),
        ('{"step": 1, "loss": 0.1}\nbroken\n{"step": 2, "loss": 0.1}\n', [], "line 2: not JSON"),
        ("Name,State,loss\na,finished,0.1\n", [], "no history"),
        ("loss,reward\n0.1,0.2\n", ["--format", "wandb"], "not of the format"),
        ("run,step,loss\na,1,0.1\nb,1,0.2\n", [], "two runs"),
    ],
)
def test_what_is_refused(refused, text, options, said):
    assert said in refused(text, *options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--map", "nope=reward"], "no key"),
        (["--map", "actor/lr=nope"], "no metric"),
        (["--map", "x"], "THEIRS=OURS"),
        (["--map", "actor/lr=lr", "actor/loss=lr"], "`lr` is mapped twice"),
        (["--map", "actor/lr=lr", "--map", "actor/lr=loss"], "`actor/lr` is mapped twice"),
        (["--seed", "-3"], "whole numbers from 0"),
    ],
)
def test_a_bad_map_or_seed(tmp_path, capsys, options, said):
    (tmp_path / "a.log").write_text(verl_line(1, {"actor/lr": 0.5, "perf/throughput": 1.5}))
    assert main(["import", str(tmp_path / "a.log"), "--out", str(tmp_path / "run"), *options]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_the_working_directory_is_no_run_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.log").write_text(console(1))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["import", str(tmp_path / "a.log"), "--out", "."]) == 2
    assert "such as mine" in capsys.readouterr().err


def test_our_metrics_inside_trl_come_first(imported):
    entry = {
        "loss": 0.5,
        "grad_norm": 0.1,
        "reward": 1.0,
        "reward_std": 0.5,
        "steer/loss": 0.25,
        "steer/weight_min": 0.7,
    }
    state = json.dumps({"log_history": [{**entry, "step": 1}]})
    (row,), _, _ = imported(state, name="trainer_state.json")
    assert (row["loss"], row["weight_min"], row["reward"], row["other/loss"]) == (0.25, 0.7, 1.0, 0.5)


def test_no_folder_of_anything_else_is_replaced(tmp_path, capsys):
    (tmp_path / "a.log").write_text(console(1))
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.tex").write_text("x")
    assert main(["import", str(tmp_path / "a.log"), "--out", str(tmp_path / "run")]) == 2
    assert "thesis.tex" in capsys.readouterr().err and (tmp_path / "run/thesis.tex").exists()


@pytest.mark.parametrize("text", ["run,seed,step,loss\na,4,1,0.5\n", "seed,step,metric,value\n4,1,loss,0.5\n"])
def test_a_table_names_its_seed(imported, tmp_path, text):
    metrics, _, _ = imported(text)
    assert metrics == [{"step": 1, "loss": 0.5}]
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["seed"] == 4


def test_a_folder_of_a_seed_names_the_run_by_its_parent(tmp_path):
    (tmp_path / "a.log").write_text(console(1))
    assert main(["import", str(tmp_path / "a.log"), "--out", str(tmp_path / "grpo/seed3")]) == 0
    said = yaml.safe_load((tmp_path / "grpo/seed3/config.yaml").read_text())
    assert (said["run"], said["label"], said["seed"]) == ("grpo", "grpo", 3)


def test_event_files_with_a_cut_record_and_a_resume(imported, tmp_path):
    folder = tmp_path / "tb"
    event_files(rows(1, 2, 3), folder)
    (first,) = events.files(folder)
    first.rename(folder / "events.out.tfevents.100.host.1.0")
    event_files([{**row, "entropy": 0.125} for row in rows(3, 4)], folder)
    metrics, _, about = imported(None, name="tb")
    assert [row["entropy"] for row in metrics] == [0.49, 0.48, 0.125, 0.125], "not 0.49000000953674316"
    assert about["steps_replaced"] == 1 and len(about["sha256"]) == 2
    last = events.files(folder)[-1]
    last.write_bytes(last.read_bytes()[:-5])
    metrics, _, about = imported(None, name="tb")
    assert any("cut" in note for note in about["notes"]) and len(metrics) == 4


def test_wandb_rows_of_one_step_belong_together(imported):
    text = "_step,_runtime,loss,grad_norm,completions/mean_length\n1,10,0.5,,\n1,11,,0.25,30\n2,20,0.25,0.5,NaN\n"
    metrics, _, about = imported(text, name="history.csv")
    assert metrics[0]["loss"] == 0.5 and metrics[0]["gradient_norm"] == 0.25 and metrics[1]["response_length"] is None
    assert about["format"] == "wandb" and about["steps_replaced"] == 0


def test_a_summary_is_one_point(imported):
    text = json.dumps({"_step": 7, "_runtime": 5, "_wandb": {"runtime": 5}, "train/loss": 0.5, "train/grad_norm": 0.25})
    metrics, _, about = imported(text, name="wandb-summary.json")
    assert metrics == [{"step": 7, "loss": 0.5, "gradient_norm": 0.25}] and "one point" in about["notes"][0]


def test_trl_null_nan_and_what_a_step_is(imported):
    history = [{"loss": 0.5, "entropy": None, "grad_norm": float("nan"), "reward_std": 0.1, "step": 1, "epoch": 0.1}]
    history += [{"eval_reward": 0.25, "step": 1}, {"train_runtime": 3.0, "train_loss": 0.5, "step": 1}]
    metrics, validations, about = imported(
        json.dumps({"max_steps": 4, "log_history": history}), name="trainer_state.json"
    )
    assert metrics[0]["entropy"] is None and metrics[0]["gradient_norm"] is None and metrics[0]["loss"] == 0.5
    assert about["step_counts"] == "optimizer updates" and "unfinished: 1 of 4 steps" in about["notes"]
    assert validations[0]["step"] == 1 and validations[0]["mean"] == 0.25


def test_nothing_of_a_log_is_evaluated(imported, tmp_path):
    mark = tmp_path / "evaluated"
    hostile = f"{{'loss': __import__('pathlib').Path({str(mark)!r}).touch(), 'reward_std': 1}}\n"
    deep = "{'loss': " + "[" * 5000 + "\n"
    metrics, _, _ = imported(hostile + deep + "{'loss': 0.5, 'reward_std': '0.25', 'epoch': 0.1}\n")
    assert len(metrics) == 1 and metrics[0]["other/reward_std"] == 0.25 and not mark.exists()


def test_our_names_are_those_of_the_documentation():
    text = (Path(__file__).parents[1] / "docs/metrics.md").read_text()
    named = {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z0-9_]+)`", line.split("|")[1])
    }
    assert named - {"step"} == OURS


def test_a_folder_of_trl_is_read_from_its_state_not_from_float32(imported, tmp_path):
    event_files(rows(1, 2), tmp_path / "out/runs")
    history = [{"loss": 0.1, "reward_std": 0.3, "step": 1}, {"train_runtime": 3.0, "train_loss": 0.1, "step": 2}]
    (tmp_path / "out/trainer_state.json").write_text(json.dumps({"log_history": history}))
    metrics, _, about = imported(None, name="out")
    assert about["format"] == "trl" and metrics == [{"step": 1, "loss": 0.1, "other/reward_std": 0.3}]


def test_the_console_of_trl_resumes_where_its_epoch_falls(imported, refused):
    def entry(loss, epoch):
        return f"{{'loss': '{loss}', 'reward_std': '0.5', 'epoch': '{epoch}'}}\n"

    first = "".join(entry(place, place / 4) for place in range(1, 5))
    assert "two runs in one file" in refused(first + entry(5, 0.25))
    metrics, _, about = imported(first + entry(7, 0.75) + entry(8, 1.0))
    assert [row["loss"] for row in metrics] == [1, 2, 7, 8] and about["steps_replaced"] == 2
    ended = "{'train_runtime': '3.1', 'train_loss': '0.5', 'epoch': '1'}\n"
    metrics, _, about = imported(first + ended + entry(7, 1.0) + entry(8, 1.25))
    assert [row["loss"] for row in metrics] == [1, 2, 3, 7, 8] and about["steps_replaced"] == 1
    assert len(imported(first + entry(9, 1.0))[0]) == 5, "an epoch in few digits stands still within a session"


@pytest.mark.parametrize(
    ("text", "folder", "options", "seed"),
    [
        ("verl", "runs/grpo/seed1", [], 1),
        ("verl", "runs/grpo", [], 42),
        ("verl", "runs/grpo/seed1", ["--seed", "7"], 7),
        ("seed,step,loss\n4.0,1,0.5\n", "run", [], 4),
        ("seed,step,loss\n4.5,1,0.5\n", "run", [], 0),
        ("seed,step,metric,value\n,1,loss,0.5\n4.0,2,loss,0.5\n", "run", [], 4),
        ("seed,step,loss\n4,1,0.5\n", "seed2", [], 2),
    ],
)
def test_the_option_names_the_seed_then_the_folder_then_the_log(tmp_path, text, folder, options, seed):
    """verl's `data.seed` is that of the data loader, and often the same in all runs."""
    started = "+ python3 -m verl.trainer.main_ppo data.seed=42\n" + console(1)
    (tmp_path / "a").write_text(started if text == "verl" else text)
    assert main(["import", str(tmp_path / "a"), "--out", str(tmp_path / folder), *options]) == 0
    assert yaml.safe_load((tmp_path / folder / "config.yaml").read_text())["seed"] == seed
    notes = json.loads((tmp_path / folder / "import.json").read_text())["notes"]
    assert any("the log's seed is" in note for note in notes) == (folder.endswith(("1", "2")) and not options)


def test_a_folder_with_gzipped_files(imported, tmp_path):
    event_files(rows(1, 2), tmp_path / "tb")
    (plain,) = events.files(tmp_path / "tb")
    plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    assert [row["entropy"] for row in imported(None, name="tb")[0]] == [0.49, 0.48]
    (tmp_path / "tb/metrics.jsonl.gz").write_bytes(gzip.compress(b'{"step": 1, "entropy": 0.25}\n'))
    assert imported(None, name="tb")[0] == [{"step": 1, "entropy": 0.25}]
