"""A run's resolved settings, and a hash of all that its result depends on."""

import argparse
from pathlib import Path

from steer.configs.references import split_reference
from steer.configs.reward import deciding
from steer.configs.schema import Config
from steer.io import fingerprint, meaning
from steer.methods import load_method
from steer.train.trackers import TRACKERS

# What a result of training depends on; a checkpoint made by other code is not continued.
SOURCES = ("methods", "models", "engines", "verify", "train")
# Training keys that may change when a stopped run is resumed: what is kept of it, and what it computes on.
BOOKKEEPING = (
    "processes",
    "collective_minutes",
    "mismatch_limit",
    "skipped_limit",
    "checkpoint_every",
    "checkpoint_minutes",
    "checkpoints_kept",
    "checkpoint_metric",
    "final_model",
    *TRACKERS,
)
# Keys of `rollout` that may change likewise: the engine's devices and memory.
ROOM = ("devices", "gpu_memory_utilization", "kv_cache_gib")


def run_settings(config: Config, name: str, seed: int) -> dict:
    """Return the resolved configuration of one run, as its folder keeps it."""
    entry = config.methods[name]
    method = load_method(entry.method or name, entry.set)
    functions = {f.function: meaning(Path(split_reference(f.function)[0])) for f in config.reward.functions}
    return {
        "run": name,
        "method": method.name,
        "label": entry.label or method.label,
        "seed": seed,
        "slots": method.settings,
        "training": config.training_for(name).model_dump(),
        "reward": config.reward.model_dump(exclude={"require"}),  # of the machine, not of the run
        **({"functions_sha256": functions} if functions else {}),
        "rollout": config.rollout.model_dump(),
        **({"shares": config.data.train_shares} if config.data.train_shares else {}),
        "lora": config.model.lora and config.model.lora.model_dump(),
        "chat_template": config.model.chat_template,
    }


def run_fingerprint(settings: dict, args: argparse.Namespace, revision: str | None) -> str:
    """Hash all that a training result depends on: settings, code, data and base model."""
    training = {key: value for key, value in settings["training"].items() if key not in BOOKKEEPING}
    rollout = {key: value for key, value in settings["rollout"].items() if key not in ROOM}
    reward = deciding(settings["reward"])
    # Of a folder its files themselves count (`_inputs`).
    base = {} if Path(args.model).is_dir() else {"base": [args.model, revision]}
    counted = {"training": training, "rollout": rollout, "reward": reward, "threads": args.threads}
    return fingerprint({**settings, **base, **counted}, _inputs(args))


def _inputs(args: argparse.Namespace) -> list[Path]:
    package = Path(__file__).parents[1]
    # .txt: the phrases of the maths verifier
    sources = [path for name in SOURCES for kind in ("*.py", "*.txt") for path in (package / name).rglob(kind)]
    model = [path for path in Path(args.model).glob("*") if path.is_file() and _decides(path)]
    return [*sources, Path(args.data), *model]


def _decides(file: Path) -> bool:
    """Whether a result depends on this file of the base model: weights, tokenizer, chat template, settings.

    It does not depend on measurements of the model, model cards or generation settings; the end tokens among these are
    in the run's settings (`stop`).
    """
    about = ("warm_start.json", "base_model.json", "generation_config.json", "LICENSE")
    return file.name not in about and file.suffix != ".md" and not file.name.startswith(".")
