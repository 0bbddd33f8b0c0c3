"""What must hold for every method: micro-batches, padding, purity, and errors that say what is wrong."""

import math

import pytest
import torch
from methods_batch import active, batch, two_tokens, with_gradient

from steer.methods import Tokens, load_method, method_names

NAMES = method_names()


def loss_and_gradient(method, tokens, micro_batch):
    """(loss, gradient of logprob, of entropy) summed over micro-batches of that many responses."""
    tokens = with_gradient(tokens)
    prepared = method.prepare(tokens, torch.Generator().manual_seed(1))
    total = 0.0
    for start in range(0, len(tokens.mask), micro_batch):
        rows = slice(start, start + micro_batch)
        out = method.loss(tokens.rows(rows), prepared.rows(rows))
        out.loss.backward()
        total += out.loss.item()
    entropy_gradient = tokens.entropy.grad if tokens.entropy.grad is not None else torch.zeros_like(tokens.entropy)
    return total, tokens.logprob.grad, entropy_gradient


@pytest.mark.parametrize("name", NAMES)
def test_loss_and_gradient_do_not_depend_on_the_micro_batch(name):
    method, tokens = active(name), batch()
    whole = method.loss(with_gradient(tokens), generator=torch.Generator().manual_seed(1)).loss.item()
    loss, logprob, entropy = loss_and_gradient(method, tokens, len(tokens.mask))
    assert loss == pytest.approx(whole, abs=1e-14) and logprob.abs().sum() > 0
    for size in (1, 2, 4):
        other = loss_and_gradient(method, tokens, size)
        assert other[0] == pytest.approx(loss, abs=1e-14)
        torch.testing.assert_close(other[1], logprob, rtol=0, atol=1e-14)
        torch.testing.assert_close(other[2], entropy, rtol=0, atol=1e-14)


@pytest.mark.parametrize("scope, same", [("batch", True), ("micro_batch", False)])
def test_a_maximum_per_micro_batch_is_only_a_named_variant(scope, same):
    method, tokens = load_method("steer_released", {"weight.scope": scope}), batch()
    pieces = [loss_and_gradient(method, tokens, size)[0] for size in (1, 8)]
    assert (pieces[0] == pytest.approx(pieces[1], abs=1e-12)) is same


def test_a_maximum_per_micro_batch_is_the_micro_batch_own():
    method = load_method("steer", {"weight.scope": "micro_batch"})
    tokens, alone = batch(), load_method("steer")
    prepared = method.prepare(tokens)
    for row in range(8):
        rows = slice(row, row + 1)
        weight = method.loss(tokens.rows(rows), prepared.rows(rows)).weight
        torch.testing.assert_close(weight, alone.loss(tokens.rows(rows)).weight)


@pytest.mark.parametrize("name", ["grpo", "steer", "steer_linear", "steer_binary", "kl_cov", "gspo"])
def test_a_micro_batch_without_a_token_adds_nothing(name):
    """Responses without a verdict are masked out, and may fill a micro-batch."""
    mask = batch().mask.clone()
    mask[4:6] = False
    overrides = {"weight.scope": "micro_batch"} if name.startswith("steer") else {}
    method, tokens = load_method(name, overrides), with_gradient(batch().with_(mask=mask))
    prepared, rows = method.prepare(tokens), slice(4, 6)
    out = method.loss(tokens.rows(rows), prepared.rows(rows))
    out.loss.backward()
    assert out.loss == 0 and (tokens.logprob.grad == 0).all()


