"""A run on several processes: the distance to the base model, and one process that ends or hangs."""

import copy
import os
import signal
import time
from dataclasses import replace

import pytest
import torch
from training import SMALL, TRAINING, ragged_batch, together

from steer.configs.schema import Architecture
from steer.engines.weights import trainer_weights
from steer.errors import UserError
from steer.methods import load_method
from steer.models.load import new_model
from steer.models.tokenizer import character_tokenizer
from steer.train import parallel
from steer.train.base import Base
from steer.train.launch import outcome
from steer.train.sharding import shard
from steer.train.update import run_updates

TWO_LAYERS: Architecture = SMALL.model_copy(update={"layers": 2})


def updates_with_base(model, batch):
    """(metrics of each of three updates, what the base says before the first and the last, the weights after them)."""
    training = TRAINING.model_copy(update={"updates": 1, "lr": 1e-3, "micro_batch": 3})
    method, base, seen, said = load_method("grpo_kl", {"penalty.coefficient": 0.5}), Base(model), [], []
    # With Adam's usual 1e-8 a gradient that is 0 but for rounding becomes a step of some size.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, eps=1e-6, fused=True)
    for k in range(3):
        said.append(base.logprob(batch.sequences, training))
        given = replace(batch, base=said[-1])
        seen += run_updates(model, optimizer, method, given, training, torch.Generator().manual_seed(k))
    weights = {name: value.clone() for name, value in trainer_weights(model)}
    return [record.metrics for record in seen], (said[0], said[-1]), weights


def test_the_distance_to_the_base_model_on_two_processes_is_that_of_one(tmp_path):
    """Each process keeps its shares of the base, and puts them in for a pass."""
    model = new_model(TWO_LAYERS, character_tokenizer(), seed=0)
    batch = ragged_batch(model)

    def work():
        parallel.start(torch.device("cpu"))
        found = updates_with_base(shard(copy.deepcopy(model), "fp32", torch.device("cpu")), batch)
        if parallel.is_main():
            torch.save(found, tmp_path / "found.pt")

    assert together(2, work) == [0, 0]
    found, alone = torch.load(tmp_path / "found.pt"), updates_with_base(copy.deepcopy(model), batch)
    for a, b in zip(found[0], alone[0], strict=True):
        assert a == pytest.approx(b, abs=1e-5, rel=1e-5)
    for before, after in (found[1], alone[1]):
        assert torch.equal(before, after), "the base stays while the model moves"
    assert (found[1][0] - alone[1][0]).abs().max() < 1e-5
    for name, value in alone[2].items():
        assert (found[2][name] - value).abs().max() < 1e-5, name
    start = dict(trainer_weights(model))
    assert max(float((value - start[name]).abs().max()) for name, value in alone[2].items()) > 1e-3


def test_who_waits_too_long_for_another_process_says_so_in_one_line(tmp_path):
    def work():
        parallel.start(torch.device("cpu"), minutes=0.01)
        if parallel.rank() == 1:
            time.sleep(2.5)
            return
        try:
            with parallel.ends_with_the_others(0.01):
                parallel.gather(1)
        except UserError as error:
            (tmp_path / "said").write_text(str(error))

    started = time.monotonic()
    assert together(2, work) == [0, 0]
    assert time.monotonic() - started < 60
    said = (tmp_path / "said").read_text()
    assert said.startswith("process 0 of 2 has waited 0.01 minutes for another one")
    assert "training.collective_minutes" in said
    assert "\n" not in said


def test_who_loses_another_process_ends_without_a_traceback():
    """Its status says that it is not the cause. Other errors stay what they are."""

    def work():
        parallel.start(torch.device("cpu"), minutes=1)
        if parallel.rank() == 1:
            os._exit(9)
        try:
            with parallel.ends_with_the_others(1):
                parallel.gather(1)
        except SystemExit as error:
            return error.code
        return 70

    assert together(2, work) == [parallel.ENDED_WITH_ANOTHER, 9]
    with pytest.raises(RuntimeError, match="of torch"), parallel.ends_with_the_others(1):
        raise RuntimeError("an error of torch")


@pytest.mark.parametrize(
    ("statuses", "status", "said"),
    [
        ({1: -signal.SIGKILL}, 1, "process 1 of 2 was ended by SIGKILL, which a lack of memory may have sent; give"),
        ({0: parallel.ENDED_WITH_ANOTHER, 1: -signal.SIGSEGV}, 1, "process 1 of 2 was ended by SIGSEGV; give"),
        ({0: -signal.SIGTERM, 1: -signal.SIGKILL}, 1, "process 1 of 2 was ended by SIGKILL, which"),
        ({0: parallel.ENDED_WITH_ANOTHER, 1: 1}, 1, "process 1 of 2 ended with status 1; give"),
        ({0: parallel.ENDED_WITH_ANOTHER}, 1, "process 0 of 2 ended with status 3; give"),
        ({0: 2, 1: 2}, 2, None),
        ({0: parallel.ENDED_WITH_ANOTHER, 1: 2}, 2, None),
    ],
)
def test_the_process_at_fault_is_named_once(statuses, status, said):
    """A mistake of the user's has been said by the process that found it."""
    found, line = outcome(statuses, 2)
    assert found == status
    assert line is None if said is None else line.startswith(said)
