"""A run on two processes: the same loss, gradient and steps as on one, and everything it writes written once."""

import copy
import itertools
import shutil
from functools import partial

import pytest
import torch
from training import (
    SMALL,
    TRAINING,
    ParityVerifier,
    comparable,
    ragged_batch,
    stopped_after,
    together,
    trainer,
)
from transformers import LlamaConfig, LlamaForCausalLM

from steer.data.tasks import distinct_problems
from steer.engines.weights import trainer_weights
from steer.io import read_jsonl, write_jsonl
from steer.methods import load_method
from steer.models.forward import Sequences
from steer.models.load import empty_model, load_model, new_model
from steer.models.tokenizer import character_tokenizer
from steer.train import parallel
from steer.train.parallel import is_main
from steer.train.scoring import micro_batches, passed, scored
from steer.train.sharding import prepared, replica, save_trained, shard
from steer.train.update import run_updates

TWO_LAYERS = SMALL.model_copy(update={"layers": 2})
# Method and micro-batch. One of 3 leaves an odd number of them: one process has a stand-in.
# Micro-batches by tokens are those that processes share out evenly.
CASES = [("steer", None), ("kl_cov", 3), ("clip_cov", "10 tokens")]
MORE = [(method, 3) for method in ("steer", "clip_cov", "gspo", "rlrt")]


def three_updates(model, batch, method, micro_batch):
    """(metrics, λ and ratios of each update, weights after them, statistics of the policy then)."""
    limit = {"micro_batch_tokens": 10} if micro_batch == "10 tokens" else {"micro_batch": micro_batch}
    training = TRAINING.model_copy(update={"updates": 1, "lr": 1e-3, **limit})
    # With Adam's usual 1e-8 a gradient that is 0 but for rounding becomes a step of some size.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, eps=1e-6, fused=True)
    records = [
        run_updates(model, optimizer, load_method(method), batch, training, torch.Generator().manual_seed(k))[0]
        for k in range(3)
    ]
    weights = {name: value.clone() for name, value in trainer_weights(model)}
    found = scored(model, batch.sequences, training)
    metrics = [record.metrics for record in records]
    return metrics, [(r.weight, r.ratio) for r in records], weights, (found.logprob, found.entropy)


@pytest.fixture(scope="module")
def model():
    return new_model(TWO_LAYERS, character_tokenizer(), seed=0)


@pytest.fixture(scope="module")
def batch(model):
    return ragged_batch(model)


def first_alone(model):
    """The model where this process is the first, elsewhere what is made of its configuration without weights."""
    return copy.deepcopy(model) if is_main() else empty_model(model.config, torch.float32, torch.device("meta"))


@pytest.mark.parametrize("cases", [CASES, pytest.param(MORE, marks=pytest.mark.slow)], ids=["some", "more"])
def test_three_steps_on_two_processes_are_those_of_one(model, batch, tmp_path, cases):
    def work():
        parallel.start(torch.device("cpu"))
        results = []
        for method, size in cases:
            own = shard(first_alone(model), "fp32", torch.device("cpu"))
            results.append(three_updates(own, batch, method, size))
        if is_main():
            torch.save(results, tmp_path / "results.pt")

    assert together(2, work) == [0, 0]
    for case, found in zip(cases, torch.load(tmp_path / "results.pt", weights_only=True), strict=True):
        assert_alike(found, three_updates(copy.deepcopy(model), batch, *case))


def assert_alike(found, expected):
    for a, b in zip(found[0], expected[0], strict=True):
        assert a == pytest.approx(b, abs=1e-5, rel=1e-5), "metrics of an update"
    for a, b in zip(found[1], expected[1], strict=True):
        assert all((x - y).abs().max() < 1e-5 for x, y in zip(a, b, strict=True)), "λ and ratios of its tokens"
    assert found[2].keys() == expected[2].keys()
    for name, value in expected[2].items():
        assert (found[2][name] - value).abs().max() < 1e-5, name
    assert all((x - y).abs().max() < 1e-5 for x, y in zip(found[3], expected[3], strict=True))


@pytest.mark.parametrize("tied", [True, False])
def test_the_first_process_brings_weights_and_buffers(tied, tmp_path):
    """Rotary frequencies of a Llama with scaled positions among them, which no checkpoint holds."""
    scaled = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    scaled |= {"original_max_position_embeddings": 32, "rope_theta": 10_000.0}
    sizes = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    config = LlamaConfig(**sizes, **heads, rope_parameters=scaled, tie_word_embeddings=tied)
    model = LlamaForCausalLM(config)
    tokens = torch.arange(12)[None]
    expected = model(tokens).logits.detach()

    def work():
        parallel.start(torch.device("cpu"))
        own = shard(first_alone(model), "fp32", torch.device("cpu"))
        tied_here = own.lm_head.weight is own.model.embed_tokens.weight
        same = all(torch.equal(value, dict(model.named_buffers())[name]) for name, value in own.named_buffers())
        apart = (own(tokens).logits - expected).abs().max().item()
        weights = dict(trainer_weights(own))
        whole = all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
        torch.save([tied_here, same, apart, whole], tmp_path / f"{parallel.rank()}.pt")

    assert together(2, work) == [0, 0]
    for rank in range(2):
        tied_here, same, apart, whole = torch.load(tmp_path / f"{rank}.pt")
        assert (tied_here, same, whole) == (tied, True, True)
        assert apart < 1e-5


