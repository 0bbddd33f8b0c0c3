"""Responses of one verl step, and our rewards and metrics of them."""

from dataclasses import dataclass
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from steer.data.problem import Problem
from steer.methods.correction import truncated_importance
from steer.methods.rewards import overlong_penalty, random_rewards
from steer.models.forward import Sequences
from steer.models.head import TokenStatistics
from steer.train.metrics import rollout_metrics
from steer.train.rollouts import Rollouts
from steer.train.update import Batch
from steer.verify.responses import Verdict


@dataclass(frozen=True)
class Responses:
    """Responses of a step: S rows, including verl's padding.

    (S,): `scores` of the reward function, `group` numbered from 0, `lengths`, `truncated`, `real` (not padding); (S,
    T): `logprob`, `entropy` of the sampling policy, and `rollout_logprob` if the rollout engine reported it.
    """

    verdicts: list[Verdict]
    sources: list[str]
    scores: Tensor
    group: Tensor
    lengths: Tensor
    truncated: Tensor
    real: Tensor
    logprob: Tensor
    entropy: Tensor
    rollout_logprob: Tensor | None

    @classmethod
    def read(cls, data: TensorDict, real: list[bool], eos: int, limit: int) -> "Responses":
        """Read the fields of verl's transfer queue; a response of `limit` tokens without `eos` was truncated."""
        responses = data["responses"]
        lengths = responses.offsets().diff()
        last = torch.stack([row[-1] for row in responses.unbind()])
        names = list(data["uid"])
        numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
        extra = [fields.get("reward_extra_info", {}) for fields in data["extra_fields"]]
        rollout = data.get("rollout_log_probs", None)
        return cls(
            verdicts=[_verdict(info) for info in extra],
            sources=[str(source) for source in data["data_source"]],
            scores=data["rm_scores"].to_padded_tensor(0.0).sum(1).float(),
            group=torch.tensor([numbers[name] for name in names]),
            lengths=lengths,
            truncated=(lengths >= limit) & (last != eos),
            real=torch.tensor(real),
            logprob=data["old_log_probs"].to_padded_tensor(0.0).float(),
            entropy=data["entropy"].to_padded_tensor(0.0).float(),
            rollout_logprob=None if rollout is None else rollout.to_padded_tensor(0.0).float(),
        )


def _verdict(told: dict[str, Any]) -> Verdict:
    """Return the reward function's verdict on one response; empty for padding."""
    verdict, reason = told.get("verdict", "unverifiable"), told.get("reason", "")
    return Verdict(verdict, None, reason, 0.0, guessed=bool(told.get("guessed", 0.0)))


def rewards(found: Responses, reward: dict[str, Any], limit: int, generator: torch.Generator) -> Tensor:
    """Compute rewards (S,); NaN for a response without a verdict and for padding, which are both masked out.

    `reward`: the configuration's section. The random control and the overlong penalty are applied here because they
    depend on the step, which the reward function does not know.
    """
    judged = found.real & torch.tensor([v.verdict != "unverifiable" for v in found.verdicts])
    given = found.scores
    if reward["kind"] == "random":
        given = random_rewards(len(given), reward["correct"], reward["wrong"], generator)
    if reward["overlong_buffer"] is not None:
        given = given + overlong_penalty(found.lengths, limit, reward["overlong_buffer"])
    return given.masked_fill(~judged, float("nan"))


def step_metrics(found: Responses, given: Tensor, advantage: Tensor, cap: float | None) -> dict[str, Any]:
    """Compute the fields of docs/metrics.md known before the first update, by the trainer's definitions."""
    real = found.real.nonzero().squeeze(1)
    rows = real.tolist()
    lengths = found.lengths[real]
    sequences = Sequences(torch.zeros(len(rows), 1, dtype=torch.long), torch.ones_like(lengths), lengths)
    mask = sequences.mask
    width = mask.shape[1]
    logprob, entropy = found.logprob[real, :width], found.entropy[real, :width]
    told = logprob if found.rollout_logprob is None else found.rollout_logprob[real, :width]
    rollouts = Rollouts(
        problems=[Problem(id="", benchmark=found.sources[i], kind="math", prompt="") for i in rows],
        sequences=sequences,
        texts=[""] * len(rows),
        verdicts=[found.verdicts[i] for i in rows],
        rewards=given[real],
        group=found.group[real],
        truncated=found.truncated[real],
        engine_logprob=told,
    )
    batch = Batch(
        sequences,
        TokenStatistics(logprob, entropy),
        advantage[real],
        found.group[real],
        ~given[real].isnan(),
        correction=None if cap is None else truncated_importance(logprob, told, mask, cap),
    )
    metrics = rollout_metrics(rollouts, batch)
    if found.rollout_logprob is None:
        metrics = {name: value for name, value in metrics.items() if not name.startswith("rollout_")}
    return metrics
