"""What any answer about sequences must beat: forecasts, classes and numbers by methods that train in seconds."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial.distance import cdist
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.holtwinters import ExponentialSmoothing, HoltWintersResults

from data.seasons import find_seasons

FITTED = 5000  # last steps before the first origin, to which exponential smoothing is fitted
LONGEST_SEASON = 48  # steps, of exponential smoothing; each step of a season is a parameter
FEWEST = 12  # steps to which it is fitted
STRENGTHS = np.logspace(-4, 4, 33)  # of ridge regression, for each training sequence
COMMON_LENGTH = 500  # steps of resampled sequences, at most
MOST_PAIRS = 3e9  # of steps, that dynamic time warping compares; about a minute


def forecasts(history: np.ndarray, origins: Sequence[int], horizon: int, season: int) -> dict[str, np.ndarray]:
    """Forecast by methods that know nothing but the values so far.

    Exponential smoothing has a damped trend and an additive season of up to 48 steps: of a longer one it takes the longest
    such season within. It is fitted once, to what is known at the first origin, and then only follows the values.

    Args:
        history: floats [T] without NaN.
        origins: increasing; at origin o `history[:o]` is known.
        horizon: steps to forecast.
        season: steps; 1 is none.

    Returns:
        For each name, forecasts [origins, horizon] of `history[o : o + horizon]`. Left out are the seasonal naive forecast
        where no whole season is known at the first origin, and exponential smoothing where fewer than 12 steps are.

    Raises:
        ValueError: origins do not increase from 1 to the end of history.

    Example:
        >>> forecasts(np.arange(20.0), [10, 15], horizon=2, season=5)["drift"]
        array([[10., 11.],
               [15., 16.]])
    """
    origins = np.asarray(origins, int)
    if not len(origins) or origins[0] < 1 or origins[-1] > len(history) or (np.diff(origins) < 1).any():
        raise ValueError(f"`origins` must increase from 1 or more to {len(history)} or less. Received: {origins}")
    last, ahead = history[origins - 1][:, None], np.arange(1, horizon + 1)
    found = {"naive": np.repeat(last, horizon, axis=1)}
    if 1 < season <= origins[0]:
        found["seasonal naive"] = history[origins[:, None] - season + (ahead - 1) % season]
    slopes = (last - history[0]) / np.maximum(origins - 1, 1)[:, None]
    found["drift"] = last + slopes * ahead  # [origins, horizon]
    if origins[0] >= FEWEST:
        found["exponential smoothing"] = _smoothed(
            history, origins, ahead, _short_season(history[: origins[0]], season)
        )
    return found


def _short_season(known: np.ndarray, season: int) -> int:
    """Return the season, or of a long one the longest short one within, that exponential smoothing can be fitted to; 1 is none."""
    seasons = [season] if season <= LONGEST_SEASON else find_seasons(known)
    return next((steps for steps in seasons if steps <= min(LONGEST_SEASON, len(known[-FITTED:]) // 3)), 1)


def _smoothed(history: np.ndarray, origins: np.ndarray, ahead: np.ndarray, season: int) -> np.ndarray:
    """Return forecasts [origins, horizon] of exponential smoothing with the parameters that suit what is known at the first."""
    start = max(origins[0] - FITTED, 0)
    options = {"trend": "add", "damped_trend": True}
    options |= {"seasonal": "add", "seasonal_periods": season} if season > 1 else {}
    with warnings.catch_warnings(), np.errstate(divide="ignore"):  # of a history without any noise
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it found so far is good enough
        fit = ExponentialSmoothing(history[start : origins[0]], **options).fit().params
        names = ["smoothing_level", "smoothing_trend", "damping_trend"] + ["smoothing_seasonal"] * (season > 1)
        first = {"initial_level": fit["initial_level"], "initial_trend": fit["initial_trend"]}
        first |= {"initial_seasonal": fit["initial_seasons"]} if season > 1 else {}
        model = ExponentialSmoothing(history[start : origins[-1]], initialization_method="known", **first, **options)
        states = model.fit(optimized=False, **{name: fit[name] for name in names})
    return _ahead(states, origins - start - 1, ahead, fit["damping_trend"], season)


def _ahead(states: HoltWintersResults, steps: np.ndarray, ahead: np.ndarray, damping: float, season: int) -> np.ndarray:
    """Return what the states after some steps say of the future: level, damped trend and the last season's."""
    found = states.level[steps][:, None] + states.trend[steps][:, None] * np.cumsum(damping**ahead)
    if season > 1:
        found += states.season[steps[:, None] + 1 - season + (ahead - 1) % season]
    return found  # [origins, horizon]


