"""Assumptions of the plan about what a configuration does not set; each is an option of `steer plan`."""

from dataclasses import dataclass, field
from typing import Any


def assumed(default: float, meaning: str) -> Any:
    """Return a field of `Assumptions`; `meaning` is the help text of its option."""
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Assumptions:
    """Assumptions about what a configuration does not set."""

    prompt_tokens: int = assumed(200, "mean tokens of a prompt")
    response_share: float = assumed(0.4, "mean length of a response over its limit")
    idle: float = assumed(0.3, "share of a step's groups whose rewards are all equal")
    training_speed: float = assumed(1.0, "measured speed of forward passes and updates over the plan's")
    rollout_speed: float = assumed(1.0, "measured speed of sampling over the plan's")
    refills: float = assumed(2.0, "rounds of rollouts with dynamic sampling, if more than one is allowed")
    overhead_gb: float = assumed(3.0, "memory of CUDA context, allocator and communication buffers")
    cpu_overhead_gb: float = assumed(0.8, "memory of torch, transformers and the allocator of a job on a CPU")
    process_gb: float = assumed(8.0, "host memory of a training process with its engine and verifiers")
