"""examples/grpo_step.py, the entrance for readers, runs as the README says and does what a training step does."""

from pathlib import Path

import pytest
from scripts import load_script


@pytest.fixture(scope="module")
def example():
    return load_script("examples/grpo_step.py")


def test_the_policy_learns_what_is_rewarded(example):
    steps = example.main("grpo")
    assert steps[-1]["accuracy"] >= steps[0]["accuracy"] + 0.2
    assert steps[-1]["entropy"] < steps[0]["entropy"]


def test_another_method_takes_another_step_on_the_same_rollouts(example):
    grpo, other = example.main("grpo", 1)[0], example.main("steer", 1)[0]
    assert grpo["accuracy"] == other["accuracy"]
    assert grpo["gradient_norm"] != other["gradient_norm"]


def test_it_stays_short(example):
    assert len(Path(example.__file__).read_text(encoding="utf-8").splitlines()) <= 150
