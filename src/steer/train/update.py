"""The optimizer updates of one step: each on an equal share of the groups, in micro-batches that change nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from steer.configs.schema import Training
from steer.methods import Method, Tokens
from steer.models.forward import Sequences, response_statistics
from steer.models.head import TokenStatistics


@dataclass(frozen=True)
class Batch:
    """What the updates of a step work on. `advantage` (S,); `old`: statistics of the policy that sampled; `judged`
    (S,) bool: false for a response without a verdict, which enters no loss."""

    sequences: Sequences
    old: TokenStatistics
    advantage: Tensor
    group: Tensor
    judged: Tensor

    def rows(self, index: Tensor) -> "Batch":
        sequences = self.sequences.rows(index)
        width = sequences.mask.shape[1]
        old = TokenStatistics(self.old.logprob[index, :width], self.old.entropy[index, :width])
        return Batch(sequences, old, self.advantage[index], self.group[index], self.judged[index])


@dataclass(frozen=True)
class UpdateRecord:
    """What one update did: metrics, and λ and the importance ratio of its tokens (flat)."""

    metrics: dict[str, float]
    weight: Tensor
    ratio: Tensor


def no_grad_statistics(model, sequences: Sequences, temperature: float, chunk: int) -> TokenStatistics:
    """Log-probability and entropy (S, T) of all responses, without gradient, in length-sorted chunks."""
    shape = sequences.mask.shape
    logprob, entropy = torch.zeros(shape), torch.zeros(shape)
    with torch.no_grad():
        for index in sequences.by_length(chunk):
            part = response_statistics(model, sequences.rows(index), temperature)
            width = part.logprob.shape[1]
            logprob[index, :width], entropy[index, :width] = part.logprob, part.entropy
    return TokenStatistics(logprob, entropy)


def run_updates(
    model, optimizer, method: Method, batch: Batch, training: Training, generator: torch.Generator
) -> list[UpdateRecord]:
    """All updates of a step, over the groups in a random order."""
    order = torch.randperm(training.prompts, generator=generator)
    records = []
    for groups in order.chunk(training.updates):
        index = torch.isin(batch.group, groups).nonzero().squeeze(1)
        part = batch.rows(index)
        if part.judged.any():
            records.append(_update(model, optimizer, method, part, training))
    return records


def _update(model, optimizer, method: Method, batch: Batch, training: Training) -> UpdateRecord:
    size = training.micro_batch or len(batch.judged)
    chunks = batch.sequences.by_length(size)
    whole = None
    if len(chunks) > 1:
        # Batch statistics need the current policy's log-probabilities of the whole update batch first.
        current = no_grad_statistics(model, batch.sequences, training.temperature, size)
        whole = method.prepare(_tokens(batch, current))
    optimizer.zero_grad()
    loss, low, high = 0.0, 0.0, 0.0
    weights, ratios = [], []
    total = (batch.sequences.mask & batch.judged[:, None]).sum()
    for index in chunks:
        part = batch.rows(index)
        tokens = _tokens(part, response_statistics(model, part.sequences, training.temperature))
        if not tokens.valid.any():
            continue
        prepared = whole and whole.rows((index, slice(tokens.mask.shape[1])))
        output = method.loss(tokens, prepared)
        output.loss.backward()
        share = (tokens.valid.sum() / total).item()
        loss += output.loss.item()
        low += share * output.metrics["clip_fraction_low"]
        high += share * output.metrics["clip_fraction_high"]
        weights.append(output.weight[tokens.valid])
        ratios.append(tokens.ratio.detach()[tokens.valid])
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
    if not norm.isfinite():
        raise FloatingPointError(f"method {method.name}: the gradient's norm is {norm.item()}")
    optimizer.step()
    metrics = {"loss": loss, "gradient_norm": norm.item(), "clip_fraction_low": low, "clip_fraction_high": high}
    return UpdateRecord(metrics, torch.cat(weights), torch.cat(ratios))


def _tokens(batch: Batch, current: TokenStatistics) -> Tokens:
    mask = batch.sequences.mask & batch.judged[:, None]
    return Tokens(
        logprob=current.logprob,
        old_logprob=batch.old.logprob,
        entropy=current.entropy,
        old_entropy=batch.old.entropy,
        advantage=batch.advantage[:, None].expand_as(mask).to(current.logprob.dtype),
        mask=mask,
        group=batch.group,
    )
