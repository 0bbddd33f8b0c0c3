"""What a figure draws from: the tables of one results folder and the configuration's order of runs."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from steer.configs.schema import Config
from steer.errors import UserError


@dataclass
class Sources:
    """Tables by file name. What a figure wants and does not find it adds to `missing`, which is printed under it.

    `beside` are the table folders of other models' results, for the one figure that compares models.
    """

    folder: Path
    config: Config
    beside: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def frame(self, name: str) -> pd.DataFrame:
        """A table as written by `steer tabulate`; a `UserError` names a file that is not there."""
        path = self.folder / name
        if not path.is_file():
            raise UserError(
                f"{path}: no such table; run `steer tabulate` first, correct --tables, or take a configuration with "
                "runs for it (docs/tables.md)"
            )
        try:
            return pd.read_csv(path, dtype={"run": str, "label": str, "column": str})
        except (ValueError, UnicodeDecodeError) as error:  # pandas' errors of an empty or damaged file are the first
            raise UserError(f"{path}: no readable table ({error}); make it again with `steer tabulate`") from None

    @property
    def about(self) -> dict[str, Any]:
        """The provenance of the tables (tables.json)."""
        path = self.folder / "tables.json"
        if not path.is_file():
            raise UserError(f"{path}: no such file; run `steer tabulate` first or correct --tables")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: not JSON ({error}); make it again with `steer tabulate`") from None

    @property
    def labels(self) -> dict[str, str]:
        """Run → name in legends, in the order of the tables."""
        return self.about["labels"]

    def curves(self, *metrics: str, runs: list[str] | None = None) -> pd.DataFrame:
        """run, seed, step and the metrics (NaN where a run did not log one), rows without any of them left out;
        of `runs`, or of all.

        Notes the runs and seeds that lack them, and those that ended before the planned steps.
        """
        table = self.frame("training_curves.csv")
        table = table.reindex(columns=["run", "seed", "step", *metrics])
        chosen = self.config.runs if runs is None else runs
        table = table[table["run"].isin(chosen)]
        for run in chosen:
            for metric in metrics:
                lacking = self._seeds_without(table, run, metric)
                if len(lacking) == len(self.config.seeds_of(run)):
                    self.missing.append(f"{self.labels.get(run, run)}: no {metric}")
                elif lacking:
                    seeds = ", ".join(str(seed) for seed in lacking)
                    self.missing.append(f"{self.labels.get(run, run)}: no {metric} for seed {seeds}")
            self._note_short(table[table["run"] == run], run)
        return table.dropna(subset=list(metrics), how="all")

    def _seeds_without(self, table: pd.DataFrame, run: str, metric: str) -> list[int]:
        present = set(table[(table["run"] == run) & table[metric].notna()]["seed"])
        return [seed for seed in self.config.seeds_of(run) if seed not in present]

    def _note_short(self, rows: pd.DataFrame, run: str) -> None:
        planned = self.config.training_for(run).steps if self.config.training and run in self.config.methods else None
        for seed, steps in rows.groupby("seed")["step"].max().items():
            if planned and steps < planned:
                self.missing.append(f"{self.labels.get(run, run)}, seed {seed}: {steps} of {planned} steps")
