"""`steer plan` where jobs run on the processor: minutes and memory from a rate measured there."""

import json
import math
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from steer import cli
from steer.configs.load import load_config
from steer.configs.schema import Architecture, Training
from steer.engines.local import LocalEngine
from steer.methods import load_method
from steer.models.forward import Sequences
from steer.models.head import TokenStatistics
from steer.models.load import new_model
from steer.models.tokenizer import character_tokenizer
from steer.plan import cpu, cpu_rates, cpu_step
from steer.plan.assumed import Assumptions
from steer.plan.cpu_rates import Rates
from steer.plan.facts import facts_of
from steer.plan.passes import Needs
from steer.train.rollouts import sampling_of
from steer.train.scoring import scored
from steer.train.update import Batch, run_updates

GRPO = Needs(statistics=False, base=False, teacher=False, idle=1.0, heads=1, extra=0)


def rates(products, decoding):
    """Rates of a CPU on which nothing but products takes time."""
    alone = dict.fromkeys(("memory", "written", "fresh", "sampled", "calls", "attention", "attending"), math.inf)
    passes = dict.fromkeys(("forward", "backward", "head_forward", "head_backward"), products)
    return Rates(**passes, **alone, decode={1: decoding}, head_decode={1: decoding})


def test_minutes_and_memory_by_hand():
    changes = {"model.cold_start": {"steps": 10, "batch": 4}, "training.max_response_tokens": 50}
    config = load_config("configs/smollm2.yaml", changes | {"training.prompts": 8})
    facts, assumed = facts_of(config), Assumptions(prompt_tokens=40, response_share=0.5, idle=0)
    # Matrices of the layers, and the head, which is the embedding.
    layers, head = 30 * (2 * 576 * (576 + 192) + 3 * 576 * 1536), 49_152 * 576
    slow, fast = (cpu.minutes(config, facts, assumed, rates(rate, rate / 2)) for rate in (1e10, 2e10))
    assert slow == pytest.approx({name: 2 * value for name, value in fast.items()})
    assert slow["base_model"] == pytest.approx(10 * 4 * (40 + 25) * 6 * (layers + head) / 1e10 / 60)
    # 8 prompts once and 64 responses of 25 tokens, through 40 steps; decoding at half the rate.
    own = 64 * 25
    update = 6 * (layers * (8 * 40 + own) + head * own)
    rollout = 2 * (layers * 8 * 40 + head * 8) / 1e10 + 2 * (layers + head) * own / 5e9
    # The shrinking batch holds responses that have ended.
    step = cpu.step_of(config, "grpo", facts, assumed, rates(1e10, 5e9))
    assert step.phases()["update"] == pytest.approx(update / 1e10)
    assert rollout < step.phases()["rollout"] < 1.2 * rollout
    assert slow["run"] >= 40 * step.seconds / 60
    assert slow["train"] == pytest.approx(len(config.seeds) * 40 / 60 * sum(
        cpu.step_of(config, run, facts, assumed, rates(1e10, 5e9)).seconds for run in config.methods
    ))  # fmt: skip
    # Half of the step's prompts enter an update, each once, with all their responses at the limit.
    assert cpu.pass_tokens(config.training, assumed) == 4 * 40 + 32 * 50
    need = cpu.memory(config, config.training, facts, assumed)
    n = facts.parameters
    assert n == 134_515_008
    assert need.weights + need.gradients + need.optimizer == 16 * n
    # Per token and layer 6·576 + 2·576 + 2·192 + 4·1536 numbers of 4 bytes.
    assert need.activations == 4 * (4 * 40 + 32 * 50) * 11_136 * 30
    assert need.peak > 16 * n + need.activations
    assert need.copies == 0
    # In bf16 the engine's copy of the model stays during the updates, whose passes hold the layers' matrices as well.
    halved = cpu.memory(config, config.training.model_copy(update={"precision": "bf16"}), facts, assumed)
    assert halved.copies == 2 * n + 2 * (n - 49_152 * 576 - 576)
    assert halved.peak > 16 * n + halved.activations + halved.head + halved.copies


