"""The head without whole logits gives what full logits give, in blocks, in half precision, over ranks."""

import math
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode
from training import together

from steer.methods.vocabulary import TRUNCATED
from steer.models import fused_head
from steer.models import head as head_module
from steer.models.fused_head import Shard, fused_proxy_logprob, fused_statistics
from steer.models.head import OPTIONAL, head_statistics

EVERYTHING = frozenset(OPTIONAL)


@pytest.fixture
def small_blocks(monkeypatch):
    """Several blocks in both directions also for few tokens and a small vocabulary, some of them kept for backward."""
    monkeypatch.setattr(fused_head, "_ELEMENTS", 256)
    monkeypatch.setattr(fused_head, "_ROWS", 7)
    monkeypatch.setattr(fused_head, "_KEPT", 4000)
    monkeypatch.setattr(head_module, "_ELEMENTS", 4 * 700)


def given(rows=17, hidden=8, vocabulary=700, dtype=torch.float32, scale=2.0):
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(rows, hidden, generator=generator, dtype=torch.float64) * scale
    weight = torch.randn(vocabulary, hidden, generator=generator, dtype=torch.float64)
    tokens = torch.randint(0, vocabulary, (rows,), generator=generator)
    tokens[::2] = (states @ weight.t()).argmax(1)[::2]
    return states.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_(), tokens


def outcome(kind, states, weight, tokens, temperature, needs=EVERYTHING):
    """Every statistic, and the gradients of a mixture of those that have one."""
    head = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    head.weight = torch.nn.Parameter(weight.detach())
    found = head_statistics(SimpleNamespace(lm_head=head), states, tokens, temperature, needs, kind)
    mixture = (found.logprob * torch.linspace(-1, 2, len(tokens)) + 0.3 * found.entropy**2).sum()
    for name in sorted(needs & set(TRUNCATED)):
        mixture = mixture + (torch.linspace(1, 2, len(tokens)) * getattr(found, name) ** 2).sum()
    gradients = torch.autograd.grad(mixture, (states, head.weight))
    return [found.logprob, found.entropy, *(getattr(found, name) for name in sorted(needs)), *gradients]


def same(plain, fused):
    """Equal within 1e-5 of the largest value, and infinite at the same places."""
    for expected, value in zip(plain, fused, strict=True):
        finite = expected.isfinite()
        assert finite.any() and torch.equal(finite, value.isfinite())
        assert (value - expected)[finite].abs().max() <= 1e-5 * max(1.0, expected[finite].abs().max().item())


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("scale", [0.1, 2.0, 30.0])
def test_it_equals_the_plain_head(small_blocks, temperature, scale):
    plain, fused = (outcome(kind, *given(scale=scale), temperature) for kind in ("plain", "fused"))
    same(plain, fused)


@pytest.mark.parametrize("kind", ["plain", "fused"])
def test_the_optional_statistics_carry_no_gradient(small_blocks, kind):
    """Asking for them changes neither the others nor their gradients. Entropies of a part have one of their own."""
    gradients = []
    for needs in (EVERYTHING, frozenset()):
        states, weight, tokens = given()
        head = SimpleNamespace(lm_head=torch.nn.Linear(8, 700, bias=False))
        head.lm_head.weight = torch.nn.Parameter(weight.detach())
        found = head_statistics(head, states, tokens, 1.0, needs, kind)
        gradients.append(torch.autograd.grad((found.logprob + found.entropy).sum(), (states, head.lm_head.weight)))
        if needs:
            assert not found.reduction.requires_grad and not found.proxy_logprob.requires_grad
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_forward_keeps_no_more_logits_than_it_may_and_none_without_a_backward(small_blocks):
    def kept(logprob):
        return sum(value.numel() for value in logprob.grad_fn.saved_tensors if value.shape[-1] > 17)

    states, weight, tokens = given()
    assert 3000 < kept(fused_statistics(states, weight, tokens, 1.0)[0]) <= 4000
    with torch.no_grad():
        assert fused_statistics(states, weight, tokens, 1.0)[0].grad_fn is None


def test_its_derivative_is_that_of_finite_differences(small_blocks):
    states, weight, tokens = given(9, 5, 300, torch.float64)

    def both(states, weight):
        return fused_statistics(states, weight, tokens, 0.7)[:2]

    assert torch.autograd.gradcheck(both, (states, weight), fast_mode=True)
    assert torch.autograd.gradcheck(lambda s: both(s, weight.detach())[1], (states,), fast_mode=True)


