"""What outlives what: two processes of one run, a power failure, a run killed while it clears up."""

import argparse
import copy
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from training import SMALL, TRAINING, in_child, status_of, together

from steer import cli
from steer.configs.schema import Rollout
from steer.data.tasks import distinct_problems
from steer.errors import UserError
from steer.io import write_jsonl
from steer.models.load import new_model, save_model
from steer.models.tokenizer import character_tokenizer
from steer.train import checkpoint, parallel, run
from steer.train.checkpoint import Checkpoints
from steer.train.parallel import is_main
from steer.train.settings import run_fingerprint
from steer.train.sharding import shard


@pytest.fixture(scope="module")
def model():
    return new_model(SMALL, character_tokenizer(), seed=0)


def test_a_second_process_of_the_same_run_is_refused_and_a_killed_one_leaves_no_lock(tmp_path):
    def hold():
        with Checkpoints(tmp_path, "a").alone():
            # A process that this one starts, a verifier say, lives on.
            if os.fork() == 0:
                os.execv("/bin/sleep", ["sleep", "5"])
            (tmp_path / "held").touch()
            os.kill(os.getpid(), 19)

    child = in_child(hold)
    os.waitpid(child, os.WUNTRACED)
    assert (tmp_path / "held").exists()
    # Of another configuration it would remove this one's checkpoints at its end.
    for other in ("a", "another"):
        with pytest.raises(UserError, match="another process is training this") as error, alone(tmp_path, other):
            pass
        assert "\n" not in str(error.value)
    os.kill(child, 9)
    assert status_of(child) == -9
    with alone(tmp_path, "a"):
        pass


def alone(folder, fingerprint):
    return Checkpoints(folder, fingerprint).alone()


def test_a_checkpoint_lists_files_that_one_machine_does_not_see_yet(model, tmp_path, monkeypatch):
    """A shared disk's folder as the second process has it in its cache: without what the first has written."""
    listed = Path.iterdir

    def work():
        parallel.start(torch.device("cpu"))
        own = shard(copy.deepcopy(model), "fp32", torch.device("cpu"))
        optimizer = torch.optim.AdamW(own.parameters(), lr=1e-3, fused=True)
        if not is_main():
            hidden = ("__0_", ".metadata", "state")
            monkeypatch.setattr(Path, "iterdir", lambda p: (f for f in listed(p) if not f.name.startswith(hidden)))
        Checkpoints(tmp_path, "a").save(1, own, optimizer, {"step": 1})

    assert together(2, work) == [0, 0]
    folder = Checkpoints(tmp_path, "a").newest()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["content"]["files"]) == {"__0_0.distcp", "__1_0.distcp", ".metadata", "state.json"}


def test_a_model_of_the_hub_counts_with_its_revision(tmp_path):
    """Of a folder its files count; a name on the hub has none here."""
    (tmp_path / "train.jsonl").touch()
    settings = {"training": TRAINING.model_dump(), "rollout": {}, "reward": {}}

    def mark(model, revision):
        args = argparse.Namespace(threads=1, data=str(tmp_path / "train.jsonl"), model=model)
        return run_fingerprint(settings, args, revision)

    assert len({mark("a/b", None), mark("a/b", "1"), mark("a/b", "2"), mark("a/c", "1")}) == 4
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert mark(str(tmp_path / "one"), None) == mark(str(tmp_path / "two"), None)
    for name in ("pytorch_model.bin", "tokenizer_config.json"):
        (tmp_path / "two" / name).write_text("{}")
        one = mark(str(tmp_path / "two"), None)
        (tmp_path / "two" / name).write_text('{"other": 1}')
        assert mark(str(tmp_path / "two"), None) != one, name
    two = mark(str(tmp_path / "two"), None)
    # Settings of generation that could not be saved are mended without losing the run's checkpoints.
    for name in ("warm_start.json", "generation_config.json", "README.md", ".gitattributes", "LICENSE"):
        (tmp_path / "two" / name).write_text("{}")
    assert mark(str(tmp_path / "two"), None) == two


