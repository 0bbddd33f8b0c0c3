"""Agreement of an estimate with a measurement over tokens, with intervals that respect clusters of tokens.

Tokens of one response share an advantage and a context; responses to one prompt share their baseline, their first
contexts and often every token. The bootstrap therefore resamples whole prompts, not responses or tokens. A resampled
set is the original with an integer weight on each cluster. Every statistic here takes such weights, so that all draws
are computed at once with exact ranks.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steer.analyse.statistics import LEVEL, with_ends

STATISTICS = ("scale", "mse", "unexplained", "pearson", "spearman")
# Numbers in one block of draws × tokens: 16 MB of float64.
BLOCK = 2_000_000


def agreement(estimate: ArrayLike, measured: ArrayLike, cluster: ArrayLike, draws: int = 1000) -> dict[str, float]:
    """Compute the agreement of two (tokens,) arrays; `cluster` (tokens,) is the prompt of each token.

    - `scale`: the factor c of the best fit measured ≈ c·estimate (least squares, no intercept);
    - `mse`: mean of (measured - c·estimate)²; `unexplained`: the same over the mean of measured²;
    - `pearson`, `spearman`: correlations, ties sharing their mean rank;
    - `<name>_low`, `<name>_high`: the 95 % percentile interval of each over `draws` resamples of the clusters, NaN with
      one cluster, because every draw is then the original;
    - `tokens`, `clusters`: their numbers.

    NaN where a statistic does not exist: a constant estimate has no correlation, a zero estimate no fit.
    """
    estimate, measured = (np.asarray(values, dtype=float) for values in (estimate, measured))
    names, index = np.unique(np.asarray(cluster), return_inverse=True)
    count: dict[str, float] = {"tokens": len(estimate), "clusters": len(names)}
    if not len(estimate):
        return count | dict.fromkeys(with_ends(*STATISTICS), np.nan)
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    weights = np.concatenate([np.ones((1, len(names))), drawn])
    values = _linear(estimate, measured, index, weights)
    values["spearman"] = _spearman(estimate, measured, index, weights)
    tail = 100 * (1 - LEVEL) / 2
    found = {}
    for name in STATISTICS:
        spread = values[name][1:][~np.isnan(values[name][1:])]
        known = spread.size and len(names) > 1
        low, high = np.percentile(spread, [tail, 100 - tail]) if known else (np.nan, np.nan)
        found |= {name: float(values[name][0]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return count | found


def _linear(x: NDArray, y: NDArray, index: NDArray, weights: NDArray) -> dict[str, NDArray]:
    """Compute the statistics that are functions of sums over clusters, (draws,) each."""
    a, b = x - x.mean(), y - y.mean()
    parts = [np.ones_like(x), x * x, y * y, x * y, a, b, a * a, b * b, a * b]
    sums = np.stack([np.bincount(index, part, minlength=weights.shape[1]) for part in parts], axis=1)
    n, xx, yy, xy, sa, sb, aa, bb, ab = (weights @ sums).T
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(xx > 0, xy / xx, np.nan)
        left = np.maximum(yy - scale * xy, 0.0)
        return {
            "scale": scale,
            "mse": left / n,
            "unexplained": np.where(yy > 0, left / yy, np.nan),
            "pearson": _correlation(n, sa, sb, aa, bb, ab),
        }


def _spearman(x: NDArray, y: NDArray, index: NDArray, weights: NDArray) -> NDArray:
    """Compute Pearson's correlation of the ranks within each draw, (draws,)."""
    ranks = [_ranks_by_cluster(values, index, weights.shape[1]) for values in (x, y)]
    size = max(1, BLOCK // len(x))
    found = []
    for start in range(0, len(weights), size):
        drawn = weights[start : start + size]
        of_token, n = drawn[:, index], drawn @ np.bincount(index)
        # Ranks average n/2 + 1/2; centring them first keeps the sums accurate.
        a, b = (drawn @ part - n[:, None] / 2 for part in ranks)
        wa, wb = of_token * a, of_token * b
        sums = [wa.sum(1), wb.sum(1), *(np.einsum("dt,dt->d", *pair) for pair in ((wa, a), (wb, b), (wa, b)))]
        found.append(_correlation(n, *sums))
    return np.concatenate(found)


def _ranks_by_cluster(values: NDArray, index: NDArray, clusters: int) -> NDArray:
    """Contribution (clusters, tokens) of one copy of a cluster to each token's mean rank, without the constant 1/2.

    It is the number of the cluster's tokens with a lower value plus half of those with an equal value.
    """
    _, group = np.unique(values, return_inverse=True)
    equal = np.zeros((clusters, group.max() + 1))
    np.add.at(equal, (index, group), 1.0)
    return (equal.cumsum(1) - equal / 2)[:, group]


def _correlation(n: NDArray, a: NDArray, b: NDArray, aa: NDArray, bb: NDArray, ab: NDArray) -> NDArray:
    """Compute Pearson's correlation from weighted sums; NaN if either side is constant."""
    va, vb = n * aa - a * a, n * bb - b * b
    varies = (va > 1e-12 * n * aa) & (vb > 1e-12 * n * bb)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(varies, np.clip((n * ab - a * b) / np.sqrt(va * vb), -1, 1), np.nan)
