"""By what data are told from others when a training goes on."""

import numpy as np
import pytest

from running.trained import data_in_short, same_data

DATA = np.random.default_rng(1).normal(size=(4, 50)).astype(np.float32), np.arange(3000) % 80


@pytest.mark.parametrize("change", [lambda x: x[::-1], lambda x: x + (np.arange(x.size) == 7).reshape(x.shape)])
@pytest.mark.parametrize("place", [0, 1])
def test_other_data_are_told(change, place):
    other = [change(own) if number == place else own for number, own in enumerate(DATA)]
    assert not same_data(data_in_short(DATA), data_in_short(other))


@pytest.mark.parametrize("places", [(0, 1), (0, 2), (1, 2), (5, 900)])
def test_two_that_are_swapped_are_told(places):
    """As where the labels of two sequences are corrected, or two characters of a long text."""
    labels = np.array([3, 2, 1, 0] * 250_000)
    other = labels.copy()
    other[list(places)] = labels[list(places[::-1])]
    assert (other != labels).sum() == 2 and not same_data(data_in_short(labels), data_in_short(other))


def test_sizes_must_be_the_same():
    assert not same_data(data_in_short(DATA), data_in_short((DATA[0], np.append(DATA[1], 0))))


def test_what_is_rounded_otherwise_is_the_same():
    rounded = DATA[0] * np.float32(1 + 1e-6), DATA[1]
    assert same_data(data_in_short(DATA), data_in_short(rounded))
