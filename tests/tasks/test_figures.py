"""The pictures: what they show, and that nothing in them is empty or runs over the edge."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tasks import figures


def texts_within(figure):
    """Draw the figure and return whether all of its text lies within it."""
    FigureCanvasAgg(figure).draw()
    width, height = figure.canvas.get_width_height()
    texts = [text for axis in figure.axes for text in (axis.title, axis.xaxis.label, axis.yaxis.label)]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    return all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)


@pytest.mark.parametrize("rate, label", [(None, "time step"), (44100, "time (ms)")])
def test_signal_figure(rate, label):
    figure = figures.signal_figure(np.zeros(10), np.ones((1, 10)), rate, "title")
    signal, rest = figure.axes
    assert [line.get_label() for line in signal.lines] == ["target", "output"]
    np.testing.assert_array_equal(rest.lines[0].get_ydata(), 1)
    assert rest.get_xlabel() == label and texts_within(figure)
    assert rest.lines[0].get_xdata()[-1] == (9 if rate is None else pytest.approx(9000 / 44100))


def test_training_figure_has_both_axes():
    figure = figures.training_figure(np.arange(3), np.array([0.1, 0.2, 0.4]), np.array([[1], [0.1], [0.01]]), "MSE")
    assert [axis.get_xlabel() for axis in figure.axes] == ["updates", "training time (s)"]
    assert all(axis.get_yscale() == "log" for axis in figure.axes) and texts_within(figure)


def test_several_networks_are_median_and_quartiles():
    outputs = np.arange(5.0)[:, None] * np.ones(4)  # [R, T]
    figure = figures.signal_figure(np.zeros(4), outputs, None, "")
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), 2)
    (band,) = figure.axes[0].collections
    assert {point[1] for point in band.get_paths()[0].vertices} == {1.0, 3.0}
    epochs = figures.epochs_figure([{"error": np.array([1.0, 2, 6])}, {"error": np.array([0.0, 1, 5])}], "error")
    np.testing.assert_array_equal(epochs.axes[0].lines[0].get_ydata(), [2, 1])


def test_states_figure_has_a_strip_for_each_module():
    modules = [("period 1", slice(0, 2)), ("period 2", slice(2, 3))]
    states = np.random.default_rng(0).uniform(-1, 1, (8, 3))
    figure = figures.states_figure(states, modules, None)
    strips = figure.axes[:2]
    assert [strip.get_ylabel() for strip in strips] == ["period 1", "period 2"] and texts_within(figure)
    np.testing.assert_array_equal(strips[0].images[0].get_array(), states[:, :2].T)


def test_png_is_one():
    assert figures.png(figures.signal_figure(np.zeros(3), np.zeros((1, 3)), None, "")).startswith(b"\x89PNG")
