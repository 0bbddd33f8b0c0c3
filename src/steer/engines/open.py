"""From the configuration's `rollout` section to an engine."""

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

from steer.configs.schema import Rollout, Training
from steer.engines.limits import check_memory
from steer.engines.local import LocalEngine
from steer.engines.sampling import Engine
from steer.engines.vllm_start import not_installed
from steer.errors import UserError
from steer.models.devices import take_device
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
    """An engine that serves the model of a folder or hub id as it is.

    `samples` responses per prompt and `batch` sequences at once are going to be asked of it, each of at most `tokens`
    tokens with its prompt, at that temperature. `UserError` where that cannot be.
    """
    check_installed(settings)
    if settings.engine == "vllm":
        # `rollout.devices` are the training runs': jobs that evaluate side by side would all serve from the first.
        take_device(leave=settings.devices or (), count=settings.tensor_parallel)
        settings = settings.model_copy(update={"devices": None})
        from steer.engines.vllm import VllmEngine

        asked = {"samples": samples, "tokens": tokens, "temperature": temperature}
        return VllmEngine(path, tokenizer, settings, **asked, revision=revision)
    model = load_model(path, revision).to(take_device())
    check_memory(model, batch, tokens, "lower evaluation.batch")
    return LocalEngine(model, tokenizer, plain=not settings.lean)


def check_installed(settings: Rollout) -> None:
    """`UserError` where vLLM is asked for and is not here: said before a model is loaded."""
    if settings.engine == "vllm" and importlib.util.find_spec("vllm") is None:
        raise not_installed("no module named vllm")


def for_training(
    settings: Rollout, path: str, revision: str | None, training: Training
) -> Callable[[Any, Any], Engine]:
    """What makes the engine from the trainer's model and tokenizer. vLLM reads the model of a folder or hub id for the
    architecture alone: its weights come from the trainer."""
    tokens = training.max_prompt_tokens + training.max_response_tokens
    if settings.engine == "local":
        return partial(_local, settings, training.prompts * training.rollouts, tokens)
    if training.top_p < 1 and training.temperature != 1:
        raise UserError(
            f"key `training.top_p`: at temperature {training.temperature} vLLM tells no log-probabilities before "
            "top-p; set one of the two to 1"
        )
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