def test_passes_and_rounds_of_a_step():
    """Half of the groups are without spread: a teacher sees a quarter of the rows; two rounds fill the batch."""
    facts, assumed = facts_of(load_config("configs/smollm2.yaml")), Assumptions(idle=0.5)

    def step(needs=GRPO, **changes):
        config = load_config("configs/smollm2.yaml", {f"training.{name}": value for name, value in changes.items()})
        return cpu_step.step_on(config, "grpo", facts, assumed, needs, replace(rates(1e10, 5e9), calls=1e6)).phases()

    plain, whole = step(), step(replace(GRPO, idle=0.0))
    base, taught = (step(replace(GRPO, **{name: True})) for name in ("base", "teacher"))
    assert "logprob" not in plain
    assert taught["logprob"] == pytest.approx(base["logprob"] / 4, rel=0.1)
    several = step(dynamic_sampling=3)
    assert several["rollout"] == pytest.approx(2 * plain["rollout"])
    assert several["update"] == pytest.approx(whole["update"])
    assert plain["update"] < 0.6 * whole["update"]
    assert step(precision="bf16")["logprob"] == pytest.approx(base["logprob"])


def test_the_plan_says_them(capsys, monkeypatch):
    monkeypatch.setattr(cpu_rates, "measured", cache(cpu_rates.measured))
    assert cli.main(["plan", "--config", "configs/smollm2.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["gpu_hours"] is None
    assert told["cpu"]["gflops"] > 0.1
    assert 0 < told["cpu"]["minutes"]["train"] <= 1.01 * told["jobs"]["train"] * told["cpu"]["minutes"]["run"]
    assert 2.2 < told["cpu"]["memory_gb"]["peak"] < 10
    assert cli.main(["plan", "--config", "configs/smollm2.yaml"]) == 0
    said = capsys.readouterr().out
    assert "minutes a run on cores that do nothing else" in said
    assert "GB of memory for a training job" in said


class Counting(TorchDispatchMode):
    """Counts torch's calls."""

    calls = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.calls += 1
        return function(*args, **kwargs or {})


def test_the_measured_calls_are_counted():
    act = cpu_rates.small_layer()
    with Counting() as counting, torch.no_grad():
        act()
    assert counting.calls == cpu_rates.SMALL_LAYER


def calls_of(layers, prompts, new):
    """Calls of a pass, of an update and of sampling, of 8 responses to each prompt."""
    shape = Architecture(hidden_size=16, layers=layers, heads=2, kv_heads=2, intermediate_size=16, max_positions=64)
    model = new_model(shape, character_tokenizer(), seed=0)
    asked = [[9 + i, 10, 11] for i in range(prompts)]
    group = torch.arange(prompts).repeat_interleave(8)
    sequences = Sequences.from_lists([asked[i] for i in group], [[12] * new] * len(group), 0)
    training = Training(steps=1, prompts=prompts, updates=1, micro_batch=len(group), max_response_tokens=new)
    old = TokenStatistics(*(torch.full(sequences.mask.shape, value) for value in (-5.0, 5.0)))
    advantage = torch.arange(len(group)).remainder(2) - 0.5
    batch = Batch(sequences, old, advantage, group, torch.ones(len(group), dtype=torch.bool))
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    never = SimpleNamespace(eos_token_id=-1, pad_token_id=0)
    found = []
    for act in (
        lambda: scored(model, sequences, training),
        lambda: run_updates(model, optimizer, load_method("grpo"), batch, training, generator),
        lambda: LocalEngine(model, never).generate(asked, sampling_of(training, entropy=True), generator),
    ):
        act()
        with Counting() as counting:
            act()
        found.append(counting.calls)
    return found


def test_calls_of_passes_and_of_decoding_are_those_of_torch():
    """Two and four layers, one block of responses and two, six tokens and eight; the engine's random numbers apart."""
    facts = SimpleNamespace(layers=4)
    for prompts in (4, 8):
        scored_, updated, _ = calls_of(4, prompts, 6)
        assert cpu_step.calls(facts, 8 * prompts, update=False) == pytest.approx(scored_, rel=0.1)
        assert cpu_step.calls(facts, 8 * prompts, update=True) == pytest.approx(updated, rel=0.1)
    few, many = (calls_of(4, 4, new)[2] for new in (6, 8))
    layer, rest = cpu_step.DECODING
    assert (many - few) / 2 == pytest.approx(4 * layer + rest, rel=0.1)
