"""The schema of configurations: one pydantic model per stage, unknown keys forbidden.

Snakemake, the command line and the tests read configurations only through these models (`steer.configs.load`).
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from steer.configs.data import Data as Data
from steer.configs.evaluation import Evaluation as Evaluation
from steer.configs.measurement import Measurement
from steer.configs.model import Architecture as Architecture
from steer.configs.model import Model, Name, Positive, Section, Temperature, TopP
from steer.configs.model import WarmStart as WarmStart
from steer.configs.reward import Reward as Reward
from steer.configs.rollout import Rollout as Rollout
from steer.configs.run import Run as Run
from steer.configs.run import Runs
from steer.configs.wording import wrong_value


class Training(Section):
    """How runs are trained. docs/training.md."""

    steps: Positive = Field(description="training steps: rollouts, rewards, updates")
    prompts: Positive = Field(description="prompts per step (512 in the papers)")
    rollouts: Annotated[int, Field(ge=2)] = Field(8, description="G, responses per prompt: one group")
    updates: Positive = Field(description="optimizer updates per step, each on an equal share of the groups")
    dynamic_sampling: Positive = Field(1, description="maximum rounds of rollouts until enough groups differ in reward")
    optimizer: Literal["adamw", "sgd"] = Field(
        "adamw", description="sgd: plain gradient descent without momentum or weight decay; it needs a larger lr"
    )
    lr: Annotated[float, Field(gt=0, description="learning rate after the warm-up")] = 1e-6
    warmup_steps: Annotated[int, Field(ge=0, description="steps over which the learning rate rises")] = 0
    weight_decay: Annotated[float, Field(ge=0, description="only for adamw")] = 0.01
    gradient_clip: Annotated[float, Field(gt=0, description="gradients are clipped to this norm")] = 1.0
    temperature: Temperature = 1.0
    top_p: TopP = 1.0
    max_prompt_tokens: Positive = Field(1024, description="training problems of longer prompts are dropped")
    max_response_tokens: Positive = Field(3072, description="length at which a response is cut off")
    head: Literal["plain", "fused", "auto"] = Field(
        "auto", description="fused: logits in blocks of the vocabulary; auto: fused from 16,384 tokens on"
    )
    shared_prompts: bool = Field(True, description="a prompt enters a forward pass once for all its responses")
    micro_batch: Positive | None = Field(None, description="sequences per forward pass; absent: the update batch")
    micro_batch_tokens: Positive | None = Field(None, description="maximum tokens per forward pass")
    skip_idle: bool = Field(
        True, description="skip responses that cannot change the gradient (advantage 0, no penalty)"
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="precision of the computation; weights are kept in fp32"
    )
    gradient_checkpointing: bool = Field(False, description="recompute activations instead of keeping them")
    processes: Positive = Field(1, description="processes (devices) of one run, which shard its model")
    correction_cap: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="C: multiplies token losses by min(π_trainer/π_rollout, C), for the engines' mismatch; absent: 1",
    )
    mismatch_limit: Annotated[float, Field(gt=0)] | None = Field(
        0.1, description="mean |Δ log-probability| between rollout engine and trainer, nats, above which a run ends"
    )
    skipped_limit: Positive = Field(
        5, description="consecutive updates with a non-finite gradient after which a run ends"
    )
    collective_minutes: Annotated[float, Field(gt=0)] = Field(
        30, description="several processes: minutes that one waits for the others before the run ends"
    )
    checkpoint_every: Positive = Field(10, description="steps between checkpoints")
    checkpoint_minutes: Annotated[float, Field(gt=0)] | None = Field(
        None, description="also save a checkpoint when the last one is older than this; absent: only by steps"
    )
    checkpoints_kept: Positive = Field(2, description="newest checkpoints kept, in addition to the best one")
    checkpoint_metric: str = Field(
        "accuracy", description="field of metrics.jsonl; its mean since the last checkpoint ranks checkpoints"
    )
    final_model: Literal["last", "best"] = Field("last", description="weights saved as `model/`")
    keep_models_every: Positive | None = Field(
        None,
        description="steps between models kept for `evaluation.select_by` or `frontier`; absent: the last one alone",
    )
    tensorboard: bool = Field(False, description="TensorBoard files in the run folder")
    wandb: str | None = Field(None, description="Weights & Biases project for the curves")
    trackio: str | None = Field(None, description="Trackio project for the curves")

    @model_validator(mode="after")
    def _divides(self) -> "Training":
        if self.prompts < self.processes:
            raise ValueError(f"prompts ({self.prompts}) must be at least as many as processes ({self.processes})")
        if self.prompts % self.updates:
            raise ValueError(f"prompts ({self.prompts}) must be a multiple of updates ({self.updates})")
        return self


class External(Section):
    """A run of another trainer: its logs, or a rule in workflow/rules/baselines/ that writes the run folder."""

    label: str = Field(description="name in figures and tables")
    logs: dict[Annotated[int, Field(ge=0)], str] = Field(
        default_factory=dict, description="seed → log file or TensorBoard folder; no rule, no model, no verdicts"
    )
    format: Literal["auto", "verl", "trl", "openrlhf", "prime-rl", "wandb", "tensorboard", "jsonl"] = Field(
        "auto", description="format of the logs; auto: detected from their content"
    )
    map: dict[str, str] = Field(default_factory=dict, description="key of the log → our metric")


class Verl(Section):
    """verl on Ray, with `engine: verl`. docs/verl.md. dtype and memory of `rollout` apply there too."""

    nodes: Positive = Field(1, description="machines")
    gpus_per_node: Positive = Field(1, description="GPUs per node")
    ray_address: str | None = Field(None, description="`host:port` of a running Ray; absent: Ray on this machine alone")
    strategy: Literal["fsdp", "fsdp2"] = Field("fsdp2", description="how the model is sharded")
    rollout: Literal["vllm", "sglang"] = Field("vllm", description="engine that samples responses")
    tensor_parallel: Positive = Field(1, description="GPUs per rollout engine")
    tokens_per_gpu: Positive | None = Field(
        None, description="tokens of a micro-batch, at least one sequence of full length; absent: two such sequences"
    )
    reward_workers: Positive = Field(8, description="processes that verify responses, each with its own verifiers")
    overrides: dict[str, Any] = Field(
        default_factory=dict, description="verl's own dotted keys, `trainer.test_freq: 10`; checked against its schema"
    )


class Threads(Section):
    """Threads per job; independent jobs run in parallel until the cores are used."""

    warm_start: Positive = Field(2, description="making the base model")
    train: Positive = Field(1, description="a training run")
    generate: Positive = Field(1, description="sampling the responses of one model")
    grade: Positive = Field(1, description="judging them: number of verifiers")


class Hardware(Section):
    """The machine that jobs run on."""

    gpus: Annotated[int, Field(ge=0)] = Field(0, description="GPUs that jobs may take; 0: they run on the CPU")
    memory_gb: Annotated[float, Field(gt=0)] = Field(80, description="memory of one GPU, 10^9 bytes")
    tflops: Annotated[float, Field(gt=0)] = Field(400, description="bf16 rate of one GPU, dense, 10^12 operations/s")


class Config(Section):
    """The top level: the experiment's name, what it trains, and its sections."""

    name: Name = Field(description="`results/<name>/` holds the results")
    description: str = Field("", description="purpose of the experiment; shown in the report")
    data: Data
    model: Model = Model()
    training: Training | None = None
    engine: Literal["steer", "verl"] = Field("steer", description="what trains: our own loop, or verl on Ray")
    verl: Verl = Verl()
    rollout: Rollout = Rollout()
    reward: Reward = Reward()
    evaluation: Evaluation
    methods: Runs = Field(default_factory=dict, description="runs to train, in the order of the tables")
    external: dict[Name, External] = Field(default_factory=dict, description="runs of other trainers")
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0, 1], description="each run is trained once with each")
    measurement: Measurement | None = None
    threads: Threads = Threads()
    hardware: Hardware = Hardware()

    @model_validator(mode="after")
    def _coherent(self) -> "Config":
        trained = len(self.runs) > len(self.imported)
        if trained and (self.training is None or not self.seeds or self.data.train is None):
            raise ValueError("methods need `training`, `data.train` and at least one of `seeds`")
        self._check_runs()
        if self.rollout.engine == "openai":
            self._check_served()
        # Duplicates would count twice in every mean and interval.
        listed = {"seeds": self.seeds, "data.benchmarks": self.data.benchmarks, "evaluation.also": self.evaluation.also}
        for key, values in listed.items():
            if len(set(values)) != len(values):
                raise ValueError(f"{key} must differ from one another")
        if self.name in ("cache", "reference"):
            raise ValueError(f"name: results/{self.name}/ has another use; take another name")
        reserved = {"base", "oracle"} & (set(self.methods) | set(self.external))
        if reserved or set(self.methods) & set(self.external):
            raise ValueError("a run's name must be its own, and neither `base` nor `oracle`")
        if self.measurement is not None and self.measurement.run not in self.methods:
            raise ValueError(f"measurement.run is {self.measurement.run!r}, which is no entry of `methods`")
        if self.measurement is not None and self.measurement.run in self.measurement.weightings:
            raise ValueError("measurement.weightings must not repeat measurement.run, which they are compared with")
        return self

    def _check_runs(self) -> None:
        """Each run's own training values, and what `evaluation.select_by` needs of them."""
        chosen = self.evaluation.select_by
        if chosen is not None and chosen not in self.data.benchmarks:
            raise ValueError(f"evaluation.select_by is {chosen!r}, which is not among data.benchmarks; add it there")
        for run in self.methods:
            try:
                kept = self.kept_steps(run)
            except ValidationError as error:
                item = error.errors()[0]
                key = ".".join(["methods", run, "training", *map(str, item["loc"])])
                if item["type"] == "extra_forbidden":
                    raise ValueError(f"unknown key `{key}`; valid are those of `training`") from None
                raise ValueError(f"key `{key}`: {wrong_value(item)}") from None
            for key, needed in (("select_by", chosen is not None), ("frontier", run in self.frontier_runs)):
                if needed and not kept:
                    raise ValueError(
                        f"evaluation.{key} evaluates kept models, and run {run!r} keeps none; set "
                        "training.keep_models_every to at most training.steps"
                    )
        if unknown := set(self.frontier_runs) - set(self.methods):
            raise ValueError(f"evaluation.frontier: {sorted(unknown)[0]!r} is no entry of `methods`")

    def _check_served(self) -> None:
        """A served model is evaluated; nothing here can train it, or serve another."""
        if self.methods or len(self.external) > len(self.imported):
            raise ValueError(
                "rollout.engine `openai` evaluates the model that a server serves, and trains none; set "
                "`methods: {}` and leave external runs with models out, or take another engine"
            )
        if "base" in self.evaluation.also and (self.model.path is None or self.model.made):
            raise ValueError("rollout.engine `openai` needs the served model's name as `model.path`, and no cold start")

    @property
    def frontier_runs(self) -> list[str]:
        """The runs whose kept models are evaluated for `evaluation.frontier`, the reference first."""
        asked = self.evaluation.frontier
        return [] if asked is None else list(dict.fromkeys([asked.reference, *(asked.runs or self.methods)]))

    def kept_steps(self, run: str) -> list[int]:
        """Return the steps after which the run keeps its model for `evaluation.select_by` and `frontier`."""
        training = self.training_for(run)
        every = training.keep_models_every
        return list(range(every, training.steps + 1, every)) if every else []

    def measured_steps(self) -> list[int]:
        """The training steps after which the measured run's model is measured; 0 is the base model."""
        steps = self.training_for(self.measurement.run).steps
        return sorted({round(stage * steps) for stage in self.measurement.stages})

    def saved_steps(self, run: str, seed: int) -> list[int]:
        """Return the steps after which training keeps the model, besides the last: for selection and measurement."""
        if self.measurement is None or (run, seed) != (self.measurement.run, self.seeds[0]):
            return self.kept_steps(run)
        between = {step for step in self.measured_steps() if 0 < step < self.training_for(run).steps}
        return sorted(between.union(self.kept_steps(run)))

    def training_for(self, run: str) -> Training:
        """The training section with the run's own changes."""
        changes = self.methods[run].training if run in self.methods else {}
        return Training.model_validate({**self.training.model_dump(), **changes})

    def planned_steps(self, run: str) -> int | None:
        """The training steps of a run; None for one of another trainer."""
        return self.training_for(run).steps if self.training and run in self.methods else None

    def gpus_of(self, run: str) -> int:
        """Return the GPUs of a training job, including vLLM's own processes; 0 for jobs on the CPU."""
        apart = self.rollout.engine == "vllm" and self.rollout.placement == "own"
        each = 1 + (self.rollout.tensor_parallel if apart else 0)
        return self.training_for(run).processes * each if self.hardware.gpus else 0

    @property
    def runs(self) -> list[str]:
        return [*self.methods, *self.external]

    @property
    def imported(self) -> list[str]:
        """Return the imported runs: they have only logs, without models or verdicts."""
        return [name for name, run in self.external.items() if run.logs]

    def seeds_of(self, run: str) -> list[int]:
        """Return the seeds of a run; for an imported one, those with logs."""
        return sorted(self.external[run].logs) if run in self.imported else self.seeds

    @property
    def evaluated(self) -> list[tuple[str, int]]:
        """Every (run, seed) that is evaluated; base and oracle have the one seed 0."""
        trained = [run for run in self.runs if run not in self.imported]
        return [*((name, 0) for name in self.evaluation.also), *((run, s) for run in trained for s in self.seeds)]
