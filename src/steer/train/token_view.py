"""Token view for the report: some responses of a run with the method's inputs and outputs at each token."""

from typing import Any

import torch

from steer.methods import Method, estimators
from steer.models.head import TokenStatistics
from steer.train.rollouts import Rollouts
from steer.train.update import Batch

_PER_VERDICT = 2


def steps_to_show(steps: int) -> set[int]:
    """Return the first, the middle and the last step."""
    return {1, (steps + 1) // 2, steps}


def token_rows(
    step: int, rollouts: Rollouts, batch: Batch, statistics: TokenStatistics, method: Method, tokenizer
) -> list[dict[str, Any]]:
    """Return rows for the first responses of each verdict in the step, in the format of docs/results.md.

    λ and ω are those of an update on the whole step at the sampling policy (`statistics`).
    """
    if not batch.judged.any():
        return []
    tokens = batch.tokens(statistics)
    prepared = method.prepare(tokens, torch.Generator().manual_seed(step))
    name = method.settings["weight"].get("estimator", "theorem")
    omega = getattr(estimators, name)(tokens.with_(advantage=prepared.advantage))
    rows = []
    for wanted in ("correct", "wrong"):
        chosen = [i for i, verdict in enumerate(rollouts.verdicts) if verdict.verdict == wanted][:_PER_VERDICT]
        for i in chosen:
            length = int(rollouts.sequences.lengths[i])
            ids = rollouts.sequences.responses[i, :length].tolist()
            problem = rollouts.problems[i]
            rows.append(
                {
                    "step": step,
                    "id": problem.id,
                    "benchmark": problem.benchmark,
                    "prompt": problem.prompt,
                    "verdict": wanted,
                    "advantage": round(batch.advantage[i].item(), 4),
                    "token": [tokenizer.decode([token]) for token in ids],
                    "probability": _rounded(statistics.logprob[i, :length].exp()),
                    "entropy": _rounded(statistics.entropy[i, :length]),
                    "omega": _rounded(omega[i, :length]),
                    "weight": _rounded(prepared.weight[i, :length]),
                }
            )
    return rows


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 5) for value in values.tolist()]
