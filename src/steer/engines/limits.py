"""Checks of model and machine limits before sampling, and the tokens that end a response."""

import os

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from steer.configs.schema import Rollout
from steer.engines.served import FUSED, refusal, uncheckable
from steer.errors import UserError
from steer.models.load import has_experts


def check_positions(model_config, prompt: int, response: int, said: str, remedy: str) -> None:
    """Check that prompt and response of these lengths fit the model's positions; `said` starts the message."""
    positions = model_config.max_position_embeddings
    if prompt + response > positions:
        raise UserError(
            f"{said}: {prompt} prompt and {response} response tokens, but the model has {positions} positions; {remedy}"
        )


def check_memory(model: PreTrainedModel, sequences: int, tokens: int, remedy: str) -> None:
    """Check that the keys and values of `sequences` sequences of `tokens` tokens fit the device's memory."""
    needed, device = sequences * tokens * kv_bytes_per_token(model.config, model.dtype.itemsize), model.device
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory
    else:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > memory:
        raise UserError(
            f"rollout: the keys and values of {sequences} sequences of {tokens} tokens take {needed / 2**30:.1f} GiB, "
            f"and there are {memory / 2**30:.1f} GiB in all; {remedy}"
        )


def check_carried(model_config, rollout: Rollout, path: str) -> None:
    """Raise `UserError` for a model that the engine cannot serve while it is trained."""
    family = model_config.model_type
    said = refusal(family, rollout, path)
    if said is None and rollout.engine == "vllm" and has_experts(model_config):
        said = uncheckable(family, path, "a mixture of experts")
    if said is not None:
        raise UserError(said)


def is_carried(model_config) -> bool:
    """Whether the weights that vLLM serves of this model can be checked."""
    return not has_experts(model_config) and model_config.model_type not in FUSED


def kv_bytes_per_token(model_config, itemsize: int) -> int:
    """Size of one token's keys and values in all layers."""
    heads = model_config.num_attention_heads
    size = getattr(model_config, "head_dim", None) or model_config.hidden_size // heads
    kv_heads = getattr(model_config, "num_key_value_heads", None) or heads
    return 2 * model_config.num_hidden_layers * kv_heads * size * itemsize


def stop_tokens(generation: GenerationConfig, tokenizer: PreTrainedTokenizerBase, names: list[str]) -> tuple[int, ...]:
    """List tokens that end a response in addition to the tokenizer's end of sequence.

    They come from the model's generation settings and `names`, each of which must be one token.
    """
    told = generation.eos_token_id
    found = {told} if isinstance(told, int) else set(told or ())
    for name in names:
        ids = tokenizer.encode(name, add_special_tokens=False)
        if len(ids) != 1:
            raise UserError(f"key `rollout.stop`: {name!r} is {len(ids)} tokens of this model, not one; name a token")
        found.add(ids[0])
    return tuple(sorted(found - {tokenizer.eos_token_id}))
