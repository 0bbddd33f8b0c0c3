"""The entries of `methods`, and of a measurement's `weightings`."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from steer.configs.model import Name, Section


class Run(Section):
    """A method file with the values this experiment changes in it."""

    method: str | None = Field(None, description="name in configs/methods; absent: the entry's own name")
    label: str | None = Field(None, description="name in figures and tables; absent: the method's own")
    set: dict[str, Any] = Field(default_factory=dict, description="dotted slot parameters, `weight.minimum: 0.5`")
    training: dict[str, Any] = Field(default_factory=dict, description="training keys this run changes")


def _with_empty(runs: Any) -> Any:
    """`grpo:` with nothing behind it in YAML means the method as its file has it."""
    return {name: {} if run is None else run for name, run in runs.items()} if isinstance(runs, dict) else runs


Runs = Annotated[dict[Name, Run], BeforeValidator(_with_empty)]
