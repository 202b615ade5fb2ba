"""What tables and pictures say of many networks, of which some may have diverged."""

from collections.abc import Sequence

import numpy as np

HUGE = 1e100  # stands for infinity, which NumPy cannot interpolate


def quartiles(values: Sequence[float], percent: Sequence[float] = (25, 50, 75), axis: int | None = None) -> np.ndarray:
    """Return percentiles; a median of an even number of values is the mean of the two in the middle.

    Infinite values, of networks that diverged, count as larger than all others.
    """
    found = np.percentile(np.nan_to_num(np.asarray(values, float), posinf=HUGE), percent, axis=axis)
    return np.where(found > HUGE / 1e6, np.inf, found)
