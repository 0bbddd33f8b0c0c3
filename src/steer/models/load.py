"""Load or create models and tokenizers. The only module that uses transformers' model classes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from steer.configs.schema import Architecture
from steer.errors import UserError
from steer.hub import first_line, is_hub_id, model_file
from steer.io import atomic_directory


def new_model(architecture: Architecture, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """Create a randomly initialised Qwen2 model for the tokenizer's vocabulary, fp32."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=architecture.hidden_size,
        intermediate_size=architecture.intermediate_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.kv_heads,
        max_position_embeddings=architecture.max_positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen2ForCausalLM(config)


def load_tokenizer(
    path: str, revision: str | None = None, arguments: Mapping[str, Any] | None = None
) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a folder or hub id, padding on the left; `UserError` if there is none.

    `arguments`: values for its chat template.
    """
    wanted = "tokenizer.json, tokenizer.model or vocab.json"
    _check(path, revision, wanted, "tokenizer.json", "tokenizer.model", "vocab.json")
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, revision=revision)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no tokenizer could be loaded: {first_line(error)}") from None
    if tokenizer.chat_template is None:
        raise UserError(f"{path}: the tokenizer has no chat template; add `chat_template` to its tokenizer_config.json")
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return with_arguments(tokenizer, arguments or {})


def with_arguments(tokenizer: PreTrainedTokenizerBase, arguments: Mapping[str, Any]) -> PreTrainedTokenizerBase:
    """Set these values at the head of the tokenizer's chat template.

    They are saved with the tokenizer, so that a server of the trained model renders prompts as training did. An
    argument that the template does not read raises `UserError`.
    """
    given = tokenizer.chat_template or {}
    named = {"": given} if isinstance(given, str) else given  # some tokenizers have several, by name
    read = " ".join(named.values())
    unread = [name for name in arguments if not re.search(rf"\b{name}\b", read)]
    if unread:
        raise UserError(f"key `model.chat_template`: the model's chat template reads no `{unread[0]}`; take it out")
    head = "".join(f"{{% set {name} = {json.dumps(value)} %}}" for name, value in sorted(arguments.items()))
    if head:
        named = {name: text if text.startswith(head) else head + text for name, text in named.items()}
        tokenizer.chat_template = named.get("", named)
    return tokenizer


def load_model(path: str, revision: str | None = None, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Load the causal language model of a folder or hub id; `UserError` if there is none."""
    _check(path, revision, "config.json", "config.json")
    try:
        check_text_alone(AutoConfig.from_pretrained(path, revision=revision), path)
        # With the report, shapes that differ are told by tensor; otherwise they are one exception without a name.
        report = {"output_loading_info": True, "ignore_mismatched_sizes": True}
        model, found = AutoModelForCausalLM.from_pretrained(path, revision=revision, dtype=dtype, **report)
    except (OSError, EOFError, ValueError, LookupError, UnpicklingError, SafetensorError) as error:
        reason = f"no model could be loaded: {first_line(error).rstrip('.')}; save or download the model again"
        raise UserError(f"{path}: {reason}") from None
    _check_weights(path, found)
    if not _plain_head(model):
        raise UserError(
            f"{path}: a {type(model).__name__} makes more of its last hidden states than `lm_head` does (it scales or "
            "caps its logits, or keeps its parts elsewhere); take a model of another family"
        )
    return model


def _check_weights(path: str, found: dict[str, Any]) -> None:
    """Check that each tensor came from the files: transformers fills a missing one with random numbers."""
    if found["mismatched_keys"]:
        name, held, wanted = sorted(found["mismatched_keys"])[0]
        shapes = f"has the shape {tuple(held)}, config.json asks for {tuple(wanted)}"
        raise UserError(f"{path}: tensor `{name}` {shapes}; take the config.json that belongs to the weights")
    if found["missing_keys"]:
        name, *others = sorted(found["missing_keys"])
        more = f" and {len(others)} other tensors" if others else ""
        raise UserError(
            f"{path}: the weights lack `{name}`{more} of the model in config.json; save or download the model again"
        )


