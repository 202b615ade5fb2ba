"""Exact tests between two groups of networks, from the ranks of what was measured of them."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def rank_sum_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return p of the two-sided rank-sum test, exact also with ties: of all ways to deal the ranks, how many are as uneven.

    Networks of equal seeds are no pairs: they have other weights.

    Args:
        first, second: what was measured of each network; infinite values count as the largest.
    """
    ranks = (2 * stats.rankdata([*first, *second])).astype(int)  # doubled, because ties share halves
    ways = np.zeros(
        (len(first) + 1, ranks.sum() + 1)
    )  # to choose so many [rows] of the ranks with such a sum [columns]
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    away = np.abs(np.arange(ranks.sum() + 1) - len(first) * ranks.mean())
    uneven = away >= away[ranks[: len(first)].sum()] - 1e-9
    return float(ways[-1, uneven].sum() / ways[-1].sum())


def holm(ps: Sequence[float]) -> np.ndarray:
    """Return the p of a family of tests adjusted after Holm (1979), so that all of them together err at the level of one."""
    ps, order = np.asarray(ps, float), np.argsort(ps)
    adjusted = np.maximum.accumulate(ps[order] * np.arange(len(ps), 0, -1)).clip(max=1)
    return adjusted[np.argsort(order)]
