"""Responses that can change no gradient leave the update: the same gradient for every method, in less work."""

import copy
from dataclasses import replace

import pytest
import torch
from methods_batch import active
from methods_batch import batch as ragged
from test_train import MEMORY, OVERRIDES
from training import OF_EACH_KIND, SMALL, TRAINING, each_method, in_child, ragged_batch, status_of, together

from steer.methods import load_method, method_names
from steer.models.load import new_model
from steer.models.tokenizer import character_tokenizer
from steer.train import parallel, update
from steer.train.metrics import update_metrics
from steer.train.sharding import prepared
from steer.train.update import run_updates


def half_idle(model):
    """Two of four groups without spread, and one response of another that was not judged."""
    batch = ragged_batch(model)
    advantage = torch.tensor([1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    judged = batch.judged.clone()
    judged[6] = False
    return replace(batch, advantage=advantage, judged=judged)


@pytest.fixture
def idle_batch(model):
    return half_idle(model)


def gradient(model, batch, name, monkeypatch, **training):
    """(gradient of the one update, its record, rows that each pass took)."""
    own, taken, passed = copy.deepcopy(model), [], update.passed
    method = load_method(name, OVERRIDES.get(name))
    method.memory.update(copy.deepcopy(MEMORY.get(name, {})))
    optimizer = torch.optim.SGD(own.parameters(), lr=1.0)
    before = torch.cat([p.detach().flatten().clone() for p in own.parameters()])
    given = TRAINING.model_copy(update={"updates": 1, "gradient_clip": 1e9, **training})
    monkeypatch.setattr(update, "passed", lambda m, s, *rest: taken.append(len(s.lengths)) or passed(m, s, *rest))
    (record,) = run_updates(own, optimizer, method, batch, given, torch.Generator().manual_seed(1))
    monkeypatch.undo()
    return before - torch.cat([p.detach().flatten() for p in own.parameters()]), record, sum(taken)


# In micro-batches one of each kind; that no method depends on them, test_train.py shows.
SPLIT = [pytest.param(name, 2) for name in OF_EACH_KIND]


@pytest.mark.parametrize(
    ("name", "micro_batch"), [*(pytest.param(*p.values, None, marks=p.marks) for p in each_method()), *SPLIT]
)
def test_the_gradient_is_the_same_without_the_idle(model, idle_batch, name, micro_batch, monkeypatch):
    """So is every metric but quantiles of the ratio. Where a method reads all tokens, all enter that can count."""
    every, told, all_rows = gradient(model, idle_batch, name, monkeypatch, micro_batch=micro_batch, skip_idle=False)
    few, found, rows = gradient(model, idle_batch, name, monkeypatch, micro_batch=micro_batch)
    assert every.abs().max() > 1e-4
    assert (few - every).abs().max() < 1e-6
    assert found.metrics == pytest.approx(told.metrics, rel=1e-5, abs=1e-6)
    torch.testing.assert_close(found.weight, told.weight, rtol=1e-5, atol=1e-6)
    assert all_rows == 8
    method = load_method(name)
    if method.reads == "everything" or "entropy" in name.split("_")[0] or name in ("gtpo", "grpo_kl"):
        assert rows <= 7, "the one that was not judged is out"
    else:
        assert rows <= 3
    if name == "grpo":
        kept = idle_batch.sequences.lengths[idle_batch.advantage != 0].sum()
        assert len(found.ratio) == kept, "ratios are over tokens that entered"
        assert len(told.ratio) == int(idle_batch.valid.sum())


@pytest.mark.parametrize("name", method_names())
def test_what_a_method_says_it_reads_is_what_it_reads(name):
    """Other statistics of the current policy, where the method says that it does not look, change nothing."""
    method, tokens = active(name), ragged()
    advantage = tokens.advantage.clone()
    advantage[[1, 2, 5]] = 0
    tokens = tokens.with_(advantage=advantage)
    before = method.prepare(tokens)
    if method.reads == "everything":
        return
    where = tokens.valid if method.reads == "nothing" else tokens.valid & (before.advantage == 0)
    assert where.any()
    other = ragged(seed=9)
    changed = {
        field: torch.where(where, getattr(other, field), getattr(tokens, field))
        for field in ("logprob", "entropy", "reduction", "nucleus_entropy", "clamped_entropy")
    }
    after = method.prepare(tokens.with_(**changed))
    for field in ("advantage", "weight", "share"):
        torch.testing.assert_close(getattr(after, field), getattr(before, field), rtol=0, atol=0)
    assert (after.penalty is None) == (before.penalty is None)
    if before.penalty is not None:
        torch.testing.assert_close(after.penalty.scale, before.penalty.scale, rtol=0, atol=0)
        if method.reads == "advantage":
            assert (before.penalty.scale[where] == 0).all()


@pytest.mark.parametrize("name", ["clip_cov", "covariance_kernel", "fork_tokens", "kl_cov", "siren", "aent"])
def test_a_method_that_reads_all_tokens_says_so(name):
    """With them another policy on responses without advantage is another update: they must not be left out."""
    method, tokens = active(name), ragged()
    if name == "clip_cov":
        method = load_method(name, {"weight.share": 0.2, "weight.low": 0, "weight.high": 10})
    advantage = tokens.advantage.clone()
    advantage[[1, 2, 5]] = 0
    tokens, other = tokens.with_(advantage=advantage), ragged(seed=9)
    assert method.reads == "everything"
    idle = (advantage == 0) & tokens.valid
    names = ("logprob", "entropy", "nucleus_entropy", "clamped_entropy")
    changed = {field: torch.where(idle, getattr(other, field), getattr(tokens, field)) for field in names}
    before, after = method.prepare(tokens), method.prepare(tokens.with_(**changed))
    differs = not torch.equal(before.weight, after.weight) or before.metrics != after.metrics
    assert differs or not torch.equal(before.penalty.scale, after.penalty.scale)


def test_an_own_function_that_says_nothing_is_taken_to_read_everything(idle_batch):
    method = load_method("grpo")
    method.weight = lambda tokens, context: torch.ones_like(tokens.logprob)
    assert method.reads == "everything"
    tokens = idle_batch.tokens(idle_batch.unmoved(frozenset()))
    assert method.idle(tokens).tolist() == [row == 6 for row in range(8)]


def test_an_update_without_any_advantage_still_moves_the_optimizer(model, idle_batch, monkeypatch):
    """Momentum goes on, as it does when all responses enter; one response stands for all."""
    nothing = replace(idle_batch, advantage=torch.zeros(8))
    moved = []
    for skip in (False, True):
        own = copy.deepcopy(model)
        optimizer = torch.optim.AdamW(own.parameters(), lr=1e-2, eps=1e-6, fused=True)
        given = TRAINING.model_copy(update={"updates": 1, "skip_idle": skip})
        records = []
        for batch in (idle_batch, nothing):
            records += run_updates(own, optimizer, load_method("steer"), batch, given, torch.Generator().manual_seed(0))
        assert records[1].metrics["gradient_norm"] == 0
        assert update_metrics(records[1:])["ratio_max"] > 0
        moved.append(torch.cat([p.detach().flatten() for p in own.parameters()]))
    torch.testing.assert_close(*moved, rtol=0, atol=1e-6)


def test_clip_fractions_are_shares_of_all_tokens(model, idle_batch, monkeypatch):
    for micro_batch in (None, 1):
        _, with_all, _ = gradient(model, idle_batch, "grpo", monkeypatch, micro_batch=micro_batch, skip_idle=False)
        _, without, _ = gradient(model, idle_batch, "grpo", monkeypatch, micro_batch=micro_batch)
        for side in ("low", "high"):
            name = f"clip_fraction_{side}"
            assert without.metrics[name] == pytest.approx(with_all.metrics[name], abs=1e-7)
        assert with_all.metrics["clip_fraction_low"] + with_all.metrics["clip_fraction_high"] > 0


def test_two_processes_of_which_one_has_nothing_to_do(tmp_path):
    """One response alone can change the gradient: the second process has a stand-in and gets the same weights."""
    model = new_model(SMALL, character_tokenizer(), seed=0)
    batch = ragged_batch(model)
    batch = replace(batch, advantage=torch.tensor([1.0, *[0.0] * 7]))
    given = TRAINING.model_copy(update={"updates": 1})

    def after(own, path=None):
        optimizer = torch.optim.AdamW(own.parameters(), lr=1e-2, eps=1e-6, fused=True)
        for name in ("grpo", "steer"):
            (record,) = run_updates(own, optimizer, load_method(name), batch, given, torch.Generator().manual_seed(0))
            assert len(record.ratio) == int(batch.sequences.lengths[0])
        return record.metrics, [getattr(p, "full_tensor", lambda p=p: p)().detach() for p in own.parameters()]

    def work():
        own, _ = prepared(copy.deepcopy(model), given, torch.device("cpu"))
        found = after(own)
        if parallel.is_main():
            torch.save(found, tmp_path / "found.pt")

    assert together(2, work) == [0, 0]
    metrics, weights = torch.load(tmp_path / "found.pt", weights_only=True)

    def alone():
        torch.save(after(copy.deepcopy(model)), tmp_path / "alone.pt")

    assert status_of(in_child(alone)) == 0
    expected, those = torch.load(tmp_path / "alone.pt", weights_only=True)
    assert metrics == pytest.approx(expected, rel=1e-4, abs=1e-5)
    for one, other in zip(weights, those, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
