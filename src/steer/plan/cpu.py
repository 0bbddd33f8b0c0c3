"""Estimate minutes and memory of a configuration on this CPU from rates measured on it."""

from dataclasses import asdict, dataclass

from steer.configs.schema import Config, Training
from steer.plan import cost, cpu_rates
from steer.plan.assumed import Assumptions
from steer.plan.cost import GB
from steer.plan.cpu_rates import Rates
from steer.plan.cpu_step import decoded, step_on
from steer.plan.facts import Facts
from steer.plan.jobs import jobs
from steer.plan.lengths import Lengths
from steer.plan.passes import needs_of
from steer.plan.step import Step, prompt, responses
from steer.plan.work import layer_products

# Without training: rows of the measured products.
ROWS = 512


def rates_of(config: Config, facts: Facts, assumed: Assumptions) -> Rates:
    """Measure the rates at the sizes of the configuration's training, or of its evaluation."""
    training, threads = config.training, config.threads.train
    if training is None:
        length = round(assumed.response_share * config.evaluation.max_response_tokens)
        return cpu_rates.measured(facts, threads, ROWS, config.evaluation.batch, length, length + assumed.prompt_tokens)
    given, length = round(prompt(training, assumed)), max(1, round(responses(training, assumed).mean))
    update = training.prompts // training.updates
    sequences = min(training.micro_batch or update * training.rollouts, update * training.rollouts)
    rows = min(sequences * length + update * given, training.micro_batch_tokens or 1 << 30)
    return cpu_rates.measured(facts, threads, rows, training.prompts * training.rollouts, length, length + given)


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
    base: float = 0.0
    copies: float = 0.0

    @property
    def peak(self) -> float:
        return sum(asdict(self).values()) - min(self.cache, self.activations + self.head + self.gradients)


def memory(config: Config, training: Training, facts: Facts, assumed: Assumptions, base: bool = False) -> Memory:
    """Estimate a training job's memory with every response at its limit; rollouts and updates do not overlap.

    `copies`: the engine's copy of the model, which stays, and in bf16 the layers' matrices that a pass has cast.
    """
    needed = cost.memory(config, training, facts, assumed, base)
    tokens = pass_tokens(training, assumed)
    width, copy = cost.value_bytes(training), cost.copy_bytes(config, training, facts)
    cast = width * facts.layers * facts.layer_parameters if training.precision == "bf16" else 0
    return Memory(
        weights=needed.weights,
        gradients=needed.gradients,
        optimizer=needed.optimizer,
        activations=width * tokens * cost.layer_values(facts) * facts.layers,
        head=cost.head_bytes(training, facts, tokens),
        cache=needed.engine - copy,
        overhead=assumed.cpu_overhead_gb * GB,
        base=needed.base,
        copies=copy + cast,
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


def step_of(config: Config, run: str, facts: Facts, assumed: Assumptions, rates: Rates) -> Step:
    """Estimate one training step of a run."""
    return step_on(config, run, facts, assumed, needs_of(config, run), rates)


def minutes(config: Config, facts: Facts, assumed: Assumptions, rates: Rates) -> dict[str, float]:
    """Map each rule to minutes over all its jobs in sequence; `run`: the longest training job."""
    counts, seeds = jobs(config), len(config.seeds)
    found: dict[str, float] = {}
    cold = config.model.cold_start
    if cold is not None and config.training is not None:
        tokens = cold.steps * cold.batch * (prompt(config.training, assumed) + responses(config.training, assumed).mean)
        n, table = layer_products(facts), facts.embedding_parameters
        layers = 2 * n / rates.forward + 4 * n / rates.backward
        head = 2 * table / rates.head_forward + 4 * table / rates.head_backward
        found["base_model"] = tokens * (layers + head) / assumed.training_speed
    runs = []
    for run in config.methods:
        runs.append(config.training_for(run).steps * step_of(config, run, facts, assumed, rates).seconds)
    if runs:
        found |= {"run": max(runs), "train": seeds * sum(runs)}
    evaluated = counts.get("generate", 0) - ("oracle" in config.evaluation.also)
    limit = config.evaluation.max_response_tokens
    asked = cost.evaluation_responses(config, config.data.benchmarks)
    together = min(asked, config.evaluation.batch)
    lengths = Lengths(assumed.response_share * limit, limit)
    # A prompt is passed once for its samples.
    prompts = together * cost.evaluation_prompts(config, config.data.benchmarks) / max(asked, 1)
    parts = decoded("generate", facts, lengths, assumed.prompt_tokens, prompts, together, rates)
    seconds = sum(part.seconds for part in parts) / assumed.rollout_speed
    found["generate"] = evaluated * asked / max(together, 1) * seconds if together else 0.0
    if along := config.evaluation.frontier:
        sampled = cost.frontier_models(config) * along.questions * along.samples
        found["frontier"] = sampled / max(together, 1) * seconds
    return {name: seconds / 60 for name, seconds in found.items()}
