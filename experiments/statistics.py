"""What tables and pictures say of many networks: quartiles, and how sure an order of two methods is."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

SIGNIFICANT = 0.05  # the level of all tests; a page's are adjusted after Holm
HUGE = 1e100  # stands for infinity, which NumPy cannot interpolate
MOST_TIED = 50  # values with ties for which a rank test is still exact; the work grows with the fourth power


def quartiles(values: Sequence[float], percent: Sequence[float] = (25, 50, 75), axis: int | None = None) -> np.ndarray:
    """Return percentiles; a median of an even number of values is the mean of the two in the middle.

    Values that are infinite or none, of networks that diverged, count as larger than all others.
    """
    found = np.percentile(_finite(values), percent, axis=axis)
    return np.where(found > HUGE / 1e6, np.inf, found)


def ratio(own: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Return the ratio of two medians and its 95 % interval: percentiles of 10,000 bootstrapped ones, drawn with one seed.

    Values that are infinite or none, of networks that diverged, count as larger than all others.
    """
    groups = [_finite(values) for values in (own, other)]

    def medians(own: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        return np.median(own, axis) / np.median(other, axis)

    found = stats.bootstrap(groups, medians, n_resamples=10_000, method="percentile", rng=0).confidence_interval
    middle, low, high = (float(own) if own < HUGE / 1e6 else np.inf for own in (medians(*groups, 0), *found))
    return middle, low, high


def _finite(values: Sequence[float]) -> np.ndarray:
    return np.nan_to_num(np.asarray(values, float), nan=HUGE, posinf=HUGE)


def verdict(own: Sequence[float], other: Sequence[float], p: float) -> str:
    """Return whether values are shown to be better (lower) than others, or worse, by their mean ranks and p of `rank_p`."""
    if p > SIGNIFICANT:
        return "no difference shown"
    ranks = stats.rankdata([*own, *other])
    return "better" if ranks[: len(own)].mean() < ranks.mean() else "worse"


def rank_p(own: Sequence[float], other: Sequence[float]) -> float:
    """Return p of the two-sided rank-sum test (Mann–Whitney), exact but for more than 50 values with ties among them.

    Networks of equal seeds are no pairs: they have other weights. Infinite values count as larger than all others.
    """
    count = len(own) + len(other)
    tied = len({*own, *other}) < count
    if tied and count <= MOST_TIED:
        return _tied_rank_p(own, other)
    return float(stats.mannwhitneyu(own, other, method="asymptotic" if tied else "exact").pvalue)


def _tied_rank_p(own: Sequence[float], other: Sequence[float]) -> float:
    """Return in how many of all ways to deal the ranks their sum is as far from its mean, as a share."""
    ranks = (2 * stats.rankdata([*own, *other])).astype(int)  # doubled, because ties share halves
    ways = np.zeros((len(own) + 1, ranks.sum() + 1))  # to choose so many [rows] of the ranks, with this sum [columns]
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    away = np.abs(np.arange(ways.shape[1]) - len(own) * ranks.mean())
    as_far = away >= away[ranks[: len(own)].sum()] - 1e-9
    return float(ways[-1, as_far].sum() / ways[-1].sum())


def sign_flip_p(values: Sequence[float]) -> float:
    """Return p of the two-sided test that values lie as far above 0 as below, exact up to 20 values: their mean among those with
    all signs dealt anew (Fisher's randomisation test)."""
    if len(values) == 1:  # SciPy wants two; either sign is as far from 0
        return 1.0
    found = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**20)
    return float(found.pvalue)


def sign_p(better: int, worse: int) -> float:
    """Return p of the two-sided sign test that as many pairs are better as worse; 1 where there are none."""
    return float(stats.binomtest(int(better), max(1, int(better + worse))).pvalue)


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p adjusted for a family of tests by Holm's method, so that all together err at the level of one."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted[np.argsort(order)]
