"""Runs that end before their time: killed at any moment, a damaged checkpoint, a full disk."""

import os
import pickle
import random
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from training import SMALL, TRAINING, ParityVerifier, comparable, in_child, status_of, stopped_after, trainer

from steer import cli
from steer.errors import UserError
from steer.io import read_jsonl, write_jsonl
from steer.methods import load_method
from steer.models.load import load_model, new_model, save_model
from steer.train import checkpoint
from steer.train.checkpoint import Checkpoints
from steer.train.checkpoint_files import Reader


@pytest.fixture(scope="module", autouse=True)
def verifier():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steer.train.loop.Verifier", ParityVerifier)
        yield


@pytest.fixture(scope="module")
def model(tokenizer):
    return new_model(SMALL, tokenizer, seed=0)


@pytest.mark.parametrize(
    "method, optimizer",
    [
        ("steer", "adamw"),
        ("adaptive_entropy", "adamw"),
        ("rlrt", "adamw"),
        pytest.param("steer", "sgd", marks=pytest.mark.slow),
        pytest.param("grpo_kl", "adamw", marks=pytest.mark.slow),
    ],
)
def test_a_run_stopped_and_continued_equals_one_that_was_not(model, tokenizer, problems, tmp_path, method, optimizer):
    def given():
        return {"method": load_method(method), "training": TRAINING.model_copy(update={"optimizer": optimizer})}

    whole = trainer(model, tokenizer, problems, tmp_path / "a", **given())
    whole.run()
    stopped_after(trainer(model, tokenizer, problems, tmp_path / "b", **given()), 3)
    resumed = trainer(model, tokenizer, problems, tmp_path / "b", **given())
    seen = []
    resumed.on_step = lambda metrics: seen.append(metrics["step"])
    resumed.run()
    assert seen == [3, 4], "step 3 ended before its checkpoint: it is done again"
    assert comparable(resumed.metrics) == comparable(whole.metrics)
    assert resumed.token_rows == whole.token_rows
    assert comparable(read_jsonl(resumed.checkpoints.live_metrics)) == comparable(whole.metrics)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("kills", "steps"), [(1, 5), pytest.param(4, 12, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_as_if_it_had_not_been(model, tokenizer, problems, tmp_path, kills, steps):
    training = TRAINING.model_copy(update={"steps": steps})

    def complete(folder):
        def work():
            run = trainer(model, tokenizer, problems, folder / "checkpoints", training=training)
            write_jsonl(folder / "metrics.jsonl", run.run())
            save_model(run.model, tokenizer, folder / "model")

        return work

    assert status_of(in_child(complete(tmp_path / "whole"))) == 0
    draw = random.Random(0)
    live = trainer(model, tokenizer, problems, tmp_path / "killed" / "checkpoints").checkpoints.live_metrics
    for _ in range(kills):
        child, wanted = in_child(complete(tmp_path / "killed")), steps_in(live) + draw.randint(1, 2)
        while steps_in(live) < wanted and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        assert status_of(child) == -signal.SIGKILL, "it was killed before its end"
    assert status_of(in_child(complete(tmp_path / "killed"))) == 0
    lines = [comparable(read_jsonl(tmp_path / name / "metrics.jsonl")) for name in ("whole", "killed")]
    assert lines[0] == lines[1]
    assert [line["step"] for line in lines[1]] == list(range(1, steps + 1))
    files = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "killed")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert load_model(str(tmp_path / "killed" / "model")).config.hidden_size == SMALL.hidden_size


def steps_in(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture(scope="module")
def stopped(model, tokenizer, problems, tmp_path_factory):
    """A run stopped in its fourth step, with the checkpoints of steps 2 and 3."""
    folder = tmp_path_factory.mktemp("stopped")
    stopped_after(trainer(model, tokenizer, problems, folder), 4)
    return Checkpoints(folder, "a")


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", ["__0_0.distcp", ".metadata", "state.json", "manifest.json"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(stopped, tmp_path, name, damage):
    shutil.copytree(stopped.parent, tmp_path, dirs_exist_ok=True)
    copy = Checkpoints(tmp_path, "a")
    assert copy.newest().name == "step-000003"
    damage(copy.newest() / name)
    with pytest.warns(UserWarning, match="step-000003 is not whole"):
        assert copy.newest().name == "step-000002"


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(model, tokenizer, problems, tmp_path):
    stopped_after(trainer(model, tokenizer, problems, tmp_path / "b"), 4)
    resumed = trainer(model, tokenizer, problems, tmp_path / "b")
    flip(resumed.checkpoints.newest() / "__0_0.distcp")
    seen = []
    resumed.on_step = lambda metrics: seen.append(metrics["step"])
    with pytest.warns(UserWarning, match="not whole"):
        resumed.run()
    whole = trainer(model, tokenizer, problems, tmp_path / "a")
    whole.run()
    assert seen == [3, 4]
    assert comparable(resumed.metrics) == comparable(whole.metrics)
    assert resumed.checkpoints.newest().name == "step-000003", "the damaged one was replaced"


def test_another_configuration_starts_afresh_and_changed_back_goes_on(stopped):
    with pytest.warns(UserWarning, match="another configuration"):
        assert Checkpoints(stopped.parent, "b").newest() is None
    assert stopped.newest().name == "step-000003"
    assert Checkpoints(stopped.parent / "absent", "a").newest() is None


def test_the_newest_and_the_best_are_kept(model, tmp_path):
    optimizer = torch.optim.AdamW(model.parameters())
    kept = Checkpoints(tmp_path, "a", keep=2)
    # What kills leave behind: a checkpoint half written, and a file.
    (kept.folder / ".step-000001.tmp").mkdir(parents=True)
    (kept.folder / ".metrics.jsonl.0000.tmp").touch()
    for step, score in enumerate([0.1, 0.9, 0.5, None, 0.9, 0.3, 0.2, 0.1], start=1):
        kept.save(step, model, optimizer, {}, score)
    assert sorted(path.name for path in kept.folder.glob("step-*")) == ["step-000005", "step-000007", "step-000008"]
    assert kept.best().name == "step-000005", "the newest of equals"
    assert not list(kept.folder.glob(".step*"))


def test_damaged_later_checkpoints_do_not_push_out_those_of_a_run_that_went_back(model, tmp_path):
    optimizer, kept = torch.optim.AdamW(model.parameters()), Checkpoints(tmp_path, "a", keep=2)
    for step in (1, 2, 3, 4):
        kept.save(step, model, optimizer, {}, score=float(step))
    for step in (3, 4):
        cut(kept.folder / f"step-{step:06d}" / "state.json")
    with pytest.warns(UserWarning, match="is not whole"):
        assert kept.newest() is None
    kept.save(1, model, optimizer, {}, score=1.0)
    assert kept.newest() == kept.folder / "step-000001"


def test_the_final_model_can_be_that_of_the_best_checkpoint(model, tokenizer, problems, tmp_path):
    changes = {"checkpoint_metric": "entropy", "final_model": "best", "checkpoints_kept": 10}
    run = trainer(model, tokenizer, problems, tmp_path, training=TRAINING.model_copy(update=changes))
    metrics = run.run()
    best = max(metrics, key=lambda line: line["entropy"])["step"]
    assert best < TRAINING.steps, "the last step would prove nothing"
    other = new_model(SMALL, tokenizer, seed=1)
    path = run.checkpoints.folder / f"step-{best:06d}"
    checkpoint.load(path, other, torch.optim.AdamW(other.parameters()))
    for a, b in zip(run.model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_metric_that_does_not_exist_is_said_at_the_first_checkpoint(model, tokenizer, problems, tmp_path):
    training = TRAINING.model_copy(update={"checkpoint_metric": "acuracy"})
    with pytest.raises(UserError, match=r"training\.checkpoint_metric.*did you mean 'accuracy'"):
        trainer(model, tokenizer, problems, tmp_path, training=training).run()


def test_an_index_that_is_more_than_an_index_is_not_unpickled(tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, ("true",)

    (tmp_path / ".metadata").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(pickle.UnpicklingError, match="has no place there"):
        Reader(tmp_path).read_metadata()


def test_a_full_disk_ends_the_run_with_one_line_and_leaves_the_last_checkpoint(model, tokenizer, problems, tmp_path):
    """The limit on a file's size stands for the disk: the same call fails, with another reason."""

    def fill():
        run = trainer(model, tokenizer, problems, tmp_path / "checkpoints")

        def limit(metrics):
            if metrics["step"] == 3:
                resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

        run.on_step = limit
        try:
            run.run()
        except UserError as error:
            (tmp_path / "said").write_text(str(error))
            return 2

    assert status_of(in_child(fill)) == 2
    said = (tmp_path / "said").read_text()
    assert "step-000003: checkpoint of step 3 could not be written: File too large" in said
    assert said.endswith("free space and start again: it goes on from step 2")
    assert "\n" not in said
    resumed = trainer(model, tokenizer, problems, tmp_path / "checkpoints")
    assert not list(resumed.checkpoints.folder.glob(".*")), "what was half written does not fill the disk"
    resumed.run()
    whole = trainer(model, tokenizer, problems, tmp_path / "whole")
    assert comparable(whole.run()) == comparable(resumed.metrics)


@pytest.mark.parametrize(
    ("every", "tried", "left"),
    [
        (10, True, True),
        pytest.param(1, False, True, marks=pytest.mark.slow),
        pytest.param(10, False, False, marks=pytest.mark.slow),
    ],
)
def test_the_command_says_in_one_line_that_the_disk_is_full(
    model, tokenizer, problems, tmp_path, monkeypatch, every, tried, left
):
    """Before the first step, at a checkpoint, or at the final model."""
    if not tried:
        monkeypatch.setattr("steer.train.run.try_saving", lambda *given: None)
    save_model(model, tokenizer, tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in problems])
    tree = yaml.safe_load(Path("configs/tiny.yaml").read_text())
    tree["training"] |= {**TRAINING.model_dump(), "checkpoint_every": every}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    arguments = ["--config", "config.yaml", "--data", "train.jsonl", "--model", "base", "--out", "run"]
    arguments = [a if a.startswith("--") else str(tmp_path / a) for a in arguments]
    # Of an earlier run into the same folder: once its model may be replaced, they would say that this one is finished.
    write_jsonl(tmp_path / "run" / "metrics.jsonl", [{"step": 1}])

    def fill():
        sys.stderr = (tmp_path / "stderr").open("w")
        # Enough for the lines of metrics, not for the model.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        return cli.main(["train", "--run", "steer", "--seed", "3", *arguments])

    assert status_of(in_child(fill)) == 2
    lines = [line for line in (tmp_path / "stderr").read_text().splitlines() if line.startswith("steer train: ")]
    assert len(lines) == 1
    assert "could not be written: File too large; free space" in lines[0]
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    assert (tmp_path / "run" / "metrics.jsonl").exists() == left
