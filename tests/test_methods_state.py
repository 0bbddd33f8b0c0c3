"""Stateful methods, random draws and the stage rule."""

import json
import math

import numpy as np
import pytest
import torch
from methods_batch import active, batch

from steer.methods import Tokens, load_method, method_names
from steer.methods.groups import group_mean, group_quantile, group_std, has_spread, lower_quantile
from steer.methods.stages import transition

STATEFUL = {
    "aent": {"penalty.warmup": 2, "penalty.maximum": 0.1},
    "entropic": {"penalty.above": 0.4},
    "siren": {"penalty.coefficient": 1.0},
    "adaptive_entropy": {"penalty.start": 0.001, "penalty.target": 2.0},
    "steer_target": {"weight.target": 0.5},
    "position_shaping_plateau": {},
}


def measured(entropy, accuracy):
    """What stateful functions see of a step."""
    entropies = ("entropy", "clamped_entropy", "peak_entropy")
    return {**dict.fromkeys(entropies, entropy), "accuracy": accuracy}


def test_every_method_with_state_is_tested_below():
    """A slot function that keeps anything of a step must survive a checkpoint."""
    kept = set()
    for name in method_names():
        method = load_method(name)
        method.after_step(measured(0.1, 0.5))
        kept |= {name} if any(method.state_dict()["memory"].values()) else set()
    assert kept == set(STATEFUL)


def curves(knot, length=100, noise=0.0, seed=0):
    """Entropy that falls and accuracy that climbs until `knot`, then both almost level."""
    draw = np.random.default_rng(seed)
    step = np.arange(length)
    rise = np.minimum(step, knot) / knot + 0.1 * np.maximum(step - knot, 0) / knot
    entropy, accuracy = 1.0 - 0.7 * rise, 0.3 + 0.3 * rise
    return (entropy + noise * draw.normal(size=length)).tolist(), (accuracy + noise * draw.normal(size=length)).tolist()


@pytest.mark.parametrize("name", STATEFUL)
def test_state_survives_a_checkpoint(name):
    """Run to half, save as JSON, load into a fresh method, run on: the same as without the pause."""
    entropy, accuracy = curves(knot=30, length=60)
    steps = [measured(h, a) for h, a in zip(entropy, accuracy, strict=True)]

    def run(method, steps):
        for step in steps:
            method.after_step(step)
        return method

    whole = run(load_method(name, STATEFUL[name]), steps)
    half = run(load_method(name, STATEFUL[name]), steps[:35])
    half.progress = 0.4
    resumed = load_method(name, STATEFUL[name])
    resumed.load_state_dict(json.loads(json.dumps(half.state_dict())))
    assert resumed.progress == 0.4
    run(resumed, steps[35:])
    resumed.progress = None
    assert resumed.state_dict() == whole.state_dict()
    fresh, tokens = load_method(name, STATEFUL[name]), batch()
    assert resumed.loss(tokens).loss == whole.loss(tokens).loss != fresh.loss(tokens).loss


def test_a_saved_state_does_not_move_with_the_method():
    method = load_method("steer_target")
    method.after_step({"entropy": 0.1, "accuracy": 0.5})
    saved = method.state_dict()
    before = json.dumps(saved)
    method.after_step({"entropy": 0.1, "accuracy": 0.5})
    assert json.dumps(saved) == before != json.dumps(method.state_dict())


def test_methods_without_state_ignore_steps():
    method = load_method("steer")
    method.after_step({"entropy": 0.1, "accuracy": 0.5})
    assert not any(method.state_dict()["memory"].values())


def test_adaptive_coefficient_by_hand():
    method = load_method("adaptive_entropy", {"penalty.change": 0.002, "penalty.maximum": 0.005})
    found = []
    for entropy in (0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3):
        method.after_step({"entropy": entropy, "accuracy": 0.5})
        found.append(method.memory["penalty"]["coefficient"])
    assert found == pytest.approx([0.002, 0.004, 0.005, 0.003, 0.001, 0.0, 0.0])


def test_the_coefficient_of_the_clamped_entropy_by_hand():
    """Up below 0.05, down above 0.23, by 0.1 times the distance, within [0.01, 0.03], from the second step on."""
    changes = {"rate": 0.1, "minimum": 0.01, "maximum": 0.03, "warmup": 1, "start": 0.02}
    method = load_method("aent", {f"penalty.{name}": value for name, value in changes.items()})
    found = []
    for entropy in (0.01, 0.01, 0.1, 0.43, 0.43, 0.0, 0.0, 0.0, 0.0, 0.0):
        method.after_step({"clamped_entropy": entropy})
        found.append(method.memory["penalty"]["coefficient"])
    assert found == pytest.approx([0.02, 0.024, 0.024, 0.01, 0.01, 0.015, 0.02, 0.025, 0.03, 0.03])
    method.after_step({})  # no update
    assert method.memory["penalty"]["coefficient"] == pytest.approx(0.03)


