"""Estimate minutes and memory of a configuration on this CPU from a measured matrix-product rate."""

import time
from dataclasses import asdict, dataclass

from steer.configs.schema import Config, Training
from steer.plan import cost
from steer.plan.assumed import Assumptions
from steer.plan.cost import GB
from steer.plan.facts import Facts
from steer.plan.jobs import jobs

# Rows of the measured product: tokens of a small update. Seconds of measuring.
_ROWS, _SECONDS = 512, 0.5


def product_rate(facts: Facts, threads: int) -> float:
    """Measure operations per second of fp32 products of the model's shape (tokens times the MLP).

    Takes the best rate within half a second, to exclude the effect of other work on the machine.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    states, weight = torch.randn(_ROWS, facts.hidden), torch.randn(facts.intermediate, facts.hidden)
    best, started = float("inf"), time.perf_counter()
    while time.perf_counter() - started < _SECONDS:
        begun = time.perf_counter()
        torch.nn.functional.linear(states, weight)
        best = min(best, time.perf_counter() - begun)
    torch.set_num_threads(before)
    return 2 * _ROWS * facts.hidden * facts.intermediate / best


@dataclass(frozen=True)
class Memory:
    """Peak bytes of a training job, by purpose."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    head: float
    cache: float
    overhead: float

    @property
    def peak(self) -> float:
        return sum(asdict(self).values()) - min(self.cache, self.activations + self.head + self.gradients)


def memory(config: Config, training: Training, facts: Facts, assumed: Assumptions) -> Memory:
    """Estimate a training job's memory with every response at its limit; rollouts and updates do not overlap."""
    needed = cost.memory(config, training, facts, assumed)
    tokens = pass_tokens(training, assumed)
    width = cost.value_bytes(training)
    return Memory(
        weights=needed.weights,
        gradients=needed.gradients,
        optimizer=needed.optimizer,
        activations=width * tokens * cost.layer_values(facts) * facts.layers,
        head=cost.head_bytes(training, facts, tokens),
        cache=needed.engine,
        overhead=assumed.cpu_overhead_gb * GB,
    )


def pass_tokens(training: Training, assumed: Assumptions) -> int:
    """Maximum tokens of one pass, with prompts of mean length, once for all their responses if shared."""
    if training.micro_batch_tokens is not None:
        return training.micro_batch_tokens
    update = training.prompts * training.rollouts // training.updates
    sequences = min(training.micro_batch or update, update)
    prompts = -(-sequences // training.rollouts) if training.shared_prompts else sequences
    length = min(assumed.prompt_tokens, training.max_prompt_tokens)
    return sequences * training.max_response_tokens + prompts * length


def minutes(config: Config, facts: Facts, assumed: Assumptions, rate: float) -> dict[str, float]:
    """Map each rule to minutes over all its jobs in sequence; `run`: the longest training job."""
    n, counts, seeds = cost.matrix_parameters(facts), jobs(config), len(config.seeds)
    training_rate, rollout_rate = rate * assumed.cpu_training, rate * assumed.cpu_rollout
    found: dict[str, float] = {}
    cold = config.model.cold_start
    if cold is not None and config.training is not None:
        response = assumed.response_share * config.training.max_response_tokens
        prompt = min(assumed.prompt_tokens, config.training.max_prompt_tokens)
        found["base_model"] = cold.steps * cold.batch * (prompt + response) * 6 * n / training_rate
    runs = []
    for run in config.methods:
        training = config.training_for(run)
        step = cost.step(training, facts, assumed)
        # The local engine returns the policy's log-probabilities with its samples, without a separate pass.
        passes = step.training_flops - 2 * n * step.trained_tokens
        runs.append(training.steps * (step.rollout_flops / rollout_rate + passes / training_rate))
    if runs:
        found |= {"run": max(runs), "train": seeds * sum(runs)}
    evaluated = counts.get("generate", 0) - ("oracle" in config.evaluation.also)
    responses = cost.evaluation_responses(config, config.data.benchmarks)
    tokens = responses * assumed.response_share * config.evaluation.max_response_tokens
    found["generate"] = evaluated * 2 * n * tokens / rollout_rate
    return {name: seconds / 60 for name, seconds in found.items()}
