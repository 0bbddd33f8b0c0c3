"""The table of architectures: what `make architectures` found, and its place in the documents."""

import json
from pathlib import Path

import pytest
from scripts import load_script
from transformers import MixtralConfig, Qwen2Config, Qwen3MoeConfig

from steer.errors import UserError
from steer.models.load import check_dense

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "architectures.py"
FOUND = json.loads(SCRIPT.with_suffix(".json").read_text())


@pytest.fixture(scope="module")
def script():
    return load_script("benchmarks/architectures.py")


def test_every_architecture_plans_runs_dry_and_trains_or_is_refused_in_one_line(script):
    assert list(FOUND) == list(script.ARCHITECTURES)
    for name, result in FOUND.items():
        told = [result[command] for command in ("plan", "dry", "train")]
        assert all("\n" not in line for line in told)
        assert told == ["yes"] * 3 or "yes" not in told, name
        assert (told[0] != "yes") == (name in ("gemma3", "qwen3_moe", "mixtral")), name
        assert result.get("apart", 0.0) < 1e-5, name


def test_the_documented_table_is_what_was_found(script):
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.with_table(page, FOUND) == page


def test_what_is_not_refused_in_one_line_is_a_fault(script, tmp_path):
    assert script.outcome(2, f"warning\nsteer train: {tmp_path}/model: not here\n", tmp_path) == "model: not here"
    for status, error in ((1, "Traceback (most recent call last):\n  x\nKeyError: 'a'\n"), (1, "died"), (-9, "")):
        with pytest.raises(RuntimeError, match="not refused in one line"):
            script.outcome(status, error, tmp_path)


def test_a_changed_outcome_is_told_from_another_rounding(script):
    before = {"model_type": "a", "plan": "yes", "dry": "yes", "train": "yes", "apart": 4e-7, "vllm": "yes, 1e-06"}
    assert script.settled({**before, "apart": 6e-7, "vllm": "not run"}) == script.settled(before)
    for change in ({"apart": 0.1}, {"train": "model: refused"}):
        assert script.settled({**before, **change}) != script.settled(before)


@pytest.mark.parametrize("config", [MixtralConfig(), Qwen3MoeConfig()])
def test_a_mixture_of_experts_is_refused_for_training(config):
    with pytest.raises(UserError, match=f"a {config.model_type} model is a mixture of experts"):
        check_dense(config, "base")
    check_dense(Qwen2Config(), "base")
