"""How good answers about sequences are. Where the truth is not known, NaN, nothing is measured; a forecast of NaN is one."""

import numpy as np


def quartiles(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return the lower quartile, the median and the upper one along an axis [3, ...], not a number between infinities."""
    with np.errstate(invalid="ignore"):  # NumPy would warn of networks that diverge
        return np.percentile(values, (25, 50, 75), axis=axis)


def mase_scale(history: np.ndarray, season: int = 1) -> np.ndarray:
    """Return what `mase` divides by: how far values are, on average, from those a season before (Hyndman and Koehler 2006).

    Args:
        history: floats [..., T] before the first forecast, NaN where missing.
        season: steps of it; 1 is the naive forecast.

    Returns:
        Floats [...]; NaN where no two values that are known lie a season apart.

    Raises:
        ValueError: the season is not a positive number of steps.
    """
    if season < 1:
        raise ValueError(f"`season` must be at least 1. Received: {season}")
    history = np.asarray(history, float)
    moves = np.abs(history[..., season:] - history[..., :-season])  # [..., T - season]
    sums, counts = np.nansum(moves, axis=-1), np.sum(~np.isnan(moves), axis=-1)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan)[()]


def mase(truth: np.ndarray, forecasts: np.ndarray, scale: float) -> float:
    """Return the mean absolute scaled error; NaN if the scale is 0, because history never moved."""
    truth, forecasts = _known(truth, forecasts)
    return _mean(np.abs(truth - forecasts)) / scale if scale else np.nan


def smape(truth: np.ndarray, forecasts: np.ndarray) -> float:
    """Return the symmetric mean absolute percentage error, from 0 to 200; a forecast of 0 for 0 is without error."""
    truth, forecasts = _known(truth, forecasts)
    sizes = np.abs(truth) + np.abs(forecasts)
    return 200 * _mean(np.abs(truth - forecasts) / np.where(sizes == 0, 1, sizes))


def rmse(truth: np.ndarray, answers: np.ndarray) -> float:
    """Return the root of the mean squared error."""
    truth, answers = _known(truth, answers)
    return float(np.sqrt(_mean((truth - answers) ** 2)))


def r2(truth: np.ndarray, answers: np.ndarray) -> float:
    """Return the share of one quantity's variance that answers explain; NaN if it does not vary."""
    truth, answers = _known(truth, answers)
    spread = ((truth - _mean(truth)) ** 2).sum()
    varies = spread > 0 and truth.max() > truth.min()  # rounding of the mean may be a spread, too
    return float(1 - ((truth - answers) ** 2).sum() / spread) if varies else np.nan


def pinball(truth: np.ndarray, forecasts: np.ndarray, quantiles: np.ndarray) -> float:
    """Return the mean pinball loss, which true quantiles make least.

    Args:
        truth: floats [...].
        forecasts: floats [..., q], of each quantile.
        quantiles: floats [q] between 0 and 1.
    """
    quantiles = np.asarray(quantiles, float)
    truth, forecasts = _known(truth, forecasts)  # [values], [values, q]
    above = truth[:, None] - forecasts  # [values, q]
    return _mean(np.maximum(quantiles * above, (quantiles - 1) * above))


def coverage(truth: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return in how many percent of cases the truth lies between two bounds, or on one."""
    truth = np.asarray(truth, float)
    inside = (np.asarray(low) <= truth) & (truth <= np.asarray(high))
    return 100 * _mean(inside[~np.isnan(truth)])


def accuracy(truth: np.ndarray, answers: np.ndarray) -> float:
    """Return how many percent of labels are right."""
    truth, answers = _known(truth, answers)
    return 100 * _mean(truth == answers)


def macro_f1(truth: np.ndarray, answers: np.ndarray) -> float:
    """Return the mean of the classes' F1, in percent, over all that are the truth or an answer at least once."""
    truth, answers = _known(truth, answers)
    scores = []
    for name in np.union1d(truth, answers):
        true, told = truth == name, answers == name
        scores.append(2 * (true & told).sum() / (true.sum() + told.sum()))  # of precision and recall, the harmonic mean
    return 100 * _mean(scores)


def _known(truth: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and answers where the truth is known, in one row."""
    truth, answers = np.asarray(truth), np.asarray(answers)
    known = ~np.isnan(truth) if truth.dtype.kind == "f" else np.ones(truth.shape, bool)
    return truth[known], answers[known]


def _mean(values: np.ndarray) -> float:
    """Return the mean, or NaN of nothing."""
    return float(np.mean(values)) if len(values) else np.nan
