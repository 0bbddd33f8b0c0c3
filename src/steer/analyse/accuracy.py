"""Accuracy and pass@k of every run on every benchmark and on the averages."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from steer.analyse import paper
from steer.analyse.collect import Collected
from steer.analyse.statistics import (
    Estimate,
    average_at_k,
    combine,
    paired_difference,
    pass_at_k,
    powers_of_two,
    question_scores,
    run_mean,
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
    def scores(self) -> pd.Series:
        """Accuracy per question, averaged over seeds."""
        return pd.Series(question_scores(self.share), self.correct.columns)


def cells(questions: pd.DataFrame) -> dict[tuple[str, str], Cells]:
    """Map (run, benchmark) to counts, for everything evaluated."""
    found = {}
    for key, rows in questions.groupby(["run", "benchmark"], sort=False):
        rows = rows.assign(verified=rows["correct"] + rows["wrong"])
        correct, verified = (
            rows.pivot(index="seed", columns="id", values=name).astype(float).fillna(0)
            for name in ("correct", "verified")
        )
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
    for run, label in collected.labels.items():
        for column, members in columns(collected).items():
            have = [found[run, member] for member in members if (run, member) in found]
            if len(have) < len(members):
                continue
            estimate = combine([average_at_k(c.correct, c.verified) for c in have])
            by_seed = pd.concat([c.share.mean(axis=1) for c in have], axis=1).mean(axis=1, skipna=False).dropna()
            mine = collected.questions[
                (collected.questions["run"] == run) & collected.questions["benchmark"].isin(members)
            ]
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
                    "samples": "–".join(str(n) for n in sorted({mine["samples"].min(), mine["samples"].max()})),
                    "seeds": min(len(c.correct) for c in have),
                    "seed_sd": seed_spread(by_seed.tolist()),
                    "unverifiable": int(mine["unverifiable"].sum()),
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


def pass_table(collected: Collected) -> pd.DataFrame:
    """Compute pass@k per run and column for k in powers of two up to the number of samples.

    Questions with fewer than k verified samples are excluded from that k; `questions` says how many remain. Averages
    are as in `accuracy_table`.
    """
    rows = []
    frame = verified(collected.questions)
    for run, of_run in frame.groupby("run", sort=False):
        largest = int(of_run["samples"].max())
        for k in powers_of_two(largest):
            values = pass_scores(of_run, k)
            for column, members in columns(collected).items():
                if not set(members) <= set(values):
                    continue
                estimate = combine([question_estimate(values[member]) for member in members])
                low, high = estimate.interval()
                row = {"run": run, "label": collected.labels[run], "column": column, "k": k}
                rows.append(row | {"mean": estimate.value, "low": low, "high": high, "questions": estimate.questions})
    names = ["run", "label", "column", "k", "mean", "low", "high", "questions"]
    return pd.DataFrame(rows, columns=names)


def pass_frames(of_run: pd.DataFrame, k: int) -> dict[str, pd.DataFrame]:
    """Map each benchmark to pass@k of one run, (seeds, questions), NaN with fewer than k verified samples."""
    values = [pass_at_k(n, c, k) for n, c in zip(of_run["verified"], of_run["correct"], strict=True)]
    scored = of_run.assign(value=values)
    frames = {
        name: rows.pivot(index="seed", columns="id", values="value")
        for name, rows in scored.groupby("benchmark", sort=False)
    }
    return {name: frame for name, frame in frames.items() if frame.notna().any(axis=None)}


def pass_scores(of_run: pd.DataFrame, k: int) -> dict[str, pd.Series]:
    """Map each benchmark to pass@k per question, averaged over the seeds that have k verified samples."""
    return {name: frame.mean().dropna() for name, frame in pass_frames(of_run, k).items()}


def verified(questions: pd.DataFrame) -> pd.DataFrame:
    """Add the number of verified samples to `questions`."""
    return questions.assign(verified=questions["correct"] + questions["wrong"])


def question_estimate(scores: pd.Series) -> Estimate:
    """Estimate the mean over questions of a per-question quantity in [0, 1]."""
    estimate = paired_difference(scores, np.zeros(len(scores)))
    return replace(estimate, bounds=(0.0, 1.0))


def rates_table(collected: Collected) -> pd.DataFrame:
    """Compute rates per run and benchmark over all samples; NaN where not recorded or undefined.

    Columns: truncated, unverifiable, answer guessed, correct answer present but not extracted, maj@k (k: a question's
    verified samples), mean response length in tokens.
    """
    rows = []
    for (run, benchmark), mine in collected.questions.groupby(["run", "benchmark"], sort=False):
        total = mine["samples"].sum()
        row = {"run": run, "label": collected.labels[run], "benchmark": benchmark, "samples": int(total)}
        for name in ("unverifiable", "truncated", "guessed", "present_not_extracted"):
            known = mine.dropna(subset=name)
            row[name] = known[name].sum() / known["samples"].sum() if len(known) else math.nan
        majority = pd.to_numeric(mine["majority"]).groupby(mine["id"]).mean()
        row["majority"] = majority.mean()
        row["response_length"] = pd.to_numeric(mine["tokens"]).mean()
        rows.append(row)
    names = ["run", "label", "benchmark", "samples", "unverifiable", "truncated", "guessed", "present_not_extracted"]
    return pd.DataFrame(rows, columns=[*names, "majority", "response_length"])
