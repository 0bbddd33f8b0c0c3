"""Recognise models that are Qwen2 or Llama as built by transformers, which the fast paths support."""

from torch import nn
from transformers import LlamaForCausalLM, PreTrainedModel, Qwen2ForCausalLM
from transformers.activations import SiLUActivation

_FAMILIES = (Qwen2ForCausalLM, LlamaForCausalLM)
_PARTS = {"Model", "DecoderLayer", "Attention", "MLP", "RMSNorm", "RotaryEmbedding"}
_SHARED_PARTS = {nn.Linear, nn.Embedding, nn.ModuleList, nn.SiLU, SiLUActivation}
# Rotary embeddings whose angles depend only on the position.
_STATIC_ROPE = {"default", "linear", "llama3", "yarn"}


def is_plain(model: PreTrainedModel) -> bool:
    """Check for a Qwen2 or Llama without adapters, quantised or sharded layers.

    It must have full attention and rotary angles that depend only on the position.
    """
    family = type(model)
    if family not in _FAMILIES:
        return False
    stem = family.__name__.removesuffix("ForCausalLM")
    known = {f"{stem}{part}" for part in _PARTS} | {family.__name__}
    parts = {type(module) for module in model.modules()} - _SHARED_PARTS
    config = model.config
    full = set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
    static = config.rope_parameters["rope_type"] in _STATIC_ROPE
    ours = all(part.__name__ in known and part.__module__ == family.__module__ for part in parts)
    unsharded = all(type(parameter) is nn.Parameter for parameter in model.parameters())
    return ours and full and static and unsharded and config.hidden_act == "silu"
