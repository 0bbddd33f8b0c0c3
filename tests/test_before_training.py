"""What a run would learn after hours, said in one line before its first step or before anything loads."""

import os
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from training import TRAINING, trainer
from transformers import (
    Gemma3Config,
    MixtralConfig,
    Olmo2Config,
    Olmo3Config,
    Phi3Config,
    Qwen2Config,
    Qwen3MoeConfig,
    SmolLM3Config,
)

from steer import cli
from steer.configs.load import load_config
from steer.configs.schema import Rollout, Training
from steer.data.tasks import distinct_problems
from steer.engines.limits import check_carried
from steer.engines.open import for_training
from steer.engines.vllm_start import check_class
from steer.errors import UserError
from steer.io import write_jsonl
from steer.models.devices import Gpu
from steer.models.load import load_model, load_settings, save_model
from steer.plan import checks
from steer.plan.assumed import Assumptions
from steer.plan.facts import facts_of
from steer.train.room import bytes_to_write, check_disk, try_saving

PLACES = {"config": "config.yaml", "model": "base", "data": "train.jsonl", "out": "run"}


def test_a_model_of_several_parts_is_refused_before_it_loads(tmp_path):
    """Its weights are not even there."""
    Gemma3Config().save_pretrained(tmp_path)
    for load in (load_model, load_settings):
        with pytest.raises(UserError, match="a gemma3 model has parts beside its text decoder"):
            load(str(tmp_path))


@pytest.mark.parametrize("config", [Phi3Config(), MixtralConfig(), Qwen3MoeConfig()])
def test_vllm_is_refused_where_its_weights_could_not_be_checked(config):
    with pytest.raises(UserError, match=f"`rollout.engine`: base .{config.model_type}.* use `local`, or another model"):
        check_carried(config, Rollout(engine="vllm"), "base")
    check_carried(config, Rollout(), "base")
    check_carried(Qwen2Config(), Rollout(engine="vllm"), "base")


@pytest.mark.parametrize("kind", [Olmo2Config, Olmo3Config, SmolLM3Config])
def test_a_class_that_vllm_would_change_is_refused_before_anything_loads(kind, tokenizer, tmp_path, capsys):
    """The folder has no weights, and vLLM need not be installed. In other processes it may change what it likes."""
    tokenizer.save_pretrained(tmp_path / "base")
    kind(num_hidden_layers=2, hidden_size=64, num_attention_heads=4).save_pretrained(tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in distinct_problems("sums", "train", 0, 8)])
    tree = yaml.safe_load(Path("configs/tiny.yaml").read_text())
    tree |= {"model": {"path": str(tmp_path / "base")}, "rollout": {"engine": "vllm"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    where = [f"--{name}={tmp_path}/{place}" for name, place in PLACES.items()]
    file = str(tmp_path / "config.yaml")
    for command in (["train", "--run", "grpo", "--seed", "0", *where], ["plan", "--config", file], ["dry", file]):
        assert cli.main(command) == 2, command
        error = capsys.readouterr().err
        assert f"({kind.model_type}) with transformers' class and changes it" in error.splitlines()[-1], command
        assert "Traceback" not in error
    check_carried(kind(), Rollout(engine="vllm", placement="own"), "base")
    check_carried(kind(), Rollout(), "base")


def test_vllm_is_refused_in_the_trainers_process_for_every_class_that_is_not_its_own(monkeypatch):
    """With vLLM's list of classes, in which transformers' have a module of that name."""
    own, borrowed = (SimpleNamespace(module_name=f"vllm.models.{name}") for name in ("qwen2", "transformers"))
    models = {"Qwen2ForCausalLM": own, "Olmo2ForCausalLM": borrowed, "MineForCausalLM": SimpleNamespace()}
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(ModelRegistry=SimpleNamespace(models=models)))
    for name in ("Olmo2ForCausalLM", "UnknownForCausalLM"):
        with pytest.raises(UserError, match=f"vLLM serves {name} with transformers' class and changes it"):
            check_class(SimpleNamespace(architectures=[name]))
    for names in (["Qwen2ForCausalLM"], ["MineForCausalLM"], None):
        check_class(SimpleNamespace(architectures=names))


@pytest.mark.parametrize(
    ("devices", "said"),
    [(None, "name the GPUs that `placement: own` is to use"), ([4, 5, 5], "2 devices are too few"), ([4, 5, 6], None)],
)
def test_gpus_that_vllm_lacks_are_said_before_the_model_loads(devices, said, monkeypatch):
    """By the plan and by the command; without a GPU vLLM needs none."""
    rollout = Rollout(engine="vllm", placement="own", devices=devices)
    training = Training(steps=1, prompts=3, updates=1, processes=3)
    changes = {"training.processes": 3, "rollout": rollout.model_dump(), "hardware.gpus": 8}
    config = load_config("configs/paper/math_7b.yaml", changes)
    found = [line for line in checks.problems(config, facts_of(config), Assumptions()) if "`rollout.devices`" in line]
    assert bool(found) == bool(said)
    monkeypatch.setattr("steer.engines.open.installed_gpus", lambda: [Gpu(0, "GPU-a", 80_000)])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(UserError, match=said) if said else nullcontext():
        for_training(rollout, "base", None, training)
    # Three on each of two machines.
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    whole = training.model_copy(update={"processes": 6})
    with pytest.raises(UserError, match=said) if said else nullcontext():
        for_training(rollout, "base", None, whole)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for_training(rollout, "base", None, whole)


def test_a_disk_that_is_too_small_ends_a_run_before_its_first_step(model, tokenizer, problems, tmp_path, monkeypatch):
    run = trainer(model, tokenizer, problems, tmp_path / "kept", training=TRAINING.model_copy(update={"steps": 9}))
    run.keep_steps = (1, 2)
    count = sum(p.numel() for p in model.parameters())
    # Three models in fp32; checkpoints of weights and two moments: those kept, the best, one being written.
    needed = 3 * 4 * count + (TRAINING.checkpoints_kept + 2) * 12 * count
    assert sum(bytes_to_write(run)) == needed
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=needed - 1))
    with pytest.raises(UserError, match=r"GB of models and checkpoints below .* are free; free space"):
        check_disk(tmp_path / "not/yet/there", run)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=needed))
    check_disk(tmp_path / "not/yet/there", run)


