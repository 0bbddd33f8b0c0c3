"""Find problems that would otherwise appear only after hours: one sentence each, with the numbers."""

import json
from pathlib import Path

from steer.configs.schema import Config
from steer.engines.served import devices_lacking, refusal
from steer.plan import cost
from steer.plan.assumed import Assumptions
from steer.plan.cost import GB
from steer.plan.facts import Facts
from steer.plan.passes import needs_of


def problems(config: Config, facts: Facts, assumed: Assumptions) -> list[str]:
    found = [*engine(config, facts), *_positions(config, facts), *_template(config)]
    if config.hardware.gpus:
        found += [*_devices(config), *_memory(config, facts, assumed), *_cache(config, facts, assumed)]
    return found


def engine(config: Config, facts: Facts) -> list[str]:
    """Check that the engine can serve the model while it is trained."""
    said = refusal(facts.family, config.rollout, config.model.path or "the base model")
    return [said] if said and config.methods and config.engine == "steer" else []


def _trainings(config: Config) -> dict[str, str]:
    """List one run per distinct training section, with its name for messages."""
    seen = {}
    for run in config.methods:
        seen.setdefault(config.training_for(run).model_dump_json(), run)
    return {run: f"methods.{run}.training" if config.methods[run].training else "training" for run in seen.values()}


def _positions(config: Config, facts: Facts) -> list[str]:
    name, found = config.model.path or "the base model", []
    for run, key in _trainings(config).items():
        training = config.training_for(run)
        wanted = training.max_prompt_tokens + training.max_response_tokens
        if wanted > facts.positions:
            found.append(
                f"{key}: {training.max_prompt_tokens} prompt and {training.max_response_tokens} response tokens, but "
                f"{name} has {facts.positions} positions; lower max_response_tokens to at most "
                f"{max(0, facts.positions - training.max_prompt_tokens)}"
            )
    limit = config.evaluation.max_response_tokens
    if limit >= facts.positions:
        found.append(f"evaluation.max_response_tokens is {limit}, but {name} has {facts.positions} positions; lower it")
    return found


def _template(config: Config) -> list[str]:
    """Check that the tokenizer of a local model has a chat template."""
    path = config.model.path
    if path is None or not Path(path).is_dir() or (Path(path) / "chat_template.jinja").is_file():
        return []
    file = Path(path) / "tokenizer_config.json"
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return [f"{file}: no readable tokenizer settings; save the model together with its tokenizer"]
    if told.get("chat_template"):
        return []
    return [f"{path}: the tokenizer has no chat template; add `chat_template` to its tokenizer_config.json"]


def _devices(config: Config) -> list[str]:
    gpus, found = config.hardware.gpus, []
    for run, key in _trainings(config).items():
        wanted, processes = config.gpus_of(run), config.training_for(run).processes
        if wanted > gpus:
            beside = "" if wanted == processes else f" and vLLM's own GPUs make {wanted}"
            found.append(
                f"{key}.processes is {processes}{beside}, but hardware.gpus is {gpus}; lower the one or raise the other"
            )
        elif config.engine == "steer" and (lacking := devices_lacking(config.rollout, processes)):
            found.append(lacking)
    return found


def _memory(config: Config, facts: Facts, assumed: Assumptions) -> list[str]:
    room, found, seen = config.hardware.memory_gb, {}, set()
    for run in config.methods:
        training, base = config.training_for(run), needs_of(config, run).base
        if (essence := (training.model_dump_json(), base)) in seen:
            continue
        seen.add(essence)
        key = f"methods.{run}.training" if config.methods[run].training else "training"
        needed = cost.memory(config, training, facts, assumed, base)
        for phase, remedy in (
            ("updates", "processes, gradient_checkpointing, precision: bf16 or a smaller micro_batch_tokens"),
            ("rollouts", "`rollout.engine: vllm`, a lower rollout.gpu_memory_utilization or more processes"),
        ):
            size = getattr(needed, phase) / GB
            if size > room:
                # Runs with equal needs share one message.
                found.setdefault(
                    (phase, round(size)),
                    f"{key}: the model does not fit: {size:.0f} GB a device during {phase}, hardware.memory_gb is "
                    f"{room:g}; try {remedy}",
                )
    return list(found.values())


def _cache(config: Config, facts: Facts, assumed: Assumptions) -> list[str]:
    """Check that all samples of one prompt fit vLLM's key-value cache at full length."""
    if config.rollout.engine != "vllm":
        return []
    evaluation = config.evaluation
    prompt = config.training.max_prompt_tokens if config.training else assumed.prompt_tokens
    asked = [
        (evaluation.samples_for(name), prompt + evaluation.max_response_tokens, f"evaluation.samples of {name}")
        for name in config.data.benchmarks
    ]
    for run, key in _trainings(config).items():
        training = config.training_for(run)
        asked.append((training.rollouts, prompt + training.max_response_tokens, f"{key}.rollouts"))
    samples, tokens, name = max(asked, key=lambda item: item[0] * item[1])
    room = cost.cached_tokens(config, facts, assumed)
    if samples * tokens <= room:
        return []
    per_token = cost.cache_bytes(config, facts)
    return [
        f"{name}: {samples} samples of {tokens} tokens take {samples * tokens * per_token / GB:.1f} GB of key-value "
        f"cache, and {room * per_token / GB:.1f} GB are left beside the weights; fewer samples, shorter responses or a "
        "higher rollout.gpu_memory_utilization"
    ]
