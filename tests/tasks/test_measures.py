"""Measures against loops that read like their definitions, and against published numbers."""

import math

import numpy as np
import pytest
from beer import BEER, ORIGIN

from tasks import measures


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    truth, forecasts = random.normal(size=(2, 7, 3))
    truth[2, 1] = truth[5, 0] = np.nan
    return truth, forecasts


@pytest.mark.filterwarnings("error")
def test_quartiles_lie_between_the_values_beside_them_and_say_nothing_of_infinities():
    np.testing.assert_allclose(
        measures.quartiles(np.array([4.0, 1, 2, 3])), [1.75, 2.5, 3.25]
    )  # places 3/4, 3/2 and 9/4
    found = measures.quartiles(np.array([[0.0, 1, 2], [np.inf, np.inf, 1]]), axis=1)
    np.testing.assert_array_equal(found[:, 0], [0.5, 1, 1.5])
    assert not np.isfinite(found[1:, 1]).any()


def known(truth, forecasts):
    return [(y, f) for y, f in zip(truth.ravel(), forecasts.ravel()) if not math.isnan(y)]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


@pytest.mark.parametrize("season", [1, 4])
def test_mase_is_hyndman_and_koehlers(season):
    history, truth = BEER[:ORIGIN], BEER[ORIGIN:]
    forecasts = np.full(len(truth), history.mean())
    scale = 0
    for t in range(season, len(history)):
        scale += abs(history[t] - history[t - season]) / (len(history) - season)
    assert measures.mase_scale(history, season) == pytest.approx(scale)
    scaled = mean(abs((y - f) / scale) for y, f in zip(truth, forecasts))
    assert measures.mase(truth, forecasts, scale) == pytest.approx(scaled)


def test_the_mean_of_beer_misses_as_published():
    """38.45 and 2.44 in section 5.8 of Forecasting: Principles and Practice."""
    history, truth = BEER[:ORIGIN], BEER[ORIGIN:]
    forecasts = np.full(len(truth), history.mean())
    assert measures.rmse(truth, forecasts) == pytest.approx(38.45, abs=0.005)
    assert measures.mase(truth, forecasts, measures.mase_scale(history, 4)) == pytest.approx(2.44, abs=0.005)


def test_the_scale_leaves_out_gaps_and_takes_any_leading_shape():
    histories = np.array([[1, 2, np.nan, 7, 9], [0, 0, 0, 0, 0], [np.nan] * 5])
    np.testing.assert_allclose(measures.mase_scale(histories), [1.5, 0, np.nan])
    np.testing.assert_allclose(measures.mase_scale(histories, 2), [5, 0, np.nan])
    assert np.isnan(measures.mase_scale(histories[0], 5)) and measures.mase_scale(histories[0]).shape == ()
    assert np.isnan(measures.mase(np.ones(2), np.zeros(2), 0.0))
    with pytest.raises(ValueError, match="`season` must be at least 1. Received: 0"):
        measures.mase_scale(histories, 0)


def test_errors_by_loops(pair):
    pairs = known(*pair)
    assert len(pairs) == 19
    middle = mean(y for y, _ in pairs)
    assert measures.smape(*pair) == pytest.approx(mean(200 * abs(y - f) / (abs(y) + abs(f)) for y, f in pairs))
    assert measures.rmse(*pair) == pytest.approx(math.sqrt(mean((y - f) ** 2 for y, f in pairs)))
    explained = 1 - sum((y - f) ** 2 for y, f in pairs) / sum((y - middle) ** 2 for y, _ in pairs)
    assert measures.r2(*pair) == pytest.approx(explained)


def test_percentages_have_bounds():
    assert measures.smape(np.array([1.0, 0, 0, 2]), np.array([-1.0, 0, 3, 2])) == pytest.approx((200 + 0 + 200 + 0) / 4)
    assert measures.smape(np.array([100.0]), np.array([110.0])) == pytest.approx(200 * 10 / 210)


def test_r2_of_the_mean_is_0_and_of_what_does_not_vary_is_none():
    assert measures.r2(np.array([1.0, 2, 6]), np.full(3, 3.0)) == 0
    for constant in (1.0, 0.1):  # the mean of which is rounded
        assert np.isnan(measures.r2(np.full(3, constant), np.zeros(3)))


def test_pinball_and_coverage_by_loops(pair):
    truth, _ = pair
    quantiles = [0.1, 0.5, 0.9]
    forecasts = np.sort(np.random.default_rng(1).normal(size=(7, 3, 3)))
    losses, inside = [], []
    for place in np.ndindex(truth.shape):
        if math.isnan(truth[place]):
            continue
        for quantile, forecast in zip(quantiles, forecasts[place]):
            above = truth[place] - forecast
            losses.append(quantile * above if above > 0 else (quantile - 1) * above)
        inside.append(forecasts[place][0] <= truth[place] <= forecasts[place][2])
    assert measures.pinball(truth, forecasts, quantiles) == pytest.approx(mean(losses))
    assert measures.coverage(truth, forecasts[..., 0], forecasts[..., 2]) == pytest.approx(100 * mean(inside))
    assert measures.pinball(truth[0, 0], forecasts[0, 0], quantiles) == pytest.approx(mean(losses[:3]))


def test_the_median_of_pinball_is_half_the_absolute_error(pair):
    truth, forecasts = pair
    loss = measures.pinball(truth, forecasts[..., None], [0.5])
    assert loss == pytest.approx(measures.mase(truth, forecasts, 1.0) / 2)


def test_f1_by_hand():
    """Precision and recall 1/2 and 1/2 of a, 2/3 and 1 of b, 0 of c, never an answer: F1 1/2, 4/5, 0."""
    truth = np.array(["a", "a", "b", "b", "c"])
    answers = np.array(["a", "b", "b", "b", "a"])
    assert measures.macro_f1(truth, answers) == pytest.approx(100 * (1 / 2 + 4 / 5 + 0) / 3)
    assert measures.accuracy(truth, answers) == pytest.approx(60)
    numbers = {"a": 0, "b": 1, "c": 2}
    truth, answers = (np.array([numbers[name] for name in names]) for names in (truth, answers))
    assert measures.macro_f1(truth, answers) == pytest.approx(100 * 1.3 / 3)
    assert measures.macro_f1(np.array([0, 0]), np.array([0, 1])) == pytest.approx(100 * (2 / 3 + 0) / 2)


def test_what_is_not_known_is_not_measured_but_what_is_not_answered_is():
    nothing = np.full(3, np.nan)
    for measure in (measures.smape, measures.rmse, measures.r2):
        assert np.isnan(measure(nothing, np.zeros(3))) and np.isnan(measure(np.arange(3.0), nothing))
    assert np.isnan(measures.coverage(nothing, nothing, nothing)) and np.isnan(measures.mase(nothing, np.zeros(3), 1.0))
