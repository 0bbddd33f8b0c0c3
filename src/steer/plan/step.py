"""One training step of a run, estimated from counted operations: ours, and verl's for the same configuration.

Phases: rollout, logprob (statistics of the sampling policy, and of a base model or teacher), statistics (of each update
batch before its update), update, sync, validation. `Part.seconds` of all parts add up to the step.
"""

import math
from dataclasses import dataclass, replace

from steer.configs.schema import Config, Training
from steer.plan import cost
from steer.plan.assumed import Assumptions
from steer.plan.facts import Facts
from steer.plan.lengths import Lengths
from steer.plan.passes import Needs, needs_of
from steer.plan.rates import EFFICIENCIES, Gpu, gpu_of
from steer.plan.sampling import Engine, sampled
from steer.plan.work import Part, Passes, Rows, fixed, optimizer, scored, updated

PHASES = ("rollout", "logprob", "statistics", "update", "sync", "validation")
# Bytes per parameter of one checksum of the weights: 64-bit integers made, multiplied and summed.
CHECKSUM = 40
# Sequences of a pass without a limit in tokens, `steer.models.statistics`.
BUCKET = 32


@dataclass(frozen=True)
class Step:
    """The parts of one step on one of `gpus` GPUs."""

    parts: list[Part]
    gpus: int

    @property
    def seconds(self) -> float:
        return sum(part.seconds for part in self.parts)

    def phases(self) -> dict[str, float]:
        """Seconds by phase, without phases that take no time."""
        found = {phase: sum(part.seconds for part in self.parts if part.phase == phase) for phase in PHASES}
        return {phase: seconds for phase, seconds in found.items() if seconds > 0}

    @property
    def training(self) -> float:
        """Seconds in the training job: everything except validation, which is a separate job."""
        return self.seconds - self.phases().get("validation", 0.0)


def ours(config: Config, run: str, facts: Facts, assumed: Assumptions, needs: Needs) -> Step:
    """Our trainer's step."""
    training, gpu = config.training_for(run), gpu_of(config.hardware)
    gpus = training.processes
    how = _passes(config, training, facts, gpus, "blocks" if cost.fused(training, facts) else "plain")
    rows, idle = rows_of(training, assumed, gpus, training.shared_prompts), idle_share(training, assumed)
    entering = rows.scaled(1 - idle * needs.idle)
    # One engine for each process: on its GPU, or on GPUs of its own.
    engine = _engine(config, facts, assumed, cost.value_bytes(training) if config.model.lora is None else 4)
    parts = rollouts(training, facts, assumed, gpu, gpus, engine)
    if not told_by_engine(config, training, needs):
        parts += scored("logprob", gpu, facts, rows, how, micro_batches(training, rows, 1, gpus), needs.heads)
    if needs.base:
        parts += scored("logprob", gpu, facts, rows, how, micro_batches(training, rows, 1, gpus))
    if needs.teacher:
        taught = rows.scaled((1 - idle) / 2)
        parts += scored("logprob", gpu, facts, taught, how, micro_batches(training, taught, 1, gpus))
    count = micro_batches(training, entering, training.updates, gpus)
    if needs.statistics and count > training.updates:
        parts += scored("statistics", gpu, facts, entering, how, count)
    parts += updated("update", gpu, facts, entering, how, count, needs.extra)
    parts.append(_optimizer(config, training, facts, gpu, gpus))
    if config.rollout.engine == "vllm":
        parts += _sync(training, facts, gpu, gpus, checksums=2)
    parts += _validation(config, training, facts, assumed, config.gpus_of(run) or gpus)
    return Step(with_speeds(parts, assumed), gpus)


