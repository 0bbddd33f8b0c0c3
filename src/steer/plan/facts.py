"""Read a model's shape without loading it: from a folder, the table below, or the hub.

Nothing here imports torch or transformers. The table holds the models of `configs/paper` and
`configs/smollm2.yaml`, from their published config.json files, so that planning and dry runs need no network.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steer.configs.load import nearest
from steer.configs.schema import Config
from steer.errors import UserError
from steer.hub import model_file

# Families of decoders with grouped-query attention and a gated MLP, as transformers names them → the numbers of a layer
# beside its matrices: biases, and norms of the states (two or four) and of queries and keys.
FAMILIES: dict[str, Callable[["Facts"], int]] = {
    "qwen2": lambda f: f.query + 2 * f.key + 2 * f.hidden,
    "qwen3": lambda f: 2 * f.head_size + 2 * f.hidden,
    "llama": lambda f: 2 * f.hidden,
    "mistral": lambda f: 2 * f.hidden,
    "phi3": lambda f: 2 * f.hidden,
    "smollm3": lambda f: 2 * f.hidden,
    "olmo2": lambda f: f.query + f.key + 2 * f.hidden,
    "olmo3": lambda f: f.query + f.key + 2 * f.hidden,
    "gemma3_text": lambda f: 2 * f.head_size + 4 * f.hidden,
}
# Tokenizer of models trained from scratch: 256 bytes, padding, end of sequence, four strings.
CHARACTERS = 262

# transformers' name of a number → its name in a .gguf file, without the family in front.
GGUF_KEYS = {
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "intermediate_size": "feed_forward_length",
    "max_position_embeddings": "context_length",
    "head_dim": "attention.key_length",
}


@dataclass(frozen=True)
class Facts:
    """The shape of a decoder with grouped-query attention and a gated MLP."""

    family: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    positions: int
    tied: bool
    head_size: int

    @property
    def layer_parameters(self) -> int:
        matrices = 2 * self.hidden * (self.query + self.key) + 3 * self.hidden * self.intermediate
        return matrices + FAMILIES[self.family](self)

    @property
    def query(self) -> int:
        """Numbers in all queries of a token."""
        return self.heads * self.head_size

    @property
    def key(self) -> int:
        """Numbers in all keys of a token."""
        return self.kv_heads * self.head_size

    @property
    def embedding_parameters(self) -> int:
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        tables = self.embedding_parameters * (1 if self.tied else 2)
        return tables + self.layers * self.layer_parameters + self.hidden

    @property
    def cached_values(self) -> int:
        """Numbers in the key-value cache for one token."""
        return 2 * self.layers * self.kv_heads * self.head_size


def _qwen(hidden: int, layers: int, heads: int, kv: int, intermediate: int, positions: int, tied: bool) -> Facts:
    # The larger models pad the same vocabulary further.
    vocabulary = 151_936 if tied else 152_064
    return Facts("qwen2", hidden, layers, heads, kv, intermediate, vocabulary, positions, tied, hidden // heads)


SMOLLM2 = Facts("llama", 576, 30, 9, 3, 1536, 49_152, 8192, True, 64)
KNOWN = {
    "Qwen/Qwen2.5-Math-7B": _qwen(3584, 28, 28, 4, 18_944, 4096, False),
    "Qwen/Qwen2.5-Math-1.5B": _qwen(1536, 28, 12, 2, 8960, 4096, True),
    "Qwen/Qwen2.5-7B": _qwen(3584, 28, 28, 4, 18_944, 131_072, False),
    "Qwen/Qwen2.5-14B": _qwen(5120, 48, 40, 8, 13_824, 131_072, False),
    "Qwen/Qwen2.5-Coder-3B": _qwen(2048, 36, 16, 2, 11_008, 32_768, True),
    "Qwen/Qwen2.5-Coder-7B": _qwen(3584, 28, 28, 4, 18_944, 32_768, False),
    "Qwen/Qwen2.5-Coder-14B": _qwen(5120, 48, 40, 8, 13_824, 32_768, False),
    "SmolLM2-135M-Instruct.Q4_1.gguf": SMOLLM2,
    "HuggingFaceTB/SmolLM2-135M-Instruct": SMOLLM2,
    "meta-llama/Llama-3.2-3B-Instruct": Facts("llama", 3072, 28, 24, 8, 8192, 128_256, 131_072, True, 128),
}


def facts_of(config: Config) -> Facts:
    """Return the shape of a configuration's base model; `UserError` if it is unknown."""
    path, revision = config.model.path, config.model.revision
    if path is None:
        a = config.model.warm_start.architecture
        shape = (a.hidden_size, a.layers, a.heads, a.kv_heads, a.intermediate_size, CHARACTERS, a.max_positions)
        return Facts("qwen2", *shape, tied=True, head_size=a.hidden_size // a.heads)
    if config.model.is_gguf:
        return from_gguf(Path(path))
    if Path(path).is_dir():
        return from_json(Path(path) / "config.json")
    if path in KNOWN:
        return KNOWN[path]
    near = nearest(path, KNOWN)
    if path.count("/") != 1:
        raise UserError(f"model.path {path!r}: neither a folder nor a hub id (owner/name){near}")
    return from_json(model_file(path, "config.json", revision, near))


def from_gguf(path: Path) -> Facts:
    """Read the shape from the header of a .gguf file."""
    if path.name in KNOWN:
        return KNOWN[path.name]
    if not path.is_file():
        raise UserError(f"{path}: no such file; correct `model.path`")
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        fields = reader.fields
        family = fields["general.architecture"].contents()
        values = {key.removeprefix(f"{family}."): field for key, field in fields.items()}
        told = {name: values[key].contents() for name, key in GGUF_KEYS.items() if key in values}
    except (ValueError, KeyError, IndexError) as error:
        raise UserError(f"{path}: not a whole GGUF file ({error}); download it again") from None
    told |= {"model_type": family, "vocab_size": len(values["tokenizer.ggml.tokens"].data)}
    # A file without a head uses the embedding's weights.
    told["tie_word_embeddings"] = all(tensor.name != "output.weight" for tensor in reader.tensors)
    return _from_values(told, path)


def from_json(path: Path) -> Facts:
    """Read the shape from a transformers config.json."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `model.path` must be a model folder in transformers' format") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not JSON ({error}); replace the file") from None
    return _from_values(values, path)


def _from_values(values: dict[str, Any], path: Path) -> Facts:
    family = values.get("model_type")
    if family not in FAMILIES:
        raise UserError(f"{path}: model_type is {family!r}, but only {', '.join(FAMILIES)} can be planned")
    try:
        hidden, heads = values["hidden_size"], values["num_attention_heads"]
        return Facts(
            family=family,
            hidden=hidden,
            layers=values["num_hidden_layers"],
            heads=heads,
            kv_heads=values.get("num_key_value_heads") or heads,
            intermediate=values["intermediate_size"],
            vocabulary=values["vocab_size"],
            positions=values["max_position_embeddings"],
            tied=bool(values.get("tie_word_embeddings", family == "gemma3_text")),
            head_size=values.get("head_dim") or hidden // heads,
        )
    except KeyError as error:
        raise UserError(f"{path}: no field {error}; replace the file by the model's own") from None
