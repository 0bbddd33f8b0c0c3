"""From the configuration's `rollout` section to an engine."""

from collections.abc import Callable
from functools import partial
from typing import Any

from steer.configs.schema import Rollout
from steer.engines.limits import check_memory
from steer.engines.local import LocalEngine
from steer.engines.sampling import Engine
from steer.models.devices import take_device
from steer.models.load import load_model


def serving(
    settings: Rollout, path: str, revision: str | None, tokenizer, *, samples: int, batch: int, tokens: int
) -> Engine:
    """An engine that serves the model of a folder or hub id as it is.

    `samples` responses per prompt and `batch` sequences at once are going to be asked of it, each of at most `tokens`
    tokens with its prompt. `UserError` where that cannot be.
    """
    if settings.engine == "vllm":
        if settings.tensor_parallel == 1:
            take_device()
        from steer.engines.vllm import VllmEngine

        return VllmEngine(path, tokenizer, settings, samples=samples, tokens=tokens, revision=revision)
    model = load_model(path, revision).to(take_device())
    check_memory(model, batch, tokens, "lower evaluation.batch")
    return LocalEngine(model, tokenizer, plain=not settings.lean)


def for_training(
    settings: Rollout, path: str, *, samples: int, batch: int, tokens: int
) -> Callable[[Any, Any], Engine]:
    """What makes the engine from the trainer's model and tokenizer. vLLM reads `path` for the architecture alone: its
    weights come from the trainer."""
    if settings.engine == "vllm":
        return partial(_vllm, settings, path, samples, tokens)
    return partial(_local, settings, batch, tokens)


def _vllm(settings: Rollout, path: str, samples: int, tokens: int, model, tokenizer) -> Engine:
    from steer.engines.vllm import VllmEngine

    return VllmEngine(path, tokenizer, settings, samples=samples, tokens=tokens, load=False)


def _local(settings: Rollout, batch: int, tokens: int, model, tokenizer) -> Engine:
    check_memory(model, batch, tokens, "lower training.prompts or training.rollouts, or use `rollout.engine: vllm`")
    return LocalEngine(model, tokenizer, plain=not settings.lean)
