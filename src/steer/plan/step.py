"""One training step of a run, reckoned from counted operations: ours, and verl's for the same configuration.

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
        """Seconds in the training job: everything but validation, which is a job of its own."""
        return self.seconds - self.phases().get("validation", 0.0)


def ours(config: Config, run: str, facts: Facts, assumed: Assumptions, needs: Needs) -> Step:
    """Our trainer's step."""
    training, gpu = config.training_for(run), gpu_of(config.hardware)
    gpus = training.processes
    fused = training.head == "fused" or (training.head == "auto" and facts.vocabulary >= cost.FUSED_FROM)
    how = Passes(gpus, "blocks" if fused else "plain", training.precision, training.gradient_checkpointing)
    rows = rows_of(training, assumed, gpus, training.shared_prompts)
    entering = rows.scaled(1 - assumed.idle * needs.idle)
    parts = rollouts(config, training, facts, assumed, gpu, gpus, _engine(config, facts, assumed))
    # The local engine's samples come with these statistics where it computes as the trainer does.
    local = config.rollout.engine == "local" and config.rollout.statistics and training.precision == "fp32"
    if not (local and needs.heads == 1):
        parts += scored("logprob", gpu, facts, rows, how, micro_batches(training, rows, 1, gpus), needs.heads)
    if needs.base:
        parts += scored("logprob", gpu, facts, rows, how, micro_batches(training, rows, 1, gpus))
    if needs.teacher:
        taught = rows.scaled((1 - assumed.idle) / 2)
        parts += scored("logprob", gpu, facts, taught, how, micro_batches(training, taught, 1, gpus))
    count = micro_batches(training, entering, training.updates, gpus)
    if needs.statistics and count > training.updates:
        parts += scored("statistics", gpu, facts, entering, how, count)
    parts += updated("update", gpu, facts, entering, how, count, needs.extra)
    parts += _ending(config, training, facts, assumed, gpu, gpus, checksums=2)
    return Step(with_speeds(parts, assumed), gpus)


def verl(config: Config, run: str, facts: Facts, assumed: Assumptions, needs: Needs) -> Step:
    """verl's step of this configuration, by the same rates. It differs from ours in what its documentation and source
    say of it: every response carries its prompt, logits are whole and in bf16, every group enters the update, and no
    checksum is taken."""
    training, gpu = config.training_for(run), gpu_of(config.hardware)
    gpus = training.processes
    if config.engine == "verl":
        gpus = config.verl.nodes * config.verl.gpus_per_node
    how = Passes(gpus, "verl", training.precision, training.gradient_checkpointing)
    rows = rows_of(training, assumed, gpus, shared=False)
    spread = min(config.verl.tensor_parallel, gpus)
    engine = _engine(config, facts, assumed, spread)
    if engine.step == "launch":
        engine = replace(engine, step="decoding step", token="decoded token")
    length = training.max_prompt_tokens + training.max_response_tokens
    asked = config.verl.tokens_per_gpu or training.micro_batch_tokens or (None if training.micro_batch else 2 * length)
    given = training.model_copy(update={"micro_batch_tokens": asked and max(asked, length)})
    parts = rollouts(config, training, facts, assumed, gpu, gpus, engine)
    for _ in range(2 if needs.base else 1):
        parts += scored("logprob", gpu, facts, rows, how, micro_batches(given, rows, 1, gpus))
    count = micro_batches(given, rows, training.updates, gpus)
    if config.engine == "verl":
        # Our methods inside verl take the update batch's statistics first.
        parts += scored("statistics", gpu, facts, rows, how, count)
    parts += updated("update", gpu, facts, rows, how, count)
    parts += _ending(config, training, facts, assumed, gpu, gpus, checksums=0)
    return Step(with_speeds(parts, assumed), gpus)


def reckoned(config: Config, run: str, facts: Facts, assumed: Assumptions) -> tuple[Step, Step]:
    """Return (our step, verl's step) of a run."""
    needs = needs_of(config, run)
    return ours(config, run, facts, assumed, needs), verl(config, run, facts, assumed, needs)


