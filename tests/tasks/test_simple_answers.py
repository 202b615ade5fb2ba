"""Simple answers against loops, against statsmodels and published errors; and none may know the future."""

import sys

import numpy as np
import pytest
from beer import BEER, ORIGIN, PUBLISHED
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from tasks import measures, simple_answers
from tasks.simple_answers import classify, forecasts, left_out_errors, regress


def hourly(length, seed=0):
    hours = np.arange(length)
    noise = np.random.default_rng(seed).normal(size=length)
    return 20 + 3 * np.sin(2 * np.pi * hours / 24) + 0.005 * hours + noise


@pytest.mark.parametrize("name", PUBLISHED)
def test_forecasts_of_beer_miss_as_published(name):
    (found,) = forecasts(BEER[:ORIGIN], [ORIGIN], 10, season=4)[name]
    truth, scale = BEER[ORIGIN:], measures.mase_scale(BEER[:ORIGIN], 4)
    missed = measures.rmse(truth, found), measures.mase(truth, found, scale)
    assert missed == pytest.approx(PUBLISHED[name], abs=0.005)


def test_forecasts_by_loops():
    history, origins, horizon, season = hourly(60), [7, 8, 30, 60], 17, 5
    found = forecasts(history, origins, horizon, season)
    for row, origin in enumerate(origins):
        known = history[:origin]
        for step in range(1, horizon + 1):
            assert found["naive"][row, step - 1] == known[-1]
            same = origin + step - 1
            while same >= origin:
                same -= season
            assert found["seasonal naive"][row, step - 1] == known[same]
            drift = known[-1] + step * (known[-1] - known[0]) / (origin - 1)
            assert found["drift"][row, step - 1] == pytest.approx(drift)


def test_what_cannot_be_forecast_is_left_out():
    history = hourly(60)
    assert [*forecasts(history, [1], 2, season=3)] == ["naive", "drift"]
    assert [*forecasts(history, [11], 2, season=11)] == ["naive", "seasonal naive", "drift"]
    assert [*forecasts(history, [40], 2, season=1)] == ["naive", "drift", "exponential smoothing"]
    assert forecasts(history, [1], 2, season=1)["drift"].tolist() == [[history[0]] * 2]


@pytest.mark.parametrize("origins", [[], [0, 3], [3, 3], [5, 3], [61]])
def test_origins_that_make_no_sense_are_refused(origins):
    with pytest.raises(ValueError, match="`origins` must increase from 1 or more to 60 or less"):
        forecasts(hourly(60), origins, 2, season=1)


@pytest.mark.parametrize("season, length", [(1, 150), (24, 300), (4, 12)])
def test_smoothing_is_statsmodels_at_the_first_origin(season, length):
    history = hourly(length + 50)
    found = forecasts(history, [length, length + 1, length + 30], 30, season)["exponential smoothing"]
    options = {"seasonal": "add", "seasonal_periods": season} if season > 1 else {}
    fit = ExponentialSmoothing(history[:length], trend="add", damped_trend=True, **options).fit()
    # A whole season ahead, statsmodels 0.15.0 takes the last season but one: a known error.
    said = min(30, season - 1) or 30
    np.testing.assert_allclose(found[0][:said], fit.forecast(said), rtol=1e-9)
    for row, origin in enumerate([length, length + 1, length + 30]):  # the same parameters, more steps
        np.testing.assert_allclose(found[row], smoothed_by_loop(history[:origin], fit.params, season, 30), rtol=1e-9)


def smoothed_by_loop(known, fit, season, horizon):
    """Hyndman and Athanasopoulos, sections 8.2 and 8.3: damped trend, additive season."""
    alpha, beta, phi = (fit[f"{name}"] for name in ("smoothing_level", "smoothing_trend", "damping_trend"))
    gamma = fit["smoothing_seasonal"] if season > 1 else 0
    level, trend = fit["initial_level"], fit["initial_trend"]
    seasons = list(fit["initial_seasons"]) if season > 1 else [0]
    for step, value in enumerate(known):
        before, moved, place = level, level + phi * trend, step % season
        level = alpha * (value - seasons[place]) + (1 - alpha) * moved
        trend = beta * (level - before) + (1 - beta) * phi * trend
        seasons[place] = gamma * (value - moved) + (1 - gamma) * seasons[place]
    ahead = range(1, horizon + 1)
    damped = [sum(phi**power for power in range(1, step + 1)) for step in ahead]
    return [level + damped[step - 1] * trend + seasons[(len(known) + step - 1) % season] for step in ahead]


