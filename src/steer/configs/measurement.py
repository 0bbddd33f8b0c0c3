"""The `measurement` section: the entropy change of single updates."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from steer.configs.model import Model, Name, Positive, Section, Share
from steer.configs.run import Runs


class Measurement(Section):
    """The entropy change of single updates, measured and compared with its estimates (docs/theory.md)."""

    run: str = Field(description="the entry of `methods` to measure, with its first seed")
    stages: list[Share] = Field(
        [0.0, 0.5, 1.0], min_length=1, description="when to measure, as shares of the run: 0 is the base model"
    )
    prompts: Positive = Field(32, description="prompts whose rollouts are the contexts")
    updates: list[Literal["sgd", "adamw", "adamw_warm"]] = Field(
        ["sgd", "adamw"], min_length=1, description="optimizers whose update is measured"
    )
    warm: Positive = Field(8, description="batches that fill the moments of `adamw_warm`")
    own_tokens: Annotated[int, Field(ge=0)] = Field(
        256, description="tokens per model whose own part of SGD's step is computed"
    )
    draws: Positive = Field(1000, description="bootstrap draws")
    weightings: Runs = Field(
        default_factory=dict,
        description="entries as in `methods`; the effect of one update of each on fresh trajectories is compared with "
        "that of `run`",
    )
    batches: Annotated[int, Field(ge=2)] = Field(
        8, description="independent pairs of an update batch and fresh trajectories, for `weightings`"
    )
    models: dict[Name, Model] = Field(
        default_factory=dict,
        description="further base models, each trained with the same run and measured in the same way",
    )

    @model_validator(mode="after")
    def _coherent(self) -> "Measurement":
        if self.own_tokens and "sgd" not in self.updates:
            raise ValueError("own_tokens needs `sgd` among updates; add it or set own_tokens: 0")
        if "main" in self.models:
            raise ValueError("`main` among models is the configuration's own; take another name")
        return self