def test_a_run_that_goes_on_does_not_ask_for_the_room_again(model, tokenizer, problems, tmp_path, monkeypatch):
    run = trainer(model, tokenizer, problems, tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    run.checkpoints = SimpleNamespace(any=lambda: True)
    check_disk(tmp_path, run)


def test_a_run_that_writes_no_checkpoint_needs_room_for_none(model, tokenizer, problems, tmp_path):
    training = TRAINING.model_copy(update={"steps": 5, "checkpoint_every": 5, "final_model": "last"})
    run = trainer(model, tokenizer, problems, tmp_path, training=training)
    assert bytes_to_write(run) == (4 * sum(p.numel() for p in model.parameters()), 0, 0)


def test_kept_models_need_room_on_both_disks_where_the_results_are_on_another(
    model, tokenizer, problems, tmp_path, monkeypatch
):
    run = trainer(model, tokenizer, problems, tmp_path / "scratch")
    run.keep_steps = (1, 2)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(os, "stat", lambda path: SimpleNamespace(st_dev=Path(path).name == "results"))
    monkeypatch.setattr(Path, "is_dir", lambda path: path.name in ("results", tmp_path.name))
    size = 4 * sum(p.numel() for p in model.parameters())
    for free, fits in ((3 * size, True), (3 * size - 1, False)):
        room = {"results": free, tmp_path.name: 10**9}
        monkeypatch.setattr(shutil, "disk_usage", lambda path, room=room: SimpleNamespace(free=room[path.name]))
        with nullcontext() if fits else pytest.raises(UserError, match=r"below .*results, where"):
            check_disk(tmp_path / "results/run", run)


def test_saving_is_tried_before_the_first_step_and_leaves_nothing(model, tokenizer, problems, tmp_path):
    """With the function that saves at the end: what it cannot write ends the run in one line."""
    run, out, seen = trainer(model, tokenizer, problems, tmp_path / "kept"), tmp_path / "run", []

    def save(folder):
        save_model(run.model, tokenizer, folder)
        seen.append((folder / "model.safetensors").is_file())

    def fails(folder):
        save(folder)
        raise RuntimeError("tensors share memory\nand more")

    try_saving(out, run, save)
    with pytest.raises(UserError, match=r"could not be saved: tensors share memory; saving .* before the first step"):
        try_saving(out, run, fails)
    assert seen == [True, True]
    assert not out.exists()
    out.mkdir()
    (out / "metrics.jsonl").write_text("of an earlier run")
    try_saving(out, run, save)
    assert [path.name for path in out.iterdir()] == ["metrics.jsonl"]
    run.checkpoints = SimpleNamespace(any=lambda: True)
    try_saving(out, run, fails)


def test_a_model_that_cannot_be_saved_ends_the_command_before_it_samples(
    model, tokenizer, tmp_path, capsys, monkeypatch
):
    """A model whose settings are whole to read and not to write, through the command."""
    save_model(model, tokenizer, tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in distinct_problems("sums", "train", 0, 8)])
    tree = yaml.safe_load(Path("configs/tiny.yaml").read_text())
    tree["training"] |= TRAINING.model_dump(exclude_defaults=True)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))

    def fails(*given, **named):
        raise ValueError("these settings cannot be written")

    monkeypatch.setattr(type(model), "save_pretrained", fails)
    where = [f"--{name}={tmp_path}/{place}" for name, place in PLACES.items()]
    assert cli.main(["train", "--run", "grpo", "--seed", "0", *where]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert "could not be saved: these settings cannot be written" in error[-1]
    assert not list(tmp_path.glob("run.checkpoints/*/metrics.jsonl")), "no step was begun"
