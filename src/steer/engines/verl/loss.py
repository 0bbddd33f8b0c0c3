"""A method's loss inside verl: in the actor's workers, on padding-free tensors, in micro-batches.

An update batch is spread over the data-parallel ranks and, on each, over micro-batches. `SteerLoss.prepare` gathers
the method's inputs from all ranks, so that every rank computes batch statistics of the whole batch. verl then calls
the loss on each micro-batch, whose rows carry their index into the prepared values. Symbols: docs/notation.md.
"""

import json
from typing import Any

import torch
import torch.distributed as dist
from tensordict import TensorDict
from torch import Tensor
from verl.trainer.ppo.core_algos import agg_loss
from verl.utils.metric import AggregationType, Metric
from verl.workers.utils.padding import no_padding_2_padding

from steer.methods import Method, Tokens
from steer.methods.correction import truncated_importance
from steer.methods.method import Prepared
from steer.train.metrics import update_metrics
from steer.train.seeds import step_generator
from steer.train.update import UpdateRecord

PREFIX = "steer/"
ROW, GROUP, STATE = "steer_row", "steer_group", "steer_state"


class SteerLoss:
    """Called by verl as `loss(model_output=…, data=…, dp_group=…)`. One per worker; `seed` is the run's."""

    def __init__(self, method: Method, seed: int, correction_cap: float | None = None):
        self.method, self.seed, self.cap = method, seed, correction_cap
        self.step, self.update = 0, 0
        self.prepared: Prepared | None = None
        self.count = 0
        self.weights: list[Tensor] = []
        self.ratios: list[Tensor] = []

    def start(self, state: str) -> None:
        """Start a training step: `state` is the trainer's state of the method, as JSON (`method_state`)."""
        values = json.loads(state)
        self.step, self.update = values["step"], 0
        self.method.load_state_dict(values["method"])
        self.weights, self.ratios = [], []

    def prepare(self, model_output: dict[str, Tensor], data: TensorDict, group: Any) -> None:
        """Compute the statistics of one update batch; `data` are this rank's rows, in the order of `steer_row`."""
        mine = _tokens(model_output, data, self.cap).detach().with_(group=data[GROUP])
        whole, rank = gather(mine, group)
        rows = mine.mask.shape[0]
        self.count = int(whole.valid.sum())
        self.update += 1
        # A batch without a judged response has loss 0.
        self.prepared = None if self.count == 0 else self._prepare(whole).rows(slice(rank * rows, (rank + 1) * rows))

    def _prepare(self, whole: Tokens) -> Prepared:
        return self.method.prepare(whole, step_generator(self.seed, self.step, f"update/{self.update}"))

    def __call__(self, model_output: dict[str, Tensor], data: TensorDict, dp_group: Any = None) -> tuple[Tensor, dict]:
        """Return (loss, metrics) of a micro-batch. `agg_loss` compensates for verl's gradient averaging over ranks."""
        tokens = _tokens(model_output, data, self.cap)
        if self.prepared is None:
            return tokens.logprob.sum() * 0.0, {}
        index = (data[ROW].to(tokens.mask.device), slice(tokens.mask.shape[1]))
        output = self.method.loss(tokens, self.prepared.rows(index))
        # The token shares already contain the denominators of the whole update batch.
        one = torch.ones(1, 1, device=output.loss.device)
        ranks = data["dp_size"]
        loss = agg_loss(output.loss.view(1, 1), one, "token-sum", dp_size=ranks)
        valid = tokens.valid
        self.weights.append(output.weight[valid].float().cpu())
        self.ratios.append(tokens.ratio.detach()[valid].float().cpu())
        return loss, self._metrics(output.metrics, loss, int(valid.sum()) / self.count * ranks)

    def _metrics(self, found: dict[str, float], loss: Tensor, share: float) -> dict[str, Metric]:
        """Sums over micro-batches of means over ranks, as verl reduces them, give the update batch's own values."""
        sums = {"loss": loss.detach()}
        sums |= {name: found[name] * share for name in ("clip_fraction_low", "clip_fraction_high")}
        metrics = {PREFIX + name: Metric(AggregationType.SUM, value) for name, value in sums.items()}
        means = {name: value for name, value in found.items() if name not in sums}
        return metrics | {PREFIX + name: Metric(AggregationType.MEAN, value) for name, value in means.items()}

    def finish(self, group: Any) -> dict[str, float]:
        """Quantiles of λ and of the importance ratio over the tokens of all updates of the step, on all ranks."""
        empty = torch.zeros(0)
        parts = [torch.cat([empty, *values]) for values in (self.weights, self.ratios)]
        ranks: list[Any] = [None] * dist.get_world_size(group)
        dist.all_gather_object(ranks, parts, group)
        weight, ratio = (torch.cat(values) for values in zip(*ranks, strict=True))
        if len(weight) == 0:
            return {}
        return {PREFIX + name: value for name, value in update_metrics([UpdateRecord({}, weight, ratio)]).items()}


def method_state(method: Method, step: int) -> str:
    """Return the method's state for the workers' copies, as JSON."""
    return json.dumps({"step": step, "method": method.state_dict()})


def _tokens(model_output: dict[str, Tensor], data: TensorDict, cap: float | None) -> Tokens:
    """Convert verl's nested tensors to (S, T) in fp32 or wider; T is the longest response."""
    logprob = no_padding_2_padding(model_output["log_probs"], data)
    entropy = no_padding_2_padding(model_output["entropy"], data)
    fields = ["response_mask", "old_log_probs", "entropy", "advantages", "responses"]
    padded = data.select(*fields, *(["rollout_log_probs"] if cap is not None else [])).to_padded_tensor()
    device = logprob.device

    def wide(values: Tensor) -> Tensor:
        return values.to(device, torch.promote_types(values.dtype, torch.float32))

    mask, old = padded["response_mask"].to(device).bool(), wide(padded["old_log_probs"])
    return Tokens(
        logprob=wide(logprob),
        old_logprob=old,
        entropy=wide(entropy),
        old_entropy=wide(padded["entropy"]),
        advantage=wide(padded["advantages"]),
        mask=mask,
        token=padded["responses"].to(device),
        correction=None if cap is None else truncated_importance(old, wide(padded["rollout_log_probs"]), mask, cap),
    )


def gather(tokens: Tokens, group: Any) -> tuple[Tokens, int]:
    """Return (tokens of all ranks of `group` in order, padded to the longest response; this rank).

    Every rank must have the same number of responses, as with verl's distribution.
    """
    width = torch.tensor(tokens.mask.shape[1], device=tokens.mask.device)
    dist.all_reduce(width, dist.ReduceOp.MAX, group)
    ranks, longest = dist.get_world_size(group), int(width)

    def collect(values: Tensor) -> Tensor:
        plain = values.to(torch.uint8) if values.dtype is torch.bool else values.to(tokens.mask.device)
        if plain.dim() == 2:
            plain = torch.nn.functional.pad(plain, (0, longest - plain.shape[1]))
        parts = [torch.empty_like(plain) for _ in range(ranks)]
        dist.all_gather(parts, plain.contiguous(), group)
        return torch.cat(parts).to(values.dtype)

    return tokens.map(collect), dist.get_rank(group)