def classify(train: Sequence[np.ndarray], labels: np.ndarray, test: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Classify sequences by the most frequent class, and by the nearest training sequence.

    Near is by dynamic time warping where aeon or tslearn is installed and there are not too many and too long sequences;
    else by Euclid's distance of sequences that are resampled to one length.

    Args:
        train: floats [T_i, F], scaled, without NaN.
        labels: of the training sequences.
        test: as `train`.

    Returns:
        For each name, a label for each test sequence.
    """
    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    found = {"most frequent class": np.full(len(test), classes[counts.argmax()])}
    pairs = sum(map(len, train)) * sum(map(len, test))
    warped = _warping() if pairs <= MOST_PAIRS else None
    name = "nearest neighbour, " + ("DTW" if warped else "Euclid")
    distances = (warped or _euclid)(test, train)  # [test, train]
    return found | {name: labels[distances.argmin(axis=1)]}


def _warping() -> Callable | None:
    """Return a function of two lists of sequences that gives their distances by dynamic time warping, if one is installed."""
    try:
        from aeon.distances import dtw_pairwise_distance
    except ImportError:
        pass
    else:
        return lambda some, others: dtw_pairwise_distance(
            *([np.ascontiguousarray(one.T) for one in many] for many in (some, others))
        )
    try:
        from tslearn.metrics import cdist_dtw
        from tslearn.utils import to_time_series_dataset
    except ImportError:
        return None
    return lambda some, others: cdist_dtw(*map(to_time_series_dataset, (some, others)))


def _euclid(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> np.ndarray:
    """Return the distances [some, others] of sequences resampled to the length that is the middle one of the others."""
    length = min(int(np.median([len(one) for one in others])), COMMON_LENGTH)
    return cdist(*(np.stack([_resampled(one, length).ravel() for one in many]) for many in (some, others)))


def _resampled(sequence: np.ndarray, length: int) -> np.ndarray:
    """Return a sequence [length, F] along straight lines between its steps."""
    places = np.linspace(0, len(sequence) - 1, length)
    return np.stack([np.interp(places, np.arange(len(sequence)), column) for column in sequence.T], axis=1)


def regress(train: Sequence[np.ndarray], answers: np.ndarray, test: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Answer with the mean of the training answers, and by ridge regression on five numbers of each feature.

    They are its mean, standard deviation, first and last value, and slope. The strength is, for each answer, the one that
    makes the squared error least when each training sequence in turn is left out.

    Args:
        train: floats [T_i, F], scaled, without NaN.
        answers: floats [N, m] of the training sequences.
        test: as `train`.

    Returns:
        For each name, floats [test, m].
    """
    mean = answers.mean(axis=0)
    known, asked = (np.stack([_summary(one) for one in many]) for many in (train, test))  # [N, 5 F]
    centre, spread = known.mean(axis=0), known.std(axis=0)
    spread = np.where(spread > 1e-9 * np.abs(known).max(axis=0), spread, np.inf)  # what does not vary says nothing
    weights = _ridge((known - centre) / spread, answers - mean)
    return {"mean": np.tile(mean, (len(test), 1)), "ridge": mean + (asked - centre) / spread @ weights}


def _summary(sequence: np.ndarray) -> np.ndarray:
    """Return mean, standard deviation, first and last value, and slope of each feature [5 F]."""
    places = np.arange(len(sequence)) - (len(sequence) - 1) / 2
    slopes = places @ sequence / max(places @ places, 1)
    return np.concatenate([sequence.mean(axis=0), sequence.std(axis=0), sequence[0], sequence[-1], slopes])


def _ridge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return weights [F, m] of the strengths with the least errors, from columns with mean 0."""
    left, sizes, right = np.linalg.svd(x, full_matrices=False)
    strengths = STRENGTHS * len(x)
    errors = np.array([np.square(left_out_errors(left, sizes, y, strength)).mean(axis=0) for strength in strengths])
    worse = errors > (1 + 1e-9) * errors.min(axis=0)  # [strengths, m], but for rounding
    best = np.where(worse, 0, strengths[:, None]).max(axis=0)  # [m]
    return right.T @ (sizes[:, None] / (sizes[:, None] ** 2 + best) * (left.T @ y))


def left_out_errors(left: np.ndarray, sizes: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
    """Return by how much each answer [N, m] is missed by ridge regression on all the others, without fitting it again.

    That is e_i / (1 - h_i) with the errors e of the regression on all, and the diagonal h of the matrix that takes the
    answers to what it says of them; 1 / N in it is the mean's.

    Args:
        left: singular vectors [N, r] of columns with mean 0.
        sizes: singular values [r].
        y: answers [N, m] with mean 0.
        strength: what is added to the squared singular values.
    """
    shares = sizes**2 / (sizes**2 + strength)  # [r]
    own = (left**2 * shares).sum(axis=1) + 1 / len(y)  # [N]
    with np.errstate(invalid="ignore"):  # of a single answer
        return (y - left @ (shares[:, None] * (left.T @ y))) / (1 - own)[:, None]
