"""What is expected before anything is learned: the docstring's formula step by step, and nothing from the future."""

import numpy as np
import pytest

from tasks import expected
from tasks.expected import Expectation

RNG = np.random.default_rng(0)


def by_hand(values, t, h, season, fading, steps):
    """r[t, h] as the module's docstring has it, one number at a time, with levels of so many steps."""

    def level(at):
        return np.mean(values[at - steps + 1 : at + 1])

    def pattern(at, ahead):
        place = (ahead - 1) % season + 1
        return np.mean([values[at - (k + 1) * season + place] - level(at - k * season) for k in range(4)])

    deviation = values[t] - level(t) - pattern(t - 1, 1)
    return level(t) + pattern(t, h) + fading**h * deviation


@pytest.mark.parametrize("season, fading, steps", [(3, 0.5, 9), (7, 1.0, 14), (10, 0.0, 10)])
def test_is_the_formula(season, fading, steps):
    values = RNG.normal(size=60)
    found, _, _ = Expectation(season, 9, fading, 1.0).of(values)
    for t in (40, 59):
        assert found[t] == pytest.approx([by_hand(values, t, h, season, fading, steps) for h in range(1, 10)])


def test_without_a_season_it_is_the_level_and_what_fades_from_it():
    values = RNG.normal(size=40)
    found, level, _ = Expectation(1, 2, 0.5, 1.0).of(values)
    mean = values[23:31].mean()  # of eight steps, to step 30
    assert level[30] == pytest.approx(mean)
    assert found[30] == pytest.approx([mean + 0.5 * (values[30] - mean), mean + 0.25 * (values[30] - mean)])


@pytest.mark.parametrize("season", [1, 6])
def test_nothing_comes_from_the_future(season):
    values = RNG.normal(size=50)
    changed = np.concatenate([values[:31], RNG.normal(size=19)])
    for before, after in zip(Expectation(season, 8, 0.9, 1.0).of(values), Expectation(season, 8, 0.9, 1.0).of(changed)):
        np.testing.assert_array_equal(before[:31], after[:31])


def test_a_trend_with_a_season_is_foretold_but_for_a_constant():
    steps = np.arange(100)
    values = 3 * steps + np.array([0, 5, -2, 7])[steps % 4]
    left = expected.future(values, 10) - Expectation(4, 10, 0.0, 1.0).of(values)[0]
    np.testing.assert_allclose(np.ptp(left[30:90], axis=0), 0, atol=1e-9)


def test_fit_finds_the_season_and_how_deviations_fade():
    steps = np.arange(400)
    seasonal = 10 * np.sin(2 * np.pi * steps / 12) + RNG.normal(size=400)
    found = expected.fit(seasonal, [1, 5, 12], 6)
    assert (found.season, found.horizon) == (12, 6) and found.fading <= 0.5
    assert found.scale == pytest.approx(np.sqrt(1 + 1 / 4), rel=0.15)  # noise, and the mean of four seasons' noise
    assert expected.fit(np.cumsum(RNG.normal(size=2000)), [1], 6).fading == 1.0  # a random walk stays where it is


def test_a_longer_season_must_be_clearly_better():
    values = np.tile([0.0, 1.0, 4.0, 2.0], 500) + 0.5 * RNG.normal(size=2000)
    assert expected.fit(values, [1, 28, 4], 4).season == 4


def test_refuses_too_few_steps():
    with pytest.raises(
        ValueError, match="`horizon` and `test_share` must leave 15 steps or more to learn from. Received: 10"
    ):
        expected.fit(np.arange(10.0), [1], 4)


def test_future_and_gaps():
    found = expected.future(np.arange(4.0), 2)
    np.testing.assert_array_equal(found, [[1, 2], [2, 3], [3, np.nan], [np.nan, np.nan]])
    gaps = np.array([[np.nan, np.nan], [1.0, np.nan], [np.nan, np.nan], [2.0, np.nan]])
    np.testing.assert_array_equal(expected.filled(gaps), [[1, 0], [1, 0], [1, 0], [2, 0]])


def test_a_pattern_that_stays_is_the_mean_of_many_seasons_and_one_that_moves_of_few():
    steps, noise = np.arange(1200), RNG.normal(size=1200)
    still = 5 * np.sin(2 * np.pi * steps / 12) + noise
    moving = steps / 20 * np.sin(2 * np.pi * steps / 12) + 0.1 * noise
    found = expected.fit(still, [12], 6)
    assert found.cycles == 16 and found.scale == pytest.approx(np.sqrt(1 + 1 / 16), rel=0.05)
    assert expected.fit(moving, [12], 6).cycles == 4
    assert expected.fit(still[:70], [1], 6).cycles == 4
