"""Accuracy and pass@k of every run on every benchmark and on the averages."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from steer.analyse import paper
from steer.analyse.collect import Collected
from steer.analyse.statistics import (
    average_at_k,
    cluster_mean,
    combine,
    pass_at_k,
    powers_of_two,
    question_scores,
    run_mean,
    run_scores,
    seed_spread,
    shares,
)

AVERAGES = {"math": "math average", "code": "code average", "overall": "average"}


@dataclass(frozen=True)
class Cells:
    """Counts of one run on one benchmark; frames of shape (seeds, questions), columns are question ids."""

    correct: pd.DataFrame
    verified: pd.DataFrame

    @cached_property
    def share(self) -> pd.DataFrame:
        return pd.DataFrame(shares(self.correct, self.verified), self.correct.index, self.correct.columns)

    @cached_property
    def by_run(self) -> pd.Series:
        """Accuracy per seed, averaged over questions."""
        return pd.Series(run_scores(self.share), self.correct.index)

    def passes(self, k: int) -> pd.DataFrame:
        """Compute pass@k, (seeds, questions), NaN with fewer than k verified samples."""
        counts = zip(self.verified.to_numpy(int).flat, self.correct.to_numpy(int).flat, strict=True)
        values = np.reshape([pass_at_k(int(n), int(c), k) for n, c in counts], self.correct.shape)
        return pd.DataFrame(values, self.correct.index, self.correct.columns)


def cells(questions: pd.DataFrame) -> dict[tuple[str, str], Cells]:
    """Map (run, benchmark) to counts, for everything evaluated."""
    found = {}
    if questions.duplicated(["run", "seed", "benchmark", "id"]).any():
        raise ValueError("two rows of one run, seed and question")
    for key, rows in questions.groupby(["run", "benchmark"], sort=False):
        # What DataFrame.pivot does, with less work: a results folder has hundreds of these.
        seeds, row = np.unique(rows["seed"], return_inverse=True)
        ids, column = np.unique(rows["id"].to_numpy(object), return_inverse=True)
        counts = np.zeros((2, len(seeds), len(ids)))
        counts[:, row, column] = np.nan_to_num(rows[["correct", "wrong"]].to_numpy(float)).T
        correct, verified = (pd.DataFrame(part, seeds, ids) for part in (counts[0], counts.sum(axis=0)))
        found[key] = Cells(correct, verified)
    return found


def shares_of(found: dict[tuple[str, str], Cells]) -> dict[tuple[str, str], pd.DataFrame]:
    """Map (run, benchmark) to shares of correct samples, (seeds, questions)."""
    return {key: cell.share for key, cell in found.items()}


def columns(collected: Collected) -> dict[str, list[str]]:
    """Map each column of the main table to the benchmarks it averages: each benchmark, then math, code and all."""
    benchmarks = collected.config.data.benchmarks
    of_kind = {kind: [b for b in benchmarks if collected.kinds.get(b) == kind] for kind in ("math", "code")}
    groups = {name: members for name, members in of_kind.items() if members} | {"overall": benchmarks}
    return {benchmark: [benchmark] for benchmark in benchmarks} | groups


def accuracy_table(collected: Collected, found: dict[tuple[str, str], Cells]) -> pd.DataFrame:
    """One row per run and column: mean, 95 % intervals, both parts of the standard error, counts, seed spread.

    `low` and `high` are over questions, `run_low` and `run_high` over runs (seeds), empty with one. Shares in [0, 1].
    An average exists only if the run has every benchmark in it; an average over fewer would not be comparable.
    """
    rows, comparable = [], paper.comparable(columns(collected))
    counted = collected.questions.groupby(["run", "benchmark"]).agg(
        least=("samples", "min"), most=("samples", "max"), unverifiable=("unverifiable", "sum")
    )
    counted = counted.to_dict("index")
    for run, label in collected.labels.items():
        for column, members in columns(collected).items():
            have = [found[run, member] for member in members if (run, member) in found]
            if len(have) < len(members):
                continue
            estimate = combine([average_at_k(c.correct, c.verified) for c in have])
            by_seed = (sum(c.by_run for c in have) / len(have)).dropna()
            mine = [counted[run, member] for member in members]
            samples = {min(row["least"] for row in mine), max(row["most"] for row in mine)}
            low, high = estimate.interval()
            run_low, run_high = run_mean(by_seed.tolist(), (0.0, 1.0)).interval()
            rows.append(
                {
                    "run": run,
                    "label": label,
                    "column": column,
                    "mean": estimate.value,
                    "low": low,
                    "high": high,
                    "run_low": run_low,
                    "run_high": run_high,
                    "se": estimate.se,
                    "se_question": estimate.se_question,
                    "se_sampling": estimate.se_sampling,
                    "questions": estimate.questions,
                    "samples": "–".join(str(n) for n in sorted(samples)),
                    "seeds": min(len(c.correct) for c in have),
                    "seed_sd": seed_spread(by_seed.tolist()),
                    "unverifiable": sum(row["unverifiable"] for row in mine),
                    **paper.beside(
                        collected.config.model.path if column in comparable else None,
                        label,
                        column,
                        estimate.value,
                        low,
                        high,
                    ),
                }
            )
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS)


ACCURACY_COLUMNS = [
    "run",
    "label",
    "column",
    "mean",
    "low",
    "high",
    "run_low",
    "run_high",
    "se",
    "se_question",
    "se_sampling",
    "questions",
    "samples",
    "seeds",
    "seed_sd",
    "unverifiable",
    *paper.COLUMNS,
]


def pass_table(collected: Collected, found: dict[tuple[str, str], Cells]) -> pd.DataFrame:
    """Compute pass@k per run and column for k in powers of two up to the number of samples.

    A curve is of the same seeds at every k, those with the most samples; `runs` says how many. Questions with fewer
    than k verified samples are excluded from that k; `questions` says how many remain. Averages are as in
    `accuracy_table`.
    """
    rows = []
    for run, samples in (
        collected.questions.groupby(["run", "seed"], sort=False)["samples"].max().groupby("run", sort=False)
    ):
        largest = samples.max()
        seeds = samples[samples == largest].index.get_level_values("seed")
        for k in powers_of_two(int(largest)):
            frames = {key: frame.loc[frame.index.isin(seeds)] for key, frame in pass_frames(found, [run], k).items()}
            values = {name: cluster_mean(question_scores(frame)) for (_, name), frame in frames.items()}
            for column, members in columns(collected).items():
                if not set(members) <= set(values):
                    continue
                estimate = combine([values[member] for member in members])
                low, high = estimate.interval()
                row = {"run": run, "label": collected.labels[run], "column": column, "k": k}
                row |= {"mean": estimate.value, "low": low, "high": high, "questions": estimate.questions}
                rows.append(row | {"runs": len(seeds)})
    names = ["run", "label", "column", "k", "mean", "low", "high", "questions", "runs"]
    return pd.DataFrame(rows, columns=names)


def pass_frames(
    found: dict[tuple[str, str], Cells], runs: Collection[str], k: int
) -> dict[tuple[str, str], pd.DataFrame]:
    """Map (run, benchmark) to pass@k, (seeds, questions), where `runs` have a question with k verified samples."""
    frames = {key: cell.passes(k) for key, cell in found.items() if key[0] in runs}
    return {key: frame for key, frame in frames.items() if not np.isnan(frame.to_numpy()).all()}


def rates_table(collected: Collected) -> pd.DataFrame:
    """Compute rates per run and benchmark over all samples; NaN where not recorded or undefined.

    Columns: truncated, unverifiable, answer guessed, correct answer present but not extracted, maj@k (k: a question's
    verified samples), mean response length in tokens.
    """
    keys = ["run", "benchmark"]
    numbers = collected.questions[[*keys, "id", "samples", *RATES, "majority", "tokens"]].copy()
    numbers[[*RATES, "majority", "tokens"]] = numbers[[*RATES, "majority", "tokens"]].apply(pd.to_numeric)
    grouped = numbers.groupby(keys, sort=False)
    table = grouped[["samples"]].sum()
    for name in RATES:
        known = numbers["samples"].where(numbers[name].notna(), 0).groupby([numbers[key] for key in keys], sort=False)
        table[name] = grouped[name].sum() / known.sum()
    by_question = numbers.groupby([*keys, "id"], sort=False)["majority"].mean()
    table["majority"] = by_question.groupby(level=keys, sort=False).mean()
    table["response_length"] = grouped["tokens"].mean()
    table = table.reset_index()
    table.insert(1, "label", table["run"].map(collected.labels))
    return table


RATES = ["unverifiable", "truncated", "guessed", "present_not_extracted"]