def weights_of(model, batch, **changes):
    training = TRAINING.model_copy(update={"updates": 1, **changes})
    model, _ = prepared(copy.deepcopy(model), training, torch.device("cpu"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    for k in range(3):
        run_updates(model, optimizer, load_method("steer"), batch, training, torch.Generator().manual_seed(k))
    return torch.cat([value.flatten() for _, value in trainer_weights(model)])


@pytest.mark.parametrize(
    "changes",
    [{"gradient_checkpointing": True}, {"micro_batch_tokens": 16}, {"micro_batch": 3, "shared_prompts": False}],
)
def test_what_saves_memory_changes_no_step(model, batch, changes):
    assert (weights_of(model, batch, **changes) - weights_of(model, batch)).abs().max() < 1e-5


def test_gradient_checkpointing_keeps_no_activations_of_a_layer(model, batch):
    """Counted are the tensors that autograd keeps for the backward pass."""

    def kept(checkpointing):
        training = TRAINING.model_copy(update={"gradient_checkpointing": checkpointing, "shared_prompts": False})
        own, _ = prepared(copy.deepcopy(model), training, torch.device("cpu"))
        count = 0

        def pack(tensor):
            nonlocal count
            count += 1
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            passed(own, batch.sequences, training, frozenset())
        return count

    assert kept(True) < 0.6 * kept(False)


@pytest.mark.parametrize("budget", [1, 12, 30, 1000])
def test_micro_batches_keep_to_their_budget_of_tokens(model, batch, budget):
    training = TRAINING.model_copy(update={"micro_batch_tokens": budget, "shared_prompts": False})
    total = batch.sequences.prompt_lengths + batch.sequences.lengths
    chunks = [part.index for part in micro_batches(batch.sequences, training, model)]
    assert sorted(torch.cat(chunks).tolist()) == list(range(8))
    for chunk in chunks:
        assert len(chunk) == 1 or len(chunk) * int(total[chunk].max()) <= budget
    for first, second in itertools.pairwise(chunks):
        assert (len(first) + 1) * int(total[second].min()) > budget, "none is smaller than it must be"


def test_a_shared_prompt_counts_once_in_the_budget(model):
    """Four responses of 3 tokens to a prompt of 10: 10 + 4·2 enter, and not 4·13."""
    sequences = Sequences.from_lists([list(range(9, 19))] * 4, [[9, 10, 11]] * 4, 0)
    for budget, count in ((18, 1), (17, 2), (14, 2), (13, 4)):
        training = TRAINING.model_copy(update={"micro_batch_tokens": budget})
        assert len(micro_batches(sequences, training, model)) == count


@pytest.fixture
def parity(monkeypatch):
    monkeypatch.setattr("steer.train.loop.Verifier", ParityVerifier)


@pytest.mark.slow
def test_a_sharded_run_is_whole_goes_on_and_writes_once(model, parity, tmp_path):
    """Two processes: stopped and continued as if it had not been; one line a step; and one process can go on, too."""
    tokenizer, problems = character_tokenizer(), distinct_problems("sums", "train", 0, 10)

    def sharded(folder, stop=None):
        def work():
            run = trainer(model, tokenizer, problems, folder)
            run.model, _ = prepared(run.model, TRAINING, torch.device("cpu"))
            run.engine = partial(replica, "fp32")
            if stop:
                stopped_after(run, stop)
            else:
                metrics = run.run()
                save_trained(run.model, tokenizer, "fp32", folder / "model")
                if is_main():
                    write_jsonl(folder / "metrics.jsonl", metrics)

        return work

    assert together(2, sharded(tmp_path / "whole")) == [0, 0]
    assert together(2, sharded(tmp_path / "stopped", 4)) == [0, 0]
    checkpoints = trainer(model, tokenizer, problems, tmp_path / "stopped").checkpoints
    newest = checkpoints.newest()
    assert {path.name for path in newest.glob("*.distcp")} == {"__0_0.distcp", "__1_0.distcp"}
    alone = trainer(model, tokenizer, problems, tmp_path / "alone")
    shutil.copytree(checkpoints.parent, tmp_path / "alone")
    assert [line["step"] for line in alone.run()] == [1, 2, 3, 4]

    assert together(2, sharded(tmp_path / "stopped")) == [0, 0]
    whole, stopped = (comparable(read_jsonl(tmp_path / name / "metrics.jsonl")) for name in ("whole", "stopped"))
    assert whole == stopped
    assert whole[-1] != comparable(alone.metrics)[-1], "other processes, other random numbers"
    assert comparable(alone.metrics)[:3] == whole[:3]
    assert comparable(read_jsonl(checkpoints.live_metrics)) == whole
    first, second = (load_model(str(tmp_path / name / "model")) for name in ("whole", "stopped"))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