def test_the_anchor_is_the_first_step_that_had_an_update():
    method = load_method("siren", {"penalty.coefficient": 1.0, "reduction.length": 9})
    tokens = batch()
    assert method.prepare(tokens).penalty.scale.abs().max() == 0
    peak = method.prepare(tokens).metrics["peak_entropy"]
    for metrics in ({}, {"peak_entropy": peak + 0.2}, {"peak_entropy": 9.0}):
        method.after_step(metrics)
    without = load_method("siren", {"penalty.coefficient": 0.0, "reduction.length": 9}).loss(tokens).loss
    assert (method.loss(tokens).loss - without).item() == pytest.approx(0.2**2)


def test_target_controller_by_hand():
    """Target 0.4, H = 0.3, then 0.5: running mean 0.3, then √(0.3·0.5); K_i 0.5, K_p 10."""
    method = load_method("steer_target", {"weight.target": 0.4, "weight.proportional": 10, "weight.integral": 0.5})
    method.after_step({"entropy": 0.3, "accuracy": 0.5})
    first, second = math.log(0.4 / 0.3), math.log(0.4 / math.sqrt(0.3 * 0.5))
    assert method.memory["weight"]["strength"] == pytest.approx(0.5 * first + 10 * first)
    method.after_step({"entropy": 0.5, "accuracy": 0.5})
    assert method.memory["weight"]["integral"] == pytest.approx(0.5 * (first + second))
    assert method.memory["weight"]["strength"] == pytest.approx(0.5 * (first + second) + 10 * second)
    method.memory["weight"]["strength"] = 2.0
    weight = method.loss(batch()).weight
    assert weight.min() < 1 < weight.max() and weight.max() <= 1 / 0.3 + 1e-9 and weight.min() >= 0.3 - 1e-9


def test_target_controller_is_not_wound_up_on_the_way_but_pushes_where_nothing_moves():
    method = load_method("steer_target", {"weight.target": 0.1, "weight.integral": 0.5})
    for entropy in (1.0, 0.9, 0.8, 0.7):
        method.after_step({"entropy": entropy, "accuracy": 0.5})
    on_the_way = method.memory["weight"]["integral"]
    for _ in range(100):
        method.after_step({"entropy": 0.7, "accuracy": 0.5})
    assert on_the_way == -0.5 and method.memory["weight"]["integral"] < -10


def test_a_collapsed_policy_does_not_break_the_controller():
    method = load_method("steer_target")
    method.after_step({"entropy": 0.0, "accuracy": 1.0})
    assert method.memory["weight"]["strength"] == pytest.approx(10.1)


def test_draws_come_from_the_generator_and_from_nothing_else():
    method, tokens = active("clip_cov"), batch()

    def weight(generator):
        return method.loss(tokens, generator=generator).weight

    torch.manual_seed(0)
    first = weight(torch.Generator().manual_seed(5))
    before = torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(first, weight(torch.Generator().manual_seed(5)))
    torch.manual_seed(0)
    assert torch.equal(before, torch.get_rng_state())
    others = [weight(torch.Generator().manual_seed(seed)) for seed in range(6, 12)]
    assert any(not torch.equal(first, other) for other in others)
    generator = torch.Generator().manual_seed(5)
    draws = [weight(generator) for _ in range(6)]
    assert any(not torch.equal(draws[0], draw) for draw in draws)
    assert torch.equal(weight(None), weight(None))


def test_position_shaping_acts_in_its_window_only():
    method, tokens = load_method("position_shaping"), batch()
    plain = load_method("grpo").loss(tokens).loss
    acts = {}
    for progress in (None, 0.0, 1 / 3, 0.4, 0.5, 1.0):
        method.progress = progress
        acts[progress] = bool(method.loss(tokens).loss != plain)
    assert acts == {None: True, 0.0: False, 1 / 3: False, 0.4: True, 0.5: False, 1.0: False}


def test_position_shaping_waits_for_the_detected_plateau():
    method, tokens = load_method("position_shaping_plateau"), batch()
    plain = load_method("grpo").loss(tokens).loss
    acts = []
    for entropy, accuracy in zip(*curves(knot=30, length=60), strict=True):
        method.after_step({"entropy": entropy, "accuracy": accuracy})
        acts.append(bool(method.loss(tokens).loss != plain))
    first = acts.index(True)
    assert 35 <= first <= 50 and all(acts[first:])


