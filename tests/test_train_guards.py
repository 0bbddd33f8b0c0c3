"""What keeps a run from going on with nonsense: gradients, log-probabilities and responses that must not count."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from methods_batch import active, two_tokens, with_gradient
from training import TRAINING, ParityVerifier, comparable, stopped_after, together, trainer

from steer.configs.schema import Reward, Training
from steer.engines.local import LocalEngine
from steer.errors import UserError
from steer.methods import load_method, method_names
from steer.methods.correction import check_mismatch, truncated_importance
from steer.methods.reduction import constant_length, sequence_mean, token_mean
from steer.train import loop, teacher
from steer.train.metrics import skipped_in_a_row
from steer.train.update import UpdateRecord, run_updates


def test_every_reduction_counts_the_responses_that_have_a_token():
    """A response without a verdict has none: it must not thin out the others' loss."""
    valid = torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    judged = valid[[0, 2]]
    for reduction in (token_mean, sequence_mean, lambda v: constant_length(v, length=4)):
        torch.testing.assert_close(reduction(valid)[[0, 2]], reduction(judged), rtol=0, atol=0)
    assert constant_length(valid, length=4).sum() == pytest.approx(3 / 8)


@pytest.mark.parametrize("name", method_names())
@pytest.mark.parametrize("apart", [-200.0, 200.0])
def test_policies_far_apart_give_finite_gradients(name, apart):
    """e^200 is no number in fp32; whichever way a token has moved, the other one is still learnt from."""
    tokens = two_tokens().map(lambda t: t.float() if t.is_floating_point() else t)
    moved = tokens.old_logprob.clone()
    moved[0] += min(apart, 0) - 0.1
    old = tokens.old_logprob.clone()
    old[0] -= max(apart, 0)
    for sign in (1, -1):
        given = with_gradient(tokens.with_(logprob=moved, old_logprob=old, advantage=sign * tokens.advantage))
        active(name).loss(given).loss.backward()
        grads = [t.grad for t in (given.logprob, given.entropy) if t.grad is not None]
        assert grads
        assert all(grad.isfinite().all() for grad in grads)
    factors = truncated_importance(moved, old - 300, tokens.mask.bool(), cap=2.0)
    assert (factors[0] == 2).all()


def broken_engine(wrong):
    class Broken(LocalEngine):
        def generate(self, *given):
            groups = super().generate(*given)
            return [[replace(c, logprobs=[wrong(v) for v in c.logprobs]) for c in group] for group in groups]

    return lambda model, tokenizer: Broken(model, tokenizer, exact=False)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda v: float("nan"), "step 1: the rollout engine gave nan as log-probability of"),
        (lambda v: v - 0.5, "0.5 nats apart on average, which is more than training.mismatch_limit \\(0.1\\)"),
    ],
)
def test_an_engine_that_disagrees_ends_the_run(model, tokenizer, problems, tmp_path, wrong, said):
    run = trainer(model, tokenizer, problems, tmp_path, verifier=ParityVerifier, engine=broken_engine(wrong))
    with pytest.raises(UserError, match=said):
        run.run()


def test_a_difference_that_is_expected_can_be_allowed(model, tokenizer, problems, tmp_path):
    for limit in (0.6, None):
        training = TRAINING.model_copy(update={"steps": 1, "mismatch_limit": limit})
        engine = broken_engine(lambda v: v - 0.5)
        given = {"verifier": ParityVerifier, "engine": engine, "training": training}
        (line,) = trainer(model, tokenizer, problems, tmp_path / str(limit), **given).run()
        assert line["rollout_mismatch_mean"] == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(UserError, match="nan"):
        check_mismatch(torch.zeros(1, 2), torch.tensor([[0.0, torch.nan]]), torch.ones(1, 2).bool(), 1, None)
    check_mismatch(torch.zeros(1, 2), torch.tensor([[0.0, torch.nan]]), torch.tensor([[True, False]]), 1, 0.1)


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_a_trainer_whose_own_log_probability_is_not_finite_ends_the_run_in_one_line(value):
    """A mean that is NaN is above no limit."""
    trainer, mask = torch.tensor([[-1.0, value]]), torch.ones(1, 2).bool()
    for limit in (0.1, None):
        with pytest.raises(UserError, match=r"step 1: the trainer gave (nan|-inf) as log-probability of 1 of 2 tokens"):
            check_mismatch(trainer, torch.full((1, 2), -1.0), mask, 1, limit)
    check_mismatch(trainer, torch.full((1, 2), -1.0), torch.tensor([[True, False]]), 1, 0.1)


