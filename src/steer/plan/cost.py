"""Estimate memory and disk of a configuration from model size and batch. docs/scaling.md has the formulas.

N parameters; sizes in bytes. These are estimates for choosing a machine.
"""

import math
from dataclasses import dataclass

from steer.configs.schema import Config, Training
from steer.plan.assumed import Assumptions
from steer.plan.facts import Facts

GB = 1e9
SYNTHETIC_ROWS = 64
# Copied from `steer.models.head` and `steer.models.fused_head`, which import torch.
FUSED_FROM = 1 << 14
FUSED_BLOCK = 1 << 22


def evaluation_responses(config: Config, benchmarks: list[str]) -> int:
    """Count the responses of one evaluated model to these benchmarks."""
    return sum(_rows(config, name) * config.evaluation.samples_for(name) for name in benchmarks)


def frontier_models(config: Config) -> int:
    """Count the evaluations of a model along training; the base model's count once per job."""
    return len(config.seeds) * sum(1 + len(config.kept_steps(run)) for run in config.frontier_runs)


def evaluation_prompts(config: Config, benchmarks: list[str]) -> int:
    """Count the prompts of these benchmarks."""
    return sum(_rows(config, name) for name in benchmarks)


def _rows(config: Config, benchmark: str) -> int:
    from steer.data.sets import data_set, rows_of

    if config.data.source == "synthetic" and benchmark not in config.data.sets:
        return config.data.rows or SYNTHETIC_ROWS
    rows = rows_of(data_set(benchmark, config.data))
    return min(rows, config.data.rows or rows)


@dataclass(frozen=True)
class Memory:
    """Bytes on one device of a training job, by purpose. `updates` and `rollouts` are its two peaks.

    `host`: host memory while the first process reads the base model. `base`: the copy of the model that training
    started from, which a penalty on the distance to it needs.
    """

    weights: float
    gradients: float
    optimizer: float
    gathered: float
    activations: float
    head: float
    engine: float
    overhead: float
    host: float
    base: float = 0.0

    @property
    def updates(self) -> float:
        kept = self.weights + self.gradients + self.optimizer + self.base
        return kept + self.gathered + self.activations + self.head + self.overhead

    @property
    def rollouts(self) -> float:
        """Peak while sampling: gradients are freed, and vLLM's memory is released afterwards."""
        return self.weights + self.optimizer + self.base + self.engine + self.overhead


def memory(config: Config, training: Training, facts: Facts, assumed: Assumptions, base: bool = False) -> Memory:
    """Estimate memory: weights, gradients and optimizer state (AdamW: two moments) in fp32, one share per process.

    Plus the activations of one micro-batch. `base`: with a copy of the base model's trained parameters.
    """
    n, trained, shares = facts.parameters, trained_parameters(config, facts), training.processes
    width = value_bytes(training)
    tokens = pass_tokens(training)
    # FSDP gathers everything outside layers at once, and one layer ahead; gradients of a group exist whole before they
    # are summed over processes in fp32.
    rest = facts.embedding_parameters * (1 if facts.tied else 2)
    sharded = shares > 1 or training.precision == "bf16"
    gathered = width * (rest + 2 * facts.layer_parameters) + (width + 4) * rest if sharded else 0
    layer = width * tokens * layer_values(facts)
    if training.gradient_checkpointing:
        activations = width * tokens * facts.hidden * facts.layers + 2 * layer
    else:
        activations = layer * facts.layers
    return Memory(
        weights=4 * (n if trained == n else n + trained) / shares,
        gradients=4 * trained / shares,
        optimizer=moment_bytes(training) * trained / shares,
        gathered=gathered,
        activations=activations,
        head=head_bytes(training, facts, tokens),
        engine=engine_bytes(config, training, facts),
        overhead=assumed.overhead_gb * GB,
        host=4 * n + shares * assumed.process_gb * GB,
        base=4 * trained / shares if base else 0.0,
    )


def trained_parameters(config: Config, facts: Facts) -> int:
    """Count trained parameters: all, or the adapters' (rank per input and per output of an adapted layer)."""
    lora = config.model.lora
    if lora is None:
        return facts.parameters
    h, query, key, mlp = facts.hidden, facts.query, facts.key, facts.intermediate
    sides = {"q_proj": h + query, "k_proj": h + key, "v_proj": h + key, "o_proj": query + h}
    sides |= {"gate_proj": h + mlp, "up_proj": h + mlp, "down_proj": mlp + h}
    return facts.layers * lora.rank * sum(sides.get(name, 0) for name in lora.targets)


def fused(training: Training, facts: Facts) -> bool:
    """Check whether the head computes its logits in blocks."""
    return training.head == "fused" or (training.head == "auto" and facts.vocabulary >= FUSED_FROM)


