"""Learning by perplexity group: do runs gain more on questions that the base model answers with confidence?

A question's log-perplexity is the mean over the base model's responses of -(mean log-probability per token). Questions
are divided within each benchmark, so that all groups hold the same mixture of benchmarks (arXiv 2508.02260 groups
responses; here the groups are fixed before training and alike for all runs).
"""

import numpy as np
import pandas as pd

from steer.analyse.accuracy import Cells
from steer.analyse.collect import Collected
from steer.analyse.statistics import paired_difference

GROUPS = 5
COLUMNS = ["run", "label", "group", "questions", "perplexity_low", "perplexity_high", "base", "gain", "low", "high"]


def perplexity_table(collected: Collected, found: dict[tuple[str, str], Cells]) -> pd.DataFrame:
    """COLUMNS: gain in accuracy over the base model per run and perplexity group, 1 the most confident; shares.

    Empty where there is no base model or its responses carry no log-probabilities. Perplexities are the group's 5 %
    and 95 % quantiles over its questions. The interval is over questions.
    """
    questions = grouped_questions(collected.questions)
    rows = []
    for run in collected.trained if len(questions) else []:
        scores = {name: _scores(found, name, collected.config.data.benchmarks) for name in ("base", run)}
        for group, members in questions.groupby("group"):
            keys = pd.MultiIndex.from_frame(members[["benchmark", "id"]])
            base, mine = (scores[name].reindex(keys).to_numpy() for name in ("base", run))
            if np.isnan(mine).all():
                continue
            gain = paired_difference(mine, base)
            low, high = gain.interval()
            ends = np.exp(members["log_perplexity"].quantile([0.05, 0.95]))
            known = base[~np.isnan(base)]
            values = [gain.questions, *ends, known.mean() if known.size else np.nan, gain.value, low, high]
            rows.append(dict(zip(COLUMNS, [run, collected.labels[run], group, *values], strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS)


def grouped_questions(questions: pd.DataFrame) -> pd.DataFrame:
    """benchmark, id, log_perplexity and group (1 to GROUPS, from the lowest) of the questions the base answered."""
    base = questions[(questions["run"] == "base") & questions["logprob"].notna()]
    base = base.assign(log_perplexity=-base["logprob"].astype(float))
    rank = base.groupby("benchmark")["log_perplexity"].rank(method="first", pct=True)
    group = np.ceil(GROUPS * rank - 1e-9).clip(lower=1)
    return base.assign(group=group.astype(int))[["benchmark", "id", "log_perplexity", "group"]]


def _scores(found: dict[tuple[str, str], Cells], run: str, benchmarks: list[str]) -> pd.Series:
    """(benchmark, id) → mean score over seeds."""
    parts = {name: found[run, name].scores for name in benchmarks if (run, name) in found}
    return pd.concat(parts) if parts else pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []]))
