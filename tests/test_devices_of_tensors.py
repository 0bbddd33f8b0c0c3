"""Tensors are made where the data is. Without a second device to try it on, every call that makes a tensor is watched:
one of ours that does not say where is a defect that only a GPU would show."""

import sys
from dataclasses import replace

import pytest
import torch
from torch.overrides import TorchFunctionMode
from training import SMALL, TRAINING, each_method, ragged_batch

from steer.data.tasks import distinct_problems
from steer.methods import load_method
from steer.models.load import new_model
from steer.train.metrics import rollout_metrics, update_metrics
from steer.train.rollouts import Rollouts
from steer.train.scoring import scored
from steer.train.token_view import token_rows
from steer.train.update import run_updates
from steer.verify.responses import Verdict

NAMES = [
    "arange",
    "empty",
    "eye",
    "full",
    "linspace",
    "ones",
    "rand",
    "randint",
    "randn",
    "randperm",
    "scalar_tensor",
    "tensor",
    "zeros",
]
MAKERS = {getattr(torch, name) for name in NAMES}


class Watch(TorchFunctionMode):
    """Collects the places in the package that make a tensor without naming its device."""

    def __init__(self):
        super().__init__()
        self.places = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        caller = sys._getframe(1)
        path = caller.f_code.co_filename
        if function in MAKERS and kwargs.get("device") is None and "/steer/" in path:
            self.places.add(f"{path.rpartition('/steer/')[2]}:{caller.f_lineno} torch.{function.__name__}")
        return function(*args, **kwargs)


@pytest.fixture(scope="module")
def model(tokenizer):
    return new_model(SMALL, tokenizer, seed=0)


@pytest.fixture(scope="module")
def batch(model):
    return ragged_batch(model)


def rollouts_of(batch):
    verdicts = [Verdict("correct" if a > 0 else "wrong", None, "", 0.0) for a in batch.advantage.tolist()]
    problems = distinct_problems("sums", "train", 0, 8)
    truncated = torch.zeros(8, dtype=torch.bool)
    return Rollouts(
        batch.sequences,
        truncated,
        batch.old.logprob,
        problems=problems,
        texts=[""] * 8,
        verdicts=verdicts,
        rewards=batch.advantage.sign(),
        group=batch.group,
    )


@pytest.mark.parametrize(
    ("name", "micro_batch"), [*(pytest.param(*p.values, 3, marks=p.marks) for p in each_method()), ("steer", None)]
)
def test_a_step_makes_its_tensors_where_the_batch_is(model, tokenizer, batch, name, micro_batch):
    training = TRAINING.model_copy(update={"micro_batch": micro_batch, "updates": 2})
    rollouts, method = rollouts_of(batch), load_method(name)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    with Watch() as watch:
        old = scored(model, batch.sequences, training, method.needs | {"proxy_logprob"})
        advantage = method.advantages(rollouts.rewards, rollouts.group, batch.sequences.lengths)
        own = replace(batch, old=old, advantage=advantage, teacher=old.logprob * 0.9)
        metrics = rollout_metrics(rollouts, own)
        records = run_updates(model, optimizer, method, own, training, torch.Generator("cpu").manual_seed(0))
        metrics |= update_metrics(records)
        method.after_step(metrics)
        rows = token_rows(1, rollouts, own, old, method, tokenizer)
    assert rows
    assert watch.places == set()


def test_the_watch_sees_what_it_should(batch):
    from steer.models.forward import Sequences

    with Watch() as watch:
        Sequences.from_lists([[1]], [[2]], 0)
    assert len(watch.places) == 3
    assert all(place.startswith("models/forward.py:") for place in watch.places)
