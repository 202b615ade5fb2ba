"""How far back gradients reach: measured over distances, and predicted from the clock periods."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import optimize

from experiments.statistics import quartiles

BINS = 30  # of distances, as wide as each other on a log scale
FACTORS = (0.1, 1.2)  # that an update may multiply a gradient by
VANISHED = 1e-20  # of the nearest; below it nothing is fitted, since single precision ends at 1e-38


def predicted(factor: float, periods: Sequence[int], sizes: Sequence[int], steps: int) -> np.ndarray:
    """Return how large the gradient at the last step is by the input at each step [T], where every unit alike has 1 at distance 0.

    Between step t and the last one a module of period P is updated ⌊(T − 1)/P⌋ − ⌊t/P⌋ times, about d/P at distance d, and
    each update multiplies its gradient by the factor. What it heard at t it heard only if it fired then. So the norm is

        √(Σ_i k_i/n · [P_i divides t] · factor^(2 · updates of i)),

    if modules do not hear each other. With the single period 1 it is factor^d.

    Args:
        factor: by which an update multiplies the gradient of a unit.
        periods, sizes: of the modules.
        steps: T.
    """
    step, period = np.arange(steps), np.array(periods)[:, None]
    updates = (steps - 1) // period - step // period  # [g, T]
    shares = np.array(sizes)[:, None] / np.sum(sizes)
    return np.sqrt(np.sum(shares * (step % period == 0) * float(factor) ** (2 * updates), axis=0))


def edges(steps: int) -> np.ndarray:
    """Return where bins of distances begin, and the end of the last one; the first one is distance 0 alone."""
    return np.unique(np.geomspace(1, steps + 1, BINS + 1).round().astype(int)) - 1


def by_distance(values: np.ndarray) -> pd.DataFrame:
    """Return a row for each bin of distances: its first distance, the mean one, the quartiles over networks [R, T] of the root
    mean square of what the steps in it have, and the median of the largest."""
    values = np.asarray(values, float)
    squares = values[:, ::-1] ** 2  # by distance
    ends = edges(values.shape[1])
    rows = []
    for begin, end in zip(ends[:-1], ends[1:], strict=True):
        low, median, high = quartiles(np.sqrt(squares[:, begin:end].mean(1)))
        row = {"distance": begin, "mean_distance": (begin + end - 1) / 2, "low": low, "median": median, "high": high}
        rows.append(row | {"peak": quartiles(np.sqrt(squares[:, begin:end].max(1)))[1]})
    return pd.DataFrame(rows)


def fitted_factor(curve: pd.DataFrame, steps: int) -> float:
    """Return the factor with which `predicted` comes closest to a curve `by_distance` of a network without a clock.

    Closest by the least squares of the logarithms, as far as the curve has not vanished, and with its scale at distance 0.
    """
    seen = (curve["median"] > VANISHED * curve["median"].iloc[0]).to_numpy()
    wanted = np.log((curve["median"] / curve["median"].iloc[0])[seen])

    def away(factor: float) -> float:
        found = by_distance(predicted(factor, [1], [1], steps)[None])["median"].to_numpy()[seen]
        return float(np.mean((np.log(np.maximum(found, np.finfo(float).tiny)) - wanted) ** 2))

    return float(optimize.minimize_scalar(away, bounds=FACTORS, method="bounded", options={"xatol": 1e-6}).x)
