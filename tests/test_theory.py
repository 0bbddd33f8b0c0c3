"""Exactness of the entropy-change estimates on tabular softmax policies, by finite differences in float64."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steer.methods import Tokens, estimators
from steer.models.head import token_statistics


def state(seed: int, vocabulary: int = 6):
    """Random logits of the current and the sampling policy, an action and an advantage."""
    draw = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(vocabulary, generator=draw, dtype=torch.float64)
    old = logits + 0.3 * torch.randn(vocabulary, generator=draw, dtype=torch.float64)
    advantages = torch.randn(vocabulary, generator=draw, dtype=torch.float64)
    return logits, old, advantages


def statistics(logits, action=0):
    return token_statistics(logits[None, None], torch.tensor([[action]]), needs=frozenset({"reduction"}))


def entropy(logits):
    return statistics(logits).entropy.squeeze()


def token(logits, old, action, advantage) -> Tokens:
    """The action as the trainer would see it, through the model's head."""
    now, before = statistics(logits, action), statistics(old, action)
    cell = torch.as_tensor(advantage, dtype=torch.float64).reshape(1, 1)
    return Tokens(
        now.logprob, before.logprob, now.entropy, before.entropy, cell, torch.ones(1, 1), reduction=now.reduction
    )


def gradient_of_objective(logits, old, action, advantage):
    """d(r·A)/dz by autograd, evaluated at `logits`."""
    leaf = logits.clone().requires_grad_()
    objective = (leaf.log_softmax(-1)[action] - old.log_softmax(-1)[action]).exp() * advantage
    return torch.autograd.grad(objective, leaf)[0]


def errors(logits, direction, estimate, rates=(1e-2, 5e-3, 2.5e-3)):
    """|measured change of H - η·estimate| for each step size η."""
    return [abs((entropy(logits + eta * direction) - entropy(logits) - eta * estimate).item()) for eta in rates]


def assert_quarters(found):
    """Halving η quarters the error, up to the next order; the estimate itself is not what is measured."""
    assert found[0] > 1e-12
    for wide, narrow in pairwise(found):
        assert wide / narrow == pytest.approx(4, rel=0.15)


def assert_most_quarter(found):
    """A token of almost no probability moves nothing that could be measured; at least half must have moved."""
    measurable = [one for one in found if one[0] > 1e-9]
    assert len(measurable) >= len(found) / 2
    for one in measurable:
        assert_quarters(one)


@pytest.mark.parametrize("seed", range(8))
def test_tabular_is_the_first_order_change_of_one_gradient_step(seed):
    logits, old, advantages = state(seed)
    found = []
    for action in range(len(logits)):
        advantage = advantages[action].item()
        estimate = estimators.tabular(token(logits, old, action, advantage)).item()
        direction = gradient_of_objective(logits, old, action, advantage)
        found.append(errors(logits, direction, estimate))
    assert_most_quarter(found)


@pytest.mark.parametrize("seed", range(8))
def test_theorem_is_the_first_order_change_when_the_sampled_logit_alone_moves(seed):
    logits, old, advantages = state(seed)
    found = []
    for action in range(len(logits)):
        advantage = advantages[action].item()
        estimate = estimators.theorem(token(logits, old, action, advantage)).item()
        alone = torch.zeros_like(logits)
        alone[action] = gradient_of_objective(logits, old, action, advantage)[action]
        found.append(errors(logits, alone, estimate))
    assert_most_quarter(found)


def theorem_expectation(logits, old_logits, advantage):
    """Ω(s)/η = -E_{a~π}[(A/π_old)·π(1 - π)(log π + H)], all (V,). Theorem 1 of arXiv 2510.10150, nothing clipped."""
    probability, logprob = logits.softmax(-1), logits.log_softmax(-1)
    entropy = -(probability * logprob).sum()
    change = advantage / old_logits.softmax(-1) * probability * (1 - probability) * (logprob + entropy)
    return -(probability * change).sum()


