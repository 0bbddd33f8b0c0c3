"""Every method against its formula, written out in `methods_plain` and differentiated by autograd in float64."""

import math
from itertools import combinations

import pytest
import torch
from methods_batch import active, batch, with_gradient
from methods_plain import EXTREME, FORMULAS, HIGHER, listed, mean, released, theorem, weighted
from methods_plain_later import LATER

from steer.methods import Tokens, load_method, method_names


def differentiated(function, tokens):
    tokens = with_gradient(tokens)
    loss = function(tokens)
    entropies = [tokens.entropy, tokens.nucleus_entropy, tokens.clamped_entropy]
    found = torch.autograd.grad(loss, [tokens.logprob, *entropies], allow_unused=True)
    # Unused by one side and of gradient 0 on the other are the same.
    return loss.item(), *(torch.zeros_like(tokens.logprob) if part is None else part for part in found)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", method_names())
def test_loss_and_gradient_are_the_formula(name, seed):
    method = active(name)
    got = differentiated(lambda t: method.loss(t, generator=torch.Generator().manual_seed(1)).loss, batch(seed))
    expected = differentiated(lambda t: (FORMULAS | LATER)[name](listed(t)), batch(seed))
    assert got[0] == pytest.approx(expected[0], abs=1e-12)
    for part, wanted in zip(got[1:], expected[1:], strict=True):
        torch.testing.assert_close(part, wanted, rtol=0, atol=1e-12)


def test_the_batch_is_clipped_from_both_sides():
    """Else the comparisons above would not see the clip."""
    metrics = load_method("clip_higher").loss(batch()).metrics
    assert metrics["clip_fraction_low"] > 0 and metrics["clip_fraction_high"] > 0


def test_the_floor_of_the_released_estimator():
    """Where every |ω| is under 0.02 λ stays near 1, as in the authors' code; `floor` 0 gives the plain form."""
    tokens = batch().with_(advantage=1e-3 * batch().advantage)
    omega = torch.tensor([released(x) for x in listed(tokens)], dtype=torch.float64)
    assert omega.abs().max() < 0.02
    weight = load_method("steer", {"weight.estimator": "released"}).loss(tokens).weight[tokens.mask]
    torch.testing.assert_close(weight, 0.7 ** (omega.abs() / 0.02))
    plain = load_method("steer", {"weight.estimator": "released", "weight.floor": 0}).loss(tokens).weight[tokens.mask]
    assert plain.min().item() == pytest.approx(0.7)


def extreme(scale):
    """Tokens of probability down to 1e-12, where the released code bounds π and π_old."""
    draw = torch.Generator().manual_seed(0)
    old = -27 * torch.rand(60, 1, generator=draw, dtype=torch.float64)
    logprob = (old + torch.randn(60, 1, generator=draw, dtype=torch.float64)).clamp(max=-1e-12)
    advantage = scale * torch.randn(60, 1, generator=draw, dtype=torch.float64)
    entropy = 3 * torch.rand(60, 1, generator=draw, dtype=torch.float64)
    return Tokens(logprob, old, 0 * entropy, entropy, advantage, torch.ones(60, 1), *[torch.zeros(60, 1)] * 8)


