"""Gain by perplexity group: do runs gain more on questions that the base model answers with confidence?

A question's log-perplexity is the mean over the first half of the base model's responses of -(mean log-probability per
token); the base model's accuracy comes from the second half. If both came from the same responses, an unlucky draw
would put a question into a high group and also lower its base accuracy, so gains would appear to grow with perplexity.
Questions are grouped within each benchmark, so that all groups have the same mixture of benchmarks. (arXiv 2508.02260
groups responses; here the groups are fixed before training and equal for all runs.)
"""

import numpy as np
import pandas as pd

from steer.analyse.accuracy import Cells
from steer.analyse.collect import Collected
from steer.analyse.comparison import compare
from steer.analyse.statistics import shares

GROUPS = 5
COLUMNS = ["run", "label", "group", "questions", "perplexity_low", "perplexity_high", "base", "runs", "gain"]
COLUMNS += ["low", "high", "question_low", "question_high"]


def perplexity_table(collected: Collected, found: dict[tuple[str, str], Cells]) -> pd.DataFrame:
    """Compute the gain over the base model per run and perplexity group (1: most confident), as shares; see COLUMNS.

    Empty without a base model, with one response per question, or without log-probabilities. Perplexities are the
    group's 5 % and 95 % quantiles over its questions. `low` and `high` are over runs, the other bounds over questions.
    """
    groups = []
    for group, members in grouped_questions(collected.questions).groupby("group"):
        ends = np.exp(members["log_perplexity"].quantile([0.05, 0.95]))
        groups.append((group, members["base"], pd.MultiIndex.from_frame(members[["benchmark", "id"]]), ends))
    rows = []
    for run in collected.trained if groups else []:
        scores = _scores(found, run, collected.config.data.benchmarks)
        for group, accuracy, keys, ends in groups:
            mine = scores.reindex(columns=keys)
            if mine.isna().all(axis=None):
                continue
            base = pd.DataFrame([accuracy.to_numpy()] * len(mine), mine.index, keys)
            result = compare([(mine, base)])
            values = [result.over_questions.questions, *ends, accuracy.mean(), len(result.by_run)]
            values += [result.over_runs.value, *result.over_runs.interval(), *result.over_questions.interval()]
            rows.append(dict(zip(COLUMNS, [run, collected.labels[run], group, *values], strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS)


def grouped_questions(questions: pd.DataFrame) -> pd.DataFrame:
    """Group the questions that the base model answered.

    Columns: benchmark, id, log_perplexity, group (1 to GROUPS, from the lowest), base (the base model's accuracy in the
    responses not used for grouping).
    """
    base = questions[(questions["run"] == "base") & questions["logprob_first"].notna()]
    base = base.assign(
        log_perplexity=-base["logprob_first"].astype(float),
        base=shares(base["correct_second"], base["correct_second"] + base["wrong_second"]),
    )
    rank = base.groupby("benchmark")["log_perplexity"].rank(method="first", pct=True)
    group = np.ceil(GROUPS * rank - 1e-9).clip(lower=1)
    return base.assign(group=group.astype(int))[["benchmark", "id", "log_perplexity", "group", "base"]]


def _scores(found: dict[tuple[str, str], Cells], run: str, benchmarks: list[str]) -> pd.DataFrame:
    """Share of correct samples, (seeds, questions), with columns (benchmark, id)."""
    parts = {name: found[run, name].share for name in benchmarks if (run, name) in found}
    return pd.concat(parts, axis=1) if parts else pd.DataFrame()
