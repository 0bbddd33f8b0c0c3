"""Power analysis: the smallest difference that a number of runs can detect, and the runs that a difference needs.

For a paired t test over n runs with true difference δ and standard deviation σ of the paired differences, the statistic
has a noncentral t distribution with n - 1 degrees of freedom and noncentrality δ√n/σ.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from steer.analyse.statistics import LEVEL, t_quantile

POWER = 0.8
MOST_RUNS = 10_000


def spread_of_differences(differences: Iterable[Sequence[float]]) -> float:
    """Compute σ, the standard deviation over runs of the paired difference of two methods, pooled over pairs.

    Each of `differences` has one value per run. Pairs without any difference are left out: there one method never
    acted, so both are the same runs. NaN if no other pair has two runs.
    """
    known = [np.asarray(values, dtype=float) for values in differences]
    known = [values for values in known if len(values) > 1 and values.any()]
    if not known:
        return math.nan
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in known)
    return math.sqrt(squares / sum(len(values) - 1 for values in known))


def smallest_difference(spread: float, runs: int) -> float:
    """Smallest true difference that `runs` pairs of runs detect (two-sided p < 0.05) with 80 % power.

    In the unit of `spread`; NaN with fewer than two runs.
    """
    from scipy.special import nctdtrinc

    if runs < 2 or math.isnan(spread):
        return math.nan
    beyond = t_quantile(0.5 + LEVEL / 2, runs - 1)
    return float(nctdtrinc(runs - 1, 1 - POWER, beyond)) * spread / math.sqrt(runs)


def runs_needed(spread: float, difference: float, least: int) -> int | None:
    """Number of run pairs (at least `least`) that detect `difference` with 80 % power; None above 10,000."""
    if math.isnan(spread) or not difference > 0:
        return None
    low, high = least, MOST_RUNS
    if smallest_difference(spread, high) > difference:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if smallest_difference(spread, middle) <= difference else (middle + 1, high)
    return low
