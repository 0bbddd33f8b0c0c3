"""Optimizer updates of one step: each on an equal share of the groups; micro-batches do not change the result.

Symbols and shapes: docs/notation.md.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from steer.configs.schema import Training
from steer.methods import Method, Tokens
from steer.methods.plain import against_plain
from steer.models.forward import Sequences
from steer.models.head import OPTIONAL, TokenStatistics
from steer.models.products import products_for
from steer.train.parallel import summed
from steer.train.scoring import MicroBatch, micro_batches, passed, placed, placed_over, scored, together


@dataclass(frozen=True)
class Batch:
    """Input of a step's updates.

    `advantage`, `group` (S,); `old`: statistics of the sampling policy; `judged` (S,) bool: false for a response that
    enters no loss because it has no verdict or is masked as overlong; `teacher`, `base` (S, T): log-probability under
    RLRT's teacher and under the model that training started from, if the method needs them; `correction` (S, T):
    factors on the token losses, if training uses them; `plain` (S,): GRPO's advantages, which the method's are
    compared with (absent: its own).
    """

    sequences: Sequences
    old: TokenStatistics
    advantage: Tensor
    group: Tensor
    judged: Tensor
    teacher: Tensor | None = None
    correction: Tensor | None = None
    base: Tensor | None = None
    plain: Tensor | None = None

    @property
    def valid(self) -> Tensor:
        """Tokens that enter the loss, (S, T) bool."""
        return self.sequences.mask & self.judged[:, None]

    def rows(self, index: Tensor) -> "Batch":
        sequences = self.sequences.rows(index)
        width = sequences.mask.shape[1]
        old = self.old.map(lambda values: values[index, :width])
        extra = {name: getattr(self, name) for name in ("teacher", "correction", "base")}
        extra = {k: None if v is None else v[index, :width] for k, v in extra.items()}
        plain = None if self.plain is None else self.plain[index]
        return Batch(sequences, old, self.advantage[index], self.group[index], self.judged[index], **extra, plain=plain)

    def unmoved(self, needs: frozenset[str]) -> TokenStatistics:
        """Use the sampling policy's statistics as the current policy's; 0 for those that it does not have."""
        blank = torch.zeros_like(self.old.logprob)
        return TokenStatistics(self.old.logprob, self.old.entropy, **dict.fromkeys(needs & set(OPTIONAL), blank))

    def tokens(self, current: TokenStatistics) -> Tokens:
        """Return the method's input with the current policy's statistics."""
        mask = self.valid
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
            nucleus_entropy=current.nucleus_entropy,
            clamped_entropy=current.clamped_entropy,
            base_logprob=self.base,
            token=self.sequences.responses,
            correction=self.correction,
        )


@dataclass(frozen=True)
class UpdateRecord:
    """Record of one update: metrics, and λ and importance ratio of its tokens (flat).

    `skipped`: the gradient was not finite and nothing was changed.
    """

    metrics: dict[str, float]
    weight: Tensor
    ratio: Tensor
    skipped: bool = False


def optimizer_of(model, training: Training) -> torch.optim.Optimizer:
    """Make the optimizer of the trained parameters.

    SGD is plain: a step is the gradient times the learning rate. AdamW divides the gradient by its running size, which
    cancels any factor common to the whole gradient.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if training.optimizer == "sgd":
        return torch.optim.SGD(trained, lr=training.lr)
    return torch.optim.AdamW(trained, lr=training.lr, weight_decay=training.weight_decay, fused=True)


def run_updates(
    model, optimizer, method: Method, batch: Batch, training: Training, generator: torch.Generator
) -> list[UpdateRecord]:
    """Make all updates of a step, over the groups in random order."""
    order = batch.group.unique()
    order = order[torch.randperm(len(order), generator=generator, device=generator.device)]
    records = []
    for groups in order.chunk(training.updates):
        index = torch.isin(batch.group, groups).nonzero().squeeze(1)
        part = batch.rows(index)
        if part.judged.any():
            with products_for(training.precision):
                records.append(_update(model, optimizer, method, part, training, generator))
    return records


