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


class Lora(Section):
    """Low-rank adapters: W + alpha/rank·B·A is trained, W stands still."""

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 32
    targets: Annotated[list[str], Field(min_length=1)] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        description="names of the linear layers that get an adapter",
    )


class Model(Section):
    path: str | None = Field(None, description="hub id or folder of the base model; absent: warm start from scratch")
    revision: str | None = None
    warm_start: WarmStart = WarmStart()
    lora: Lora | None = Field(None, description="train low-rank adapters; absent: all weights")