def head_bytes(training: Training, facts: Facts, tokens: int) -> int:
    """Estimate the head's memory.

    The plain head keeps logits, log-probabilities, probabilities and their product in fp32; the fused one keeps a block
    of logits and the gradient of the hidden states.
    """
    return 4 * (FUSED_BLOCK + tokens * facts.hidden) if fused(training, facts) else 16 * tokens * facts.vocabulary


def value_bytes(training: Training) -> int:
    return 2 if training.precision == "bf16" else 4


def moment_bytes(training: Training) -> float:
    """Bytes of optimizer state per trained parameter: AdamW has two moments in fp32, SGD none."""
    return 8.0 if training.optimizer == "adamw" else 0.0


def pass_tokens(training: Training) -> int:
    """Maximum tokens of one forward and backward pass on one process."""
    sequence = training.max_prompt_tokens + training.max_response_tokens
    if training.micro_batch_tokens is not None:
        return max(training.micro_batch_tokens, sequence)
    update = training.prompts * training.rollouts // training.updates // training.processes
    return max(1, min(training.micro_batch or update, update)) * sequence


def layer_values(facts: Facts) -> int:
    """Count values that one decoder layer keeps per token for its backward pass."""
    query, key = facts.query, facts.key
    return 6 * facts.hidden + 2 * query + 2 * key + 4 * facts.intermediate


def engine_bytes(config: Config, training: Training, facts: Facts) -> float:
    """Estimate the rollout engine's memory on a training device while it samples."""
    rollout = config.rollout
    if rollout.engine == "vllm":
        colocated = rollout.placement == "colocated"
        return rollout.gpu_memory_utilization * config.hardware.memory_gb * GB if colocated else 0.0
    width = value_bytes(training)
    sequences = training.prompts * training.rollouts / training.processes
    length = training.max_prompt_tokens + training.max_response_tokens
    return copy_bytes(config, training, facts) + sequences * length * cache_bytes(config, facts, width)


def copy_bytes(config: Config, training: Training, facts: Facts) -> int:
    """Bytes of the copy of the model that the local engine samples from, if it does not use the trainer's own."""
    copied = training.processes > 1 or training.precision == "bf16"
    return value_bytes(training) * facts.parameters if copied and config.rollout.engine == "local" else 0


def cache_bytes(config: Config, facts: Facts, width: int | None = None) -> int:
    """Bytes of key-value cache per token."""
    if width is None:
        width = 4 if config.rollout.dtype == "float32" else 2
    return width * facts.cached_values


def cached_tokens(config: Config, facts: Facts, assumed: Assumptions, gpus: int | None = None) -> float:
    """Count tokens that fit vLLM's cache on the devices of one engine; `gpus`: absent: as many as it is set to."""
    rollout, width = config.rollout, 4 if config.rollout.dtype == "float32" else 2
    gpus = gpus or rollout.tensor_parallel
    if rollout.kv_cache_gib is not None:
        room = rollout.kv_cache_gib * 2**30 * gpus
    else:
        share = rollout.gpu_memory_utilization * config.hardware.memory_gb - assumed.overhead_gb
        room = share * GB * gpus - width * facts.parameters
    return max(0.0, room) / cache_bytes(config, facts)


def saved_by_verl(config: Config, run: str) -> range:
    """List the steps whose full checkpoints verl keeps to the end of a run.

    verl does not save models without their optimizer, so keeping models keeps every checkpoint
    (`steer.engines.verl.overrides`).
    """
    saved = sorted({step for seed in config.seeds for step in config.saved_steps(run, seed)})
    every = math.gcd(*saved)
    return range(every, config.training_for(run).steps + 1, every) if saved else range(0)


@dataclass(frozen=True)
class Disk:
    """Bytes on disk: what remains at the end, and what is needed in addition during training."""

    models: float
    checkpoints: float
    download: float


def disk(config: Config, facts: Facts) -> Disk:
    """Estimate disk: models in the precision of the computation, checkpoints with optimizer state in fp32."""
    if not config.methods:
        return Disk(0.0, 0.0, 2.0 * facts.parameters if config.model.path else 0.0)
    models = checkpoints = 0.0
    at_once = max(1, config.hardware.gpus // max(1, min(map(config.gpus_of, config.methods))))
    for run in config.methods:
        training = config.training_for(run)
        # The last model, and the kept ones; the best is a hard link of one of them.
        kept = 1 + (1 if config.evaluation.prune else len(config.kept_steps(run)))
        models += len(config.seeds) * kept * value_bytes(training) * facts.parameters
        # The newest ones, the best, and the one being written, without frozen weights.
        state = (training.checkpoints_kept + 2) * (4 + moment_bytes(training)) * trained_parameters(config, facts)
        if config.engine == "verl" and (saved := saved_by_verl(config, run)):
            state = (len(saved) + 1) * 12.0 * trained_parameters(config, facts)
        if config.evaluation.prune:
            state += len(config.kept_steps(run)) * value_bytes(training) * facts.parameters
        checkpoints = max(checkpoints, at_once * state)
    return Disk(models, checkpoints, 2.0 * facts.parameters if config.model.path else 0.0)