@pytest.mark.parametrize("season", [1, 6, 168])
def test_no_forecast_knows_the_future(season):
    history, origins = hourly(600), [400, 450, 500]
    found = forecasts(history, origins, 24, season)
    assert len(found) == (3 if season == 1 else 4)
    for row, origin in enumerate(origins):
        changed = np.concatenate([history[:origin], -100 * np.random.default_rng(1).random(600 - origin)])
        for name, again in forecasts(changed, origins, 24, season).items():
            np.testing.assert_array_equal(again[: row + 1], found[name][: row + 1])
            assert name == "seasonal naive" or row == 2 or not np.allclose(again[row + 1 :], found[name][row + 1 :])


def test_smoothing_takes_a_day_where_a_week_is_too_long():
    hours = np.arange(1500)
    history = hourly(1500) + np.sin(2 * np.pi * hours / 168)
    by_week, by_day = (forecasts(history, [1400, 1450], 24, season) for season in (168, 24))
    np.testing.assert_array_equal(by_week["exponential smoothing"], by_day["exponential smoothing"])
    assert not np.allclose(by_week["seasonal naive"], by_day["seasonal naive"])


def test_smoothing_beats_the_naive_forecasts_of_a_noisy_season_and_is_fitted_to_the_last_steps_only():
    history, origins = hourly(6000), np.arange(5500, 5900, 40)
    found = forecasts(history, origins, 24, 24)
    truth = np.stack([history[origin : origin + 24] for origin in origins])
    errors = {name: measures.rmse(truth, forecast) for name, forecast in found.items()}
    assert errors["exponential smoothing"] < 0.85 * errors["seasonal naive"] < errors["naive"]
    shorter = forecasts(history[500:], origins - 500, 24, 24)["exponential smoothing"]
    np.testing.assert_array_equal(shorter, found["exponential smoothing"])


@pytest.mark.parametrize(
    "history", [np.full(60, 3.0), np.zeros(60), np.arange(60.0), 1e8 * hourly(60), 1e-8 * hourly(60)]
)
def test_plain_and_small_and_large_histories_have_forecasts(history):
    for found in forecasts(history, [40, 50], 5, season=6).values():
        assert found.shape == (2, 5) and np.isfinite(found).all()
        assert np.abs(found - history.mean()).max() <= 3 * max(np.ptp(history), 1e-9)


@pytest.fixture
def without_warping(monkeypatch):
    """Hide what would compute it, also where it is installed."""
    for name in ("aeon", "aeon.distances", "tslearn", "tslearn.metrics"):
        monkeypatch.setitem(sys.modules, name, None)


def waves(count, seed):
    """Sequences of many lengths: slow ones of class a, fast ones of class b."""
    random = np.random.default_rng(seed)
    names = np.array(["a", "b"])[np.arange(count) % 2]
    turns = {"a": 1, "b": 3}
    steps = [np.linspace(0, 1, random.integers(20, 40))[:, None] for _ in names]
    return [
        np.sin(2 * np.pi * turns[name] * t + [0, 1]) + 0.3 * random.normal(size=(len(t), 2))
        for name, t in zip(names, steps)
    ], names


def test_classes_without_packages_for_warping(without_warping):
    train, labels = waves(20, 0)
    test, truth = waves(15, 1)
    found = classify(train, np.append(labels[:-1], "a"), test)
    assert [*found] == ["most frequent class", "nearest neighbour, Euclid"]
    assert found["most frequent class"].tolist() == ["a"] * 15
    assert (found["nearest neighbour, Euclid"] == truth).all()


def test_the_nearest_by_loops_where_lengths_are_equal(without_warping):
    random = np.random.default_rng(0)
    train, test = list(random.normal(size=(9, 6, 2))), list(random.normal(size=(5, 6, 2)))
    found = classify(train, np.arange(9), test)["nearest neighbour, Euclid"]
    assert found.tolist() == [min(range(9), key=lambda near: ((train[near] - one) ** 2).sum()) for one in test]


def test_sequences_of_one_step_and_very_long_ones(without_warping):
    train = [np.zeros((1, 1)), np.ones((3000, 1))]
    found = classify(train, np.array(["no", "yes"]), [np.full((5, 1), 0.9), np.full((1, 1), 0.2)])
    assert found["nearest neighbour, Euclid"].tolist() == ["yes", "no"]


def warped_by_loop(some, others):
    """Distances by dynamic time warping, as Sakoe and Chiba write it."""
    found = np.empty((len(some), len(others)))
    for place in np.ndindex(found.shape):
        one, other = some[place[0]], others[place[1]]
        sums = np.full((len(one) + 1, len(other) + 1), np.inf)
        sums[0, 0] = 0
        for i, j in np.ndindex(len(one), len(other)):
            sums[i + 1, j + 1] = ((one[i] - other[j]) ** 2).sum() + min(sums[i, j], sums[i, j + 1], sums[i + 1, j])
        found[place] = sums[-1, -1]
    return found


