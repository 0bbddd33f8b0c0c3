"""`steer train` with `engine: verl` on this machine: three real steps of verl, a killed run that goes on, the run
folder, and what `steer import` makes of each of verl's own loggers.

verl's own trainer, workers (FSDP2 over gloo, two processes), transfer queue, reward loop, checkpoints and merger run as
they are; `cpu_verl` has the platform and the rollout engine that verl lacks for the CPU.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from steer.cli import main
from steer.configs.schema import Architecture
from steer.io import read_jsonl
from steer.models.load import load_model, load_tokenizer, new_model, save_model
from steer.models.tokenizer import character_tokenizer

ROOT = Path(__file__).parents[2]
OVERRIDES = {
    "trainer.device": "cpu",
    "actor_rollout_ref.rollout.name": "cpu",
    "actor_rollout_ref.rollout.agent.num_workers": 1,
    "actor_rollout_ref.model.use_remove_padding": False,  # needs flash attention
    "+actor_rollout_ref.model.override_config.attn_implementation": "sdpa",
    "actor_rollout_ref.actor.fsdp_config.use_torch_compile": False,
    "data.dataloader_num_workers": 0,
    "transfer_queue.backend.SimpleStorage.num_data_storage_units": 1,
    "ray_kwargs.ray_init.num_cpus": 32,  # Ray's count, of which most of verl's actors ask for one
    "+ray_kwargs.ray_init.num_gpus": 2,
    "+ray_kwargs.ray_init.include_dashboard": False,
    "+ray_kwargs.ray_init.object_store_memory": 200_000_000,
}
LOGGED = {"trainer.logger": ["console", "file", "tensorboard"]}


def base_model(folder: Path) -> None:
    """Random and tiny, with the tokenizer of the warm-started models, which verl's own agent loop refuses."""
    tokenizer = character_tokenizer()
    architecture = Architecture(hidden_size=64, layers=2, intermediate_size=128, max_positions=512)
    save_model(new_model(architecture, tokenizer, 0), tokenizer, folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """(folder, the run that was killed after its first step, the same command again)."""
    folder = tmp_path_factory.mktemp("verl")
    base_model(folder / "base")
    settings = {
        "extends": str(ROOT / "configs/nano.yaml"),
        "engine": "verl",
        "training": {"steps": 3, "checkpoint_every": 1, "max_response_tokens": 24, "correction_cap": 2.0},
        # A random model answers nothing right; a coin gives it something to learn. The verifiers run all the same.
        "reward": {"kind": "random", "verifier_workers": 1},
        "methods": {"steer": None},
        "verl": {"gpus_per_node": 2, "reward_workers": 1, "overrides": OVERRIDES | LOGGED},
    }
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings))
    assert main(["data", "--config", str(config), "--out", str(folder / "data")]) == 0
    arguments = ["--config", config, "--run", "steer", "--seed", "0", "--model", folder / "base"]
    arguments += ["--data", folder / "data/train.jsonl", "--out", folder / "run", "--checkpoints", folder / "kept"]
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests/verl")])
    here = {"PYTHONPATH": path, "VERL_USE_EXTERNAL_MODULES": "cpu_verl", "CPU_VERL_DIE_ONCE": str(folder / "died")}
    # A busy machine is slow to start Ray.
    quiet = {
        "RAY_agent_register_timeout_ms": "120000",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "OMP_NUM_THREADS": "1",
    }
    line = [sys.executable, "-m", "steer.cli", "train", *map(str, arguments)]
    logs = {"VERL_FILE_LOGGER_PATH": str(folder / "verl.jsonl"), "TENSORBOARD_DIR": str(folder / "board")}
    environment = {**os.environ, **here, **quiet, **logs, "WANDB_MODE": "disabled", "TOKENIZERS_PARALLELISM": "false"}
    results = [subprocess.run(line, env=environment, capture_output=True, text=True, timeout=900) for _ in range(2)]
    (folder / "console.log").write_text(results[1].stdout)
    return folder, *results


