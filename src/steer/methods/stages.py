"""The rule that finds the transition from the rising stage of training to the plateau.

In the rising stage accuracy climbs while entropy falls; in the plateau both move slowly (arXiv 2508.02260). The rule
fits a continuous two-piece line with a common knot to both standardised curves. The knot with the least squared error
is the transition, if both curves lose at least half of their slope there and two pieces fit clearly better than one.
"""

from collections.abc import Sequence

import numpy as np

FLATTER = 0.5  # largest ratio of the slope after the knot to the slope before it
BETTER = 0.7  # largest ratio of the squared error of two pieces to that of one


def transition(entropy: Sequence[float], accuracy: Sequence[float] | None = None, margin: int = 10) -> int | None:
    """Find the index of the first step of the plateau; None if the curves show none (yet).

    `entropy` in nats and `accuracy`, one value per step; with accuracy None, entropy alone decides. `margin`: minimum
    number of steps per stage. Steps at which a curve is not finite are excluded from its fit.
    """
    curves = [_standardised(entropy, rising=False)]
    if accuracy is not None:
        curves.append(_standardised(accuracy, rising=True))
    if len({len(curve) for curve in curves}) != 1:
        raise ValueError("entropy and accuracy must each have one value per step")
    steps = len(curves[0])
    if steps < 2 * margin:
        return None
    fits = {knot: [_fit(curve, knot) for curve in curves] for knot in range(margin, steps - margin + 1)}
    knot = min(fits, key=lambda k: sum(error for error, _, _ in fits[k]))
    two_pieces = sum(error for error, _, _ in fits[knot])
    one_piece = sum(_fit(curve, None)[0] for curve in curves)
    flattens = all(before > 0 and after <= FLATTER * before for _, before, after in fits[knot])
    return knot if flattens and two_pieces <= BETTER * one_piece else None


def _standardised(curve: Sequence[float], rising: bool) -> np.ndarray:
    """Standardise to mean 0 and standard deviation 1, inverted if it falls in the rising stage; zeros if constant."""
    values = np.asarray(curve, dtype=float)
    values = np.where(np.isfinite(values), values, np.nan)
    if not np.isfinite(values).any():
        return np.full(values.shape, np.nan)
    deviation = np.nanstd(values)
    values = (values - np.nanmean(values)) / (deviation if deviation > 0 else 1.0)
    return values if rising else -values


def _fit(curve: np.ndarray, knot: int | None) -> tuple[float, float, float]:
    """Fit a line that bends at `knot`; return (squared error, slope before the knot, slope after it)."""
    step = np.arange(len(curve), dtype=float)
    columns = [np.ones_like(step), step] + ([] if knot is None else [np.maximum(step - knot, 0)])
    known = np.isfinite(curve)
    design = np.stack(columns, axis=1)[known]
    solution, *_ = np.linalg.lstsq(design, curve[known], rcond=None)
    error = float(((design @ solution - curve[known]) ** 2).sum())
    before = float(solution[1])
    return error, before, before + (0.0 if knot is None else float(solution[2]))
