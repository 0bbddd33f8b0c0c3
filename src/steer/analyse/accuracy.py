"""Accuracies of every run on every benchmark and on the averages, and the paired comparisons between runs."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from steer.analyse import paper
from steer.analyse.collect import Collected
from steer.analyse.statistics import (
    Estimate,
    average_at_k,
    combine,
    holm,
    paired_difference,
    pass_at_k,
    powers_of_two,
    question_scores,
    seed_spread,
    shares,
)

AVERAGES = {"math": "math average", "code": "code average", "overall": "average"}
ALPHA = 0.05


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
        """Per question, averaged over seeds."""
        return pd.Series(question_scores(self.share), self.correct.columns)


def cells(collected: Collected) -> dict[tuple[str, str], Cells]:
    """(run, benchmark) → counts, for what was evaluated."""
    found = {}
    for key, rows in collected.questions.groupby(["run", "benchmark"], sort=False):
        rows = rows.assign(verified=rows["correct"] + rows["wrong"])
        correct, verified = (
            rows.pivot(index="seed", columns="id", values=name).astype(float).fillna(0)
            for name in ("correct", "verified")
        )
        found[key] = Cells(correct, verified)
    return found


def columns(collected: Collected) -> dict[str, list[str]]:
    """Column of the main table → the benchmarks it averages: each benchmark, then math, code and all of them."""
    benchmarks = collected.config.data.benchmarks
    of_kind = {kind: [b for b in benchmarks if collected.kinds.get(b) == kind] for kind in ("math", "code")}
    groups = {name: members for name, members in of_kind.items() if members} | {"overall": benchmarks}
    return {benchmark: [benchmark] for benchmark in benchmarks} | groups


def accuracy_table(collected: Collected, found: dict[tuple[str, str], Cells]) -> pd.DataFrame:
    """One row per run and column: mean, 95 % interval, both parts of the standard error, counts, seed spread.

    Shares in [0, 1]. An average is given only where the run has every benchmark in it: an average over fewer would
    not compare with its neighbours.
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
            rows.append(
                {
                    "run": run,
                    "label": label,
                    "column": column,
                    "mean": estimate.value,
                    "low": low,
                    "high": high,
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


def difference(
    found: dict[tuple[str, str], Cells], first: str, second: str, members: list[str]
) -> tuple[Estimate, int] | None:
    """first - second, averaged over benchmarks, with the number of questions that one of them lacks; None if either
    was not evaluated on all of `members`."""
    estimates, lost = [], 0
    for benchmark in members:
        if (first, benchmark) not in found or (second, benchmark) not in found:
            return None
        ours, theirs = found[first, benchmark].scores.align(found[second, benchmark].scores)
        estimates.append(paired_difference(ours, theirs))
        lost += len(ours) - estimates[-1].questions
    return combine(estimates), lost


def comparison_table(collected: Collected, found: dict[tuple[str, str], Cells]) -> pd.DataFrame:
    """Every pair of runs in every column: difference with interval, p and Holm's p over the pairs of the column.

    The oracle knows the answers and is left out.
    """
    runs = [run for run in collected.labels if run != "oracle"]
    tables = []
    for column, members in columns(collected).items():
        rows = []
        for second, first in combinations(runs, 2):
            result = difference(found, first, second, members)
            if result is None:
                continue
            estimate, lost = result
            low, high = estimate.interval()
            rows.append(
                {
                    "column": column,
                    "run": first,
                    "against": second,
                    "difference": estimate.value,
                    "low": low,
                    "high": high,
                    "p": estimate.p_value(),
                    "questions": estimate.questions,
                    "questions_left_out": lost,
                }
            )
        table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
        table["p_holm"] = holm(table["p"].tolist())
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


COMPARISON_COLUMNS = [
    "column",
    "run",
    "against",
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "questions",
    "questions_left_out",
]


def supported_best(accuracy: pd.DataFrame, comparison: pd.DataFrame) -> set[tuple[str, str]]:
    """(run, column) of each column's best run that beats every other run with Holm's p under 0.05."""
    best = set()
    for column, rows in accuracy[accuracy["run"] != "oracle"].groupby("column", sort=False):
        scored = rows.dropna(subset="mean")
        if scored.empty:  # no sample of this benchmark could be verified
            continue
        run = scored.loc[scored["mean"].idxmax(), "run"]
        others = set(rows["run"]) - {run}
        tests = comparison[comparison["column"] == column]
        wins = {
            (set(pair) - {run}).pop()
            for *pair, gain, p in tests[["run", "against", "difference", "p_holm"]].itertuples(index=False)
            if run in pair and p < ALPHA and (gain > 0) == (pair[0] == run) and gain != 0
        }
        if others and wins == others:
            best.add((run, column))
    return best


def pass_table(collected: Collected) -> pd.DataFrame:
    """pass@k per run and column for k in powers of two up to the samples drawn; questions with fewer than k verified
    samples are left out of that k, and `questions` says how many remain. Averages as in `accuracy_table`."""
    rows = []
    frame = collected.questions.assign(verified=lambda f: f["correct"] + f["wrong"])
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


def pass_scores(of_run: pd.DataFrame, k: int) -> dict[str, pd.Series]:
    """Benchmark → pass@k per question (averaged over the seeds that have k verified samples), where any has."""
    values = [pass_at_k(n, c, k) for n, c in zip(of_run["verified"], of_run["correct"], strict=True)]
    scored = of_run.assign(value=values).dropna(subset="value")
    means = scored.groupby(["benchmark", "id"], sort=False)["value"].mean()
    return {benchmark: means.xs(benchmark) for benchmark in means.index.unique("benchmark")}


def question_estimate(scores: pd.Series) -> Estimate:
    """Mean over questions of any per-question quantity in [0, 1]."""
    estimate = paired_difference(scores, np.zeros(len(scores)))
    return replace(estimate, bounds=(0.0, 1.0))


def rates_table(collected: Collected) -> pd.DataFrame:
    """Per run and benchmark, over all samples: truncated, unverifiable, answer guessed, right answer present but not
    extracted, maj@k (k: the verified samples of a question), mean response length. NaN where not recorded or undefined.
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
