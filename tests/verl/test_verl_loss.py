"""Loss and gradient of every carried method on verl's tensors, over two ranks and several micro-batches, are ours."""

import os
from itertools import product

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from methods_batch import active, batch, with_gradient
from tensordict import TensorDict
from verl.utils import tensordict_utils as tu
from verl.workers.engine.utils import prepare_micro_batches

from steer.engines.verl.carried import obstacle
from steer.engines.verl.loss import GROUP, ROW, SteerLoss, method_state
from steer.methods import load_method, method_names
from steer.train.seeds import step_generator

CARRIED = [name for name in method_names() if obstacle(load_method(name)) is None]
SEED, STEP, RANKS, PROMPT = 3, 5, 2, 2
MICRO = (1, 2, 4)  # responses of a micro-batch; each rank has four


def jagged(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    lengths = mask.sum(1)
    return torch.nested.as_nested_tensor([row[:n] for row, n in zip(values, lengths, strict=True)], layout=torch.jagged)


def in_verl(tokens, rows: slice) -> TensorDict:
    """One rank's rows as verl's workers hold them, without padding."""
    part = tokens.rows(rows)
    mask, count = part.mask, len(part.mask)
    prompts = torch.ones(count, PROMPT, dtype=torch.long)
    full = torch.cat([torch.ones(count, PROMPT, dtype=torch.bool), mask], 1)
    fields = {
        "prompts": jagged(prompts, prompts),
        "responses": jagged(part.token, mask),
        "input_ids": jagged(full.long(), full),
        "response_mask": jagged(mask.long(), mask),
        "loss_mask": jagged(mask.long(), mask),
        "old_log_probs": jagged(part.old_logprob, mask),
        "entropy": jagged(part.old_entropy, mask),
        "advantages": jagged(part.advantage, mask),
        GROUP: part.group,
        ROW: torch.arange(count),
    }
    return TensorDict(fields, batch_size=count)


def shifted(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """verl's model output: one value per position, that of the next token."""
    count = len(mask)
    padded = torch.cat([torch.zeros(count, PROMPT - 1), values, torch.zeros(count, 1)], 1)
    lengths = mask.sum(1) + PROMPT
    rows = [row[:n] for row, n in zip(padded, lengths, strict=True)]
    return torch.nested.nested_tensor_from_jagged(
        torch.cat(rows), torch.cat([torch.zeros(1), lengths.cumsum(0)]).long()
    )


def rank(index: int, names: list[str], folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1")
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=index, world_size=RANKS)
    whole = batch(seed=11)
    size = len(whole.mask) // RANKS
    rows = slice(index * size, (index + 1) * size)
    results = {}
    for name, micro in product(names, MICRO):
        method = active(name)
        loss = SteerLoss(method, SEED)
        loss.start(method_state(method, STEP))
        data = in_verl(whole, rows)
        leaves = with_gradient(whole.rows(rows))
        current = {"log_probs": leaves.logprob, "entropy": leaves.entropy}
        loss.prepare({k: shifted(v.detach(), leaves.mask) for k, v in current.items()}, data, dist.group.WORLD)
        settings = {"use_dynamic_bsz": False, "micro_batch_size_per_gpu": micro, "dp_size": RANKS}
        tu.assign_non_tensor(data, batch_num_tokens=int(whole.valid.sum()), **settings)
        total, metrics = 0.0, []
        for part in prepare_micro_batches(data, dist.group.WORLD)[0]:
            chosen = part[ROW]
            output = {k: shifted(v[chosen], leaves.mask[chosen]) for k, v in current.items()}
            value, found = loss(model_output=output, data=part, dp_group=dist.group.WORLD)
            value.backward()
            total += value.item()
            metrics.append({k: float(v.aggregate()) for k, v in found.items()})
        # What FSDP does with gradients and verl with losses: the mean over the ranks.
        results[f"{name}/{micro}"] = {
            "loss": total / RANKS,
            "logprob": leaves.logprob.grad / RANKS,
            "entropy": None if leaves.entropy.grad is None else leaves.entropy.grad / RANKS,
            "metrics": metrics,
            "pooled": loss.finish(dist.group.WORLD),
        }
    torch.save(results, f"{folder}/rank{index}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def in_two_ranks(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("ranks"))
    mp.spawn(rank, args=(CARRIED, folder), nprocs=RANKS)
    return [torch.load(f"{folder}/rank{i}.pt", weights_only=True) for i in range(RANKS)]


@pytest.fixture(scope="module")
def ours():
    """name → (loss, gradient by log-probability, by entropy, metrics) of the whole update batch by itself."""
    results = {}
    for name in CARRIED:
        tokens = with_gradient(batch(seed=11))
        method = active(name)
        output = method.loss(tokens, generator=step_generator(SEED, STEP, "update/1"))
        output.loss.backward()
        results[name] = (output.loss.item(), tokens.logprob.grad, tokens.entropy.grad, output.metrics)
    return results


@pytest.mark.parametrize("micro", MICRO)
@pytest.mark.parametrize("name", CARRIED)
def test_loss_gradient_and_metrics_are_ours(name, micro, in_two_ranks, ours):
    loss, by_logprob, by_entropy, metrics = ours[name]
    ranks = [result[f"{name}/{micro}"] for result in in_two_ranks]
    assert sum(r["loss"] for r in ranks) == pytest.approx(loss, abs=1e-5)
    torch.testing.assert_close(torch.cat([r["logprob"] for r in ranks]), by_logprob, atol=1e-5, rtol=0)
    if by_entropy is None:
        assert all(r["entropy"] is None or not r["entropy"].any() for r in ranks)
    else:
        torch.testing.assert_close(torch.cat([r["entropy"] for r in ranks]), by_entropy, atol=1e-5, rtol=0)
    for key in ("loss", "clip_fraction_low", "clip_fraction_high"):
        summed = sum(part[f"steer/{key}"] for r in ranks for part in r["metrics"]) / RANKS
        assert summed == pytest.approx(metrics[key], abs=1e-5), key
    assert ranks[0]["pooled"] == ranks[1]["pooled"]
    for key in ("entropy_change", "entropy_change_removed", "quadrant_share/pruning"):
        assert ranks[0]["metrics"][0][f"steer/{key}"] == pytest.approx(metrics[key], abs=1e-9)
