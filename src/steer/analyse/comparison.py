"""Comparison of methods over runs (for claims about methods) and over questions (for claims about these models).

Two runs of one method differ, so an interval over questions is too narrow for "method A beats method B": the unit of
that claim is the run, paired by seed. Intervals over questions are reported as well. With fewer than `LEAST_RUNS` runs
methods are not compared: there is no p-value and no bold type.
"""

from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from steer.analyse.collect import BESIDE
from steer.analyse.power import smallest_difference, spread_of_differences
from steer.analyse.statistics import Estimate, cluster_mean, combine, holm, question_scores, run_mean, run_scores

LEAST_RUNS = 3
ALPHA = 0.05
DIFFERENCE = (-1.0, 1.0)

# (run, benchmark) → any score in [0, 1], shape (seeds, questions), NaN if missing.
Scores = dict[tuple[str, str], pd.DataFrame]


@dataclass(frozen=True)
class Paired:
    """first - second, averaged over benchmarks, in [-1, 1]; `by_run` has the difference of each pair of runs.

    `left_out`: questions for which one of the two has no verified sample.
    """

    by_run: pd.Series
    over_runs: Estimate
    over_questions: Estimate
    left_out: int

    @property
    def called(self) -> bool:
        """Whether there are enough runs to compare the methods."""
        return len(self.by_run) >= LEAST_RUNS

    @property
    def p(self) -> float:
        """p-value over runs; NaN with too few runs."""
        return self.over_runs.p_value() if self.called else float("nan")


# On one benchmark: the difference of each pair of runs, their mean over questions, and the questions left out.
Part = tuple[pd.Series, Estimate, int]


def compare(pairs: list[tuple[pd.DataFrame, pd.DataFrame]]) -> Paired:
    """Compute the difference of two methods from both scores per benchmark, with rows paired by position (by seed)."""
    return _together([_part(*pair) for pair in pairs])


def _part(ours: pd.DataFrame, theirs: pd.DataFrame) -> Part:
    if not ours.columns.equals(theirs.columns):
        ours, theirs = ours.align(theirs, axis=1)
    difference = ours.to_numpy() - theirs.to_numpy()
    questions = cluster_mean(question_scores(difference), bounds=DIFFERENCE)
    return pd.Series(run_scores(difference), ours.index), questions, difference.shape[1] - questions.questions


def _together(parts: list[Part]) -> Paired:
    runs, questions, lost = zip(*parts, strict=True)
    by_run = (sum(runs) / len(runs)).dropna()
    return Paired(by_run, run_mean(by_run.tolist(), DIFFERENCE), combine(questions), sum(lost))


def paired(
    scores: Scores,
    first: str,
    second: str,
    members: list[str],
    known: dict[tuple[str, str, str], Part | None] | None = None,
) -> Paired | None:
    """Compute first - second over the benchmarks `members`, paired by seed.

    None if one lacks a benchmark or they share no seed. The base model and the oracle have one evaluation, which is
    paired with every seed. `known` keeps what was computed of these `scores` on a benchmark, for its averages.
    """
    known, parts = {} if known is None else known, []
    for benchmark in members:
        key = first, second, benchmark
        if key not in known:
            known[key] = _paired_on(scores, *key)
        if known[key] is None:
            return None
        parts.append(known[key])
    return _together(parts)


def _paired_on(scores: Scores, first: str, second: str, benchmark: str) -> Part | None:
    if (first, benchmark) not in scores or (second, benchmark) not in scores:
        return None
    ours, theirs = scores[first, benchmark], scores[second, benchmark]
    if second in BESIDE and first not in BESIDE:
        theirs = theirs.iloc[[0] * len(ours)]
    elif first in BESIDE and second not in BESIDE:
        ours = ours.iloc[[0] * len(theirs)].set_axis(theirs.index)
    elif not ours.index.equals(theirs.index):
        seeds = ours.index.intersection(theirs.index)
        ours, theirs = ours.loc[seeds], theirs.loc[seeds]
    return _part(ours, theirs) if len(ours) else None


COMPARISON_COLUMNS = [
    "column",
    "run",
    "against",
    "runs",
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "detectable",
    "question_low",
    "question_high",
    "question_p",
    "questions",
    "questions_left_out",
]


def comparison_table(scores: Scores, runs: list[str], columns: dict[str, list[str]]) -> pd.DataFrame:
    """Compare every pair of `runs` in every column (name → benchmarks): difference, both intervals, p and Holm's p.

    `detectable`: the smallest true difference that this number of runs detects with 80 % power, from the spread pooled
    over the pairs of trained methods. The oracle is excluded because it knows the answers.
    """
    tables, known = [], {}
    for column, members in columns.items():
        found = {
            (first, second): result
            for second, first in combinations([run for run in runs if run != "oracle"], 2)
            if (result := paired(scores, first, second, members, known)) is not None
        }
        trained = [result.by_run for pair, result in found.items() if not set(pair) & set(BESIDE)]
        spread = spread_of_differences(trained)
        rows = [_row(column, pair, result, spread) for pair, result in found.items()]
        table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
        table["p_holm"] = holm(table["p"].tolist())
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _row(column: str, pair: tuple[str, str], result: Paired, spread: float) -> dict[str, object]:
    low, high = result.over_runs.interval()
    question_low, question_high = result.over_questions.interval()
    return {
        "column": column,
        "run": pair[0],
        "against": pair[1],
        "runs": len(result.by_run),
        "difference": result.over_runs.value,
        "low": low,
        "high": high,
        "p": result.p,
        "detectable": smallest_difference(spread, len(result.by_run)),
        "question_low": question_low,
        "question_high": question_high,
        "question_p": result.over_questions.p_value(),
        "questions": result.over_questions.questions,
        "questions_left_out": result.left_out,
    }


def supported_best(accuracy: pd.DataFrame, comparison: pd.DataFrame) -> set[tuple[str, str]]:
    """Find (run, column) of each column's run that beats every other run, with the unit run and Holm's p < 0.05."""
    best = set()
    for column, rows in accuracy[accuracy["run"] != "oracle"].groupby("column", sort=False):
        scored = rows.dropna(subset="mean")
        if scored.empty:  # no verified sample of this benchmark
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


def seeds_as_methods(scores: Scores, runs: list[str], columns: dict[str, list[str]]) -> pd.DataFrame:
    """A/A check: compare each pair of seeds of one method over questions, as if they were two methods.

    Columns: run, seed, against_seed, column, difference, question_p. Seeds of one method differ only by chance, so a
    valid test of methods finds p < 0.05 in one pair of twenty.
    """
    rows = []
    for run in runs:
        for column, members in columns.items():
            if any((run, member) not in scores for member in members):
                continue
            seeds = scores[run, members[0]].index
            for first, second in combinations(seeds, 2):
                have = all({first, second} <= set(scores[run, member].index) for member in members)
                if not have:
                    continue
                result = compare([(scores[run, m].loc[[first]], scores[run, m].loc[[second]]) for m in members])
                p = result.over_questions.p_value()
                rows.append([run, first, second, column, result.over_questions.value, p])
    return pd.DataFrame(rows, columns=["run", "seed", "against_seed", "column", "difference", "question_p"])
