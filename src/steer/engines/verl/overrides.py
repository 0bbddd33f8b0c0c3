"""Translate a run into verl's configuration: dotted keys and values, and the command line.

Nothing here imports verl, so `steer plan` can show the command without verl.
"""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steer.configs.model import PROMPT_DATE
from steer.configs.schema import Config
from steer.engines.verl.carried import carried_method
from steer.hub import model_folder
from steer.methods import Method

REDUCTIONS = {
    "token_mean": "token-mean",
    "sequence_mean": "seq-mean-token-mean",
    "constant_length": "seq-mean-token-sum-norm",
}


LOGGERS = ("tensorboard", "wandb", "trackio")  # the same names here and in verl


@dataclass(frozen=True)
class Paths:
    """Folders and files of a run for verl; all nodes must see them under the same names."""

    model: str
    train: str
    validation: str
    checkpoints: str


def verl_settings(config: Config, run: str, seed: int, method: Method, paths: Paths, problems: int) -> dict[str, Any]:
    """Return verl's dotted keys, the user's last. `problems`: number of training problems, which sets the epochs.

    A key that starts with `+` is not in verl's schema.
    """
    training, saved = config.training_for(run), config.saved_steps(run, seed)
    length = training.max_prompt_tokens + training.max_response_tokens
    tokens = config.verl.tokens_per_gpu or training.micro_batch_tokens or 2 * length
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    settings = {
        "algorithm.adv_estimator": "grpo",  # an estimator without a critic; our method computes the advantages
        "algorithm.use_kl_in_reward": False,
        "data.train_files": paths.train,
        "data.val_files": paths.validation,
        "data.train_batch_size": training.prompts,
        "data.max_prompt_length": training.max_prompt_tokens,
        "data.max_response_length": training.max_response_tokens,
        "data.truncation": "left",
        "data.filter_overlong_prompts": True,
        "data.shuffle": True,
        "data.seed": seed,
        # As in `steer.models.tokenizer.render_prompt`; templates that do not use the name ignore it.
        "+data.apply_chat_template_kwargs.date_string": f"{PROMPT_DATE:%d %b %Y}",
        **{f"+data.apply_chat_template_kwargs.{key}": value for key, value in config.model.chat_template.items()},
        "actor_rollout_ref.model.path": paths.model,
        "actor_rollout_ref.model.enable_gradient_checkpointing": training.gradient_checkpointing,
        f"+{actor}.fsdp_config.mixed_precision": {
            "param_dtype": training.precision,
            "reduce_dtype": "fp32",
            "buffer_dtype": "fp32",
        },
        f"{actor}.strategy": config.verl.strategy,
        f"{actor}.ppo_mini_batch_size": training.prompts // training.updates,
        f"{actor}.ppo_epochs": 1,
        f"{actor}.shuffle": False,
        f"{actor}.use_dynamic_bsz": True,
        # verl fails at the first longer sequence; in our own trainer it would be a separate micro-batch.
        f"{actor}.ppo_max_token_len_per_gpu": max(tokens, length),
        f"{actor}.calculate_entropy": True,
        f"{actor}.entropy_coeff": 0,
        f"{actor}.use_kl_loss": False,
        f"{actor}.grad_clip": training.gradient_clip,
        f"{actor}.optim.clip_grad": training.gradient_clip,
        f"{actor}.optim.lr": training.lr,
        f"{actor}.optim.lr_warmup_steps": training.warmup_steps or -1,
        f"{actor}.optim.weight_decay": training.weight_decay,
        f"{actor}.optim.lr_scheduler_type": "constant",
        **_shown(method, actor),
        f"{rollout}.name": config.verl.rollout,
        f"{rollout}.n": training.rollouts,
        f"{rollout}.temperature": training.temperature,
        f"{rollout}.top_p": training.top_p,
        f"{rollout}.seed": seed,
        f"{rollout}.dtype": config.rollout.dtype,
        f"{rollout}.enforce_eager": config.rollout.enforce_eager,
        f"{rollout}.gpu_memory_utilization": config.rollout.gpu_memory_utilization,
        f"{rollout}.tensor_model_parallel_size": config.verl.tensor_parallel,
        f"{rollout}.calculate_log_probs": True,
        f"{rollout}.agent.default_agent_loop": "steer_single_turn",
        "reward.num_workers": config.verl.reward_workers,
        "reward.custom_reward_function.path": "pkg://steer.engines.verl.reward",
        "reward.custom_reward_function.name": "compute_score",
        "+reward.custom_reward_function.reward_kwargs.reward": config.reward.model_dump(),
        "trainer.use_v1": True,
        "trainer.v1.trainer_mode": "steer",
        "trainer.nnodes": config.verl.nodes,
        "trainer.n_gpus_per_node": config.verl.gpus_per_node,
        "trainer.total_training_steps": training.steps,
        "trainer.total_epochs": math.ceil(training.steps * training.prompts / max(problems, 1)) + 1,
        # verl keeps models as checkpoints: to keep models, keep all checkpoints.
        "trainer.save_freq": math.gcd(*saved) or training.checkpoint_every,
        "trainer.max_actor_ckpt_to_keep": None if saved else training.checkpoints_kept,
        "trainer.resume_mode": "auto",
        "trainer.default_local_dir": paths.checkpoints,
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
        "trainer.project_name": training.wandb or training.trackio or config.name,
        "trainer.experiment_name": f"{run}-seed{seed}",
        "trainer.logger": ["console", *(name for name in LOGGERS if getattr(training, name))],
        "+steer": run_node(config, run, seed, method),
    }
    # Hydra's log and copy of the configuration, next to the checkpoints.
    settings |= {"hydra.run.dir": paths.checkpoints, "hydra.output_subdir": "hydra"}
    if config.verl.ray_address is not None:
        settings["+ray_kwargs.ray_init.address"] = config.verl.ray_address
    return settings | config.verl.overrides