def test_guards_and_the_engines_room_may_change_where_a_run_goes_on(tmp_path):
    """What a message asks for after the engine's memory was too small must not cost the steps before."""
    (tmp_path / "train.jsonl").touch()
    args = argparse.Namespace(threads=1, data=str(tmp_path / "train.jsonl"), model="a/b")

    def mark(rollout, **training):
        settings = {"training": TRAINING.model_copy(update=training).model_dump(), "reward": {}}
        return run_fingerprint({**settings, "rollout": Rollout.model_validate(rollout).model_dump()}, args, None)

    vllm = {"engine": "vllm"}
    for room in ({"gpu_memory_utilization": 0.4}, {"kv_cache_gib": 2.0}, {"placement": "own", "devices": [7]}):
        same = {key: value for key, value in room.items() if key == "placement"}
        assert mark({**vllm, **room}) == mark({**vllm, **same}), room
    assert mark({**vllm, "dtype": "float32"}) != mark(vllm)
    assert mark(vllm, skipped_limit=9, mismatch_limit=0.3, collective_minutes=5) == mark(vllm)
    assert mark(vllm, lr=1e-5) != mark(vllm)


def test_mended_generation_settings_keep_a_run_and_other_end_tokens_do_not(model, tokenizer, tmp_path):
    """By command, over one folder of a base model: how many sets of checkpoints there are afterwards."""
    save_model(model, tokenizer, tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in distinct_problems("sums", "train", 0, 8)])
    where = ["--model", str(tmp_path / "base"), "--data", str(tmp_path / "train.jsonl"), "--out", str(tmp_path / "run")]
    lengths = ["--set", "training.max_prompt_tokens=32", "--set", "training.max_response_tokens=6"]
    args = ["train", "--config", "configs/tiny.yaml", "--run", "grpo", "--seed", "0", *where, *lengths]
    marks = []
    for settings in ({"temperature": 0.6, "do_sample": True}, {"top_p": 0.9, "do_sample": True}, {"eos_token_id": 7}):
        (tmp_path / "base/generation_config.json").write_text(json.dumps({"eos_token_id": 1, **settings}))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(run, "train_and_save", lambda a, t, *rest: marks.append(t.checkpoints.fingerprint))
            assert cli.main(args) == 0
    assert marks[0] == marks[1] != marks[2]


def test_older_checkpoints_go_when_the_name_of_the_newest_is_on_the_disk(model, tmp_path, monkeypatch):
    optimizer, kept = torch.optim.AdamW(model.parameters()), Checkpoints(tmp_path, "a", keep=1)
    kept.save(1, model, optimizer, {})
    seen = []

    def synchronise(path):
        seen.append((path.name, sorted(p.name for p in kept.folder.glob("*step-*"))))

    monkeypatch.setattr(checkpoint, "synchronise", synchronise)
    kept.save(2, model, optimizer, {})
    assert seen == [
        (".step-000002.tmp", [".step-000002.tmp", "step-000001"]),
        (kept.folder.name, ["step-000001", "step-000002"]),
    ]
    assert [path.name for path in kept.folder.glob("step-*")] == ["step-000002"]


def test_a_run_killed_while_it_clears_up_keeps_the_models_that_its_checkpoints_need(model, tmp_path, monkeypatch):
    kept = Checkpoints(tmp_path / "run", "a")
    for step in (1, 2):
        kept.save(step, model, torch.optim.AdamW(model.parameters()), {})
    (kept.folder / "models" / "step1").mkdir(parents=True)
    remove, gone = shutil.rmtree, []

    def killed(path, **options):
        gone.append(path.name)
        if path == kept.parent:
            raise KeyboardInterrupt
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.clear()
    assert gone == ["step-000002", "step-000001", "run"]
    assert (kept.folder / "models" / "step1").is_dir()
