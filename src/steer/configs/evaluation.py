"""The `evaluation` section: benchmarks' samples, and how the best model of a run is selected."""

from typing import Literal

from pydantic import Field

from steer.configs.model import Positive, Section, Temperature, TopP

# Keys of `evaluation` that say which models are evaluated, not how.
CHOICE = ("also", "select_by", "select_samples", "prune", "frontier")


class Frontier(Section):
    """Accuracy and pass@k against entropy along training: kept models on a few questions, no top-p. docs/tables.md."""

    questions: Positive = Field(64, description="questions in all, taken in turn from the benchmarks")
    samples: Positive = Field(64, description="samples of a question; also the k of pass@k")
    reference: str = Field("grpo", description="run whose path the others are compared with at equal entropy")
    runs: list[str] = Field(default_factory=list, description="runs to evaluate along training; empty: all methods")


class Evaluation(Section):
    """How trained models are evaluated. docs/tables.md."""

    samples: dict[str, Positive] = Field(
        default_factory=dict, description="k of avg@k per benchmark; `default` for those not named"
    )
    temperature: Temperature = 1.0
    top_p: TopP = 1.0
    max_response_tokens: Positive = Field(3072, description="length at which a response is cut off")
    batch: Positive = Field(256, description="responses sampled in one batch")
    seed: int = Field(0, description="seed of the samples")
    also: list[Literal["base", "oracle"]] = Field(["base"], description="evaluated in addition to the trained runs")
    select_by: str | None = Field(
        None, description="benchmark that selects the best kept model of a run; absent: the last model is used"
    )
    select_samples: Positive | None = Field(
        None, description="samples per question of `select_by` for the selection; absent: as in the evaluation"
    )
    prune: bool = Field(
        False, description="delete kept models after their evaluation: less disk, but a changed evaluation retrains"
    )
    frontier: Frontier | None = Field(None, description="evaluate kept models along training; absent: do not")

    def samples_for(self, benchmark: str) -> int:
        return self.samples.get(benchmark, self.samples.get("default", 1))

    def sampling(self, benchmark: str) -> dict[str, float]:
        """Return how responses to the benchmark are sampled, as their rows keep it."""
        return {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_response_tokens": self.max_response_tokens,
            "samples": self.samples_for(benchmark),
            "seed": self.seed,
        }

    def for_selection(self) -> "Evaluation":
        """Return the settings for kept models: only `select_by`, with other samples than the final evaluation."""
        asked = {self.select_by: self.select_samples or self.samples_for(self.select_by)}
        return self.model_copy(update={"samples": asked, "seed": self.seed + 1})

    def for_frontier(self) -> "Evaluation":
        """Return the settings for kept models along training: other samples than the final evaluation.

        Without top-p, under which the sampled tokens' log-probabilities would estimate no distribution's entropy.
        """
        update = {"samples": {"default": self.frontier.samples}, "seed": self.seed + 1, "top_p": 1.0}
        return self.model_copy(update=update)
