"""The picture of a forecast shows what was known, what came, bands and simple answers, each where it belongs."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tasks.forecast_figures import forecast_figure


def test_a_horizon_of_one_is_drawn_as_wide_as_a_step():
    times = np.datetime64("2024-01-01", "ns") + np.arange(9) * np.timedelta64(1, "h")
    figure = forecast_figure(np.zeros((9, 1)), 8, np.zeros((1, 1, 5)), {"naive": np.zeros((1, 1))}, times, ["a"])
    lines = {line.get_label(): line.get_xdata() for line in figure.axes[0].lines}
    for name in ("forecast", "naive"):
        assert (lines[name] - times[8]).astype("timedelta64[m]").astype(int).tolist() == [-30, 30]


def test_everything_is_drawn_where_it_belongs():
    truth, bands = np.arange(40.0)[:, None], np.arange(30.0, 34.0)[None, :, None] + np.array([-3, -1, 0, 1, 3])
    figure = forecast_figure(truth, 30, bands, {"naive": np.full((1, 4), 29.0)}, np.arange(40), ["load $x$"])
    (axis,) = figure.axes
    lines = {line.get_label(): line.get_xydata() for line in axis.lines}
    np.testing.assert_array_equal(lines["known"], np.stack([np.arange(14, 30)] * 2, 1))  # four times the horizon
    np.testing.assert_array_equal(lines["forecast"][:, 0], np.arange(30, 34))
    np.testing.assert_array_equal(lines["what came"], np.stack([np.arange(30, 34)] * 2, 1))
    assert set(lines) == {"known", "forecast", "what came", "naive"} and len(axis.collections) == 2
    figure.canvas.draw()  # a dollar begins no formula
    assert axis.get_xlabel() == "step"


def test_values_between_gaps_are_drawn():
    truth = np.arange(12.0)
    truth[[1, 3, 7]] = np.nan
    figure = forecast_figure(truth[:, None], 10, np.zeros((1, 2, 5)), {}, np.arange(12), ["a"])
    points = [line.get_xydata().tolist() for line in figure.axes[0].lines if line.get_marker() == "."]
    assert points == [[[2, 2]], [[10, 10], [11, 11]]]  # of the eight steps that are shown, and what came


def test_each_target_that_is_named_has_its_panel():
    truth = np.arange(40.0)[:, None] + 100 * np.arange(5)  # [T, m]
    bands = truth[30:34].T[..., None] + np.array([-3, -1, 0, 1, 3])
    simple = {"naive": np.repeat(truth[29][:, None], 4, axis=1)}
    figure = forecast_figure(truth, 30, bands, simple, np.arange(40), list("abcd"))
    assert [axis.get_ylabel() for axis in figure.axes] == list("abcd")
    for place, axis in enumerate(figure.axes):
        lines = {line.get_label(): line.get_ydata() for line in axis.lines}
        np.testing.assert_array_equal(lines["forecast"], truth[30:34, place])
        np.testing.assert_array_equal(lines["naive"], np.full(4, 29 + 100 * place))
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 6  # no line twice
    figure.canvas.draw()


@pytest.mark.parametrize(
    "steps, start", [("1D", "2022-09-24"), ("1D", "2024-02-10"), ("7D", "2022-09-20"), ("1h", "1999-12-30")]
)
@pytest.mark.parametrize("horizon", [1, 7, 24])
def test_dates_do_not_run_into_each_other(steps, start, horizon):
    count = 5 * horizon
    times = np.datetime64(start, "ns") + np.arange(count) * np.timedelta64(steps[:-1], steps[-1])
    bands, simple = np.zeros((1, horizon, 5)), {"naive": np.zeros((1, horizon))}
    figure = forecast_figure(np.zeros((count, 1)), 4 * horizon, bands, simple, times, ["a"])
    FigureCanvasAgg(figure).draw()
    (axis,) = figure.axes
    seen = [label for label in axis.get_xticklabels() if label.get_text()]
    boxes = sorted((label.get_window_extent() for label in seen), key=lambda box: box.x0)
    assert len(boxes) > 2 and all(one.x1 < other.x0 for one, other in pairwise(boxes))
