"""The sections of a configuration that say what model there is, and what all sections have in common."""

import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

# What chat templates take for today, or prompts would change at midnight: the date that Llama 3's own name where they
# are not told any.
PROMPT_DATE = datetime.date(2024, 7, 26)
Positive = Annotated[int, Field(gt=0)]
# A run's or a model's: part of paths and of shell lines.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
Share = Annotated[float, Field(ge=0, le=1)]
Temperature = Annotated[float, Field(gt=0, description="divides the logits before probabilities and entropies")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class Architecture(Section):
    hidden_size: Positive = 96
    layers: Positive = 2
    heads: Positive = 4
    kv_heads: Positive = 4
    intermediate_size: Positive = 256
    max_positions: Positive = 4096

    @model_validator(mode="after")
    def _heads_divide(self) -> "Architecture":
        if self.hidden_size % self.heads or self.heads % self.kv_heads:
            raise ValueError("hidden_size must be a multiple of heads, and heads of kv_heads")
        return self


class WarmStart(Section):
    architecture: Architecture = Architecture()
    steps: Positive = 1000
    batch: Positive = 128
    lr: Annotated[float, Field(gt=0)] = 4e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    noise: Share = Field(0.4, description="share of the worked solutions with one symbol corrupted")
    direct: Share = Field(0.3, description="share of the solutions that give the answer without working")
    seed: int = 0


class ColdStart(Section):
    """A short fine-tuning from `model.path` on worked solutions. docs/real-model.md."""

    data: str | None = Field(
        None, description="JSON lines of problems with solutions; absent: the training problems that have one"
    )
    steps: Positive = 40
    batch: Positive = 16
    lr: Annotated[float, Field(gt=0)] = 1e-5
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    seed: int = 0


class Lora(Section):
    """Low-rank adapters: W + alpha/rank·B·A is trained, W stands still."""

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 32
    targets: Annotated[list[str], Field(min_length=1)] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        description="names of the linear layers that get an adapter",
    )


class Model(Section):
    path: str | None = Field(
        None, description="hub id, folder or .gguf file of the base model; absent: warm start from scratch"
    )
    revision: str | None = None
    warm_start: WarmStart = WarmStart()
    cold_start: ColdStart | None = Field(
        None, description="fine-tune `path` on worked solutions first; absent: runs start from `path` itself"
    )
    chat_template: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], bool | int | float | str] = Field(
        default_factory=dict, description="arguments of the chat template, `enable_thinking: false`"
    )
    lora: Lora | None = Field(None, description="train low-rank adapters; absent: all weights")

    @property
    def is_gguf(self) -> bool:
        return self.path is not None and self.path.endswith(".gguf")

    @property
    def made(self) -> bool:
        """Whether a job makes the model that runs start from, in results/<name>/base_model: from scratch, of a .gguf
        file, or by a cold start. Else they start from `path` itself."""
        return self.path is None or self.is_gguf or self.cold_start is not None

    @model_validator(mode="after")
    def _starts_from_something(self) -> "Model":
        if self.cold_start is not None and self.path is None:
            raise ValueError("cold_start fine-tunes a pretrained model; name one in `model.path` or take it out")
        return self
