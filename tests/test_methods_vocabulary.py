"""Statistics of the whole next-token distribution, by hand."""

import math

import pytest
import torch

from steer.methods.vocabulary import clamped_entropy, nucleus_entropy, proxy_logprob

LOGITS = torch.tensor([0.5, 0.3, 0.1, 0.06, 0.04], dtype=torch.float64).log()


def entropy(*shares):
    return -sum(p / sum(shares) * math.log(p / sum(shares)) for p in shares)


def test_proxy_removes_noise_and_renormalises():
    """π = (0.9, 0.09, 0.01), threshold 0.02: the last is under 0.018."""
    logits = torch.tensor([0.9, 0.09, 0.01], dtype=torch.float64).log().expand(3, 3)
    proxy = proxy_logprob(logits, torch.arange(3))
    assert proxy.exp().tolist() == pytest.approx([0.9 / 0.99, 0.09 / 0.99, 0.0])


@pytest.mark.parametrize(
    "mass, kept",
    [(0.4, [0.5]), (0.49, [0.5]), (0.51, [0.5, 0.3]), (0.85, [0.5, 0.3, 0.1]), (1.0, [0.5, 0.3, 0.1, 0.06, 0.04])],
)
def test_the_nucleus_is_the_fewest_tokens_that_hold_the_mass(mass, kept):
    shuffled = LOGITS[torch.tensor([3, 0, 4, 2, 1])]
    found = nucleus_entropy(torch.stack([shuffled, LOGITS + 7]), mass)
    assert found.tolist() == pytest.approx([entropy(*kept)] * 2, abs=1e-12)


@pytest.mark.parametrize("share, kept", [(0.0, 5), (0.19, 5), (0.2, 4), (0.4, 3), (0.8, 1)])
def test_the_least_likely_share_of_the_vocabulary_is_left_out(share, kept):
    found = clamped_entropy(LOGITS[torch.tensor([3, 0, 4, 2, 1])], share)
    assert found.item() == pytest.approx(entropy(*LOGITS.exp()[:kept].tolist()), abs=1e-12)


@pytest.mark.parametrize("function", [nucleus_entropy, clamped_entropy])
def test_the_gradient_is_that_of_finite_differences_and_leaves_the_rest_alone(function):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 9, generator=draw, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(function, logits)
    gradient = torch.autograd.grad(function(logits).sum(), logits)[0]
    least = logits.argmin(-1, keepdim=True)
    assert (gradient.gather(-1, least) == 0).all() and gradient.abs().amax(-1).min() > 0


def test_a_certain_token_has_no_entropy_and_a_finite_gradient():
    logits = torch.tensor([60.0, 0.0, -60.0]).requires_grad_()
    for function in (nucleus_entropy, clamped_entropy):
        (gradient,) = torch.autograd.grad(function(logits), logits)
        assert function(logits).item() == pytest.approx(0, abs=1e-6) and gradient.isfinite().all()
