"""Two results folders run by run: the difference of accuracy and of final entropy, with what is known of its spread."""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from steer.analyse.accuracy import cells, shares_of
from steer.analyse.comparison import Paired, Scores, paired
from steer.errors import UserError
from steer.io import read_runs

QUESTIONS = "accuracy_by_question.csv.gz"
CLAIMS = "T0_claims.csv"
# Over three standard deviations of a difference between means of two seeds each (docs/results.md).
ACCURACY, ENTROPY = 0.03, 0.05


@dataclass(frozen=True)
class Side:
    """One folder: rows of its main table, scores by question (none where its tables lack them), final entropies."""

    rows: dict[str, dict[str, str]]
    scores: Scores
    entropies: dict[str, float]


@dataclass(frozen=True)
class Difference:
    """First folder minus second: average accuracy in [-1, 1], final entropy in nats; NaN where a folder has no value.

    `pairs`: the same questions in both, seed by seed; None where the tables do not hold them. `absent`: which folder
    lacks the run, 1 or 2; 0 for none. `lacking`: what one folder alone has no value of.
    """

    run: str
    label: str
    absent: int
    accuracy: float
    entropy: float
    pairs: Paired | None
    lacking: tuple[str, ...] = ()

    def beyond(self, accuracy: float, entropy: float) -> list[str]:
        """What differs by more than the tolerances; a run of the second folder that the first lacks differs."""
        if self.absent:
            return ["not in the first folder"] if self.absent == 1 else []
        apart = {"accuracy": abs(self.accuracy) > accuracy, "entropy": abs(self.entropy) > entropy}
        return [name for name, much in apart.items() if much] + [f"{name} (one has none)" for name in self.lacking]


def read(folder: str, rows: dict[str, dict[str, str]]) -> Side:
    """The folder whose main table has the `rows`."""
    tables, scores, entropies = Path(folder, "tables"), {}, {}
    if (path := tables / QUESTIONS).is_file():
        try:
            questions = pd.read_csv(path, dtype={"run": str, "id": str})
            scores = shares_of(cells(questions))
        except (ValueError, KeyError, OSError, EOFError) as error:
            raise UserError(f"{path}: no readable table ({error}); make it again with `steer tabulate`") from None
    if (path := tables / CLAIMS).is_file():
        claims = read_runs(path, ["entropy_last"])
        entropies = {run: float(row["entropy_last"] or "nan") for run, row in claims.items()}
    return Side(rows, scores, entropies)


def differences(ours: Side, reference: Side) -> list[Difference]:
    """A row for every run of either folder."""
    found = []
    for run in dict.fromkeys([*ours.rows, *reference.rows]):
        absent = 1 if run not in ours.rows else 2 if run not in reference.rows else 0
        row = ours.rows.get(run) or reference.rows[run]
        pairs = None if absent else _pairs(ours.scores, reference.scores, run)
        averages = [_number(side.rows.get(run, {}).get("average")) for side in (ours, reference)]
        accuracy = averages[0] - averages[1] if pairs is None else pairs.over_runs.value
        entropies = [side.entropies.get(run, math.nan) for side in (ours, reference)]
        values = {} if pairs else {"accuracy": averages}
        if ours.entropies and reference.entropies:  # older tables have none
            values["entropy"] = entropies
        lacking = tuple(name for name, both in values.items() if sum(map(math.isnan, both)) == 1)
        entropy = entropies[0] - entropies[1]
        found.append(Difference(run, row["label"], absent, accuracy, entropy, pairs, () if absent else lacking))
    return found


def _pairs(ours: Scores, reference: Scores, run: str) -> Paired | None:
    """The run's scores in both folders on the benchmarks of both; None where they share none, or no seed."""
    shared = [benchmark for name, benchmark in ours if name == run and (run, benchmark) in reference]
    if not shared:
        return None
    both = {("here", b): ours[run, b] for b in shared} | {("there", b): reference[run, b] for b in shared}
    return paired(both, "here", "there", shared)


def _number(text: str | None) -> float:
    return float(text) if text else math.nan