def _update(
    model, optimizer, method: Method, batch: Batch, training: Training, generator: torch.Generator
) -> UpdateRecord:
    """Make one optimizer step on one update batch."""
    # The proxy is a statistic of the sampling policy and comes with `batch.old`.
    # `reduction`: for the tabular estimate, which is logged for every method.
    needs = method.needs - {"proxy_logprob"} | {"reduction"}
    mask, valid, sampled = batch.sequences.mask, batch.valid, batch.unmoved(needs)
    enters = _entering(method, batch.tokens(sampled), training)
    sequences = batch.sequences.rows(enters)
    parts = [replace(part, index=enters[part.index]) for part in micro_batches(sequences, training, model)]
    rows = training.micro_batch or len(enters)

    def passed_through(part: MicroBatch) -> TokenStatistics:
        return passed(model, batch.sequences.rows(part.index), training, needs, rows)

    ready = {}
    if method.reads == "nothing":
        whole = sampled
    elif len(parts) == 1:
        # One forward pass gives the batch statistics and the gradient.
        ready[0] = passed_through(parts[0])
        whole = placed_over(sampled, enters, together([(parts[0], ready[0])], mask).map(lambda found: found[enters]))
    else:
        # Batch statistics need the current policy's log-probabilities of the whole update batch first.
        whole = placed_over(sampled, enters, scored(model, sequences, training, needs))
    prepared = method.prepare(batch.tokens(whole), generator)
    optimizer.zero_grad()
    totals = torch.zeros(3, dtype=torch.float64, device="cpu")
    count = int(valid.sum())
    weights, ratios, seen = [], [], []
    for i, part in enumerate(parts):
        chosen, current = batch.rows(part.index), ready.pop(i) if i in ready else passed_through(part)
        tokens = chosen.tokens(current)
        output = method.loss(tokens, prepared.rows((part.index, slice(tokens.mask.shape[1]))), generator)
        (output.loss if part.counts else 0.0 * output.loss).backward()
        if part.counts:
            share = int(tokens.valid.sum()) / count
            low, high = (output.metrics[f"clip_fraction_{side}"] * share for side in ("low", "high"))
            totals += torch.tensor([output.metrics["loss"], low, high], dtype=torch.float64, device="cpu")
        weights.append((part, output.weight))
        ratios.append((part, tokens.ratio))
        seen.append((part, current.map(Tensor.detach)))
    norm = _whole(torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip))
    finite = bool(norm.isfinite())
    if finite:
        optimizer.step()
    # The rollout engine needs their memory next.
    optimizer.zero_grad()
    sums = zip(("loss", "clip_fraction_low", "clip_fraction_high"), summed(totals).tolist(), strict=True)
    entered = torch.zeros_like(batch.judged).index_fill_(0, enters, True)[:, None]
    used = torch.where(entered, placed(weights, mask), prepared.weight)
    effect = prepared.metrics
    if method.reads == "nothing" or method.weighs_micro_batches:
        # Only known now: the current policy's statistics, or each micro-batch's weights.
        whole = placed_over(sampled, enters, together(seen, mask).map(lambda found: found[enters]))
        effect = effect | method.effect(batch.tokens(whole).with_(advantage=prepared.advantage), used)
    plain = batch.advantage if batch.plain is None else batch.plain
    effect = effect | against_plain(batch.tokens(whole), prepared, used, plain)
    metrics = {**effect, **dict(sums), "gradient_norm": norm.item()}
    return UpdateRecord(metrics, used[valid], placed(ratios, mask)[valid & entered], skipped=not finite)


def _entering(method: Method, tokens: Tokens, training: Training) -> Tensor:
    """Index the responses that pass through the model: those that can change the gradient, and at least one.

    At least one, because the optimizer moves even with a zero gradient. `tokens`: the batch at the sampling policy.
    """
    if not training.skip_idle:
        return torch.arange(len(tokens.mask), device=tokens.mask.device)
    acting = (~method.idle(tokens)).nonzero().squeeze(1)
    # Take a judged one, which every update has.
    return acting if len(acting) else tokens.valid.any(1).nonzero()[0]


def _whole(value: Tensor) -> Tensor:
    """Sum a number that FSDP keeps in shares."""
    return value.full_tensor() if isinstance(value, DTensor) else value