def verl(config: Config, run: str, facts: Facts, assumed: Assumptions, needs: Needs) -> Step:
    """Estimate verl's step of this configuration, by the same rates and on as many GPUs as our training job has.

    According to its documentation and source it differs from ours: every response carries its prompt, logits are whole
    and in bf16, every group enters the update, no checksum is taken, and vLLM samples on the trainer's GPUs.
    """
    training, gpu = config.training_for(run), gpu_of(config.hardware)
    gpus = config.gpus_of(run) or training.processes
    if config.engine == "verl":
        gpus = config.verl.nodes * config.verl.gpus_per_node
    how = _passes(config, training, facts, gpus, "verl")
    rows = rows_of(training, assumed, gpus, shared=False)
    engine = _vllm(config, facts, assumed, min(config.verl.tensor_parallel, gpus))
    length = training.max_prompt_tokens + training.max_response_tokens
    asked = config.verl.tokens_per_gpu or training.micro_batch_tokens or (None if training.micro_batch else 2 * length)
    given = training.model_copy(update={"micro_batch_tokens": asked and max(asked, length)})
    parts = rollouts(training, facts, assumed, gpu, max(1, gpus // engine.gpus), engine)
    for _ in range(2 if needs.base else 1):
        parts += scored("logprob", gpu, facts, rows, how, micro_batches(given, rows, 1, gpus))
    count = micro_batches(given, rows, training.updates, gpus)
    if config.engine == "verl":
        # Our methods inside verl take the update batch's statistics first.
        parts += scored("statistics", gpu, facts, rows, how, count)
    parts += updated("update", gpu, facts, rows, how, count)
    parts.append(_optimizer(config, training, facts, gpu, gpus))
    parts += _sync(training, facts, gpu, gpus, checksums=0)
    parts += _validation(config, training, facts, assumed, gpus)
    return Step(with_speeds(parts, assumed), gpus)


def reckoned(config: Config, run: str, facts: Facts, assumed: Assumptions) -> tuple[Step, Step]:
    """Return (our step, verl's step) of a run."""
    needs = needs_of(config, run)
    return ours(config, run, facts, assumed, needs), verl(config, run, facts, assumed, needs)


def rollouts(
    training: Training, facts: Facts, assumed: Assumptions, gpu: Gpu, engines: int, engine: Engine
) -> list[Part]:
    """Sampling on one of the `engines` among which the step's prompts are divided, round after round."""
    prompts, lengths = training.prompts / engines, responses(training, assumed)
    parts = sampled("rollout", gpu, facts, engine, prompts, training.rollouts, prompt(training, assumed), lengths)
    return [part.times(rounds_of(training, assumed)) for part in parts]


def rounds_of(training: Training, assumed: Assumptions) -> float:
    """Rounds of rollouts in a step."""
    return assumed.refills if training.dynamic_sampling > 1 else 1.0


def idle_share(training: Training, assumed: Assumptions) -> float:
    """Share of the groups without spread in a step's batch. Dynamic sampling leaves them out, unless its rounds do not
    give enough others."""
    return max(0.0, 1 - rounds_of(training, assumed) * (1 - assumed.idle))


def told_by_engine(config: Config, training: Training, needs: Needs) -> bool:
    """Whether samples come with the sampling policy's statistics.

    The local engine computes them as the trainer does if it samples from the trainer's model, in fp32 and not sharded.
    """
    own = training.precision == "fp32" and training.processes == 1
    return config.rollout.engine == "local" and config.rollout.statistics and own and needs.heads == 1


def evaluation_seconds(config: Config, benchmarks: list[str], facts: Facts, assumed: Assumptions) -> float:
    """Seconds to sample the responses to these benchmarks on one engine, without its start."""
    prompts = cost.evaluation_prompts(config, benchmarks)
    return sampling_seconds(config, prompts, cost.evaluation_responses(config, benchmarks) / prompts, facts, assumed)


def sampling_seconds(config: Config, prompts: int, samples: float, facts: Facts, assumed: Assumptions) -> float:
    """Seconds to sample that many responses of the evaluation's length to each of the prompts."""
    limit = config.evaluation.max_response_tokens
    lengths, gpu = Lengths(assumed.response_share * limit, limit), gpu_of(config.hardware)
    engine = _engine(config, facts, assumed)
    parts = sampled("generate", gpu, facts, engine, prompts, samples, assumed.prompt_tokens, lengths)
    return sum(part.seconds for part in parts) / assumed.rollout_speed


def start_seconds(config: Config) -> float:
    """Seconds that an engine takes to start."""
    return fixed("", "", "start of an engine", 1 if config.rollout.engine == "vllm" else 0).seconds


def responses(training: Training, assumed: Assumptions) -> Lengths:
    return Lengths(assumed.response_share * training.max_response_tokens, training.max_response_tokens)


def prompt(training: Training, assumed: Assumptions) -> float:
    return min(assumed.prompt_tokens, training.max_prompt_tokens)


def rows_of(training: Training, assumed: Assumptions, gpus: int, shared: bool) -> Rows:
    sequences = training.prompts * training.rollouts
    whole = Rows.of(sequences, training.prompts, prompt(training, assumed), responses(training, assumed), shared)
    return whole.scaled(1 / gpus)


def micro_batches(training: Training, rows: Rows, updates: int, gpus: int) -> float:
    """Micro-batches of a pass over these rows of one GPU, which enter in `updates` parts."""
    if training.micro_batch_tokens is not None:
        each = rows.tokens / updates / training.micro_batch_tokens
    elif training.micro_batch is not None:
        each = rows.sequences / updates / training.micro_batch
    else:
        each = 1.0 if gpus == 1 else rows.sequences / updates / BUCKET
    return updates * max(1, math.ceil(each - 1e-9))


def _passes(config: Config, training: Training, facts: Facts, gpus: int, head: str) -> Passes:
    adapters = cost.trained_parameters(config, facts) if config.model.lora else 0
    return Passes(gpus, head, training.precision, training.gradient_checkpointing, adapters)


def _engine(config: Config, facts: Facts, assumed: Assumptions, width: int = 4) -> Engine:
    """`width`: bytes of a number of the local engine."""
    if config.rollout.engine != "vllm":
        return Engine(1, width, math.inf, "launch", None)
    return _vllm(config, facts, assumed, config.rollout.tensor_parallel)


def _vllm(config: Config, facts: Facts, assumed: Assumptions, spread: int) -> Engine:
    """One vLLM on `spread` GPUs."""
    kind = ", eager" if config.rollout.enforce_eager else ""
    held = cost.cached_tokens(config, facts, assumed, spread)
    width = 4 if config.rollout.dtype == "float32" else 2
    return Engine(spread, width, held, "decoding step" + kind, "decoded token" + kind)


def _optimizer(config: Config, training: Training, facts: Facts, gpu: Gpu, gpus: int) -> Part:
    trained = cost.trained_parameters(config, facts) / gpus
    return optimizer("update", gpu, trained, training.updates, training.optimizer == "adamw")


def _sync(training: Training, facts: Facts, gpu: Gpu, gpus: int, checksums: int) -> list[Part]:
    """New weights for vLLM."""
    links, memory = EFFICIENCIES["links"].on(gpu), EFFICIENCIES["memory"].on(gpu)
    moved, summed = 4 * facts.parameters * (gpus - 1) / gpus, checksums * CHECKSUM * facts.parameters
    return [
        Part("sync", "weights over the links", moved, "B", gpu.links, links),
        Part("sync", "checksums", summed, "B", gpu.memory, memory),
        fixed("sync", "engine's sleep and wake", "engine's sleep and wake", 1),
        fixed("sync", "start of the run's engine, spread over its steps", "start of an engine", 1 / training.steps),
    ]


def _validation(config: Config, training: Training, facts: Facts, assumed: Assumptions, gpus: int) -> list[Part]:
    """Validations of the kept models and the start of their engine, spread over the steps.

    `gpus` validate several runs at a time.
    """
    chosen, every = config.evaluation.select_by, training.keep_models_every
    if chosen is None or not every:
        return []
    asking = config.model_copy(update={"evaluation": config.evaluation.for_selection()})
    kept = training.steps // every * evaluation_seconds(asking, [chosen], facts, assumed)
    spread = config.rollout.tensor_parallel / gpus / training.steps
    return [
        Part("validation", f"{what}, spread over the steps", seconds * spread, "times", 1.0)
        for what, seconds in (("validation of kept models", kept), ("start of its engine", start_seconds(config)))
    ]


def with_speeds(parts: list[Part], assumed: Assumptions) -> list[Part]:
    """Scale the rates by the measured speeds."""
    speeds = {"rollout": assumed.rollout_speed, "validation": 1.0, "sync": 1.0}
    return [replace(part, share=part.share * speeds.get(part.phase, assumed.training_speed)) for part in parts]
