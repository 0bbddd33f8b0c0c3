"""`steer plan` where jobs run on the processor: minutes and memory from a rate measured there."""

import json

import pytest

from steer import cli
from steer.configs.load import load_config
from steer.plan import cpu
from steer.plan.cost import Assumptions
from steer.plan.facts import facts_of


def test_minutes_and_memory_by_hand():
    changes = {"model.cold_start": {"steps": 10, "batch": 4}, "training.max_response_tokens": 50}
    config = load_config("configs/smollm2.yaml", changes | {"training.prompts": 8})
    facts, assumed = (
        facts_of(config),
        Assumptions(prompt_tokens=40, response_share=0.5, cpu_training=1, cpu_rollout=0.5),
    )
    n = facts.parameters
    assert n == 134_515_008
    slow, fast = (cpu.minutes(config, facts, assumed, rate) for rate in (1e10, 2e10))
    assert slow == pytest.approx({name: 2 * value for name, value in fast.items()})
    assert slow["base_model"] == pytest.approx(10 * 4 * (40 + 25) * 6 * n / 1e10 / 60)
    # 8 prompts once and 64 responses of 25 tokens, through 40 steps; sampling at half the rate.
    tokens = 8 * 40 + 64 * 25
    assert slow["run"] == pytest.approx(40 * tokens * (6 * n / 1e10 + 2 * n / 5e9) / 60)
    assert slow["train"] == pytest.approx(7 * 2 * slow["run"])
    # Half of the step's prompts enter an update, each once, with all their responses at the limit.
    assert cpu.pass_tokens(config.training, assumed) == 4 * 40 + 32 * 50
    need = cpu.memory(config, config.training, facts, assumed)
    assert need.weights + need.gradients + need.optimizer == 16 * n
    # Per token and layer 6·576 + 2·576 + 2·192 + 4·1536 numbers of 4 bytes.
    assert need.activations == 4 * (4 * 40 + 32 * 50) * 11_136 * 30
    assert need.peak > 16 * n + need.activations


def test_the_plan_says_them(capsys):
    assert cli.main(["plan", "--config", "configs/smollm2.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["gpu_hours"] is None
    assert told["cpu"]["gflops"] > 0.1
    assert told["cpu"]["minutes"]["train"] == pytest.approx(14 * told["cpu"]["minutes"]["run"], rel=0.01)
    assert 2.2 < told["cpu"]["memory_gb"]["peak"] < 10
    assert cli.main(["plan", "--config", "configs/smollm2.yaml"]) == 0
    said = capsys.readouterr().out
    assert "minutes a run on cores that do nothing else" in said
    assert "GB of memory for a training job" in said
