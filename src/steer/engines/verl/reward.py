"""Our verifiers as verl's custom reward function, called in the processes of its reward loop."""

import atexit
import json
import threading
from functools import cache
from typing import Any

import torch

from steer.configs.schema import Reward
from steer.data.problem import Problem
from steer.train.rollouts import rewards_of
from steer.verify.responses import Verifier

_ONE_AT_A_TIME = threading.Lock()


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any],
    reward: dict[str, Any],
    **_: Any,
) -> dict[str, Any]:
    """Return `score`, `verdict`, `reason`, and whether one response is `unverifiable` or only `guessed`.

    `extra_info["problem"]` comes from `files.write_parquet`, `reward` is the configuration's section. An unverifiable
    response scores 0 and is marked: our trainer masks it out. The trainer adds the random control's reward and the
    overlong penalty (`steer.engines.verl.step.rewards`).
    """
    problem = Problem.from_json(json.loads(extra_info["problem"]))
    settings = Reward.model_validate({**dict(reward), "require": tuple(reward.get("require", ()))})
    with _ONE_AT_A_TIME:
        verifier = _verifier(settings)
    whole = extra_info.get("thought", "") + solution_str  # begins inside a thought if the template opens one
    verdict = verifier.verify([problem], [whole])[0]
    known = settings.model_copy(update={"kind": "verified"}) if settings.kind == "random" else settings
    score = rewards_of([problem], [solution_str], [verdict], known, torch.Generator()).nan_to_num(0.0).item()
    failed = verdict.verdict == "unverifiable"
    return {
        "score": score,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "unverifiable": float(failed),
        "guessed": float(verdict.guessed),
    }


@cache
def _verifier(settings: Reward) -> Verifier:
    """Return the process's verifier; verl calls it from several threads, which the verifiers allow."""
    verifier = Verifier.of(settings, settings.verifier_workers, training=True)
    verifier.__enter__()
    atexit.register(verifier.__exit__)
    return verifier
