"""The optimizer updates of one step: each on an equal share of the groups, in micro-batches that change nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from steer.configs.schema import Training
from steer.methods import Method, Tokens
from steer.models.forward import Sequences
from steer.models.head import OPTIONAL, TokenStatistics
from steer.models.statistics import policy_statistics, update_chunks


@dataclass(frozen=True)
class Batch:
    """What the updates of a step work on. `advantage`, `group` (S,); `old`: statistics of the policy that sampled;
    `judged` (S,) bool: false for a response without a verdict, which enters no loss; `teacher` (S, T): log-probability
    under RLRT's teacher, where the method needs it; `correction` (S, T): factors on the token losses, where training
    asks for them."""

    sequences: Sequences
    old: TokenStatistics
    advantage: Tensor
    group: Tensor
    judged: Tensor
    teacher: Tensor | None = None
    correction: Tensor | None = None

    def rows(self, index: Tensor) -> "Batch":
        sequences = self.sequences.rows(index)
        width = sequences.mask.shape[1]
        found = {name: getattr(self.old, name) for name in ("logprob", "entropy", *OPTIONAL)}
        old = TokenStatistics(**{k: None if v is None else v[index, :width] for k, v in found.items()})
        extra = {name: getattr(self, name) for name in ("teacher", "correction")}
        extra = {k: None if v is None else v[index, :width] for k, v in extra.items()}
        return Batch(sequences, old, self.advantage[index], self.group[index], self.judged[index], **extra)

    def tokens(self, current: TokenStatistics) -> Tokens:
        """The batch as methods see it, with the current policy's statistics."""
        mask = self.sequences.mask & self.judged[:, None]
        return Tokens(
            logprob=current.logprob,
            old_logprob=self.old.logprob,
            entropy=current.entropy,
            old_entropy=self.old.entropy,
            advantage=self.advantage[:, None].expand_as(mask).to(current.logprob.dtype),
            mask=mask,
            group=self.group,
            reduction=current.reduction,
            teacher_logprob=self.teacher,
            proxy_logprob=self.old.proxy_logprob,
            correction=self.correction,
        )


@dataclass(frozen=True)
class UpdateRecord:
    """What one update did: metrics, and λ and the importance ratio of its tokens (flat)."""

    metrics: dict[str, float]
    weight: Tensor
    ratio: Tensor


def run_updates(
    model, optimizer, method: Method, batch: Batch, training: Training, generator: torch.Generator
) -> list[UpdateRecord]:
    """All updates of a step, over the groups in a random order."""
    order = batch.group.unique()
    order = order[torch.randperm(len(order), generator=generator)]
    records = []
    for groups in order.chunk(training.updates):
        index = torch.isin(batch.group, groups).nonzero().squeeze(1)
        part = batch.rows(index)
        if part.judged.any():
            records.append(_update(model, optimizer, method, part, training, generator))
    return records


def _update(
    model, optimizer, method: Method, batch: Batch, training: Training, generator: torch.Generator
) -> UpdateRecord:
    """One optimizer step on one update batch."""
    size = training.micro_batch or len(batch.judged)
    # The proxy is a statistic of the policy that sampled; it came with `batch.old`.
    needs = method.needs - {"proxy_logprob"}

    def statistics(sequences: Sequences) -> TokenStatistics:
        return policy_statistics(model, sequences, training, needs, rows=size)

    chunks = update_chunks(batch.sequences, training, size)
    if len(chunks) == 1:
        parts = [batch.tokens(statistics(batch.sequences))]
        prepared = [method.prepare(parts[0], generator)]
    else:
        # Batch statistics need the current policy's log-probabilities of the whole update batch first.
        with torch.no_grad():
            whole = method.prepare(batch.tokens(statistics(batch.sequences)), generator)
        rows = (batch.rows(index) for index in chunks)
        parts = (part.tokens(statistics(part.sequences)) for part in rows)
        prepared = (whole.rows((index, slice(int(batch.sequences.lengths[index].max())))) for index in chunks)
    optimizer.zero_grad()
    totals = {"loss": 0.0, "clip_fraction_low": 0.0, "clip_fraction_high": 0.0}
    count = int((batch.sequences.mask & batch.judged[:, None]).sum())
    weights, ratios = [], []
    for tokens, fixed in zip(parts, prepared, strict=True):
        output = method.loss(tokens, fixed, generator)
        output.loss.backward()
        valid = tokens.valid
        share = int(valid.sum()) / count
        for name in totals:
            totals[name] += output.metrics[name] * (1.0 if name == "loss" else share)
        weights.append(output.weight[valid])
        ratios.append(tokens.ratio.detach()[valid])
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
    if not norm.isfinite():
        raise FloatingPointError(f"method {method.name}: the gradient's norm is {norm.item()}")
    optimizer.step()
    metrics = {**fixed.metrics, **totals, "gradient_norm": norm.item()}
    return UpdateRecord(metrics, torch.cat(weights), torch.cat(ratios))
