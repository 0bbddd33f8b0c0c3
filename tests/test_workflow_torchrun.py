"""`steer train` on two processes as users start it: the command becomes `torchrun`. Half a minute: `make test-dag`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from training import SMALL, TRAINING

from steer.data.tasks import distinct_problems
from steer.io import read_jsonl, write_jsonl
from steer.models.load import load_model, new_model, save_model
from steer.models.tokenizer import character_tokenizer

pytestmark = pytest.mark.slow


def test_the_command_starts_its_processes_and_writes_one_run_folder(tmp_path):
    tokenizer = character_tokenizer()
    save_model(new_model(SMALL, tokenizer, seed=0), tokenizer, tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in distinct_problems("sums", "train", 0, 10)])
    tree = yaml.safe_load(Path("configs/tiny.yaml").read_text())
    tree["training"] |= {**TRAINING.model_dump(exclude_defaults=True), "processes": 2, "precision": "bf16"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    arguments = ["--config", "config.yaml", "--model", "base", "--data", "train.jsonl", "--out", "run"]
    command = [sys.executable, "-m", "steer.cli", "train", "--run", "steer", "--seed", "0", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path("src").resolve())}
    # The methods' files are found from the sources, as in any folder that has none of its own.
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert [line["step"] for line in read_jsonl(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3, 4]
    model = load_model(str(tmp_path / "run" / "model"), dtype="auto")
    assert str(model.dtype) == "torch.bfloat16"
    assert model.config.architectures == ["Qwen2ForCausalLM"]
    assert not list(tmp_path.glob("*checkpoints*"))
