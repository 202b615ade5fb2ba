"""What tables and pictures say of many networks: quartiles, and how sure an order of two methods is."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

HUGE = 1e100  # stands for infinity, which NumPy cannot interpolate


def quartiles(values: Sequence[float], percent: Sequence[float] = (25, 50, 75), axis: int | None = None) -> np.ndarray:
    """Return percentiles; a median of an even number of values is the mean of the two in the middle.

    Infinite values, of networks that diverged, count as larger than all others.
    """
    found = np.percentile(np.nan_to_num(np.asarray(values, float), posinf=HUGE), percent, axis=axis)
    return np.where(found > HUGE / 1e6, np.inf, found)


def rank_p(own: Sequence[float], other: Sequence[float]) -> float:
    """Return p of the two-sided Mann–Whitney test, exact where there are no ties."""
    method = "exact" if len({*own, *other}) == len(own) + len(other) else "asymptotic"
    return float(stats.mannwhitneyu(own, other, method=method).pvalue)


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p adjusted for a family of tests by Holm's method."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted[np.argsort(order)]
