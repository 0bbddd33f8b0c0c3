"""A model and a run small enough to be trained in a second, for the tests of the trainer."""

import copy
import os
import sys
import traceback

import pytest
import torch

from steer.configs.schema import Architecture, Reward, Training
from steer.methods import load_method
from steer.train.checkpoint import Checkpoints
from steer.train.loop import Trainer
from steer.verify.responses import Verdict

SMALL = Architecture(hidden_size=16, layers=1, heads=2, kv_heads=2, intermediate_size=16, max_positions=64)
TRAINING = Training(
    steps=4, prompts=4, rollouts=2, updates=2, lr=1e-2, max_response_tokens=6, checkpoint_every=1, max_prompt_tokens=32
)


def trainer(model, tokenizer, problems, folder, fingerprint="a", **changes):
    given = {"training": TRAINING, "method": load_method("steer"), **changes}
    return Trainer(
        model=copy.deepcopy(model),
        tokenizer=tokenizer,
        problems=problems,
        reward=Reward(),
        seed=5,
        checkpoints=Checkpoints(folder, fingerprint, given["training"].checkpoints_kept),
        **given,
    )


def comparable(metrics):
    return [{k: v for k, v in line.items() if not k.startswith("seconds")} for line in metrics]


def stopped_after(run, step):
    def stop(metrics):
        if metrics["step"] == step:
            raise KeyboardInterrupt

    run.on_step = stop
    with pytest.raises(KeyboardInterrupt):
        run.run()


def in_child(function) -> int:
    """Start `function` in a copy of this process; returns its id. The child's status is what `function` returns."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        # OpenMP's threads do not survive a fork.
        torch.set_num_threads(1)
        status = function() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def status_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class ParityVerifier:
    """In the verifier's place, without its processes: a response is correct if its length is even. Rewards differ
    within groups then, so that there is something to learn."""

    def __init__(self, *limits):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def verify(self, problems, texts):
        return [Verdict("wrong" if len(text) % 2 else "correct", None, "", 0.0) for text in texts]