@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize("mapping, maximum", [("exponential", None), ("linear", 1.2), ("signed", 1.0)])
def test_the_released_form_is_the_authors_also_at_its_bounds(mapping, maximum, scale):
    """Loss and gradient, with the floor of 0.02 under the exponential mappings and none under the linear one."""
    tokens = extreme(scale).with_(group=torch.zeros(60))
    changes = {"weight.mapping": mapping, "weight.maximum": maximum}
    omega = [released(x) for x in listed(tokens)]
    size = [abs(w) for w in omega]
    k = -math.log(0.8) / max(*size, 0.02)
    weights = {
        "exponential": [math.exp(-k * s) for s in size],
        "linear": [1.2 - (s - min(size)) * 0.4 / (max(size) - min(size)) for s in size],
        "signed": [min(max(math.exp(k * w), 0.8), 1.0) for w in omega],
    }[mapping]
    got = differentiated(lambda t: load_method("steer_released", changes).loss(t).loss, tokens)
    expected = differentiated(lambda t: weighted(listed(t), weights, **HIGHER), tokens)
    assert got[0] == pytest.approx(expected[0], abs=1e-12)
    torch.testing.assert_close(got[1], expected[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["grpo", "steer", "steer_released", "gspo", "perplexity_shaping"])
def test_float32_agrees_with_float64(name):
    wide = differentiated(lambda t: load_method(name).loss(t).loss, batch())
    narrow = differentiated(
        lambda t: load_method(name).loss(t).loss, batch().map(lambda t: t.float() if t.is_floating_point() else t)
    )
    assert narrow[0] == pytest.approx(wide[0], abs=1e-6)
    torch.testing.assert_close(narrow[1].double(), wide[1], rtol=0, atol=1e-6)


def test_an_ablated_combination_needs_no_code():
    """Extreme clipping, OPO and STEER with the linear mapping, chosen by overrides in either order."""
    overrides = {
        "weight.mapping": "linear",
        "weight.name": "steer",
        "clip.low": 0.99,
        "clip.high": 5,
        "advantage": "opo",
    }
    first = load_method("grpo", overrides)
    second = load_method("grpo", dict(reversed(overrides.items())))
    assert first.settings == second.settings and first.settings["weight"]["mapping"] == "linear"
    size = [abs(theorem(x, 0.99, 5)) for x in listed(batch())]
    weights = [1.2 - (s - min(size)) * 0.5 / (max(size) - min(size)) for s in size]
    assert first.loss(batch()).loss.item() == pytest.approx(weighted(listed(batch()), weights, **EXTREME).item())


def leave_one_out(own, index):
    rest = [r for i, (r, _) in enumerate(own) if i != index]
    return own[index][0] - mean(rest)


def spread(own):
    rewards = [r for r, _ in own]
    return math.sqrt(sum((r - mean(rewards)) ** 2 for r in rewards) / (len(own) - 1)) + 1e-6


def quantile_of(own, share):
    rewards = sorted(r for r, _ in own)
    return next(r for i, r in enumerate(rewards, start=1) if i >= share * len(rewards))


def solved(own):
    return mean([r > 0 for r, _ in own])


def passing(own, index, k=4):
    """By enumeration: how often k of the judged responses hold a right one, and how often with this one among them."""
    if len(own) <= k:
        return 0.0
    right = [r > 0 for r, _ in own]
    draws = list(combinations(range(len(own)), k))
    rate = mean([any(right[i] for i in draw) for draw in draws])
    spread = math.sqrt(rate * (1 - rate))
    with_this = mean([any(right[i] for i in draw) for draw in draws if index in draw])
    return 0.0 if spread == 0 else (with_this - rate) / spread


# (reward, length) of the group's judged responses, and which of them it is → A.
ADVANTAGES = {
    "grpo": lambda own, i: (own[i][0] - mean([r for r, _ in own])) / spread(own),
    "dr_grpo": lambda own, i: own[i][0] - mean([r for r, _ in own]),
    "rloo": leave_one_out,
    "opo": lambda own, i: own[i][0] - sum(r * n for r, n in own) / sum(n for _, n in own),
    "qae": lambda own, i: (own[i][0] - quantile_of(own, 0.4)) / spread(own),
}
ADVANTAGES["maxrl"] = lambda own, i: ((own[i][0] > 0) - solved(own)) / (solved(own) + 1e-6) if solved(own) else 0.0
ADVANTAGES["pass_at_k"] = passing
ADVANTAGES["siren"] = ADVANTAGES["dr_grpo"]
WITHOUT_BASELINE = {"w_reinforce": (0.1, 1.0), "psr": (1.0, 0.0), "nsr": (0.0, 1.0)}


def advantages(name, rewards, group, lengths):
    """A of every response: 0 without a verdict and, but without a baseline, in a group of one or of equal rewards."""
    found = []
    for s, reward in enumerate(rewards):
        members = [i for i, g in enumerate(group) if g == group[s] and not math.isnan(rewards[i])]
        own = [(rewards[i], lengths[i]) for i in members]
        if math.isnan(reward):
            found.append(0.0)
        elif name in WITHOUT_BASELINE:
            positive, negative = WITHOUT_BASELINE[name]
            found.append(positive if reward > 0 else -negative)
        elif len({r for r, _ in own}) < 2:
            found.append(0.0)
        elif name in ("lite_ppo", "scale_rl"):
            judged = [(r, 0) for r in rewards if not math.isnan(r)]
            found.append((reward - mean([r for r, _ in own])) / spread(judged))
        else:
            found.append(ADVANTAGES.get(name.removesuffix("_steer"), ADVANTAGES["grpo"])(own, members.index(s)))
    return found


@pytest.mark.parametrize("name", method_names())
def test_advantages_are_the_formula(name):
    """Groups of one to five, one of them without spread, a response without a verdict; combinations keep their slot."""
    draw = torch.Generator().manual_seed(2)
    group = torch.tensor([3, 0, 0, 1, 1, 1, 1, 3, 3, 3, 2, 3, 7])
    rewards = torch.randint(-1, 3, (13,), generator=draw).double()
    rewards[group == 1] = 1.0
    rewards[2] = math.nan
    lengths = torch.randint(1, 9, (13,), generator=draw)
    got = load_method(name).advantages(rewards, group, lengths)
    expected = advantages(name, rewards.tolist(), group.tolist(), lengths.tolist())
    assert got.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_prompt_without_an_advantage_is_left_out_of_the_mean_per_prompt():
    """Three prompts, the second without spread, the third without a token: u = A·lp sums to -1 over three tokens."""
    advantage = torch.tensor([[1.0, 1.0], [-1.0, 0.0], [0.0, 0.0], [9.0, 9.0]])
    mask = torch.tensor([[1, 1], [1, 0], [1, 1], [0, 0]]).bool()
    lp = torch.tensor([[-2.0, -3.0], [-4.0, 0.0], [-5.0, -5.0], [0.0, 0.0]])
    tokens = Tokens(lp, lp, -lp, -lp, advantage, mask, torch.tensor([0, 0, 1, 2]))
    assert load_method("scale_rl").loss(tokens).loss.item() == pytest.approx(1 / 3)
    counted = load_method("scale_rl", {"reduction.silent": True}).loss(tokens)
    assert counted.loss.item() == pytest.approx(1 / 3 / 2)
