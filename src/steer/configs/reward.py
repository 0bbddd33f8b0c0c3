"""The `reward` section: how responses are rewarded."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from steer.configs.model import Positive, Section
from steer.configs.references import split_reference

# Keys on which no result depends: of the machine, or of what is printed.
WITHOUT_RESULT = ("verifier_workers", "code_batch_limit_s", "require")


def deciding(reward: dict[str, Any]) -> dict[str, Any]:
    """The keys of the section `reward` on which a result depends."""
    return {key: value for key, value in reward.items() if key not in WITHOUT_RESULT}


class RewardFunction(Section):
    """A user's reward function, `score(problem, response) -> float | None`. docs/rewards.md."""

    function: str = Field(description="`FILE.py:FUNCTION`, beside the working directory or the configuration")
    weight: float = Field(1.0, description="factor on its value in the sum of all functions")

    @model_validator(mode="after")
    def _reads(self) -> "RewardFunction":
        split_reference(self.function)
        return self


class Reward(Section):
    """How responses are rewarded. docs/rewards.md."""

    kind: Literal["verified", "python", "random", "format", "wrong-label"] = Field(
        "verified",
        description="`verified`: by the verifiers; `python`: your own `functions`; controls: a random reward, a reward "
        "for the format only, other problems' answers",
    )
    accept: Literal["stated", "guessed"] = Field(
        "stated", description="answers that earn the reward: only stated ones, or also the last number of a text"
    )
    correct: float = Field(1.0, description="reward of a correct response")
    wrong: float = Field(-1.0, description="reward of a wrong response")
    functions: tuple[RewardFunction, ...] = Field(
        (), description="`python`: the reward is the weighted sum of their values"
    )
    correct_from: float = Field(1.0, description="own functions: a response with at least this score is correct")
    function_time_limit_s: Annotated[float, Field(gt=0)] = Field(
        10.0, description="own functions: wall seconds for one response"
    )
    on_error: Literal["wrong", "mask"] = Field(
        "wrong",
        description="own functions: if one fails on a response, the response gets the reward `wrong`, or is masked out",
    )
    overlong_buffer: Positive | None = Field(None, description="DAPO's soft penalty over the last tokens; absent: none")
    overlong: Literal["count", "mask"] = Field(
        "count",
        description="`mask`: responses cut off at the length limit are left out of the loss, not out of their groups",
    )
    verifier_workers: Positive = Field(1, description="verifier processes per training process")
    code_time_limit_s: Annotated[float, Field(gt=0, description="CPU seconds of a program on one test")] = 2.0
    code_memory_limit_mb: Positive = Field(512, description="memory of a program, MiB")
    code_batch_limit_s: Annotated[float, Field(gt=0)] | None = Field(
        600, description="a message says if judging a round takes longer, wall seconds; all programs are judged"
    )
    require: tuple[str, ...] = Field(
        (), description="kernel layers of the code sandbox without which nothing is judged (docs/verifiers-code.md)"
    )

    @model_validator(mode="after")
    def _functions_fit(self) -> "Reward":
        if self.kind == "python" and not self.functions:
            raise ValueError("kind `python` needs `functions: [{function: FILE.py:FUNCTION}]`")
        if self.kind != "python" and self.functions:
            raise ValueError("`functions` are called with `kind: python` alone; set it or take them out")
        return self