def test_sums_are_wide_whatever_the_models_type(small_blocks):
    states, weight, tokens = given(dtype=torch.bfloat16)
    found = fused_statistics(states, weight, tokens, 1.0)
    exact = fused_statistics(states.detach().double(), weight.detach().double(), tokens, 1.0)
    for value, expected in zip(found, exact, strict=True):
        assert value.dtype == torch.float32
        assert torch.allclose(value.double(), expected, atol=2e-5)
    found[0].sum().backward()
    assert states.grad.dtype == weight.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_gradients_by_bf16_products_are_rounded_once_and_the_statistics_not_at_all(small_blocks, temperature):
    """Over fifty blocks: sums in bf16 over the vocabulary would be off by twice as much."""
    found = {}
    for backward in (None, torch.bfloat16):
        states, weight, tokens = given(rows=100, hidden=16, vocabulary=12_000)
        logprob, entropy, *rest = fused_statistics(states, weight, tokens, temperature, backward=backward)
        (logprob * torch.linspace(-1, 2, len(tokens)) + 0.3 * entropy**2).sum().backward()
        found[backward] = [logprob, entropy, *rest], [states.grad, weight.grad]
    same(found[None][0], found[torch.bfloat16][0])
    for exact, rounded in zip(found[None][1], found[torch.bfloat16][1], strict=True):
        assert rounded.dtype == torch.float32
        assert 0 < torch.dist(rounded, exact) < 0.004 * exact.norm()


class Tf32(TorchDispatchMode):
    """Matrix products as a GPU's tensor cores make them in TF32: of factors with 10 bits behind the leading one."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.mm.default:
            args = [((a.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32) for a in args]
        return function(*args, **kwargs or {})


@pytest.mark.parametrize("kind", ["plain", "fused"])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_tf32_rounds_no_statistic_of_a_bf16_model(small_blocks, kind, temperature):
    states, weight, tokens = given(hidden=64, dtype=torch.bfloat16)
    exact = outcome(kind, *given(hidden=64, dtype=torch.bfloat16), temperature)
    with Tf32():
        found = outcome(kind, states, weight, tokens, temperature)
    same(exact[:4], found[:4])


def test_a_distribution_known_by_hand():
    """Two equal logits among others 50 nats below: log-probability -ln 2, entropy ln 2, reduction 0."""
    weight = torch.full((64, 1), -50.0)
    weight[[3, 40]] = 0.0
    logprob, entropy, reduction, largest = fused_statistics(torch.ones(1, 1), weight, torch.tensor([40]), 1.0)
    assert (logprob.item(), entropy.item()) == pytest.approx((-math.log(2), math.log(2)))
    assert (reduction.item(), largest.item()) == pytest.approx((0.0, 0.0), abs=1e-6)


def _rank() -> None:
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    states, weight, tokens = given(vocabulary=701)
    whole_states, whole_weight, _ = given(vocabulary=701)
    first, part = (0, weight[:300]) if rank == 0 else (300, weight[300:])
    part = part.detach().requires_grad_()
    shard = Shard(first, dist.group.WORLD)
    mine = fused_statistics(states, part, tokens, 0.8, shard)
    whole = fused_statistics(whole_states, whole_weight, tokens, 0.8)
    for value, expected in zip(mine, whole, strict=True):
        assert torch.allclose(value, expected, atol=1e-5)
    proxies = [
        fused_proxy_logprob(s, w, tokens, 0.8, r[3], at)
        for s, w, r, at in ((states, part, mine, shard), (whole_states, whole_weight, whole, None))
    ]
    assert torch.allclose(*proxies, atol=1e-5)
    for found in (mine, whole):
        (found[0] + 0.3 * found[1]).sum().backward()
    assert torch.allclose(states.grad, whole_states.grad, atol=1e-5)
    assert torch.allclose(part.grad, whole_weight.grad[first : first + len(part)], atol=1e-5)


def test_two_ranks_with_a_part_of_the_vocabulary_each_find_the_same():
    assert together(2, _rank) == [0, 0]


@pytest.mark.slow
def test_it_equals_the_plain_head_at_a_real_vocabulary():
    """Against the plain head in float64: in fp32 that one's own sums over 152k logits are off by more, and so is the
    place where a nucleus ends."""
    needs = EVERYTHING - set(TRUNCATED)
    sizes = {"rows": 64, "hidden": 256, "vocabulary": 151_936, "scale": 0.2}
    wide = outcome("plain", *given(**sizes, dtype=torch.float64), 1.0, needs)
    same(wide, outcome("fused", *given(**sizes), 1.0, needs))