@torch.no_grad()
def _plain_head(model: PreTrainedModel) -> bool:
    """Check that logits are `model.lm_head` of the last states of `model.model`.

    Training and the local engine assume this. Granite and Cohere scale logits, Gemma 2 caps them.
    """
    if not (hasattr(model, "model") and hasattr(model, "lm_head")):
        return False
    # Several tokens: a padding token's embedding is 0, and so would its logits be.
    tokens = torch.arange(min(4, model.config.vocab_size), device=model.device)[None]
    seen: list[torch.Tensor] = []
    watch = model.model.register_forward_hook(lambda module, given, output: seen.append(output[0]))
    logits = model(input_ids=tokens, use_cache=False).logits
    watch.remove()
    if not logits.isfinite().all():
        raise UserError(f"{model.name_or_path}: its logits are not finite; replace its weights, which are damaged")
    return torch.allclose(logits, model.lm_head(seen[0]).to(logits.dtype))


def load_settings(path: str, revision: str | None = None) -> tuple[PretrainedConfig, GenerationConfig]:
    """Load architecture and generation settings of a folder or hub id, without weights.

    `UserError` if there is no model.
    """
    _check(path, revision, "config.json", "config.json")
    try:
        config = AutoConfig.from_pretrained(path, revision=revision)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no model could be loaded: {first_line(error)}") from None
    check_text_alone(config, path)
    try:
        return config, GenerationConfig.from_pretrained(path, revision=revision)
    except OSError:
        # Not every model has them.
        return config, GenerationConfig.from_model_config(config)


def check_text_alone(config: PretrainedConfig, path: str) -> None:
    """Raise `UserError` for a model of several parts, such as text and images: its decoder is in another place."""
    if getattr(config, "text_config", None) is not None:
        raise UserError(
            f"{path}: a {config.model_type} model has parts beside its text decoder; take a model of text alone, for "
            "Gemma 3 one of type gemma3_text"
        )


# What transformers calls the number of experts of a layer.
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")


def has_experts(config: PretrainedConfig) -> bool:
    """Whether the model is a mixture of experts."""
    return any(getattr(config, name, None) for name in _EXPERTS)


def check_dense(config: PretrainedConfig, path: str) -> None:
    """Raise `UserError` for a mixture of experts: engine and trainer may choose different experts for a token."""
    if has_experts(config):
        raise UserError(
            f"{path}: a {config.model_type} model is a mixture of experts, which can be evaluated but not trained "
            "here; take a dense model"
        )


def check_saveable(generation: GenerationConfig, source: str) -> None:
    """Raise `UserError` if the model's generation settings contradict each other.

    Such settings load but cannot be saved, which a run would notice only at its end.
    """
    with TemporaryDirectory() as folder:
        try:
            generation.save_pretrained(folder)
        except ValueError as error:
            raise UserError(
                f"{source}: generation_config.json could not be saved with the trained model: {first_line(error)}; "
                "set `do_sample: true` in it, or take its sampling values out"
            ) from None


def empty_model(config: PretrainedConfig, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """Create a model of the architecture without weights."""
    with device:
        return AutoModelForCausalLM.from_config(config, dtype=dtype)


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: str | Path) -> None:
    """Save model and tokenizer in transformers' format (safetensors), atomically."""
    with atomic_directory(path) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _check(path: str, revision: str | None, wanted: str, *names: str) -> None:
    """Check that a folder has one of `names`, or that the cache or the hub knows the hub id."""
    folder = Path(path)
    if folder.is_dir():
        if not any((folder / name).is_file() for name in names):
            raise UserError(f"{path}: the model folder holds no {wanted}; save the model with its tokenizer")
    elif path.endswith(".gguf"):
        raise UserError(f"{path}: a .gguf file is no model folder; make one of it with `steer base-model`")
    elif not is_hub_id(path):
        raise UserError(f"{path}: no such model folder; correct the path")
    else:
        # transformers would retry for minutes and say less.
        model_file(path, "config.json", revision)
