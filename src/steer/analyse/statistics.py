"""Every statistic of the tables and figures, defined once.

Scores are matrices of shape (seeds, questions): the share of a question's verified samples that are correct, NaN if a
seed has no verified sample of it. Questions are the clusters: samples and seeds of one question are averaged before
the spread is computed, so an interval over questions covers new questions for these trained models. It says nothing
about another run of the same method; there the unit is the run, and `run_mean` gives the interval.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
# Scores closer than this are equal up to summation order: different shares of samples are much further apart.
ALIKE = 1e-12
# Behind the name of a quantity: its value, and the ends of its 95 % interval.
ENDS = ("", "_low", "_high")


@dataclass(frozen=True)
class Estimate:
    """A mean with its variance and degrees of freedom; shares in [0, 1] (differences in [-1, 1]).

    `sampling_variance` is the part of `variance` that more samples per question would remove, NaN with one sample per
    question, where it cannot be separated; the rest is variance between questions.
    """

    value: float
    variance: float
    df: float
    questions: int
    sampling_variance: float = math.nan
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def se(self) -> float:
        return math.sqrt(self.variance)

    @property
    def se_sampling(self) -> float:
        return math.sqrt(self.sampling_variance)

    @property
    def se_question(self) -> float:
        return math.sqrt(max(self.variance - self.sampling_variance, 0.0))

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Student's t interval, clipped to the range of the estimate; NaN with one question."""
        if not self.variance >= 0 or not self.df > 0:
            return math.nan, math.nan
        half = t_quantile(0.5 + level / 2, self.df) * self.se
        return max(self.value - half, self.bounds[0]), min(self.value + half, self.bounds[1])

    def named(self, name: str) -> dict[str, float]:
        """Return the value and its interval under the columns of `with_ends`."""
        return dict(zip(with_ends(name), (self.value, *self.interval()), strict=True))

    def p_value(self) -> float:
        """Two-sided p-value for a true value of 0; for differences. NaN where equal values leave no spread."""
        if not self.variance >= 0 or not self.df > 0:
            return math.nan
        if self.variance == 0:
            return 1.0 if self.value == 0 else math.nan
        return t_p_value(self.value / self.se, self.df)


def with_ends(*names: str) -> list[str]:
    """List the columns of each quantity: its value and the ends of its interval."""
    return [f"{name}{end}" for name in names for end in ENDS]


def average_at_k(correct: ArrayLike, verified: ArrayLike) -> Estimate:
    """Estimate avg@k over questions, with the standard error clustered by question.

    `correct` and `verified`: (seeds, questions) counts of samples; unverifiable samples are in neither. A question's
    score is the mean over seeds of its share of correct samples. p(1-p)/(k-1), an unbiased estimate of a share's
    sampling variance with k samples, gives the sampling part; a question with one verified sample in some seed takes
    the mean of the others there.
    """
    correct, verified = (np.atleast_2d(np.asarray(x, dtype=float)) for x in (correct, verified))
    share = shares(correct, verified)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.where(verified > 1, share * (1 - share) / (verified - 1), np.nan)
    present = ~np.isnan(share)
    kept = present.any(axis=0)
    seeds = present[:, kept].sum(axis=0)
    sampling = np.where(present, within, 0.0)[:, kept].sum(axis=0) / seeds**2
    return cluster_mean(question_scores(share)[kept], sampling)


def shares(correct: ArrayLike, verified: ArrayLike) -> NDArray:
    """correct / verified, NaN where nothing was verified."""
    correct, verified = np.asarray(correct, dtype=float), np.asarray(verified, dtype=float)
    return np.divide(correct, verified, out=np.full(np.shape(correct), np.nan), where=verified > 0)


def question_scores(share: ArrayLike) -> NDArray:
    """Average (seeds, questions) over the seeds that have the question → (questions,); NaN if none has."""
    share = np.atleast_2d(np.asarray(share, dtype=float))
    present = ~np.isnan(share)
    number = present.sum(axis=0)
    total = np.where(present, share, 0.0).sum(axis=0)
    return np.divide(total, number, out=np.full(share.shape[1], np.nan), where=number > 0)


def run_scores(share: ArrayLike) -> NDArray:
    """Average (seeds, questions) over the questions that each seed has → (seeds,); NaN if it has none."""
    return question_scores(np.atleast_2d(np.asarray(share, dtype=float)).T)


