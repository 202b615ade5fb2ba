"""Seasons: found in simulations and in measurements, and not found where there are none."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from statsmodels import datasets

from data.seasons import find_seasons

SEEDS = 100


def without_season(kind, length, seed):
    noise = np.random.default_rng(seed).normal(size=length + 200)
    made = {
        "white noise": lambda: noise,
        "random walk": lambda: noise.cumsum(),
        "autoregression": lambda: lfilter([1], [1, -0.95], noise),
        "trend": lambda: noise + 0.1 * np.arange(len(noise)),
        "level": lambda: noise + 8 * (np.arange(len(noise)) > 300),
    }
    return made[kind]()[200:]


@pytest.mark.parametrize("length", [60, 300, 1000])
@pytest.mark.parametrize("kind", ["white noise", "random walk", "autoregression", "trend", "level"])
def test_nothing_is_found_where_there_is_no_season(kind, length):
    assert sum(find_seasons(without_season(kind, length, seed)) != () for seed in range(SEEDS)) <= SEEDS // 20


@pytest.mark.parametrize("day, week, noise", [(1, 0.5, 0.5), (0.5, 1, 0.5), (1, 1, 1)])
@pytest.mark.parametrize("length", [1000, 2500, 10_000])
def test_days_and_weeks_are_found_in_hours(day, week, noise, length):
    hours = np.arange(length)
    for seed in range(10):
        random = np.random.default_rng(seed)
        values = day * np.sin(2 * np.pi * hours / 24 + 1) + week * np.sin(2 * np.pi * hours / 168)
        values += noise * random.normal(size=length)
        assert find_seasons(values) == (168, 24)


@pytest.mark.parametrize("slope", [0, 0.01])
def test_a_day_with_several_peaks_is_one_season(slope):
    """Neither half of it, though the second harmonic is stronger than the first, nor a multiple."""
    hours = np.arange(24 * 60)
    day = [0, 0, 0, 0, 1, 4, 8, 9, 5, 3, 3, 4, 4, 3, 3, 5, 8, 10, 7, 4, 2, 1, 0, 0]
    sizes = np.abs(np.fft.rfft(day))
    assert sizes[2] > 0.9 * sizes[1]
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=len(hours))
        assert find_seasons(np.tile(day, 60) + slope * hours + 2 * noise) == (24,)


@pytest.mark.parametrize("weeks", [12, 52, 150])
def test_working_days_make_a_week(weeks):
    week, found = np.tile([10, 10, 11, 11, 12, 4, 3], weeks), []
    for seed in range(50):
        noise = np.random.default_rng(seed).normal(size=7 * weeks)
        found += [find_seasons(week + noise), find_seasons(week + 0.3 * noise.cumsum())]
    assert found.count((7,)) >= 95 and all(7 in seasons for seasons in found)


def test_weekends_that_differ_make_weeks_beside_days():
    hours = np.arange(168 * 30)
    day = np.interp(hours % 24, [0, 6, 8, 12, 17, 20, 24], [0, 0, 1, 0.7, 1.2, 0.4, 0])
    for seed in range(10):
        noise = np.random.default_rng(seed).normal(size=len(hours))
        assert find_seasons(day * np.where(hours // 24 % 7 < 5, 1, 0.4) + 0.2 * noise) == (168, 24)


@pytest.mark.parametrize("kind", ["higher weekends", "other levels", "a pause"])
def test_days_of_other_levels_make_weeks_beside_days(kind):
    found = []
    for seed in range(30):
        random = np.random.default_rng(2000 + seed)
        hours = np.arange(168 * random.integers(8, 30))
        days, day = hours // 24 % 7, np.sin(2 * np.pi * hours / 24 + random.uniform(0, 6))
        values = {
            "higher weekends": day + 2 * (days >= 5),
            "other levels": day + 0.7 * random.normal(size=7)[days],
            "a pause": np.where(days < 5, day, -0.5),
        }[kind]
        found.append(find_seasons(values + 0.3 * random.normal(size=len(hours))))
    assert found.count((168, 24)) >= 27


@pytest.mark.parametrize(
    "lower", [lambda half, workday: half * np.where(workday, 1, 0.2), lambda half, workday: half + 2 * workday]
)
def test_half_days_make_days_beside_weeks(lower):
    halves, found = np.arange(280), []
    for seed in range(20):
        values = lower(1 + halves % 2, halves // 2 % 7 < 5) + 0.1 * np.random.default_rng(seed).normal(size=280)
        found.append(find_seasons(values))
    assert found.count((14, 2)) >= 19


@pytest.mark.parametrize("period", [8, 12, 14, 16, 20, 24])
def test_any_pattern_that_comes_again_is_one_season(period):
    steps, found = np.arange(40 * period), []
    for seed in range(60):
        random = np.random.default_rng(seed)
        found.append(find_seasons(random.normal(size=period)[steps % period] + 0.3 * random.normal(size=len(steps))))
    assert found.count((period,)) >= 54


@pytest.mark.parametrize("minutes", [25, 50, 100])
def test_days_of_no_whole_number_of_steps_are_seasons_beside_weeks(minutes):
    day = 24 * 60 / minutes
    for seed in range(10):
        steps = np.arange(int(7 * day * (8 + seed)))
        values = np.sin(2 * np.pi * steps / day) + 2 * (steps // day % 7 >= 5)
        values += 0.3 * np.random.default_rng(seed).normal(size=len(steps))
        assert find_seasons(values) == (round(7 * day), round(day))


@pytest.mark.parametrize("hours, width", [(1, 0.3), (1, 1), (3, 1), (3, 2)])
@pytest.mark.parametrize("period", [12, 24, 48])
def test_the_harmonics_of_sharp_peaks_are_no_seasons(period, hours, width):
    """All of them are about as strong, and the strongest may be any."""
    found = []
    for seed in range(20):
        random = np.random.default_rng(100 + seed)
        off = np.arange(1000)[:, None] % period - random.uniform(0, period, hours)
        off = (off + period / 2) % period - period / 2  # hours since the nearest peak, or to it
        values = np.exp(-0.5 * (off / width) ** 2).sum(1) + 0.05 * random.normal(size=1000)
        found.append(find_seasons(values))
    assert found.count((period,)) >= 18


@pytest.mark.parametrize("period", [7, 8, 12, 24])
@pytest.mark.parametrize("cycles", [20, 40])
def test_a_peak_of_one_step_has_one_season(period, cycles):
    """Above its last harmonic, of two steps where the season is even, nothing can be seen."""
    steps, found = np.arange(period * cycles), []
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=len(steps))
        found.append(find_seasons((steps % period == period - 1) + 0.1 * noise))
    assert found.count((period,)) >= 19


def test_two_seasons_are_not_taken_for_a_multiple_that_they_have_in_common():
    found = 0
    for seed in range(100):
        random = np.random.default_rng(1000 + seed)
        short, ratio = random.integers(5, 50), random.uniform(1.5, 4)
        ratio += 0.15 * (abs(ratio - round(ratio)) < 0.1)  # or the short one might be a harmonic of the long one
        steps = np.arange(int(6 * ratio * short) + random.integers(200, 2000))
        long = round(ratio * short)
        values = np.sin(2 * np.pi * steps / short) + random.uniform(0.5, 2) * np.sin(2 * np.pi * steps / long + 1)
        seasons = find_seasons(values + 0.3 * random.normal(size=len(steps)))
        found += len(seasons) == 2 and abs(seasons[0] - long) <= 1 and abs(seasons[1] - short) <= 1
    assert found >= 80


def test_a_year_is_found_in_the_data_that_ship():
    values = pd.read_csv("data/co2.csv")["co2"].to_numpy()
    assert np.isnan(values).any() and find_seasons(values) == (12,)
    assert find_seasons(values[-42:]) == (12,)
    assert 12 not in find_seasons(values[-35:])


def test_sunspots_and_sea_temperatures():
    sunspots = datasets.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    (years,) = find_seasons(sunspots)
    assert 10 <= years <= 12
    months = datasets.elnino.load_pandas().data.iloc[:, 1:].to_numpy().ravel()
    assert find_seasons(months) == (12,)
    weeks = datasets.co2.load_pandas().data["co2"].to_numpy()
    assert find_seasons(weeks) == (52,)


def test_gaps_scales_and_places_do_not_matter():
    random = np.random.default_rng(0)
    values = np.sin(2 * np.pi * np.arange(600) / 12) + 0.3 * random.normal(size=600)
    gaps = np.where(random.random(600) < 0.2, np.nan, values)
    gaps[:40], gaps[300:310] = np.nan, np.nan
    assert find_seasons(gaps) == find_seasons(1e12 * values) == find_seasons(1e-12 * values + 1e-12) == (12,)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0],
        [np.nan] * 50,
        [3.0] * 50,
        np.arange(500) * 0.1,
        1e9 + np.arange(500) * 0.1,
        [1, 2] * 3,
        np.eye(1, 100)[0],
    ],
)
def test_too_little_or_too_plain(values):
    assert find_seasons(np.array(values, float)) in ((), (2,))


def test_long_sequences_are_quick_and_seasons_are_at_most_as_many_as_asked_for():
    values = np.sin(2 * np.pi * np.arange(300_000) / 1440) + np.sin(2 * np.pi * np.arange(300_000) / 10_080)
    assert find_seasons(values + np.random.default_rng(0).normal(size=300_000)) == (10_080, 1440)
    assert len(find_seasons(values, most=1)) == 1 and find_seasons(values, most=0) == ()