def poisoned(model, when):
    """The model whose gradient is infinite in the updates `when`, counted from 0."""
    count = iter(range(100))
    first = next(model.parameters())
    first.register_hook(lambda grad: grad * float("inf") if next(count) in when else grad)
    return model


def test_an_update_without_a_finite_gradient_is_skipped_and_counted(model, batch):
    own = poisoned(copy.deepcopy(model), {0})
    optimizer = torch.optim.AdamW(own.parameters(), lr=1e-2)
    before = [p.detach().clone() for p in own.parameters()]
    given = TRAINING.model_copy(update={"updates": 1})
    seen = []
    for _ in range(2):
        seen += run_updates(own, optimizer, load_method("grpo"), batch, given, torch.Generator().manual_seed(0))
        if len(seen) == 1:
            assert all(torch.equal(p, b) for p, b in zip(own.parameters(), before, strict=True))
            assert not optimizer.state, "no moment holds what is not finite"
    assert [record.skipped for record in seen] == [True, False]
    assert all(p.isfinite().all() for p in own.parameters())


def test_updates_are_counted_in_a_row_over_steps():
    def records(*skipped):
        return [UpdateRecord({}, torch.ones(1), torch.ones(1), s) for s in skipped]

    assert skipped_in_a_row(records(True, True), 3) == 5
    assert skipped_in_a_row(records(True, False, True), 3) == 1
    assert skipped_in_a_row([], 3) == 3


def test_a_run_ends_after_a_few_skipped_updates_in_a_row_and_counts_them_over_a_stop(
    model, tokenizer, problems, tmp_path
):
    """Two updates a step, all of them skipped: five in a row are reached in the third step, after a stop too."""

    def run(folder):
        made = trainer(model, tokenizer, problems, folder, verifier=ParityVerifier)
        poisoned(made.model, range(100))
        return made

    for interrupted in (False, True):
        folder = tmp_path / str(interrupted)
        if interrupted:
            stopped_after(run(folder), 2)
        made = run(folder)
        with pytest.raises(UserError, match="step 3, method steer: the gradients of the last 6 updates were not"):
            made.run()
        assert [line["updates_skipped_in_a_row"] for line in made.metrics] == [2, 4]
        assert "gradient_norm" not in made.metrics[0]


def test_over_long_responses_can_be_masked(model, tokenizer, problems, tmp_path, monkeypatch):
    """They enter no loss, but their rewards count in the advantages of the others."""
    seen, real = {}, loop.run_updates

    def noted(model, optimizer, method, batch, *rest):
        seen["batch"] = batch
        return real(model, optimizer, method, batch, *rest)

    monkeypatch.setattr(loop, "run_updates", noted)
    batches = {}
    for choice in ("count", "mask"):
        training = TRAINING.model_copy(update={"steps": 1, "max_response_tokens": 3})
        made = trainer(model, tokenizer, problems, tmp_path / choice, verifier=ParityVerifier, training=training)
        made.reward = Reward(overlong=choice)
        made.run()
        batches[choice] = seen["batch"]
    masked, counted = batches["mask"], batches["count"]
    long = counted.sequences.lengths == 3
    ended = counted.sequences.responses.gather(1, counted.sequences.lengths[:, None] - 1).squeeze(1)
    long &= ended != tokenizer.eos_token_id
    assert long.any()
    assert counted.judged.all()
    assert torch.equal(masked.judged, ~long)
    assert torch.equal(masked.advantage, counted.advantage)


def test_a_checkpoint_by_the_clock(model, tokenizer, problems, tmp_path, monkeypatch):
    """Every step takes ten minutes on this clock; a checkpoint falls due after fifteen, and never ranks."""
    clock = iter(range(0, 10**6, 600))
    now = {"time": 0.0}
    training = TRAINING.model_copy(update={"checkpoint_every": 100, "checkpoint_minutes": 15, "steps": 6})
    made = trainer(model, tokenizer, problems, tmp_path, verifier=ParityVerifier, training=training)
    made.saved_at = 0.0
    monkeypatch.setattr(loop.time, "monotonic", lambda: now["time"])
    made.on_step = lambda metrics: now.update(time=float(next(clock)) + 600)
    saved, save = [], made.checkpoints.save

    class Noted:
        def __getattr__(self, name):
            return getattr(made_checkpoints, name)

        def save(self, step, model, optimizer, state, score):
            saved.append((step, score))
            save(step, model, optimizer, state, score)

    made_checkpoints, made.checkpoints = made.checkpoints, Noted()
    made.run()
    assert saved == [(2, None), (4, None)]


