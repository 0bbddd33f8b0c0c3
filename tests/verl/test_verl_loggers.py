"""What `steer import` makes of lines that verl's own loggers write: console, file and TensorBoard. No Ray."""

import json
from contextlib import redirect_stdout
from pprint import pprint

import numpy as np
import pytest
from verl.utils.tracking import Tracking

from steer.cli import main
from steer.io import read_jsonl

LOGS = ("console.log", "verl.jsonl", "board")


def training(step: int, draw: np.random.Generator) -> dict:
    """The kinds of values that verl hands its loggers: Python's and numpy's, whole, tiny, NaN and infinite."""
    return {
        "actor/entropy": draw.random(),
        "actor/pg_loss": -1e-9 * draw.random(),
        "actor/grad_norm": np.float64(draw.random()),
        "actor/lr": 1e-6,
        "actor/ppo_kl": np.float32(-draw.random()),
        "actor/pg_clipfrac": draw.random(),
        "critic/score/mean": 0.25,
        "critic/score/min": -1.0,
        "critic/score/max": 1.0,
        "critic/rewards/mean": np.float64(draw.random()),
        "critic/returns/max": np.float64("inf"),
        "response_length/mean": 100 * draw.random(),
        "response_length/clip_ratio": float("nan"),
        "global_seqlen/min": np.int64(12),
        "training/global_step": step,
        "timing_s/step": 9.0,
        "timing_s/testing": 0.5,
        "perf/throughput": 1000 * draw.random(),
    }


def validation(draw: np.random.Generator) -> dict:
    return {
        "val-core/sums - short/acc/mean@2": np.float64(draw.random()),
        "val-aux/sums - short/acc/best@2/mean": np.float64(draw.random()),
        "val-aux/sums - short/reward/mean@2": -0.5,
        "val-aux/num_turns/min": 2,
    }


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """(folder of the three logs, step → what was logged): validations before and at the end of three steps."""
    folder = tmp_path_factory.mktemp("loggers")
    draw = np.random.default_rng(0)
    said = {0: validation(draw), **{step: training(step, draw) for step in (1, 2, 3)}}
    last = validation(draw)
    said[3] |= last
    with pytest.MonkeyPatch.context() as patch, open(folder / "console.log", "w") as console, redirect_stdout(console):
        patch.setenv("VERL_FILE_LOGGER_PATH", str(folder / "verl.jsonl"))
        patch.setenv("TENSORBOARD_DIR", str(folder / "board"))
        loggers = Tracking("math", "grpo", ["console", "file", "tensorboard"])
        pprint(f"Initial validation metrics: {said[0]}")
        for step, data in said.items():
            loggers.log(data, step)
        pprint(f"Final validation metrics: {last}")
        loggers.finish()
    return folder, said


@pytest.mark.parametrize("log", LOGS)
def test_each_logger_gives_the_run(logged, log):
    folder, said = logged
    out = folder / "imported" / log
    assert main(["import", str(folder / log), "--out", str(out)]) == 0
    rows, about = read_jsonl(out / "metrics.jsonl"), json.loads((out / "import.json").read_text())
    assert about["trainer"] == "verl" and [row["step"] for row in rows] == [1, 2, 3]
    near = pytest.approx if log == "board" else lambda value: value
    for row in rows:
        step = said[row["step"]]
        assert row["entropy"] == near(step["actor/entropy"])
        assert row["loss"] == near(step["actor/pg_loss"])
        assert row["gradient_norm"] == near(step["actor/grad_norm"])
        assert row["reward"] == near(step["critic/rewards/mean"])
        assert row["other/actor/ppo_kl"] == pytest.approx(step["actor/ppo_kl"])
        assert (row["lr"], row["accuracy"], row["seconds"], row["truncated"]) == (1e-6, 0.625, 8.5, None)
        assert row["other/critic/returns/max"] is None and row["other/global_seqlen/min"] == 12
    validations = read_jsonl(out / "validation.jsonl")
    assert [row["step"] for row in validations] == [0, 3]
    for row in validations:
        assert (row["benchmark"], row["variable"]) == ("sums - short", "acc")
        assert row["mean@2"] == near(said[row["step"]]["val-core/sums - short/acc/mean@2"])
        assert row["best@2"] == near(said[row["step"]]["val-aux/sums - short/acc/best@2/mean"])
