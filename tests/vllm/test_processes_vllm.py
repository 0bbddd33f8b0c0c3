"""Two training processes with a vLLM in each, as users start them; one of them dies, and the same command goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from steer.configs.schema import Architecture
from steer.data.tasks import distinct_problems
from steer.engines.weights import combine, tensor_sums, trainer_weights
from steer.io import read_jsonl, write_jsonl
from steer.models.load import load_model, new_model, save_model
from steer.models.tokenizer import character_tokenizer

pytestmark = pytest.mark.vllm

SMALL = Architecture(hidden_size=64, layers=1, heads=2, kv_heads=2, intermediate_size=32, max_positions=128)
# The second process has no signal: its rewards are all equal. It is killed once, when there is a checkpoint.
REWARD = """
import multiprocessing, os, signal
from pathlib import Path

HERE = Path(__file__).parent

def score(problem, response):
    if os.environ["RANK"] == "0":
        return float(len(response) % 2)
    flag = HERE / "killed"
    if list(HERE.glob("run.checkpoints/*/step-000001")) and not flag.exists():
        flag.touch()
        os.kill(multiprocessing.parent_process().pid, signal.SIGKILL)
    return 1.0
"""
CONFIG = {
    "name": "processes",
    "data": {"benchmarks": ["sums"], "rows": 4},
    "model": {"lora": {"rank": 4, "alpha": 8}},
    "training": {
        "steps": 3,
        "prompts": 5,
        "rollouts": 4,
        "updates": 1,
        "lr": 1e-2,
        "max_prompt_tokens": 60,
        "max_response_tokens": 12,
        "checkpoint_every": 1,
        "processes": 2,
    },
    # Many tokens end a response, so that lengths differ.
    "rollout": {
        "engine": "vllm", "dtype": "float32", "kv_cache_gib": 0.03, "enforce_eager": True,
        "stop": [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"],
    },
    "reward": {"kind": "python", "verifier_workers": 1},
    "evaluation": {"samples": {"default": 1}, "max_response_tokens": 8},
    "methods": {"grpo_kl": None},
    "seeds": [0],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    tokenizer = character_tokenizer()
    save_model(new_model(SMALL, tokenizer, 0), tokenizer, tmp_path / "model")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in distinct_problems("sums", "train", 0, 8)])
    (tmp_path / "rewards.py").write_text(REWARD)
    tree = {**CONFIG, "reward": {**CONFIG["reward"], "functions": [{"function": f"{tmp_path}/rewards.py:score"}]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def train(folder):
    where = ["--model", "model", "--data", "train.jsonl", "--out", "run"]
    command = [sys.executable, "-m", "steer.cli", "train", "--config", "config.yaml", "--run", "grpo_kl", "--seed", "0"]
    environment = {**os.environ, "PYTHONPATH": str(Path("src").resolve())}
    return subprocess.run([*command, *where], cwd=folder, env=environment, capture_output=True, text=True, timeout=1800)


def test_two_processes_with_an_engine_each_and_one_that_dies(folder):
    """Adapters over FSDP, a penalty on the distance to the base, 5 prompts for 2 processes, lengths that differ."""
    died = train(folder)
    assert died.returncode == 1, died.stderr
    assert died.stderr.count("steer train:") == 1
    assert "steer train: process 1 of 2 was ended by SIGKILL" in died.stderr
    assert "Traceback" not in died.stderr
    assert not (folder / "run/metrics.jsonl").exists()

    again = train(folder)
    assert again.returncode == 0, again.stderr
    metrics = read_jsonl(folder / "run/metrics.jsonl")
    assert [line["step"] for line in metrics] == [1, 2, 3]
    for line in metrics:
        assert 0 < line["rollout_mismatch_mean"] <= line["rollout_mismatch_max"] < 1e-3
        assert 0.4 <= line["zero_spread"] < 1, "the second process' two prompts are among those without signal"
        assert line["gradient_norm"] > 0
        assert line["response_length"] < 10
    base, trained = load_model(f"{folder}/model"), load_model(f"{folder}/run/model")
    sums = [combine(tensor_sums(trainer_weights(model))) for model in (base, trained)]
    served = [line["rollout_weights"] for line in metrics]
    assert served[0] == sums[0]
    assert len({*served, sums[1]}) == 4, "each step served what the one before had learnt"