def test_the_teacher_reads_what_is_shaped_with_all_the_room_there_is(model, tokenizer, problems, tmp_path, monkeypatch):
    """SMALL has 64 positions: a response of n tokens leaves its prompt 64 - n."""
    passes, scored = [], teacher.scored

    def noted(model, sequences, training, *rest):
        passes.append(sequences)
        return scored(model, sequences, training, *rest)

    monkeypatch.setattr(teacher, "scored", noted)
    seen, real = [], loop.run_updates
    monkeypatch.setattr(
        loop, "run_updates", lambda m, o, me, batch, *rest: seen.append(batch) or real(m, o, me, batch, *rest)
    )
    long = [replace(p, prompt="1+1=?" * 4) for p in problems]
    training = TRAINING.model_copy(update={"rollouts": 6})
    given = {"verifier": ParityVerifier, "method": load_method("rlrt"), "training": training}
    trainer(model, tokenizer, long, tmp_path, **given).run()
    assert passes
    for sequences in passes:
        assert (sequences.prompt_lengths + sequences.lengths == 64).all()
    shaped = sum(int((batch.advantage > 0).sum()) for batch in seen)
    assert sum(len(s.lengths) for s in passes) <= shaped < sum(len(b.advantage) for b in seen)


def test_problems_and_their_tests_do_not_travel_between_processes(model, tokenizer, problems, tmp_path):
    """What a process sends of its rollouts holds none; the metrics by family are those of one process' problems."""

    def work():
        sent, gather = [], loop.gather

        def noted(value):
            sent.append(value)
            return gather(value)

        loop.gather = noted
        training = Training(**{**TRAINING.model_dump(), "steps": 1})
        made = trainer(model, tokenizer, problems, tmp_path, verifier=ParityVerifier, training=training)
        from steer.train.sharding import prepared, replica

        made.model, _ = prepared(made.model, training, torch.device("cpu"))
        made.engine = lambda model, tokenizer: replica("fp32", model, tokenizer)
        (line,) = made.run()
        rollouts = [value for value in sent if hasattr(value, "problems")]
        assert rollouts
        assert all(value.problems == [] for value in rollouts)
        assert [name for name in line if name.startswith("accuracy/")]
        return 0

    assert together(2, work) == [0, 0]


def test_keys_that_only_guard_a_run_change_nothing(model, tokenizer, problems, tmp_path):
    lines = []
    for n, update in enumerate(({}, {"mismatch_limit": None, "skipped_limit": 1, "checkpoint_minutes": 1e-9})):
        training = TRAINING.model_copy(update=update)
        made = trainer(model, tokenizer, problems, tmp_path / str(n), verifier=ParityVerifier, training=training)
        lines.append(json.dumps(comparable(made.run())))
    assert lines[0] == lines[1]


class SetsProducts(LocalEngine):
    """As vLLM does where it shares the trainer's process: it sets how the process multiplies."""

    to = "highest"

    def generate(self, *given):
        torch.set_float32_matmul_precision(self.to)
        return super().generate(*given)


@pytest.mark.parametrize(("precision", "to", "wanted"), [("bf16", "highest", "high"), ("fp32", "high", "highest")])
def test_products_are_as_the_precision_wants_whatever_the_engine_sets(
    model, tokenizer, problems, tmp_path, precision, to, wanted
):
    seen, before = [], torch.get_float32_matmul_precision()

    def engine(own, tokenizer):
        own = copy.deepcopy(own)
        own.lm_head._forward_hooks.clear()
        SetsProducts.to = to
        return SetsProducts(own, tokenizer, exact=False)

    training = TRAINING.model_copy(update={"precision": precision, "steps": 2, "head": "plain"})
    changes = {"training": training, "engine": engine, "verifier": ParityVerifier.of}
    run = trainer(model, tokenizer, problems, tmp_path, **changes)
    run.model.lm_head.register_forward_hook(lambda *_: seen.append(torch.get_float32_matmul_precision()))
    try:
        run.run()
        assert torch.get_float32_matmul_precision() == to, "the engine's own is left as it was"
    finally:
        torch.set_float32_matmul_precision(before)
    assert seen
    assert set(seen) == {wanted}
