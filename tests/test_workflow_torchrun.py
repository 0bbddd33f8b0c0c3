"""`steer train` on two processes as users start it: the command becomes `torchrun`. `make test-dag` runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from training import SMALL, TRAINING, comparable

from steer.data.tasks import distinct_problems
from steer.io import read_jsonl, write_jsonl
from steer.models.load import load_model, new_model, save_model
from steer.models.tokenizer import character_tokenizer

pytestmark = pytest.mark.slow
# Ends the second process from below, once, when a checkpoint is there: as the kernel does where memory lacks. Each call
# is noted.
DEADLY = """
import multiprocessing, os, signal
from pathlib import Path

HERE = Path(__file__).parent

def score(problem, response):
    flag = HERE / "killed"
    if os.environ.get("RANK") == "1" and list(HERE.glob("run.checkpoints/*/step-000002")) and not flag.exists():
        flag.touch()
        os.kill(multiprocessing.parent_process().pid, signal.SIGKILL)
    with (HERE / "calls").open("a") as calls:
        calls.write("1")
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


def rewarded(folder, base):
    """Train with the deadly reward, which reads and leaves its traces in `folder`; how it went, and the calls."""
    (folder / "rewards.py").write_text(DEADLY)
    (folder / "calls").write_text("")
    functions = [{"function": f"{folder}/rewards.py:score"}]
    reward = {"kind": "python", "functions": functions, "verifier_workers": 1}
    done = command(folder, base, "run", training={"precision": "bf16"}, reward=reward)
    return done, len((folder / "calls").read_text())


@pytest.fixture(scope="module")
def whole(base, tmp_path_factory):
    """A run that nothing disturbs: its folder, how it went, the calls."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "killed").touch()
    return folder, *rewarded(folder, base)


def test_the_command_starts_its_processes_and_writes_one_run_folder(whole):
    folder, done, _ = whole
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert [line["step"] for line in read_jsonl(folder / "run" / "metrics.jsonl")] == [1, 2, 3, 4]
    model = load_model(str(folder / "run" / "model"), dtype="auto")
    assert str(model.dtype) == "torch.bfloat16"
    assert model.config.architectures == ["Qwen2ForCausalLM"]
    assert not list(folder.glob("*checkpoints*"))


def test_a_process_that_dies_ends_the_run_in_one_line_and_the_same_command_goes_on(whole, base, tmp_path):
    """As if nothing had been, from the last checkpoint."""
    died, _ = rewarded(tmp_path, base)
    assert died.returncode == 1
    assert "steer train: process 1 of 2 was ended by SIGKILL" in died.stderr
    assert "give the same command again: the run goes on from its last checkpoint" in died.stderr
    assert died.stderr.count("steer train:") == 1
    assert "Traceback" not in died.stderr
    assert "resource_tracker" not in died.stderr
    assert not (tmp_path / "run/metrics.jsonl").exists()

    again, calls = rewarded(tmp_path, base)
    assert again.returncode == 0, again.stderr
    assert 0 < calls < whole[2], "only the steps after the checkpoint are made again"
    runs = [comparable(read_jsonl(folder / "run/metrics.jsonl")) for folder in (tmp_path, whole[0])]
    assert len(runs[0]) == TRAINING.steps
    assert runs[0] == runs[1]
    weights = [(folder / "run/model/model.safetensors").read_bytes() for folder in (tmp_path, whole[0])]
    assert weights[0] == weights[1]
