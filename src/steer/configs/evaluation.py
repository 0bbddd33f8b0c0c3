"""The `evaluation` section: benchmarks' samples, and how the best model of a run is selected."""

from typing import Literal

from pydantic import Field

from steer.configs.model import Positive, Section, Temperature, TopP


class Evaluation(Section):
    """How trained models are evaluated. docs/tables.md."""

    samples: dict[str, Positive] = Field(
        default_factory=dict, description="k of avg@k per benchmark; `default` for those not named"
    )
    temperature: Temperature = 1.0
    top_p: TopP = 1.0
    max_response_tokens: Positive = Field(3072, description="length at which a response is cut off")
    batch: Positive = Field(256, description="responses sampled in one batch")
    seed: int = Field(0, description="of the samples")
    also: list[Literal["base", "oracle"]] = Field(["base"], description="evaluated in addition to the trained runs")
    select_by: str | None = Field(
        None, description="benchmark that selects the best kept model of a run; absent: the last model is used"
    )
    select_samples: Positive | None = Field(
        None, description="samples of a question of `select_by` by which is chosen; absent: as many as are evaluated"
    )
    prune: bool = Field(
        False, description="delete kept models once the best is selected: less disk, but a changed verifier retrains"
    )

    def samples_for(self, benchmark: str) -> int:
        return self.samples.get(benchmark, self.samples.get("default", 1))

    def for_selection(self) -> "Evaluation":
        """Return the settings for kept models: only `select_by`, with other samples than the final evaluation."""
        asked = {self.select_by: self.select_samples or self.samples_for(self.select_by)}
        return self.model_copy(update={"samples": asked, "seed": self.seed + 1})
