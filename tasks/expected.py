"""What is expected of a sequence's next steps before anything is learned: its level, its seasons, and how deviations fade.

At step t, with level L (the mean over a season, or over several, so that it is of eight steps at least) and pattern s (the mean deviation from the level, at the same
place of the last seasons),

    r[t, h] = L[t] + s[t, h] + φ^h e[t],    e[t] = y[t] − L[t] − s[t − 1, 1]

is expected of y[t + h]. Nothing in it is from after t. A network then learns what is left, y[t + h] − r[t, h].
"""

import math
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.clocks import LARGEST

CYCLES = 4, 8, 16  # seasons that a pattern may be the mean of: few follow what changes, many are exact
LEVEL = 8  # steps of a level, at least
BETTER = 0.95  # times the error of shorter seasons, at most, for a longer one to be taken
STEADIER = 0.97  # times the error with the fewest seasons, at most, for more of them to be taken
MOST = 20_000  # steps, the last ones, that it is fitted to
FADING = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0)  # φ, of which the best is taken


class Expectation(NamedTuple):
    """How the next steps of a sequence are expected, and how far off that was where it was fitted.

    Args:
        season: steps; 1 is none.
        horizon: H, how many steps ahead.
        fading: φ.
        scale: standard deviation of what was left, over all steps ahead.
        cycles: how many seasons the pattern is the mean of, as far as there are so many.
    """

    season: int
    horizon: int
    fading: float
    scale: float
    cycles: int = CYCLES[0]

    def is_of(self, horizon: int) -> bool:
        """Return whether it is an expectation of so many steps; what is read from a file may not be."""
        whole = all(type(own) is int and 1 <= own <= LARGEST for own in (self.season, self.horizon, self.cycles))
        return whole and self.horizon == horizon and 0 <= self.fading <= 1 and 0 < self.scale <= sys.float_info.max

    def of(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return r [T, H], the level [T] and the deviations e [T] of values [T] without gaps."""
        level, pattern, deviation = _parts(values, self.season, self.horizon, self.cycles)
        return level[:, None] + pattern + _fading(self.fading, self.horizon) * deviation[:, None], level, deviation


def fit(values: np.ndarray, seasons: Sequence[int], horizon: int) -> Expectation:
    """Return what fits values best: the season, of those given, how many of them, and φ with the smallest mean absolute error.

    Args:
        values: [T] without gaps; of many, the last ones count.
        seasons: to choose among; those that are too long for the values are not taken.
        horizon: H.

    Raises:
        ValueError: the values are too few, or leave nothing to learn.
    """
    values = values[-MOST:]
    needed = needed_steps(seasons, horizon)
    if len(values) < needed:
        long = min(seasons) > 1
        came = f"{len(values)}" + f", with a season of {min(seasons)}" * long
        names = "`horizon`, `season` and `test_share`" if long else "`horizon` and `test_share`"
        raise ValueError(f"{names} must leave {needed} steps or more to learn from. Received: {came}")
    first = max(own for season in seasons if (own := first_step(season)) + horizon + 2 <= len(values))
    known = slice(first, len(values) - horizon)  # the same for all seasons
    best = None
    for season in sorted(season for season in seasons if first_step(season) <= first):
        fewest, *more = (
            _best_fading(values, season, horizon, cycles, known)
            for cycles in CYCLES
            if cycles == CYCLES[0] or 1 < season < len(values) / cycles
        )
        any_count = min([fewest, *more])
        error, own = any_count if any_count[0] < STEADIER * fewest[0] else fewest
        if best is None or error < BETTER * best[0]:
            best = error, own
    return best[1]


def _best_fading(values: np.ndarray, season: int, horizon: int, cycles: int, known: slice) -> tuple[float, Expectation]:
    """Return the smallest mean absolute error at some steps, and the expectation with the φ that has it."""
    level, pattern, deviation = (part[known] for part in _parts(values, season, horizon, cycles))
    rest, found = future(values, horizon)[known] - level[:, None] - pattern, []
    for fading in FADING:
        left = rest - _fading(fading, horizon) * deviation[:, None]
        error = float(np.abs(left - np.median(left, axis=0)).mean())
        found.append((error, Expectation(season, horizon, fading, float(left.std()), cycles)))
    return min(found)


def levels(values: np.ndarray, season: int) -> np.ndarray:
    """Return the level at each step of values [T] or columns [T, F]."""
    means = pd.DataFrame(values).rolling(level_steps(season), min_periods=1).mean()
    return means.to_numpy().reshape(values.shape)


def level_steps(season: int) -> int:
    """Return how many steps a level is the mean of."""
    return season * math.ceil(LEVEL / season)


def first_step(season: int) -> int:
    """Return the first step whose expectation rests on a whole level, and on the pattern of a season that does."""
    return level_steps(season) + season


def needed_steps(seasons: Sequence[int], horizon: int) -> int:
    """Return how many steps there must be for one of the seasons to be fitted."""
    return min(map(first_step, seasons)) + horizon + 2


def _fading(fading: float, horizon: int) -> np.ndarray:
    return fading ** np.arange(1, horizon + 1)


def _parts(values: np.ndarray, season: int, horizon: int, cycles: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the level [T], the pattern [T, H] and the deviations e [T]."""
    level = levels(values, season)
    pattern = _pattern(values, level, season, horizon, cycles)
    told = np.append(0.0, pattern[:-1, 0])  # of this step, by the one before
    return level, pattern, values - level - told


def _pattern(values: np.ndarray, level: np.ndarray, season: int, horizon: int, cycles: int) -> np.ndarray:
    """Return the mean deviation from the level, at the place of each next step in the last seasons [T, H]."""
    steps = np.arange(len(values))
    total, count = np.zeros((len(values), horizon)), np.zeros(len(values))
    if season == 1:
        return total
    ahead = np.arange(horizon) % season + 1
    for cycle in range(cycles):
        end = steps - cycle * season  # of that season
        whole = end >= season - 1
        at = end[whole, None] - season + ahead
        total[whole] += values[at] - level[end[whole], None]
        count += whole
    return total / np.maximum(count, 1)[:, None]


def future(values: np.ndarray, horizon: int) -> np.ndarray:
    """Return the next steps of each step of values [T] or columns [T, F], as [T, H] or [T, F, H], NaN behind the end."""
    padded = np.concatenate([values, np.full((horizon, *values.shape[1:]), np.nan)])
    return np.lib.stride_tricks.sliding_window_view(padded, horizon, axis=0)[1 : len(values) + 1]


def filled(values: np.ndarray) -> np.ndarray:
    """Return values [T, F] with the last known one in gaps, at the beginning the first known one, or 0 where none is."""
    frame = pd.DataFrame(values).ffill().bfill().fillna(0.0)
    return frame.to_numpy()
