"""The `model` section, and definitions shared by all sections."""

import datetime
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

# Today's date for chat templates, so that prompts do not change at midnight: the default date of Llama 3's templates.
PROMPT_DATE = datetime.date(2024, 7, 26)
Positive = Annotated[int, Field(gt=0)]
# Name of a run or a model: part of paths and of shell lines.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
Share = Annotated[float, Field(ge=0, le=1)]
TopP = Annotated[
    float, Field(gt=0, le=1, description="sample from the likeliest tokens that together have this probability")
]
Temperature = Annotated[float, Field(gt=0, description="divides the logits before probabilities and entropies")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `true` for a number: it is a mistake, not 1."""
        annotation = cls.model_fields[info.field_name].annotation
        if isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
            raise ValueError("true and false are no values of this key")
        return value


class Architecture(Section):
    """Shape of the transformer that a warm start trains (Qwen2)."""

    hidden_size: Positive = Field(96, description="width of the residual stream")
    layers: Positive = Field(2, description="transformer blocks")
    heads: Positive = Field(4, description="attention heads")
    kv_heads: Positive = Field(4, description="heads of keys and values; fewer than `heads`: grouped")
    intermediate_size: Positive = Field(256, description="width of the feed-forward layer")
    max_positions: Positive = Field(4096, description="longest prompt and response together, in tokens")

    @model_validator(mode="after")
    def _heads_divide(self) -> "Architecture":
        if self.hidden_size % self.heads or self.heads % self.kv_heads:
            raise ValueError("hidden_size must be a multiple of heads, and heads of kv_heads")
        return self


class WarmStart(Section):
    """Training of a base model from scratch on noisy worked solutions."""

    architecture: Architecture = Architecture()
    steps: Positive = Field(1000, description="optimizer steps")
    batch: Positive = Field(128, description="solutions per step")
    lr: Annotated[float, Field(gt=0, description="learning rate")] = 4e-3
    weight_decay: Annotated[float, Field(ge=0, description="of AdamW")] = 0.01
    noise: Share = Field(0.4, description="share of the worked solutions with one symbol corrupted")
    direct: Share = Field(0.3, description="share of the solutions that give the answer without working")
    seed: int = Field(0, description="seed of weights, solutions and noise")


class ColdStart(Section):
    """A short fine-tuning from `model.path` on worked solutions. docs/real-model.md."""

    data: str | None = Field(
        None, description="JSON lines of problems with solutions; absent: the training problems that have one"
    )
    steps: Positive = Field(40, description="optimizer steps")
    batch: Positive = Field(16, description="solutions per step")
    lr: Annotated[float, Field(gt=0, description="learning rate")] = 1e-5
    weight_decay: Annotated[float, Field(ge=0, description="of AdamW")] = 0.01
    seed: int = Field(0, description="seed of the order of the solutions")


class Lora(Section):
    """Low-rank adapters: W + alpha/rank·B·A, where only A and B are trained."""

    rank: Positive = Field(16, description="of A and B")
    alpha: Annotated[float, Field(gt=0, description="scale: alpha/rank multiplies B·A")] = 32
    targets: Annotated[list[str], Field(min_length=1)] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        description="names of the linear layers that get an adapter",
    )


class Model(Section):
    """The base model that runs start from. docs/real-model.md."""

    path: str | None = Field(
        None, description="hub id, folder or .gguf file of the base model; absent: warm start from scratch"
    )
    revision: str | None = Field(None, description="commit of a model from the hub; absent: the newest")
    warm_start: WarmStart = WarmStart()
    cold_start: ColdStart | None = Field(
        None, description="fine-tune `path` on worked solutions first; absent: runs start from `path` itself"
    )
    chat_template: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], bool | int | float | str] = Field(
        default_factory=dict, description="arguments of the chat template, `enable_thinking: false`"
    )
    lora: Lora | None = Field(None, description="train low-rank adapters; absent: all weights")

    @field_validator("path")
    @classmethod
    def _names_something(cls, path: str | None) -> str | None:
        if path is not None and not path.strip():
            raise ValueError("empty; name a model, or leave the key out for a warm start")
        return path

    @field_validator("chat_template")
    @classmethod
    def _leaves_the_conversation(cls, arguments: dict) -> dict:
        taken = arguments.keys() & {"messages", "add_generation_prompt", "strftime_now"}
        if taken:
            raise ValueError(f"`{min(taken)}` is given to every template already; take it out")
        return arguments

    @property
    def is_gguf(self) -> bool:
        return self.path is not None and self.path.endswith(".gguf")

    @property
    def made(self) -> bool:
        """Whether a job makes the base model in results/<name>/base_model; otherwise runs start from `path` itself.

        It does so from scratch, from a .gguf file, or by a cold start.
        """
        return self.path is None or self.is_gguf or self.cold_start is not None

    @model_validator(mode="after")
    def _starts_from_something(self) -> "Model":
        if self.cold_start is not None and self.path is None:
            raise ValueError("cold_start fine-tunes a pretrained model; name one in `model.path` or take it out")
        return self
