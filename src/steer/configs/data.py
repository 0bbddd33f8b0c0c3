"""The `data` section: training and evaluation data."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from steer.configs.dataset import DataSet
from steer.configs.model import Name, Positive, Section


class Data(Section):
    """Training and evaluation data. docs/data.md."""

    source: Literal["synthetic", "benchmarks"] = Field("synthetic", description="generated from a seed, or real rows")
    benchmarks: list[str] = Field(min_length=1, description="what is evaluated, in the order of the tables")
    data_dir: str | None = Field(None, description="folder with the benchmarks' files; absent: the hub")
    sets: dict[Name, DataSet] = Field(default_factory=dict, description="your own data sets (docs/data.md)")
    train: str | list[str] | dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        "synthetic",
        description="training set; a list of sets, which are mixed; or a mapping of sets to their shares of a step's "
        "prompts; null if nothing is trained",
    )
    train_size: Positive | None = Field(None, description="training prompts; absent: all there are")
    clean: bool = Field(
        True, description="remove broken rows and rows that repeat evaluation problems from real training data"
    )
    rows: Positive | None = Field(None, description="evaluation problems per benchmark; absent: all there are")
    template: str | None = Field(None, description="prompt template for every benchmark; absent: its own")
    window: tuple[str, str] | None = Field(None, description="LiveCodeBench: first and last day of the contests, ISO")
    seed: int = Field(0, description="seed of the synthetic problems and of the selection of rows")

    @property
    def train_sets(self) -> list[str]:
        """The names of the training sets."""
        return [self.train] if isinstance(self.train, str) else list(self.train or ())

    @property
    def train_shares(self) -> dict[str, float] | None:
        """Shares of the prompts of a step by training set, summing to 1; None where the sets are mixed as they are."""
        if not isinstance(self.train, dict):
            return None
        total = sum(self.train.values())
        return {name: share / total for name, share in self.train.items()}

    @model_validator(mode="after")
    def _train_coherent(self) -> "Data":
        names = self.train_sets
        if "synthetic" in self.sets:
            raise ValueError("sets: `synthetic` names the generated training set; choose another name")
        if "train" in self.benchmarks:
            raise ValueError("benchmarks: a file `train` holds the training problems; choose another name")
        if self.train is not None and not names:
            raise ValueError("train: name at least one set, or none at all with `train: null`")
        if len(set(names)) < len(names):
            raise ValueError("train: a set is named twice; give it a larger share instead")
        if "synthetic" in names and len(names) > 1:
            raise ValueError("train: `synthetic` stands alone; it is a mix of families already")
        return self
