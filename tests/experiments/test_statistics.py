"""Quartiles with infinite values, and tests, against SciPy's and values worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from experiments.markdown import ahead, mean, p_value, times
from experiments.statistics import holm, quartiles, rank_p, ratio, sign_flip_p, sign_p, verdict


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two():
    assert quartiles([4, 1, 3, 10])[1] == 3.5
    assert quartiles(range(101)).tolist() == [25, 50, 75]


def test_those_that_diverged_are_larger_than_all_others():
    for lost in (np.inf, np.nan):  # which an empty field of a table is
        assert quartiles([1, 2, 3, lost]).tolist() == [1.75, 2.5, np.inf]
        assert ratio([1.0, lost, lost], [1.0, 2.0, 4.0])[0] == np.inf
    assert quartiles([1, np.inf, np.inf]).tolist() == [np.inf] * 3
    assert quartiles(np.array([[1, np.inf], [3, np.inf]]), axis=0)[1].tolist() == [2, np.inf]


def test_a_ratio_of_medians_has_an_interval_that_covers_it():
    """Of samples from distributions with medians 3 and 1 the interval holds 3 in about 95 of 100 cases."""
    rng = np.random.default_rng(0)
    found = [ratio(3 * np.exp(rng.normal(size=20)), np.exp(rng.normal(size=20))) for _ in range(60)]
    assert all(low <= middle <= high for middle, low, high in found)
    assert 51 <= sum(low <= 3 <= high for _, low, high in found) <= 60
    assert ratio([2.0, 4, 6], [2.0, 2]) == (2, 1, 3)
    assert times(ratio([2.0, 4, 6], [2.0, 2])) == "×2 (1–3)"


def test_who_is_better_is_told_by_the_ranks_that_are_tested():
    """Of the first four of ten no rank is above the others', though the medians are equal."""
    own, other = [1] * 4 + [15] * 6, [15] * 6 + [99] * 4
    assert rank_p(own, other) == pytest.approx(0.01, rel=1e-3)
    assert [verdict(*pair, 0.05) for pair in ((own, other), (other, own))] == ["better", "worse"]
    assert verdict(own, other, 0.0501) == "no difference shown"
    assert [ahead(*pair, 0.05) for pair in ((own, other), (other, own))] == ["Yes", "No"]
    assert ahead(own, other, 0.06) == "Not shown"


def test_p_above_the_level_is_not_rounded_to_it():
    said = {0.0504: "0.0504", 0.05004: "0.05004", 0.05: "0.05", 0.049: "0.05", 0.34: "0.3", np.nan: "nan"}
    assert [p_value(p) for p in said] == list(said.values())


def test_a_mean_has_the_deviation_of_a_sample():
    """√(((1 − 2)² + (3 − 2)²) / (2 − 1)) = 1.4"""
    assert [mean(values) for values in ([1, 3], [2.5], [], [1, np.inf])] == ["2 ± 1", "2.5", "–", "–"]


def test_rank_test_counts_orders():
    assert rank_p([1, 2, 3], [4, 5, 6]) == pytest.approx(2 / 20)  # 2 of the 6! / (3! 3!) orders are as extreme
    assert rank_p(range(10), range(10, 20)) == pytest.approx(2 / 184756)  # 20 choose 10
    assert rank_p([np.inf] * 10, range(10)) == pytest.approx(2 / 184756)  # also where the worse ones all diverged
    assert rank_p([1, 2, 2], [2, 1, 2]) == 1


def distance(first, _):
    return abs(first.sum())


@pytest.mark.parametrize("sizes", [(3, 4), (5, 5), (6, 2)])
def test_rank_test_with_ties_is_that_of_all_permutations(sizes):
    """SciPy deals the ranks in all ways."""
    rng = np.random.default_rng(sum(sizes))
    for _ in range(5):
        own, other = (rng.integers(0, 5, size) for size in sizes)
        ranks = stats.rankdata([*own, *other])
        ranks -= ranks.mean()
        dealt = ranks[: sizes[0]], ranks[sizes[0] :]
        assert rank_p(own, other) == pytest.approx(
            stats.permutation_test(dealt, distance, alternative="greater").pvalue
        )


def test_a_sign_test_counts_the_ways_to_deal_signs():
    assert sign_p(5, 0) == pytest.approx(2 / 2**5) and sign_p(1, 3) == pytest.approx(2 * (1 + 4) / 2**4)
    assert sign_p(0, 0) == 1


def test_flipped_signs_of_one_value_are_as_far():
    assert sign_flip_p(np.array([0.3])) == 1 and sign_flip_p(np.array([0.3, 0.1])) == 0.5


def test_a_ratio_to_what_diverged_is_no_number_above_all_others():
    assert ratio([np.inf, np.inf, np.inf], [1.0, 2.0, 3.0]) == (np.inf, np.inf, np.inf)
    assert ratio([1.0, 1.0], [np.inf, np.inf])[0] == pytest.approx(0)


def test_holm_multiplies_the_smallest_by_the_number_of_tests():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx(
        [0.03, 0.06, 0.06]
    )  # 3 · 0.01, 2 · 0.03, max(1 · 0.04, 0.06)
    assert holm([0.9, 0.8]).tolist() == [1, 1]
