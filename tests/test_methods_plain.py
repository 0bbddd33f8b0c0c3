"""What a method changes against the plain one on the same batch: shares and masses by hand."""

from dataclasses import replace

import pytest
import torch

from steer.methods import Tokens, load_method
from steer.methods.plain import against_plain

ADVANTAGE = torch.tensor([1.0, -0.5])


def tokens(ratio=1.0) -> Tokens:
    """Two responses, of two tokens and of one; `ratio` of each token."""
    old = torch.tensor([[-0.1, -2.0], [-0.7, 99.0]])
    mask = torch.tensor([[1, 1], [1, 0]]).bool()
    entropy = torch.tensor([[0.3, 1.5], [0.8, 99.0]])
    ratios = torch.as_tensor(ratio).expand_as(old)
    advantage = ADVANTAGE[:, None].expand_as(old)
    return Tokens(old + ratios.log(), old, entropy, entropy, advantage, mask, torch.tensor([0, 0]))


def found(name: str, given: Tokens, weight=None, **overrides) -> tuple[float, float, float]:
    prepared = load_method(name, overrides).prepare(given)
    told = against_plain(given, prepared, prepared.weight if weight is None else weight, ADVANTAGE)
    return told["touched"], told["gradient_mass"], told["gradient_mass_plain"]


def test_the_plain_method_touches_nothing():
    assert found("grpo", tokens()) == pytest.approx((0, 2.5 / 3, 2.5 / 3))


def test_weights_by_hand():
    """λ = 0.5 on one of three tokens takes half of its 1/3 away; 0.995 is no touch."""
    weight = torch.tensor([[0.5, 0.995], [1.0, 1.0]])
    assert found("grpo", tokens(), weight) == pytest.approx((1 / 3, 1.495 / 3 + 0.5 / 3, 2.5 / 3))


def test_a_wider_clip_touches_what_lies_between_the_clips():
    """At r = 1.25 and A > 0 PPO's slope is 0 and clip-higher's is r·A; at A < 0 both are r·A."""
    assert found("clip_higher", tokens(1.25)) == pytest.approx((2 / 3, 1.25 * 2.5 / 3, 1.25 * 0.5 / 3))


def test_a_penalty_and_another_reduction_touch():
    assert found("entropy_regularisation", tokens())[0] == 1
    # A mean per response gives the tokens of the longer one 1/4, not 1/3, and the other's 1/2.
    assert found("gspo", tokens())[:2] == pytest.approx((1, 2 / 4 + 0.5 / 2))


def test_correction_and_padding_enter_as_in_the_loss():
    given = replace(tokens(), correction=torch.tensor([[2.0, 1.0], [1.0, 50.0]]))
    assert found("grpo", given) == pytest.approx((0, 3.5 / 3, 3.5 / 3))


def test_the_sum_of_the_parts_is_the_gradient():
    """Where λ is 1 and all A > 0, the masses are the derivative of the loss along a shift of all log-probabilities."""
    given = tokens(torch.tensor([[0.9, 1.1], [1.05, 1.0]]))
    logprob = given.logprob.clone().requires_grad_()
    method = load_method("grpo")
    loss = method.loss(given.with_(logprob=logprob), method.prepare(given)).loss
    (slope,) = torch.autograd.grad(loss, logprob)
    assert found("grpo", given)[1] == pytest.approx(slope.abs().sum().item(), rel=1e-6)
