"""A model and a run small enough to be trained in a second, for the tests of the trainer."""

import copy
import os
import socket
import sys
import traceback
from dataclasses import replace
from functools import partial

import pytest
import torch

from steer.configs.schema import Architecture, Reward, Training
from steer.methods import load_method, method_names
from steer.models.forward import Sequences, bucketed_statistics
from steer.models.load import new_model
from steer.train import parallel
from steer.train.checkpoint import Checkpoints
from steer.train.loop import Trainer
from steer.train.update import Batch
from steer.verify.responses import Verdict

SMALL = Architecture(hidden_size=16, layers=1, heads=2, kv_heads=2, intermediate_size=16, max_positions=64)
TRAINING = Training(
    steps=4, prompts=4, rollouts=2, updates=2, lr=1e-2, max_response_tokens=6, checkpoint_every=1, max_prompt_tokens=32
)

# One method of each kind: those that read all tokens, some or none; a penalty; a base model; a teacher; ratios of
# responses. What holds for every method by itself (test_methods_batches.py) is tried with these in the trainer.
OF_EACH_KIND = ("grpo", "steer", "clip_cov", "kl_cov", "grpo_kl", "gtpo", "entropy_regularisation", "gspo", "rlrt")


def each_method():
    """Every method as a parameter; all but those of OF_EACH_KIND only in `make test-long`."""
    return [pytest.param(n, marks=() if n in OF_EACH_KIND else pytest.mark.slow) for n in method_names()]


PROMPTS = ["1+1=?\n", "f(0)=4 f(1)=10\n", "largest even above 3\n"]


def sampler(tokenizer):
    """A model whose logits are spread, so that greedy choices are not decided by rounding."""
    small = Architecture(hidden_size=32, layers=2, heads=4, kv_heads=2, intermediate_size=48, max_positions=128)
    model = new_model(small, tokenizer, seed=0)
    with torch.no_grad():
        model.lm_head.weight.mul_(12)
    return model.eval()


def flat(completions):
    return [c for group in completions for c in group]


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


def ragged_batch(model) -> Batch:
    """Four groups of two responses, all shapes ragged, sampled by a policy slightly off the current one."""
    generator = torch.Generator().manual_seed(0)
    lengths = [3, 5, 2, 4, 6, 1, 3, 3]
    prompts = [torch.randint(9, 40, (2 + i % 3,), generator=generator).tolist() for i in range(8)]
    responses = [torch.randint(9, 40, (n,), generator=generator).tolist() for n in lengths]
    sequences = Sequences.from_lists(prompts, responses, 0)
    with torch.no_grad():
        old = bucketed_statistics(model, sequences, 1.0, 3, frozenset({"proxy_logprob"}))
    noise = 0.3 * torch.randn(old.logprob.shape, generator=generator)
    old = replace(old, logprob=old.logprob + noise * sequences.mask)
    advantage = torch.tensor([1.0, -1.0, 0.5, -0.5, 0.0, 0.0, -1.0, 1.0])
    group = torch.arange(4).repeat_interleave(2)
    correction = (0.5 * torch.randn(old.logprob.shape, generator=generator)).exp().clamp(max=1.5)
    extra = {"teacher": old.logprob * 0.9, "correction": correction, "base": old.logprob * 0.8}
    return Batch(sequences, old, advantage, group, torch.ones(8, dtype=torch.bool), **extra)


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


def together(count: int, function) -> list[int]:
    """`function` in `count` processes that see each other, as `torchrun` starts them; their statuses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def work(rank):
        names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update({name: str(value) for name, value in names.items()})
        status = function()
        parallel.stop()
        return status

    return [status_of(child) for child in [in_child(partial(work, rank)) for rank in range(count)]]


class ParityVerifier:
    """In the verifier's place, without its processes: a response is correct if its length is even. Rewards differ
    within groups then, so that there is something to learn."""

    def __init__(self, reward, workers, keep=None, training=False):
        pass

    @classmethod
    def of(cls, *given, **choices):
        return cls(*given, **choices)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def verify(self, problems, texts):
        return [Verdict("wrong" if len(text) % 2 else "correct", None, "", 0.0) for text in texts]