def run_node(config: Config, run: str, seed: int, method: Method) -> dict[str, Any]:
    """Return the settings of our trainer inside verl: the method with every parameter, the rewards, the seed."""
    return {
        "run": run,
        "seed": seed,
        "method": method.name,
        "label": config.methods[run].label or method.label,
        "slots": method.settings,
        "reward": config.reward.model_dump(),
        "correction_cap": config.training_for(run).correction_cap,
    }


def _shown(method: Method, actor: str) -> dict[str, Any]:
    """Set verl's keys that describe the method. Our loss replaces verl's; the keys keep verl's record correct."""
    clip, reduction = method.settings["clip"], method.settings["reduction"]
    shown = {}
    if reduction["name"] in REDUCTIONS:
        shown[f"{actor}.loss_agg_mode"] = REDUCTIONS[reduction["name"]]
    if "length" in reduction:
        shown[f"{actor}.loss_scale_factor"] = reduction["length"]
    if clip["name"] == "ppo":
        names = {"low": "clip_ratio_low", "high": "clip_ratio_high", "dual": "clip_ratio_c"}
        shown |= {f"{actor}.{names[key]}": clip[key] for key in names if clip[key] is not None}
    return shown


def command(python: str, settings: dict[str, Any]) -> list[str]:
    """Return the program and its arguments; join them with `shlex.join`."""
    return [python, "-m", "verl.trainer.main_ppo", *(f"{key}={hydra_value(value)}" for key, value in settings.items())]


def hydra_value(value: Any) -> str:
    """Write a plain value in the grammar of Hydra's command line."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{hydra_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(hydra_value, value)) + "]"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    if re.fullmatch(r"[A-Za-z_/][A-Za-z0-9_./-]*", text) and text.lower() not in (
        "null",
        "true",
        "false",
        "nan",
        "inf",
    ):
        return text
    escaped = re.sub(r"(\\*)'", lambda match: match.group(1) * 2 + r"\'", text)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{chr(92) * trailing}'"


def paths_in(folder: Path, model: str, name: str = "verl") -> Paths:
    """Return the paths of a run, in the folder of its checkpoints."""
    data = folder / "data"
    return Paths(model, str(data / "train.parquet"), str(data / "validation.parquet"), str(folder / name))


def model_of(model: str, revision: str | None = None) -> str:
    """Return verl's model: a folder or a hub id.

    verl has no revisions; if one is set, this is the folder of the hub's cache with it.
    """
    if Path(model).is_dir():
        return str(Path(model).absolute())
    return model if revision is None else str(model_folder(model, revision))


def planned_command(config: Config, source: str, run: str, seed: int) -> list[str]:
    """Return the workflow's command for verl before data and base model exist. `UserError` as for a run.

    The name of the checkpoint folder contains the run's fingerprint once there is one.
    """
    method = carried_method(config, source, run)
    results = Path("results", config.name).absolute()
    base = (str(results / "base_model"),) if config.model.made else (config.model.path, config.model.revision)
    model = model_of(*base)
    paths = paths_in(results / "checkpoints" / run / f"seed{seed}", model)
    size = config.data.train_size or config.training.prompts
    return command("python", verl_settings(config, run, seed, method, paths, size))
