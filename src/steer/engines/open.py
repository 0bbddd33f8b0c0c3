"""Make an engine from the configuration's `rollout` section."""

import importlib.util
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from steer.configs.schema import Rollout, Training
from steer.engines.limits import check_memory
from steer.engines.local import LocalEngine
from steer.engines.sampling import Engine
from steer.engines.served import devices_lacking
from steer.engines.vllm_start import not_installed
from steer.errors import UserError
from steer.models.devices import installed_gpus, take_device, visible
from steer.models.load import load_model


def serving(
    settings: Rollout,
    path: str,
    revision: str | None,
    tokenizer,
    *,
    samples: int,
    batch: int,
    tokens: int,
    temperature: float,
) -> Engine:
    """Make an engine that serves the model of a folder or hub id unchanged.

    It must sample `samples` responses per prompt and `batch` sequences at once, each of at most `tokens` tokens with
    its prompt, at that temperature. Raises `UserError` if that is impossible.
    """
    check_installed(settings)
    if settings.engine == "vllm":
        # `rollout.devices` belong to training runs; parallel evaluation jobs would all use the first of them.
        take_device(leave=settings.devices or (), count=settings.tensor_parallel)
        settings = settings.model_copy(update={"devices": None})
        from steer.engines.vllm import VllmEngine

        asked = {"samples": samples, "tokens": tokens, "temperature": temperature}
        return VllmEngine(path, tokenizer, settings, **asked, revision=revision)
    model = load_model(path, revision).to(take_device())
    check_memory(model, batch, tokens, "lower evaluation.batch")
    return LocalEngine(model, tokenizer, plain=not settings.lean)


def check_installed(settings: Rollout) -> None:
    """Raise `UserError` before loading a model if vLLM is configured but not installed."""
    if settings.engine == "vllm" and importlib.util.find_spec("vllm") is None:
        raise not_installed("no module named vllm")


def for_training(
    settings: Rollout, path: str, revision: str | None, training: Training
) -> Callable[[Any, Any], Engine]:
    """Return a function that makes the engine from the trainer's model and tokenizer.

    vLLM reads the model's folder or hub id only for the architecture; its weights come from the trainer.
    """
    tokens = training.max_prompt_tokens + training.max_response_tokens
    if settings.engine == "local":
        return partial(_local, settings, training.prompts * training.rollouts, tokens)
    if training.top_p < 1 and training.temperature != 1:
        raise UserError(
            f"key `training.top_p`: at temperature {training.temperature} vLLM tells no log-probabilities before "
            "top-p; set one of the two to 1"
        )
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", training.processes))
    gpus = visible(installed_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    if gpus and (lacking := devices_lacking(settings, processes)):
        raise UserError(lacking)
    return partial(_vllm, settings, path, revision, training.rollouts, tokens, training.temperature)


def _vllm(
    settings: Rollout,
    path: str,
    revision: str | None,
    samples: int,
    tokens: int,
    temperature: float,
    model,
    tokenizer,
) -> Engine:
    from steer.engines.vllm import VllmEngine

    asked = {"samples": samples, "tokens": tokens, "temperature": temperature}
    return VllmEngine(path, tokenizer, settings, **asked, revision=revision, load=False)


def _local(settings: Rollout, batch: int, tokens: int, model, tokenizer) -> Engine:
    check_memory(model, batch, tokens, "lower training.prompts or training.rollouts, or use `rollout.engine: vllm`")
    return LocalEngine(model, tokenizer, plain=not settings.lean, exact=settings.statistics)
