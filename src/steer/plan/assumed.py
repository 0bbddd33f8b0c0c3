"""Assumptions of the plan about what a configuration does not set; each is an option of `steer plan`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Assumptions:
    """Assumptions about what a configuration does not set."""

    prompt_tokens: int = 200  # mean length of a prompt
    response_share: float = 0.4  # mean length of a response over its limit
    idle: float = 0.3  # share of a step's groups whose rewards are all equal
    training_speed: float = 1.0  # measured speed of passes and updates over the plan's
    rollout_speed: float = 1.0  # the same of sampling
    refills: float = 2.0  # rounds of rollouts under dynamic sampling, if more than one is allowed
    overhead_gb: float = 3.0  # CUDA context, allocator, communication buffers
    cpu_overhead_gb: float = 0.8  # torch, transformers and the allocator of a job on a CPU
    process_gb: float = 8.0  # host memory of a training process with its engine and verifiers
