"""Settings found in a log, in our names. Only listed ones are read: no environment, host, path or key."""

import ast
import re
import shlex
from collections.abc import Iterable

from steer.errors import UserError

# verl's dotted key → ours.
VERL = {
    "data.train_batch_size": "training.prompts",
    "data.max_prompt_length": "training.max_prompt_tokens",
    "data.max_response_length": "training.max_response_tokens",
    "data.seed": "seed",
    "actor_rollout_ref.rollout.n": "training.rollouts",
    "actor_rollout_ref.rollout.temperature": "training.temperature",
    "actor_rollout_ref.rollout.top_p": "training.top_p",
    "actor_rollout_ref.actor.optim.lr": "training.lr",
    "actor_rollout_ref.actor.optim.weight_decay": "training.weight_decay",
    "actor_rollout_ref.actor.optim.lr_warmup_steps": "training.warmup_steps",
    "actor_rollout_ref.actor.grad_clip": "training.gradient_clip",
    "trainer.total_training_steps": "training.steps",
    "actor_rollout_ref.actor.ppo_mini_batch_size": "verl.ppo_mini_batch_size",
    "actor_rollout_ref.actor.ppo_epochs": "verl.ppo_epochs",
    "actor_rollout_ref.actor.clip_ratio": "verl.clip_ratio",
    "actor_rollout_ref.actor.clip_ratio_low": "verl.clip_ratio_low",
    "actor_rollout_ref.actor.clip_ratio_high": "verl.clip_ratio_high",
    "actor_rollout_ref.actor.clip_ratio_c": "verl.clip_ratio_c",
    "actor_rollout_ref.actor.loss_agg_mode": "verl.loss_agg_mode",
    "actor_rollout_ref.actor.entropy_coeff": "verl.entropy_coeff",
    "actor_rollout_ref.actor.use_kl_loss": "verl.use_kl_loss",
    "actor_rollout_ref.actor.kl_loss_coef": "verl.kl_loss_coef",
    "actor_rollout_ref.actor.policy_loss.loss_mode": "verl.loss_mode",
    "actor_rollout_ref.actor.policy_loss.token_weight_min": "verl.token_weight_min",
    "actor_rollout_ref.actor.policy_loss.token_weight_max": "verl.token_weight_max",
    "actor_rollout_ref.actor.loss_mode": "verl.loss_mode",
    "actor_rollout_ref.model.path": "model",
    "algorithm.adv_estimator": "verl.adv_estimator",
    "algorithm.norm_adv_by_std_in_grpo": "verl.norm_adv_by_std_in_grpo",
    "algorithm.use_kl_in_reward": "verl.use_kl_in_reward",
    "algorithm.filter_groups.enable": "verl.filter_groups",
    "trainer.total_epochs": "verl.total_epochs",
    "trainer.n_gpus_per_node": "verl.gpus_per_node",
    "trainer.nnodes": "verl.nodes",
}
TRL = {
    "max_steps": "training.updates_planned",
    "num_train_epochs": "trl.num_train_epochs",
    "logging_steps": "trl.logging_steps",
    "train_batch_size": "trl.train_batch_size",
}
WORD = re.compile(r"^[\w.+-]{1,64}$")
MODEL = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?$")


def of_verl(texts: list[str]) -> dict[str, object]:
    """Read verl's command line (the last of equal keys wins) and its printed, resolved configuration."""
    found: dict[str, object] = {}
    for text in texts:
        if ("verl" in text and "main_ppo" in text) or re.match(r"^[\s\\]*\+{0,2}[a-z_]+\.[\w.]+=", text):
            found |= _overrides(text)
    return nested(found | _printed(texts))


def of_trl(state: dict) -> dict[str, object]:
    found = {ours: state[key] for key, ours in TRL.items() if _is_plain(state.get(key))}
    return nested(found)


def _is_plain(value: object) -> bool:
    """Check for a truth value or a number that is finite and not absurdly large."""
    return isinstance(value, int | float) and abs(value) < 2**64


def _overrides(text: str) -> dict[str, object]:
    try:
        words = shlex.split(text.rstrip(" \\"))
    except ValueError:
        words = text.split()
    found = {}
    for word in words:
        key, equals, value = word.lstrip("+").partition("=")
        if equals and key in VERL and (kept := _kept(VERL[key], value)) is not None:
            found.pop(VERL[key], None)
            found[VERL[key]] = kept
    return found


def _printed(texts: Iterable[str]) -> dict[str, object]:
    """Read known keys of the configuration that verl prints as a dict over many lines, by brace nesting."""
    found: dict[str, object] = {}
    path: list[str] = []
    inside = False
    for text in texts:
        begins = re.match(r"^\s*\{'[\w]+': ", text)
        inside = inside or begins is not None
        if not inside:
            continue
        if text.startswith("step:"):
            break
        for token in re.finditer(r"'(\w+)':\s*(\{)?|(\})|(?<=: )('[^']*'|[^\s,{}']+)", text):
            name, opens, closes, value = token.groups()
            if name is not None:
                path = [*path[: _depth(path)], name, "{"] if opens else [*path[: _depth(path)], name]
            elif closes and "{" in path:
                path = path[: len(path) - 2 - path[::-1].index("{") + 1]
            elif value is not None:
                key = ".".join(part for part in path if part != "{")
                if key in VERL and (kept := _kept(VERL[key], value.strip("'"))) is not None:
                    found[VERL[key]] = kept
    return found


def _depth(path: list[str]) -> int:
    return len(path) - path[::-1].index("{") if "{" in path else 0


def _kept(ours: str, text: str) -> object | None:
    """Return the value as number, truth value or short word; a model only by hub id or folder name."""
    if ours == "model":
        name = (
            text if MODEL.match(text) and not text.startswith(("data/", "models/")) else text.rstrip("/").split("/")[-1]
        )
        return name if MODEL.match(name) else None
    try:
        value = ast.literal_eval(text[:1].upper() + text[1:] if text in ("true", "false") else text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    if _is_plain(value):
        return value
    return text if isinstance(value, str) and WORD.match(text) and text not in ("null", "None") else None


def nested(found: dict[str, object]) -> dict[str, object]:
    """Turn dotted keys into sections."""
    tree: dict[str, object] = {}
    for key, value in found.items():
        section, dot, name = key.rpartition(".")
        if not dot:
            tree[key] = value
        else:
            tree.setdefault(section, {})[name] = value  # type: ignore[union-attr]
    return tree


def parse_map(pairs: list[str]) -> dict[str, str]:
    """Parse `["theirs=ours"]` into a mapping. Their key may contain `=`; ours does not."""
    found = {}
    for pair in pairs:
        theirs, equals, ours = pair.rpartition("=")
        if not equals or not theirs or not ours:
            raise UserError(f"--map {pair}: write THEIRS=OURS, for example --map rewards/check/mean=accuracy")
        if theirs in found or ours in found.values():
            name = theirs if theirs in found else ours
            raise UserError(f"--map {pair}: `{name}` is mapped twice; name each key and each metric once")
        found[theirs] = ours
    return found