def test_a_killed_run_says_so_and_goes_on_from_its_checkpoint(runs):
    _, killed, again = runs
    assert killed.returncode == 2
    last = killed.stderr.strip().splitlines()[-1]
    assert last.startswith("steer train: verl ended with status 1;")
    assert "goes on from its last checkpoint" in last
    assert again.returncode == 0, again.stderr[-3000:]
    assert "setting global step to 1" in again.stdout + again.stderr


def test_the_metrics_are_those_of_our_own_trainer(runs):
    folder = runs[0]
    rows = read_jsonl(folder / "run/metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3]
    for row in rows:
        numbers = {name: value for name, value in row.items() if value is not None}
        assert all(math.isfinite(value) for value in numbers.values()), numbers
        assert row["gradient_norm"] > 0
        assert row["unverifiable"] == 0
        assert row["lr"] == 2.5e-4
        # λ is 1 only where the estimate is 0, which a small batch need not have.
        assert 0.7 - 1e-6 <= row["weight_min"] < 0.98 < row["weight_max"] <= 1.0
        assert row["entropy"] == pytest.approx(-row["logprob"], rel=0.1)
        assert (
            sum(row[f"quadrant_share/{q}"] for q in ("exploitation", "exploration", "release", "pruning")) > 0.2
        )  # 0 in a group of one reward
        # The rollout engine serves the weights that the trainer has, after the first step and after the resume.
        assert row["rollout_mismatch_max"] < 1e-3
        assert row["correction_mean"] == pytest.approx(1.0, abs=1e-3)
    # The first of two updates is on-policy, the second is not.
    assert rows[0]["ratio_p50"] == pytest.approx(1.0, abs=1e-3)
    assert rows[0]["ratio_max"] > 1.0
    documented = (ROOT / "docs/metrics.md").read_text()
    unknown = [name for name in rows[0] if name.split("/")[0].rsplit("_", 1)[0] not in documented]
    assert unknown == []


def test_the_run_folder_is_whole(runs):
    folder = runs[0]
    tokenizer, trained = load_tokenizer(str(folder / "run/model")), load_model(str(folder / "run/model"))
    base = load_model(str(folder / "base"))
    assert len(tokenizer) == base.config.vocab_size
    moved = [(a - b).abs().max().item() for a, b in zip(trained.parameters(), base.parameters(), strict=True)]
    # Six updates of AdamW, of 2.5e-4 each and a little, and the rounding to bf16 by verl's merger.
    assert 1e-4 < max(moved) < 2.1e-3
    record = yaml.safe_load((folder / "run/config.yaml").read_text())
    assert record["versions"]["verl"] == "0.9.1"
    assert record["slots"]["weight"]["name"] == "steer"
    assert json.dumps(record["command"]).count("trainer_mode=steer") == 1
    assert not (folder / "kept").exists()


def imported(folder: Path, log: str) -> tuple[list[dict], dict]:
    out = folder / "imported" / log
    assert main(["import", str(folder / log), "--out", str(out)]) == 0
    return read_jsonl(out / "metrics.jsonl"), json.loads((out / "import.json").read_text())


@pytest.mark.parametrize("log", ["verl.jsonl", "board"])
def test_two_of_verls_loggers_agree(runs, log):
    """The console prints what the file has; event files have float32. The first process died before it logged a step,
    and the second emptied its file."""
    printed, about = imported(runs[0], "console.log")
    rows, found = imported(runs[0], log)
    assert about["trainer"] == found["trainer"] == "verl"
    assert [row["step"] for row in printed] == [row["step"] for row in rows] == [2, 3]
    assert about["keys_mapped"] == found["keys_mapped"] and "critic/score/mean" in about["keys_left"]
    for expected, row in zip(printed, rows, strict=True):
        for name, value in expected.items():
            assert row[name] == (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), name


def test_an_import_has_what_our_trainer_wrote_inside_verl(runs):
    """All of our metrics, except seconds: verl's clock counts what ours leaves out."""
    own = {row["step"]: row for row in read_jsonl(runs[0] / "run/metrics.jsonl")}
    for row in imported(runs[0], "verl.jsonl")[0]:
        for name, value in own[row["step"]].items():
            if isinstance(value, int | float) and not name.startswith("seconds"):
                assert row[name] == pytest.approx(value, rel=1e-6), name
