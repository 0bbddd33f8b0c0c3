"""A short real run of TRL's GRPOTrainer, and what `steer import` makes of each thing that it logs to.

One run of a random model, with validations, writes `trainer_state.json`, event files and the console. It is stopped a
step after its checkpoint, goes on from there, and makes that step again.
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from steer.cli import main
from steer.configs.schema import Architecture
from steer.io import read_jsonl
from steer.models.load import new_model, save_model
from steer.models.tokenizer import character_tokenizer

STEPS = 6
# What TRL 1.16 logs that has a counterpart, whatever the logger.
OURS = {"reward", "entropy", "clip_fraction_low", "clip_fraction_high", "loss", "gradient_norm", "lr"}
OURS |= {"response_length", "truncated", "zero_spread", "seconds"}
SCRIPT = """
import sys, torch
from datasets import Dataset
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

folder = sys.argv[1]

def even(completion_ids, **_):
    return [float(ids[0] % 2 == 0) for ids in completion_ids]

def train(steps, resume):
    config = GRPOConfig(
        output_dir=f"{folder}/out", report_to=["tensorboard"], use_cpu=True, bf16=False, max_steps=steps, beta=0.0,
        per_device_train_batch_size=8, per_device_eval_batch_size=8, steps_per_generation=2, num_generations=4,
        gradient_accumulation_steps=1, max_completion_length=6, save_steps=3, eval_strategy="steps", eval_steps=3,
        logging_steps=1, learning_rate=1e-3, gradient_checkpointing=False, seed=1, disable_tqdm=True,
    )
    data = Dataset.from_list([{"prompt": f"{n}+1=?"} for n in range(8)])
    trainer = GRPOTrainer(
        model=f"{folder}/model", reward_funcs=even, args=config, train_dataset=data, eval_dataset=data,
        processing_class=AutoTokenizer.from_pretrained(f"{folder}/model"),
    )
    trainer.train(resume_from_checkpoint=resume)
    trainer.save_state()

train(4, False)  # two steps beyond its checkpoint at 3: they are made again
train(6, f"{folder}/out/checkpoint-3")
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trl")
    tokenizer = character_tokenizer()
    small = Architecture(hidden_size=32, layers=1, heads=2, kv_heads=2, intermediate_size=32, max_positions=128)
    save_model(new_model(small, tokenizer, 0), tokenizer, folder / "model")
    with open(folder / "train.log", "w", encoding="utf-8") as console:
        call = [sys.executable, "-c", SCRIPT, str(folder)]
        subprocess.run(call, check=True, stdout=console, stderr=subprocess.STDOUT, timeout=600)
    return folder


def imported(run: Path, log: str) -> tuple[list[dict], list[dict], dict]:
    out = run / "imported" / log.replace("/", "_")
    assert main(["import", str(run / log), "--out", str(out)]) == 0
    about = json.loads((out / "import.json").read_text())
    return read_jsonl(out / "metrics.jsonl"), read_jsonl(out / "validation.jsonl"), about


@pytest.mark.parametrize("log", ["out", "out/runs", "train.log"])
def test_each_logger_gives_the_run_that_was_resumed(run, log):
    rows, validations, about = imported(run, log)
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    assert about["trainer"] == "trl" and about["keys_mapped"].keys() == OURS
    assert not any("train_" in key or "total_flos" in key for row in rows for key in row)
    assert {row["step"] for row in validations} >= {3, 6} and all(0 <= row["mean"] <= 1 for row in validations)
    # The state's history goes on from the checkpoint's; the others hold the step that was made twice.
    assert about["steps_replaced"] == (0 if log == "out" else 1)


@pytest.mark.parametrize(("log", "error"), [("out/runs", 1e-6), ("train.log", 5.1e-4)], ids=["float32", "four digits"])
def test_two_loggers_of_one_run_agree(run, log, error):
    """Each number of each step, ours and theirs, and what is null."""
    exact, rows = imported(run, "out")[0], imported(run, log)[0]
    for mine, row in zip(exact, rows, strict=True):
        assert mine.keys() == row.keys()
        for name, value in mine.items():
            assert row[name] == (None if value is None else pytest.approx(value, rel=error, abs=1e-7)), name


def test_what_the_trainer_computed_comes_out(run):
    """Entropy is near ln V for a random model, the rate falls linearly over the four steps that the first session was
    to have, and a batch's rewards are logged once."""
    rows, _, about = imported(run, "out")
    assert about["step_counts"] == "optimizer updates" and about["steps_planned"] == STEPS
    assert all(row["entropy"] == pytest.approx(math.log(len(character_tokenizer())), rel=0.02) for row in rows)
    assert [row["reward"] is None for row in rows] == [False, True, False, False, True, False]
    assert [row["lr"] for row in rows[:4]] == pytest.approx([1e-3 * left / 4 for left in (4, 3, 2, 1)])
