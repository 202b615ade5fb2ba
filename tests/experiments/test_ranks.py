"""Exact tests, against others' and by hand."""

import numpy as np
import pytest
from scipy import stats

from experiments.ranks import holm, rank_sum_p


def uneven(first, _):
    return abs(first.sum())


@pytest.mark.parametrize("sizes", [(3, 4), (5, 5), (6, 2)])
def test_p_is_that_of_all_permutations(sizes):
    """Of whole numbers, so that many are equal; SciPy tries all ways to deal the ranks."""
    rng = np.random.default_rng(sum(sizes))
    for _ in range(5):
        first, second = (rng.integers(0, 5, size) for size in sizes)
        ranks = stats.rankdata([*first, *second])
        ranks -= ranks.mean()
        dealt = ranks[: sizes[0]], ranks[sizes[0] :]
        wanted = stats.permutation_test(dealt, uneven, alternative="greater").pvalue
        assert rank_sum_p(first, second) == pytest.approx(wanted)


def test_p_of_groups_apart_is_two_of_all_ways():
    """Of 20 choose 10 = 184756 ways to deal the ranks two are as uneven; so it is where the worse ones all diverged."""
    assert rank_sum_p(range(10), range(10, 20)) == pytest.approx(2 / 184756)
    assert rank_sum_p([np.inf] * 10, range(10)) == pytest.approx(2 / 184756)


def test_equal_groups_differ_in_nothing():
    assert rank_sum_p([1, 2, 2], [2, 1, 2]) == 1


def test_holm_by_hand():
    """0.01 counts four times, 0.02 three times, 0.03 twice, but no less than that; 0.04 once, but no less than that (Holm 1979)."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.7, 0.6]) == pytest.approx([1, 1])