def cluster_mean(
    scores: ArrayLike, sampling: ArrayLike | None = None, bounds: tuple[float, float] = (0.0, 1.0)
) -> Estimate:
    """Estimate the mean over independent questions: variance s²/Q with Q - 1 degrees of freedom.

    Questions without a score (NaN) are excluded; `questions` says how many remain. Of two methods pass the difference
    of each question, so that its difficulty cancels. If all questions have the same score, s = 0 is uninformative and
    the exact binomial bound replaces it: after Q questions without an exception, the share of exceptions is at most
    1 - 0.025^(1/Q).
    """
    scores = np.asarray(scores, dtype=float)
    kept = ~np.isnan(scores)
    scores, count = scores[kept], int(kept.sum())
    known = np.array([]) if sampling is None else np.asarray(sampling, dtype=float)[kept]
    known = known[~np.isnan(known)]
    sampling_variance = float(known.mean()) / count if known.size else math.nan
    if count < 2:
        return Estimate(float(scores[0]) if count else math.nan, math.nan, 0, count, math.nan, bounds)
    variance = float(scores.var(ddof=1)) / count
    if np.ptp(scores) < ALIKE:
        variance = ((1 - ((1 - LEVEL) / 2) ** (1 / count)) / t_quantile(0.5 + LEVEL / 2, count - 1)) ** 2
    return Estimate(float(scores.mean()), variance, count - 1, count, sampling_variance, bounds)


def combine(estimates: Sequence[Estimate]) -> Estimate:
    """Average independent estimates (benchmarks) without weights, with Welch–Satterthwaite degrees of freedom.

    A single estimate is returned unchanged.
    """
    number = len(estimates)
    if not number:
        return Estimate(math.nan, math.nan, 0, 0)
    if number == 1:
        return estimates[0]
    variances = [estimate.variance for estimate in estimates]
    total = sum(variances)
    spread = sum(v**2 / e.df if e.df else math.nan for v, e in zip(variances, estimates, strict=True))
    return Estimate(
        value=sum(estimate.value for estimate in estimates) / number,
        variance=total / number**2,
        df=total**2 / spread if spread else math.inf,
        questions=sum(estimate.questions for estimate in estimates),
        sampling_variance=sum(estimate.sampling_variance for estimate in estimates) / number**2,
        bounds=estimates[0].bounds,
    )


def seed_spread(values: Sequence[float]) -> float:
    """Standard deviation over seeds (divisor S - 1), NaN with one seed."""
    values = [value for value in values if not math.isnan(value)]
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def run_mean(values: Sequence[float], bounds: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
    """Estimate the mean over independent runs (seeds, base models): variance s²/n with n - 1 degrees of freedom.

    Takes one number per run. To compare two methods, pass their differences, paired by seed or base model: the interval
    then covers new runs of these methods, which one over questions does not. NaN variance with one run.
    """
    values = [value for value in values if not math.isnan(value)]
    mean = float(np.mean(values)) if values else math.nan
    return Estimate(mean, seed_spread(values) ** 2 / max(len(values), 1), len(values) - 1, 0, bounds=bounds)


def holm(p_values: Sequence[float]) -> list[float]:
    """Apply Holm's step-down adjustment, in the order given; NaN (no test) stays NaN and does not count."""
    tested = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[index] = largest
    return adjusted


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Unbiased probability that at least one of k samples is correct, 1 - C(n-c, k)/C(n, k); NaN where k > n."""
    if k > samples:
        return math.nan
    return 1 - math.comb(samples - correct, k) / math.comb(samples, k)


def powers_of_two(largest: int) -> list[int]:
    """1, 2, 4, … up to and including `largest`."""
    return sorted({*(2**e for e in range(largest.bit_length())), largest} - {0}) if largest > 0 else []


def majority(answers: Sequence[str | None], correct: Sequence[bool]) -> float:
    """maj@k of k samples: the share of correct votes among the most frequent answers; NaN without a sample.

    Correct samples vote together whatever their spelling (the verifier found them equal to the gold), wrong ones by
    their text; a sample without an answer does not vote. Ties count by the share of tied answers that are correct.
    """
    if not answers:
        return math.nan
    pairs = zip(answers, correct, strict=True)
    counts = Counter((right, "" if right else answer) for answer, right in pairs if right or answer)
    tied = [right for (right, _), count in counts.items() if count == max(counts.values())]
    return sum(tied) / len(tied) if tied else 0.0


def t_p_value(t: float, df: float) -> float:
    """Two-sided tail probability of Student's t; the normal's where df is infinite."""
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(t)))


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t; the normal's where df is infinite."""
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))