def test_warping_takes_sequences_as_they_are_unless_there_are_too_many(monkeypatch):
    monkeypatch.setattr(simple_answers, "_warping", lambda: warped_by_loop)
    train, labels = waves(6, 0)
    test, truth = waves(4, 1)
    assert (classify(train, labels, test)["nearest neighbour, DTW"] == truth).all()
    monkeypatch.setattr(simple_answers, "MOST_PAIRS", sum(map(len, train)) * sum(map(len, test)) - 1)
    assert "nearest neighbour, Euclid" in classify(train, labels, test)


@pytest.mark.parametrize("package", ["aeon", "tslearn"])
def test_warping_of_packages_is_the_loops(package, monkeypatch):
    pytest.importorskip(package)
    if package == "tslearn":
        monkeypatch.setitem(sys.modules, "aeon.distances", None)
    (train, _), (test, _) = waves(5, 0), waves(4, 1)
    found, expected = simple_answers._warping()(test, train), warped_by_loop(test, train)
    np.testing.assert_array_equal(found.argsort(axis=1), expected.argsort(axis=1))


def ridge_by_loop(x, y, strength):
    """Weights, and a constant that is not made small."""
    x, penalty = np.column_stack([x, np.ones(len(x))]), strength * np.eye(x.shape[1] + 1)
    penalty[-1, -1] = 0
    return np.linalg.solve(x.T @ x + penalty, x.T @ y)


@pytest.mark.parametrize("count, columns", [(12, 4), (8, 20)])
@pytest.mark.parametrize("strength", [0.01, 1, 100])
def test_leaving_one_out_is_as_fitting_again(count, columns, strength):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(count, columns)), random.normal(size=(count, 2))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    expected = []
    for out in range(count):
        others = np.delete(np.arange(count), out)
        expected.append(y[out] - np.append(x[out], 1) @ ridge_by_loop(x[others], y[others], strength))
    left, sizes, _ = np.linalg.svd(x, full_matrices=False)
    np.testing.assert_allclose(left_out_errors(left, sizes, y, strength), expected, rtol=1e-6, atol=1e-9)


def summaries(sequences):
    rows = []
    for one in sequences:
        slopes = [np.polyfit(np.arange(len(one)), column, 1)[0] for column in one.T]
        rows.append([*one.mean(axis=0), *one.std(axis=0), *one[0], *one[-1], *slopes])
    return np.array(rows)


def test_ridge_is_the_best_of_all_strengths_for_each_answer():
    random = np.random.default_rng(0)
    train, test = ([random.normal(size=(random.integers(5, 30), 2)).cumsum(axis=0) for _ in range(n)] for n in (25, 6))
    answers = np.stack([3 * summaries(train)[:, 0] + 5, random.normal(size=25)], axis=1)  # known, unknown
    found = regress(train, answers, test)
    np.testing.assert_allclose(found["mean"], [answers.mean(axis=0)] * 6)
    known, asked = summaries(train), summaries(test)
    known, asked = (known - known.mean(axis=0)) / known.std(axis=0), (asked - known.mean(axis=0)) / known.std(axis=0)
    for column in range(2):
        y = answers[:, column]
        errors = {}
        for strength in simple_answers.STRENGTHS * 25:
            left = [np.delete(np.arange(25), out) for out in range(25)]
            fits = [ridge_by_loop(known[others], y[others], strength) for others in left]
            errors[strength] = np.mean([(y[out] - np.append(known[out], 1) @ fits[out]) ** 2 for out in range(25)])
        weights = ridge_by_loop(known, y, min(errors, key=errors.get))
        np.testing.assert_allclose(found["ridge"][:, column], np.column_stack([asked, np.ones(6)]) @ weights, rtol=1e-6)


def test_of_strengths_with_equal_errors_ridge_takes_the_largest():
    """Left out in turn, each of two sequences is missed by the same whatever the strength."""
    train = [np.array([[0.0], [1.0]]), np.array([[1.0], [0.5]])]
    found = regress(train, np.array([[1.0], [2.0]]), train)["ridge"]
    np.testing.assert_allclose(found, [[1.5], [1.5]], atol=0.01)


def test_features_that_do_not_vary_and_single_sequences_give_the_mean():
    plain = [np.ones((4, 1))] * 3
    for count in (1, 3):
        answers = np.arange(count, dtype=float)[:, None]
        found = regress(plain[:count], answers, [np.full((2, 1), 7.0)])
        np.testing.assert_allclose(found["ridge"], found["mean"])
