"""Every method against its formula, written out in `methods_plain` and differentiated by autograd in float64."""

import pytest
import torch
from methods_batch import active, batch, with_gradient
from methods_plain import EXTREME, FORMULAS, listed, released, theorem, weighted

from steer.methods import load_method, method_names


def differentiated(function, tokens):
    tokens = with_gradient(tokens)
    loss = function(tokens)
    entropy = torch.autograd.grad(loss, tokens.entropy, retain_graph=True, allow_unused=True)[0]
    return loss.item(), torch.autograd.grad(loss, tokens.logprob)[0], entropy


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", method_names())
def test_loss_and_gradient_are_the_formula(name, seed):
    method = active(name)
    got = differentiated(lambda t: method.loss(t, generator=torch.Generator().manual_seed(1)).loss, batch(seed))
    expected = differentiated(lambda t: FORMULAS[name](listed(t)), batch(seed))
    assert got[0] == pytest.approx(expected[0], abs=1e-12)
    torch.testing.assert_close(got[1], expected[1], rtol=0, atol=1e-12)
    if expected[2] is not None:
        torch.testing.assert_close(got[2], expected[2], rtol=0, atol=1e-12)


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
