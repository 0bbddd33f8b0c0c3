"""bf16 in one process: weights and optimizer in fp32, shares that stay shares, logits that are not rounded."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.distributed.fsdp import FSDPModule
from training import SMALL, TRAINING, in_child, ragged_batch, status_of

from steer.engines.weights import trainer_weights
from steer.methods import load_method
from steer.models.head import logits_of
from steer.models.load import load_model, new_model
from steer.models.tokenizer import character_tokenizer
from steer.train import parallel
from steer.train.checkpoint import Checkpoints, load
from steer.train.scoring import scored
from steer.train.sharding import prepared, save_trained
from steer.train.update import run_updates

# Layers with prompts of their own do not compute in bf16 themselves: FSDP does it, as on a GPU.
BF16 = TRAINING.model_copy(update={"precision": "bf16", "updates": 1, "shared_prompts": False})


@pytest.fixture(scope="module")
def model():
    return new_model(SMALL.model_copy(update={"layers": 2}), character_tokenizer(), seed=0)


@pytest.fixture(scope="module")
def batch(model):
    return ragged_batch(model)


def test_in_bf16_the_weights_and_the_optimizer_stay_in_fp32(model, batch, tmp_path):
    training = BF16

    def work():
        own, copied = prepared(copy.deepcopy(model), training, torch.device("cpu"))
        assert copied
        assert isinstance(own, FSDPModule)
        optimizer = torch.optim.AdamW(own.parameters(), lr=1e-6, weight_decay=0.0, fused=True)
        before = {name: value.clone() for name, value in trainer_weights(own)}
        found = scored(own, batch.sequences, training)
        run_updates(own, optimizer, load_method("steer"), batch, training, torch.Generator().manual_seed(0))
        after = dict(trainer_weights(own))
        dtypes = {str(v.dtype) for state in optimizer.state.values() for v in state.values()}
        moved = {name: (after[name] - before[name]).abs().max() for name in after}
        save_trained(own, character_tokenizer(), "bf16", tmp_path / "model")
        torch.save({"dtypes": dtypes, "moved": moved, "after": after, "logprob": found.logprob}, tmp_path / "found.pt")

    assert status_of(in_child(work)) == 0
    found = torch.load(tmp_path / "found.pt", weights_only=True)
    assert found["dtypes"] == {"torch.float32"}
    # In bf16 a step of 1e-6 would be lost beside a weight of 0.02.
    assert all(5e-7 < float(moved) < 2e-6 for moved in found["moved"].values())
    plain = scored(model, batch.sequences, TRAINING).logprob
    assert found["logprob"].dtype == torch.float32
    assert 1e-5 < (found["logprob"] - plain).abs().max() < 0.05
    saved = load_model(str(tmp_path / "model"), dtype="auto")
    assert saved.dtype == torch.bfloat16
    for name, value in saved.named_parameters():
        assert torch.equal(value, found["after"][name].bfloat16())


def test_a_step_without_an_update_leaves_the_model_in_shares(model, batch, tmp_path):
    """Nothing is judged, where no verifier answers: the forward passes are all there is, and a checkpoint follows."""
    training, unjudged = BF16, replace(batch, judged=torch.zeros_like(batch.judged))

    def work():
        own, _ = prepared(copy.deepcopy(model), training, torch.device("cpu"))
        assert isinstance(own, FSDPModule)
        optimizer = torch.optim.AdamW(own.parameters(), lr=1e-3, fused=True)
        run_updates(own, optimizer, load_method("steer"), batch, training, torch.Generator().manual_seed(0))
        scored(own, batch.sequences, training)
        assert run_updates(own, optimizer, load_method("steer"), unjudged, training, torch.Generator()) == []
        assert {value.dtype for _, value in trainer_weights(own)} == {torch.float32}
        checkpoints = Checkpoints(tmp_path, "a")
        checkpoints.save(1, own, optimizer, {"step": 1})
        assert load(checkpoints.newest(), own, optimizer) == {"step": 1}

    assert status_of(in_child(work)) == 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_one_process_that_torchrun_started_trains_as_the_plain_command_does(model, precision, monkeypatch):
    training = TRAINING.model_copy(update={"precision": precision})
    monkeypatch.setenv("RANK", "0")
    for processes, several in (("1", False), ("2", True)):
        monkeypatch.setenv("WORLD_SIZE", processes)
        assert parallel.is_alone() is not several
    monkeypatch.setenv("WORLD_SIZE", "1")
    own, copied = prepared(copy.deepcopy(model), training, torch.device("cpu"))
    assert not isinstance(own, FSDPModule)
    assert copied is (precision == "bf16")


def test_logits_of_a_bf16_model_are_not_rounded_to_bf16(model):
    half = copy.deepcopy(model).bfloat16()
    hidden = torch.randn(50, SMALL.hidden_size, generator=torch.Generator().manual_seed(0)).bfloat16() * 20
    exact = hidden.double() @ half.lm_head.weight.double().T
    assert logits_of(half, hidden).dtype == torch.float32
    assert (logits_of(half, hidden) - exact).abs().max() < 1e-5
    assert (half.lm_head(hidden) - exact).abs().max() > 1e-3
    assert torch.equal(logits_of(model, hidden.float()), model.lm_head(hidden.float()))
