"""Low-rank adapters (LoRA, arXiv 2106.09685) with `peft`: W + α/r·B·A, where only A and B are trained."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from steer.configs.model import Lora
from steer.errors import UserError


def add_lora(model: PreTrainedModel, lora: Lora, seed: int) -> PreTrainedModel:
    """Add adapters to the model; only they are trained. The output is unchanged at first, because B starts at 0.

    `seed`: for A's initial values. `UserError` if the model has none of the named layers.
    """
    from peft import LoraConfig, inject_adapter_in_model

    settings = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=list(lora.targets), lora_dropout=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return inject_adapter_in_model(settings, model)
        except ValueError as error:
            raise UserError(f"key `model.lora.targets`: {error}; name layers of the model") from None


def is_adapter(name: str) -> bool:
    """Whether a parameter of that name belongs to an adapter."""
    return ".lora_" in name


def adapter_of(model: PreTrainedModel, name: str) -> tuple[str, Tensor, Tensor, float] | None:
    """Return (checkpoint name, B, A, α/r) of an adapted weight by its name in the model; None for any other."""
    owner, found, _ = name.partition(".base_layer.weight")
    if not found:
        return None
    layer = model.get_submodule(owner)
    return f"{owner}.weight", layer.lora_B["default"].weight, layer.lora_A["default"].weight, layer.scaling["default"]
