"""`steer train` on two processes as users start it: the command becomes `torchrun`. A minute: `make test-dag`."""

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
# Ends the second process from below, once, when a checkpoint is there: as the kernel does where memory lacks.
DEADLY = """
import multiprocessing, os, signal
from pathlib import Path

def score(problem, response):
    flag = Path(__file__).with_name("killed")
    there = list(Path(__file__).parent.glob("run.checkpoints/*/step-000002"))
    if os.environ.get("RANK") == "1" and there and not flag.exists():
        flag.touch()
        os.kill(multiprocessing.parent_process().pid, signal.SIGKILL)
    return float(len(response) % 2)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a base model and problems."""
    folder, tokenizer = tmp_path_factory.mktemp("base"), character_tokenizer()
    save_model(new_model(SMALL, tokenizer, seed=0), tokenizer, folder / "base")
    write_jsonl(folder / "train.jsonl", [p.to_json() for p in distinct_problems("sums", "train", 0, 10)])
    return folder


def command(folder, base, out, **changes):
    """What trains two processes; run in `folder`, beside the run's configuration."""
    tree = yaml.safe_load(Path("configs/tiny.yaml").read_text())
    tree["training"] |= {**TRAINING.model_dump(exclude_defaults=True), "processes": 2}
    tree["training"] |= changes.pop("training", {})
    (folder / "config.yaml").write_text(yaml.safe_dump(tree | changes))
    where = ["--model", str(base / "base"), "--data", str(base / "train.jsonl"), "--out", out]
    given = ["--config", "config.yaml", "--run", "steer", "--seed", "0", *where]
    # The methods' files are found from the sources, as in any folder that has none of its own.
    environment = {**os.environ, "PYTHONPATH": str(Path("src").resolve())}
    options = {"cwd": folder, "env": environment, "capture_output": True, "text": True, "timeout": 900}
    return subprocess.run([sys.executable, "-m", "steer.cli", "train", *given], **options)


def test_the_command_starts_its_processes_and_writes_one_run_folder(base, tmp_path):
    done = command(tmp_path, base, "run", training={"precision": "bf16"})
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert [line["step"] for line in read_jsonl(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3, 4]
    model = load_model(str(tmp_path / "run" / "model"), dtype="auto")
    assert str(model.dtype) == "torch.bfloat16"
    assert model.config.architectures == ["Qwen2ForCausalLM"]
    assert not list(tmp_path.glob("*checkpoints*"))


def test_a_process_that_dies_ends_the_run_in_one_line(base, tmp_path):
    """And the other one with it. `test_sharding` shows that such a run goes on as if nothing had been."""
    (tmp_path / "rewards.py").write_text(DEADLY)
    reward = {"kind": "python", "functions": [{"function": f"{tmp_path}/rewards.py:score"}], "verifier_workers": 1}
    died = command(tmp_path, base, "run", reward=reward)
    assert died.returncode == 1
    assert "steer train: process 1 of 2 was ended by SIGKILL" in died.stderr
    assert "give the same command again: the run goes on from its last checkpoint" in died.stderr
    assert died.stderr.count("steer train:") == 1
    assert "Traceback" not in died.stderr
    assert not (tmp_path / "run/metrics.jsonl").exists()
