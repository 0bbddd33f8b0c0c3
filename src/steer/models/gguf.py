"""Load a model in llama.cpp's one-file format as a transformers model, with weights dequantised to fp32."""

import struct
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from steer.errors import UserError
from steer.hub import first_line


def dequantised(path: str | Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load model and tokenizer of a `.gguf` file. `UserError` if transformers cannot read it.

    Dequantising does not undo the rounding to a few bits.
    """
    path = Path(path)
    place = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; correct `model.path`, or bring the model of configs/smollm2.yaml by `make smollm2`"
        )
    try:
        read = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(**place)
    except (OSError, ValueError, KeyError, ImportError, struct.error) as error:
        said = f"no model could be read from this GGUF file: {first_line(error).rstrip('.')}; replace it"
        raise UserError(f"{path}: {said}") from None
    # transformers cannot save a model that remembers its quantised file, so copy the weights into an equal one.
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.name_or_path = path.name
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    return model.eval(), tokenizer
