"""Quartiles, also with infinite values, against values worked out by hand."""

import numpy as np

from experiments.statistics import quartiles


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two():
    assert quartiles([4, 1, 3, 10])[1] == 3.5
    assert quartiles(range(101)).tolist() == [25, 50, 75]


def test_those_that_diverged_are_larger_than_all_others():
    assert quartiles([1, 2, 3, np.inf]).tolist() == [1.75, 2.5, np.inf]
    assert quartiles([1, np.inf, np.inf]).tolist() == [np.inf] * 3
    assert quartiles(np.array([[1, np.inf], [3, np.inf]]), axis=0)[1].tolist() == [2, np.inf]