@pytest.mark.parametrize(
    "padding", [math.nan, *(pytest.param(x, marks=pytest.mark.slow) for x in (math.inf, -math.inf))]
)
@pytest.mark.parametrize("name", NAMES)
def test_padding_is_never_read(name, padding):
    method = active(name)
    expected = loss_and_gradient(method, batch(), 4)
    got = loss_and_gradient(method, batch(padding=padding), 4)
    assert got[0] == pytest.approx(expected[0], abs=1e-14)
    for one, other in zip(got[1:], expected[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
        assert (one[~batch().mask] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_padding_has_no_effect_on_metrics_and_weights(name):
    method = active(name)
    clean, dirty = method.loss(batch()), method.loss(batch(padding=math.nan))
    assert clean.metrics == pytest.approx(dirty.metrics) and all(math.isfinite(v) for v in clean.metrics.values())
    torch.testing.assert_close(clean.weight, dirty.weight)


@pytest.mark.parametrize("name", NAMES)
def test_using_a_batch_twice_gives_the_same(name):
    """In-place changes of the advantages would add up over epochs."""
    method, tokens = active(name), batch()
    before = tokens.map(torch.clone)
    first, second = method.loss(tokens).loss, method.loss(tokens).loss
    assert first == second
    for field in ("logprob", "advantage", "entropy", "old_entropy", "mask"):
        assert torch.equal(getattr(tokens, field), getattr(before, field))


@pytest.mark.parametrize("name", NAMES)
def test_no_gradient_through_weights_or_into_other_fields(name):
    method, tokens = active(name), with_gradient(batch())
    others = {f: getattr(tokens, f).clone().requires_grad_() for f in ("old_logprob", "advantage", "reduction")}
    out = method.loss(tokens.with_(**others))
    assert not out.weight.requires_grad
    out.loss.backward()
    assert others["advantage"].grad is None and others["reduction"].grad is None


@pytest.mark.parametrize("name", NAMES)
def test_equal_rewards_are_no_error(name):
    """Without spread there is nothing to learn, except for methods without a group baseline."""
    method, tokens = active(name), with_gradient(batch())
    rewards = torch.full((8,), 0.1, dtype=torch.float32)
    advantage = method.advantages(rewards, tokens.group, torch.arange(1, 9))
    if method.settings["advantage"]["name"] != "w_reinforce":
        assert (advantage == 0).all()
    out = method.loss(tokens.with_(advantage=advantage.double()[:, None].expand(8, 7).clone()))
    assert out.loss.isfinite() and out.weight.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_unverifiable_responses_enter_no_statistic(name):
    method = active(name)
    rewards = torch.tensor([1.0, -1, -1, 1, math.nan, 1, -1, math.nan], dtype=torch.float64)
    group, lengths = torch.tensor([0, 0, 0, 1, 0, 1, 1, 2]), torch.tensor([3, 1, 2, 5, 9, 2, 2, 4])
    advantage = method.advantages(rewards, group, lengths)
    known = ~rewards.isnan()
    assert (advantage[~known] == 0).all() and (advantage[known] != 0).any()
    assert torch.equal(advantage[known], method.advantages(rewards[known], group[known], lengths[known]))


def test_one_group_does_not_decide_whether_another_has_spread():
    rewards = torch.tensor([1e7, -1e7, 2.0, 1.0], dtype=torch.float64)
    advantage = load_method("grpo").advantages(rewards, torch.tensor([0, 0, 1, 1]), torch.ones(4))
    assert advantage.tolist() == pytest.approx([2**-0.5, -(2**-0.5)] * 2, rel=1e-5)


def test_whole_number_rewards_are_rewards():
    got = load_method("rloo").advantages(torch.tensor([1, 0, 0]), torch.zeros(3), torch.ones(3))
    assert got.tolist() == pytest.approx([1.0, -0.5, -0.5])


BAD = {
    "unequal shape": (
        {"entropy": torch.ones(8, 6)},
        r"steer, slot clip: tensors of unequal shape: .*entropy.*\(8, 6\)",
    ),
    "group shape": ({"group": torch.ones(3)}, r"steer, slot shaping: tensors of unequal shape: .*\(3,\)"),
    "all masked": ({"mask": torch.zeros(8, 7)}, r"steer, slot reduction: all tokens masked \(N = 0\)"),
    "nan": ({"logprob": torch.full((8, 7), math.nan)}, "steer, slot clip: `logprob` holds nan"),
    "minus infinity": ({"old_logprob": torch.full((8, 7), -math.inf)}, "steer, slot clip: `old_logprob` holds -inf"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tensors_are_named(case):
    fields, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        load_method("steer").loss(batch().with_(**fields))


def test_a_log_probability_that_breaks_after_prepare_is_named():
    method, tokens = load_method("grpo"), batch()
    prepared = method.prepare(tokens)
    broken = tokens.with_(logprob=torch.full((8, 7), math.nan))
    with pytest.raises(ValueError, match="grpo, slot clip: `logprob` holds nan"):
        method.loss(broken.rows(slice(0, 2)), prepared.rows(slice(0, 2)))


def test_a_micro_batch_of_another_shape_is_named():
    """Broadcasting would hide it."""
    method, tokens = load_method("steer"), batch()
    prepared, rows = method.prepare(tokens), slice(0, 2)
    message = r"steer, slot clip: tensors of unequal shape: .*'{}': \(1, 7\)"
    with pytest.raises(ValueError, match=message.format("prepared")):
        method.loss(tokens.rows(rows), prepared.rows(slice(0, 1)))
    with pytest.raises(ValueError, match=message.format("old_logprob")):
        method.loss(tokens.rows(rows).with_(old_logprob=tokens.old_logprob[:1]), prepared.rows(rows))


@pytest.mark.parametrize(
    "name, slot, field",
    [
        ("rlrt", "shaping", "teacher_logprob"),
        ("steer_tabular", "weight", "reduction"),
        ("lp_reg", "penalty", "proxy_logprob"),
    ],
)
def test_a_broken_optional_field_is_named_with_the_slot_that_reads_it(name, slot, field):
    broken = getattr(batch(), field).clone()
    broken[0, 0] = math.nan
    with pytest.raises(ValueError, match=f"{name}, slot {slot}: `{field}` holds nan at a response token"):
        load_method(name).loss(batch().with_(**{field: broken}))
    assert load_method("grpo").loss(batch().with_(**{field: broken})).loss.isfinite()


@pytest.mark.parametrize("far", ["old_logprob", "base_logprob", "teacher_logprob", "proxy_logprob", "logprob"])
@pytest.mark.parametrize("name", NAMES)
def test_a_ratio_too_large_for_its_type_is_bounded_and_has_a_finite_gradient(name, far):
    """200 nats apart: exp overflows in fp32, and without a bound its gradient would be NaN."""
    tokens = batch().map(lambda t: t.float() if t.is_floating_point() else t)
    low = getattr(tokens, far).clone()
    low[1] = -200.0
    tokens = tokens.with_(**{far: low})
    logprob = tokens.logprob.clone().requires_grad_()
    out = load_method(name).loss(tokens.with_(logprob=logprob))
    out.loss.backward()
    assert out.loss.isfinite() and logprob.grad.isfinite().all()


def test_bad_rewards_are_named():
    method, two = load_method("grpo"), torch.ones(2)
    with pytest.raises(ValueError, match=r"grpo, slot advantage: tensors of unequal shape: .*\(3,\)"):
        method.advantages(torch.ones(3), two, two)
    with pytest.raises(ValueError, match="grpo, slot advantage: a reward is infinite"):
        method.advantages(torch.tensor([1.0, math.inf]), two, two)


@pytest.mark.parametrize(
    "name, slot, field",
    [
        ("steer_tabular", "weight", "reduction"),
        ("rlrt", "shaping", "teacher_logprob"),
        ("lp_reg", "penalty", "proxy_logprob"),
    ],
)
def test_a_missing_optional_field_is_named(name, slot, field):
    method = load_method(name)
    assert method.needs == {field}
    with pytest.raises(ValueError, match=f"{name}, slot {slot}: needs `Tokens.{field}`"):
        method.loss(batch().with_(**{field: None}))


def test_the_share_of_entropy_change_removed():
    steer, grpo = load_method("steer").loss(batch()), load_method("grpo").loss(batch())
    assert grpo.metrics["entropy_change_removed"] == 0
    assert 0 < steer.metrics["entropy_change_removed"] < 0.3
    shares = [value for name, value in steer.metrics.items() if name.startswith("quadrant_share/")]
    assert len(shares) == 4 and sum(shares) == pytest.approx(1)
    changes = [value for name, value in steer.metrics.items() if name.startswith("quadrant_change/")]
    assert sum(changes) == pytest.approx(steer.metrics["entropy_change"])


@pytest.mark.parametrize("name", NAMES)
def test_weight_is_one_off_the_mask(name):
    assert (active(name).loss(batch()).weight[~batch().mask] == 1).all()


def test_clip_cov_draws_no_token_that_the_clip_has_cut():
    """Ratio 3 with A > 0 is cut at 1 + 1; the other tokens are of equal covariance and one of them is drawn."""
    method = load_method("clip_cov", {"weight.share": 1, "weight.low": -10, "weight.high": 10})
    tokens = two_tokens(probability=[0.6, 0.25], old=[0.2, 0.25])
    assert method.loss(tokens).weight.flatten().tolist() == [1.0, 0.0]


def test_cispo_cuts_no_token():
    """STEER on top of it sees I_clip = 1, though the ratio 3 is reported as clipped."""
    tokens = two_tokens(probability=[0.6, 0.25], old=[0.2, 0.25])
    out = load_method("steer", {"clip": "cispo"}).loss(tokens)
    assert out.metrics["clip_fraction_high"] == 0.5 and out.weight[0] < 1
    assert load_method("steer").loss(tokens).weight[0] == 1


def test_perplexity_outliers_leave_the_statistics():
    """log PPL = (1, 1.2, 1.4, 1.6, 9): without the last μ = 1.3, σ = 0.05^(1/2); its own factor is clamped."""
    log_ppl = torch.tensor([1.0, 1.2, 1.4, 1.6, 9.0], dtype=torch.float64)[:, None]
    ones = torch.ones_like(log_ppl)
    tokens = Tokens(-log_ppl, -log_ppl, ones, ones, ones, ones)
    shaped = load_method("perplexity_shaping").prepare(tokens).advantage.flatten()
    expected = [1 - 0.01 * (value - 1.3) / 0.05**0.5 for value in (1.0, 1.2, 1.4, 1.6)]
    assert shaped.tolist() == pytest.approx([*expected, 0.8])


def test_kl_cov_takes_no_gradient_from_the_rounding_of_equal_policies():
    """The decoder's log-probabilities and those of the update's pass: the same policy, a few units of fp32 apart."""
    tokens = two_tokens().map(lambda values: values.float() if values.is_floating_point() else values)
    gradients = []
    for apart in (0.0, 4e-7):
        logprob = (tokens.logprob + apart).requires_grad_()
        load_method("kl_cov", {"penalty.share": 1}).loss(tokens.with_(logprob=logprob)).loss.backward()
        gradients.append(logprob.grad)
    assert torch.allclose(*gradients, atol=1e-5)