def rollouts(
    config: Config, training: Training, facts: Facts, assumed: Assumptions, gpu: Gpu, gpus: int, engine: Engine
) -> list[Part]:
    """Sampling on one of the engines among which the step's prompts are divided."""
    rounds = assumed.refills if training.dynamic_sampling > 1 else 1.0
    apart = config.rollout.engine == "vllm" and config.rollout.placement == "own"
    engines = max(1, gpus if apart else gpus // engine.gpus)
    prompts, lengths = training.prompts * rounds / engines, responses(training, assumed)
    return sampled("rollout", gpu, facts, engine, prompts, training.rollouts, prompt(training, assumed), lengths)


def evaluation_seconds(config: Config, responses_: int, facts: Facts, assumed: Assumptions) -> float:
    """Seconds to sample an evaluation's responses on one engine, without its start."""
    limit = config.evaluation.max_response_tokens
    lengths, gpu = Lengths(assumed.response_share * limit, limit), gpu_of(config.hardware)
    engine = _engine(config, facts, assumed, config.rollout.tensor_parallel)
    parts = sampled("generate", gpu, facts, engine, float(responses_), 1, assumed.prompt_tokens, lengths)
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
    sequences = training.prompts * training.rollouts / gpus / updates
    if training.micro_batch_tokens is not None:
        each = rows.tokens / updates / training.micro_batch_tokens
    elif training.micro_batch is not None:
        each = sequences / training.micro_batch
    else:
        each = 1.0 if gpus == 1 else sequences / BUCKET
    return updates * max(1, math.ceil(each - 1e-9))


def _engine(config: Config, facts: Facts, assumed: Assumptions, spread: int | None = None) -> Engine:
    """`spread`: GPUs of one engine; absent: as `rollout` has it."""
    rollout = config.rollout
    spread = spread or (rollout.tensor_parallel if rollout.placement == "own" else 1)
    if rollout.engine != "vllm":
        return Engine(1, 4, math.inf, "launch", None)
    kind = ", eager" if rollout.enforce_eager else ""
    held = cost.cached_tokens(config, facts, assumed, spread)
    width = 4 if rollout.dtype == "float32" else 2
    return Engine(spread, width, held, "decoding step" + kind, "decoded token" + kind)


def _ending(
    config: Config, training: Training, facts: Facts, assumed: Assumptions, gpu: Gpu, gpus: int, checksums: int
) -> list[Part]:
    """The optimizer, new weights for the engine, and validations and starts spread over the steps."""
    trained = cost.trained_parameters(config, facts) / gpus
    parts = [optimizer("update", gpu, trained, training.updates, training.optimizer == "adamw")]
    if config.rollout.engine == "vllm":
        share = EFFICIENCIES["links"].on(gpu)
        moved = 4 * facts.parameters * (gpus - 1) / gpus
        parts += [
            Part("sync", "weights over the links", moved, "B", gpu.links, share),
            Part("sync", "checksums", checksums * CHECKSUM * facts.parameters, "B", gpu.memory,
                 EFFICIENCIES["memory"].on(gpu)),
            fixed("sync", "engine's sleep and wake", "engine's sleep and wake", 1),
            fixed("sync", "start of the run's engine, spread over its steps", "start of an engine", 1 / training.steps),
        ]  # fmt: skip
    chosen, every = config.evaluation.select_by, training.keep_models_every
    if chosen is not None and every:
        models = training.steps // every
        asking = config.model_copy(update={"evaluation": config.evaluation.for_selection()})
        each = evaluation_seconds(asking, cost.evaluation_responses(asking, [chosen]), facts, assumed)
        # One GPU of the job's validates each kept model, after a start.
        spread = models / training.steps / gpus
        for what, seconds in (("validation of kept models", each), ("its starts", start_seconds(config))):
            parts.append(Part("validation", f"{what}, spread over the steps", seconds * spread, "times", 1.0))
    return parts


def with_speeds(parts: list[Part], assumed: Assumptions) -> list[Part]:
    """Scale the rates by the measured speeds."""
    speeds = {"rollout": assumed.rollout_speed, "validation": 1.0, "sync": 1.0}
    return [replace(part, share=part.share * speeds.get(part.phase, assumed.training_speed)) for part in parts]
