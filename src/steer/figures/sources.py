"""Data of a figure: the tables of one results folder and the configuration's order of runs."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from steer.configs.schema import Config
from steer.errors import UserError
from steer.figures.looks import KNOWN, Look, looks


@dataclass
class Sources:
    """Tables by file name. A figure adds data that it does not find to `missing`, which is printed under it.

    `beside`: table folders of other models' results, for the figure that compares models.
    """

    folder: Path
    config: Config
    beside: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def frame(self, name: str, columns: Collection[str] = ()) -> pd.DataFrame:
        """Read a table written by `steer tabulate`; a `UserError` names a missing file, or one of `columns` that the
        table of an earlier version lacks."""
        path = self.folder / name
        if not path.is_file():
            raise UserError(
                f"{path}: no such table; run `steer tabulate` first, correct --tables, or use a configuration with "
                "runs for it (docs/tables.md)"
            )
        try:
            table = pd.read_csv(path, dtype={"run": str, "label": str, "column": str})
        except (ValueError, OSError, EOFError) as error:  # an empty or damaged file, or not gzip
            raise UserError(f"{path}: no readable table ({error}); make it again with `steer tabulate`") from None
        for column in columns:
            if column not in table:
                raise UserError(f"{path}: no column `{column}`; make the table again with `steer tabulate`")
        return table

    @property
    def about(self) -> dict[str, Any]:
        """Read the provenance of the tables (tables.json)."""
        path = self.folder / "tables.json"
        if not path.is_file():
            raise UserError(f"{path}: no such file; run `steer tabulate` first or correct --tables")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: not JSON ({error}); make it again with `steer tabulate`") from None

    @property
    def labels(self) -> dict[str, str]:
        """Map each run to its name in legends, in the order of the tables."""
        return self.about["labels"]

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Map each run to its look; further known runs to theirs."""
        return looks(KNOWN) | looks(self.labels)

    def curves(self, *metrics: str, runs: list[str] | None = None) -> pd.DataFrame:
        """Return run, seed, step and the metrics of `runs` (default: all), NaN where a run did not log one.

        Drops rows without any of the metrics. Notes runs and seeds that lack them, and those that ended early.
        """
        table = self.frame("training_curves.csv.gz")
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
        planned = self.config.planned_steps(run)
        for seed, steps in rows.groupby("seed")["step"].max().items():
            if planned and steps < planned:
                self.missing.append(f"{self.labels.get(run, run)}, seed {seed}: {steps} of {planned} steps")