@pytest.mark.parametrize("seed", range(8))
def test_expectation_form_is_the_first_order_change_under_its_own_assumption(seed):
    logits, old, advantages = state(seed)
    probability, ratio = logits.softmax(-1), logits.softmax(-1) / old.softmax(-1)
    direction = ratio * advantages * (1 - probability)  # each logit moved by its own part alone
    estimate = theorem_expectation(logits, old, advantages).item()
    assert_quarters(errors(logits, direction, estimate))
    tokens = [token(logits, old, a, advantages[a]) for a in range(len(logits))]
    assert estimate == pytest.approx(sum(estimators.theorem(t).item() for t in tokens))


def test_released_averages_to_the_expectation_form():
    """E_{a~π} of the released estimate, with H of the current policy, is Ω."""
    logits, old, advantages = state(3)
    tokens = [token(logits, old, a, advantages[a]) for a in range(len(logits))]
    values = torch.tensor([estimators.released(t.with_(old_entropy=t.entropy)).item() for t in tokens])
    expected = theorem_expectation(logits, old, advantages).item()
    assert (logits.softmax(-1) * values).sum().item() == pytest.approx(expected)


def test_pinned_policy_of_two_actions():
    """p = (0.8, 0.2), A = (0.2, -0.8), the expected policy gradient dz = p·A = (0.16, -0.16).

    H = 0.500402; log p + H = (0.277259, -1.109035); change = -(0.8·0.277259·0.16 + 0.2·1.109035·0.16) = -0.0709783.
    """
    p, advantage = [0.8, 0.2], [0.2, -0.8]
    logits = torch.tensor(p, dtype=torch.float64).log()
    tokens = [token(logits, logits, a, advantage[a]) for a in range(2)]
    exact = sum(p[a] * estimators.tabular(tokens[a]).item() for a in range(2))
    assert exact == pytest.approx(-0.0709783, abs=1e-7)
    direction = torch.tensor([0.16, -0.16], dtype=torch.float64)
    assert_quarters(errors(logits, direction, exact))


def test_the_gradient_of_entropy_in_the_logits():
    """∂H/∂z_a = -π_a(log π_a + H)."""
    logits = state(5)[0].requires_grad_()
    gradient = torch.autograd.grad(entropy(logits), logits)[0]
    logprobs = logits.detach().log_softmax(-1)
    torch.testing.assert_close(gradient, -logprobs.exp() * (logprobs + entropy(logits.detach())))


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_signs_of_the_quadrants(seed):
    """sign ω = -sign(A)·sign(log π + H) for the theorem's estimate, and each token is in the quadrant of that sign."""
    names = {(True, False): "exploitation", (True, True): "exploration", (False, True): "release"}
    logits, old, advantages = state(seed)
    for action in range(len(logits)):
        one = token(logits, old, action, advantages[action])
        rises = estimators.theorem(one).item() > 0
        found = [name for name, where in estimators.quadrants(one).items() if where.item()]
        assert found == [names.get((advantages[action].item() > 0, rises), "pruning")]


def test_estimators_by_hand():
    """π = π_old = 1/2, A = 2, H = 1, reduction 0.1; log π + H = 1 - ln 2."""
    one = Tokens(*[torch.tensor([[v]], dtype=torch.float64) for v in (-math.log(2), -math.log(2), 1, 1, 2, 1)])
    one = one.with_(reduction=torch.tensor([[0.1]], dtype=torch.float64))
    d = 1 - math.log(2)
    expected = {
        "theorem": -2 * 0.25 * d,
        "released": -4 * 0.25 * d,
        "tabular": -2 * (0.5 * d - 0.1),
        "covariance": 0.0,  # of one token
        "opefo": -2 * 0.25 * d,
    }
    assert {name: getattr(estimators, name)(one).item() for name in estimators.NAMES} == pytest.approx(expected)
    cut = one.with_(unclipped=torch.zeros(1, 1))
    acting = {name for name in estimators.NAMES if getattr(estimators, name)(cut).item() != 0}
    assert acting == {"released", "opefo"}


def test_tabular_without_its_reduction_says_so():
    with pytest.raises(ValueError, match=r"needs .*Tokens\.reduction"):
        estimators.tabular(token(*state(0)[:2], 0, 1.0).with_(reduction=None))