@pytest.mark.parametrize("knot", [20, 50, 75])
@pytest.mark.parametrize("seed", range(3))
def test_the_transition_is_found_in_noisy_curves(knot, seed):
    entropy, accuracy = curves(knot, noise=0.03, seed=seed)
    assert transition(entropy, accuracy) == pytest.approx(knot, abs=8)


def test_no_transition_where_there_is_none():
    line = np.linspace(1, 0, 80)
    noise = 0.02 * np.random.default_rng(0).normal(size=80)
    assert transition(line + noise, 1 - line + noise) is None  # a steady fall
    assert transition(np.full(80, 0.3), np.full(80, 0.3)) is None  # nothing moves
    assert transition(*curves(knot=10, length=19)) is None  # too short for two stages
    entropy, accuracy = curves(knot=40)
    assert transition(accuracy, entropy) is None  # entropy rises
    assert transition(entropy, line[:1].repeat(100)) is None  # accuracy never climbed
    accelerating = (np.arange(80) / 80) ** 3
    assert transition(1 - accelerating, accelerating) is None


@pytest.mark.parametrize("seed", range(10))
def test_no_transition_in_curves_that_are_mostly_noise(seed):
    draw, rise = np.random.default_rng(seed), np.minimum(np.arange(100), 30) / 30
    assert transition(draw.normal(size=100) - 0.3 * rise, draw.normal(size=100) + 0.3 * rise) is None


def test_transition_leaves_out_steps_without_a_value():
    entropy, accuracy = curves(knot=40)
    entropy[7], accuracy[60] = math.nan, math.inf
    assert transition(entropy, accuracy) == pytest.approx(40, abs=2)
    assert transition([math.nan] * 80) is None
    with pytest.raises(ValueError, match="each have one value per step"):
        transition(entropy, accuracy[:-1])


def test_group_statistics_by_hand():
    values = torch.tensor([1.0, 3, math.nan, 5, math.nan])
    group = torch.tensor([2, 2, 2, 0, 1])
    assert group_mean(values, group).tolist() == [2, 2, 2, 5, 0]
    assert group_mean(values, group, weights=torch.tensor([3, 1, 9, 1, 1])).tolist() == [1.5, 1.5, 1.5, 5, 0]
    assert group_std(values, group).tolist() == pytest.approx([2**0.5, 2**0.5, 2**0.5, 0, 0])
    assert group_quantile(values, group, 0.4).tolist() == [1, 1, 1, 5, 0]
    assert has_spread(values, group).tolist() == [True, True, True, False, False]
    assert [lower_quantile(torch.tensor([3.0, 1, 2, 4, 5]), q).item() for q in (0.2, 0.21, 0.4, 1.0)] == [1, 2, 2, 5]


def bandit(target, steps=90, states=40, actions=6, rollouts=8, rate=8.0):
    """A tabular policy trained by `steer_target` on one right action a state: its mean entropy after each step."""
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(states, actions, generator=draw).requires_grad_()
    right = torch.randint(actions, (states, 1), generator=draw)
    method = load_method("steer_target", {"weight.target": target})
    optimiser = torch.optim.SGD([logits], lr=rate)
    group = torch.arange(states).repeat_interleave(rollouts)
    history = []
    for _ in range(steps):
        logprobs = logits.log_softmax(-1)
        action = torch.multinomial(logprobs.exp().detach(), rollouts, replacement=True, generator=draw)
        flipped = torch.rand(states, rollouts, generator=draw) < 0.33
        rewards = torch.where((action == right) ^ flipped, 1.0, -1.0).flatten()
        advantage = method.advantages(rewards, group, torch.ones(len(rewards)))[:, None]
        logprob = logprobs.gather(1, action).reshape(-1, 1)
        entropy = -(logprobs.exp() * logprobs).sum(1).repeat_interleave(rollouts)[:, None]
        tokens = Tokens(logprob, logprob.detach(), entropy, entropy.detach(), advantage, torch.ones_like(logprob))
        optimiser.zero_grad()
        method.loss(tokens).loss.backward()
        optimiser.step()
        history.append(entropy.mean().item())
        method.after_step({"entropy": history[-1], "accuracy": 0.0})
    return history


@pytest.mark.parametrize("target", [0.4, 0.7, 1.1])
def test_entropy_as_a_dial(target):
    """The controller holds a bandit's entropy within 10 % of the target over the second half of training."""
    history = bandit(target)
    assert history[0] > 1.3
    assert history[50:] == pytest.approx([target] * 40, rel=0.1)
