"""Methods and settings that verl does not support: refused by name before anything starts."""

from steer.configs.load import nearest
from steer.configs.schema import Config, Training
from steer.errors import UserError
from steer.methods import Method, load_method

# Fields of `steer.methods.Tokens` that are not in verl's update batch.
MISSING = {
    "reduction": "the sum of π² log π over the vocabulary, which verl's forward pass does not return",
    "teacher_logprob": "a second forward pass under a teacher's prompt, which verl's workers do not make",
    "nucleus_entropy": "the entropy of the most likely tokens, which verl's forward pass does not return",
    "clamped_entropy": "the entropy of the more likely tokens, which verl's forward pass does not return",
    "base_logprob": "log-probabilities under the base model, which verl's reference workers do not compute here",
    "proxy_logprob": "log-probabilities under the filtered sampling policy, which verl's forward pass does not return",
}


def obstacle(method: Method) -> str | None:
    """Explain why verl does not support the method; None if it does."""
    return next((MISSING[need] for need in sorted(method.needs) if need in MISSING), None)


def carried_method(config: Config, source: str, run: str) -> Method:
    """Load the method of a run; `UserError` if verl does not support it or a setting of the run."""
    if run not in config.methods:
        raise UserError(f"{source}: no run {run!r} in `methods`{nearest(run, config.methods)}")
    entry = config.methods[run]
    method = load_method(entry.method or run, entry.set)
    reason = obstacle(method)
    if reason:
        raise UserError(f"{source}: `engine: verl` cannot run {run!r}: method {method.name} needs {reason}")
    for problem in _obstacles(config, config.training_for(run)):
        raise UserError(f"{source}: `engine: verl` cannot run {run!r}: {problem}")
    return method


def _obstacles(config: Config, training: Training) -> list[str]:
    """Yield the run's settings that have no counterpart in verl."""
    ranks = config.verl.nodes * config.verl.gpus_per_node
    update = training.prompts // training.updates * training.rollouts
    checks = {
        "training.dynamic_sampling has rounds, verl's own filter has none; set it to 1 and, for verl's filter,"
        " `algorithm.filter_groups.enable: true` in `verl.overrides`": training.dynamic_sampling > 1,
        "training.optimizer is `sgd`, verl is told of AdamW alone; set it to `adamw`": training.optimizer != "adamw",
        "training.final_model is `best`, verl leaves the last; set it to `last`": training.final_model == "best",
        "model.lora is not carried to verl; leave it out": config.model.lora is not None,
        "rollout.stop has no counterpart in verl; leave it empty": bool(config.rollout.stop),
        f"an update of {update} responses (training.prompts / updates · rollouts) cannot be dealt to"
        f" {ranks} GPUs (verl.nodes · gpus_per_node); make it a multiple": update % ranks != 0,
        f"verl.tensor_parallel {config.verl.tensor_parallel} does not divide {ranks} GPUs": ranks
        % config.verl.tensor_parallel
        != 0,
    }
    return [problem for problem, present in checks.items() if present]
