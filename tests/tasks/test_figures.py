"""The pictures: what they show, and that nothing in them is empty or runs over the edge."""

import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tasks import figures
from tasks.report import Quantity

MSE = Quantity("mean squared error", naive=0.25, naive_is="a constant", decades=True)


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


def test_a_signal_of_one_step_is_drawn_without_a_warning():
    with warnings.catch_warnings(action="error"):
        figure = figures.signal_figure(np.zeros(1), np.ones((1, 1)), None, "title")
        assert figures.png(figure)


def test_a_pause_of_the_machine_does_not_move_the_axis_of_time():
    seconds = np.cumsum([0.01] * 50 + [60.0] + [0.01] * 49)
    values = np.geomspace(1, 1e-3, 100)[:, None]
    figure = figures.training_figure(seconds, values, MSE)
    (axis,) = figure.axes
    (above,) = axis.child_axes
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("updates", "mean squared error")
    assert above.get_xlabel() == "training time (s), 10 ms an update" and texts_within(figure)
    assert above.get_xlim() == pytest.approx((0, 0.99)) and axis.get_yscale() == "log"
    curve, naive = axis.lines
    np.testing.assert_array_equal(curve.get_ydata(), values[:, 0])
    assert set(naive.get_ydata()) == {0.25} and naive.get_label() == "a constant"


def test_a_single_update_or_epoch_is_a_point():
    training = figures.training_figure(np.array([0.1]), np.array([[0.5]]), MSE)
    epochs = figures.epochs_figure([{"mse": np.array([0.5])}], "error", {"mse": MSE})
    for figure in (training, epochs):
        assert figure.axes[0].lines[0].get_marker() == "o"
        (low, high), (point,) = figure.axes[0].get_xlim(), figure.axes[0].lines[0].get_xdata()
        assert low < point < high and texts_within(figure)


def test_beyond_its_training_a_signal_has_a_line_where_that_ended():
    figure = figures.signal_figure(np.zeros(6), np.ones((1, 6)), None, "title", trained=4)
    places = [line.get_xdata() for axis in figure.axes for line in axis.lines if line.get_linestyle() == ":"]
    assert {place[0] for place in places if len(place)} == {3.5}
    (legend,) = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
    assert [text.get_text() for text in legend.texts] == ["target", "output", "end of training"]


def test_runs_are_drawn_over_each_other():
    curves = {name: (np.arange(3), np.array([low, low + 1, low + 2])) for name, low in zip("ab", np.eye(3))}
    (axis,) = figures.comparison_figure(curves, "updates", MSE).axes
    assert [line.get_label() for line in axis.lines] == ["a", "b", "a constant"]
    np.testing.assert_array_equal(axis.lines[1].get_ydata(), [1, 2, 1])
    assert axis.get_yscale() == "log" and len({line.get_color() for line in axis.lines}) == 3


@pytest.mark.parametrize("count, letters", [(2, 60), (7, 27), (40, 5), (40, 40), (41, 40)])
def test_names_of_many_runs_are_below_the_curves_and_whole(count, letters):
    curves = {f"{'n' * letters}{number}": (np.arange(3), np.ones((3, 3)) + number) for number in range(count)}
    figure = figures.comparison_figure(curves, "updates", MSE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a layout that cannot be
        assert texts_within(figure)
    if count > 40:  # colours and lines repeat
        assert not figure.legends and "41 runs" in figure.axes[0].get_title("left")
        return
    (legend,) = figure.legends
    box, (axis,) = legend.get_window_extent(), figure.axes
    assert len(legend.get_texts()) == count + 1 and axis.get_window_extent().height > 150
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width and 0 <= box.y0 < box.y1 < axis.xaxis.label.get_window_extent().y0


def test_several_networks_are_median_and_quartiles():
    outputs = np.arange(5.0)[:, None] * np.ones(4)  # [R, T]
    figure = figures.signal_figure(np.zeros(4), outputs, None, "")
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), 2)
    (band,) = figure.axes[0].collections
    assert {point[1] for point in band.get_paths()[0].vertices} == {1.0, 3.0}
    noted = [{"mse": np.array([1.0, 2, 6])}, {"mse": np.array([0.0, 1, 5])}]
    epochs = figures.epochs_figure(noted, "error", {"mse": MSE})
    np.testing.assert_array_equal(epochs.axes[0].lines[0].get_ydata(), [2, 1])


def test_states_figure_has_a_strip_for_each_module():
    modules = [("period 1", slice(0, 2)), ("period 2", slice(2, 3))]
    states = np.random.default_rng(0).uniform(-1, 1, (8, 3))
    figure = figures.states_figure(states, modules, None)
    strips = figure.axes[:2]
    assert [strip.get_ylabel() for strip in strips] == ["period 1", "period 2"] and texts_within(figure)
    np.testing.assert_array_equal(strips[0].images[0].get_array(), states[:, :2].T)


def test_characters_read_stand_below_their_states():
    figure = figures.states_figure(np.zeros((3, 2)), [("all units", slice(None))], None, below="a\n$")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["a", "¶", r"\$"]
    assert texts_within(figure)


def drawn(text):
    """Return the picture of a text, as pixels that are not white."""
    figure = Figure(figsize=(6, 1))
    figure.text(0.1, 0.5, text)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0] < 128


@pytest.mark.parametrize("name", ["$a$", r"$\x$", "$", "a$b$c", r"\$5", "$$", r"{\bf a}_b^c"])
def test_names_are_drawn_as_they_are(name):
    """As Matplotlib draws a text in which it looks for no formulas."""
    with matplotlib.rc_context({"text.parse_math": False}):
        expected = drawn(name)
    np.testing.assert_array_equal(drawn(figures.plain(name)), expected)


def test_names_are_on_one_line_of_some_length():
    assert figures.plain("a\nb\x07\udce9") == "a¶b??"
    assert len(figures.plain("w" * 255)) == 61 and figures.plain("ab" * 9, most=6) == "aba…bab"


@pytest.mark.parametrize("name", ["_$\\x$\n", "w" * 255, "慢的钟"])
def test_every_picture_takes_every_name(name):
    two = np.ones((1, 3))
    pictures = [
        figures.signal_figure(two[0], two, None, name),
        figures.states_figure(two.T, [("all units", slice(None))], None, title=name, below=name[:3].ljust(3)),
        figures.confusion_figure(np.eye(2, dtype=int), [name, "b"], "truth", "answer", "share"),
        figures.comparison_figure({name: (np.arange(3), np.ones((3, 3)))}, "updates", MSE),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(figures.png(figure).startswith(b"\x89PNG") for figure in pictures)
    (legend,) = pictures[-1].legends
    assert [text.get_text() for text in legend.get_texts()] == [figures.plain(name), "a constant"]


def test_labels_that_would_be_alike_are_numbered():
    labels = [f"a long name with a number, {number}, in the middle" for number in range(3)]
    figure = figures.confusion_figure(np.eye(3, dtype=int), labels, "truth", "answer", "share")
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == [f"{number}: a long nam…the middle" for number in (1, 2, 3)]


@pytest.mark.parametrize("label", ["a", 25 * "W"])
def test_what_the_shares_are_is_not_cut(label):
    labels = [f"{label}{number}" for number in range(2)]
    figure = figures.confusion_figure(np.eye(2), labels, "truth", "answer", "share of the class's test sequences")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = figure.axes[1].yaxis.label.get_window_extent(canvas.get_renderer())
    assert 0 <= box.y0 < box.y1 <= figure.bbox.height


def test_one_epoch_has_one_tick():
    figure = figures.epochs_figure([{"error": np.array([50.0])}], "error (%)", {"error": MSE})
    assert figure.axes[0].get_xticks().tolist() == [1]


@pytest.mark.parametrize("title", ["short", "a title that would run into the legend, steps 0 to 319"])
def test_no_title_runs_into_the_legend(title):
    figure = figures.signal_figure(np.zeros(9), np.zeros((1, 9)), None, title, trained=5)
    figure.draw_without_rendering()
    axis = figure.axes[0]
    line = axis.title.get_window_extent().height / (1 + axis.get_title().count("\n"))
    words = [text.get_window_extent() for text in axis.get_legend().get_texts()]
    own = axis.title.get_window_extent()
    assert own.x1 < min(word.x0 for word in words) or own.y1 - line > max(word.y1 for word in words)


def test_long_speech_and_many_answers_have_pictures_of_some_width():
    """Answers say which they are, by the numbers of the table."""
    samples = np.random.default_rng(0).normal(size=3000)
    assert figures.speech_figure({"original": samples}, [], 100).get_figwidth() == figures.WIDEST
    answers = np.random.default_rng(0).normal(size=(3, 60))
    panels = figures.answers_figure(answers, answers).axes
    assert [panel.get_xlabel() for panel in panels] == [f"truth {place}" for place in range(12)]
    np.testing.assert_array_equal(panels[11].lines[1].get_xdata(), answers[:, 11])
    (panel,) = figures.answers_figure(answers[:, :1], answers[:, :1]).axes
    assert panel.get_xlabel() == "truth"


def test_png_is_one():
    assert figures.png(figures.signal_figure(np.zeros(3), np.zeros((1, 3)), None, "")).startswith(b"\x89PNG")


def test_speech_is_drawn_where_it_is_in_the_utterance():
    """Without what the first window holds: as the table of the same samples says, and the file of phones."""
    rate, phones = 16000, [(800, 2000, "h#"), (2000, 4000, "iy")]
    samples = np.random.default_rng(0).normal(size=2400)
    figure = figures.speech_figure({"original": samples, "own": samples}, phones, rate, begin=1600)
    assert texts_within(figure)
    wave, spectrum, *_, last = figure.axes[:4]
    drawn, *begins = wave.lines
    np.testing.assert_allclose(drawn.get_xdata()[[0, -1]], [1600 / rate, 3999 / rate])
    assert [line.get_xdata()[0] for line in begins] == [0.05, 0.125] and last.get_xlim() == (0, 0.25)
    assert [text.get_position()[0] for text in wave.texts] == pytest.approx([1800 / rate, 3000 / rate])
    frame, hop = rate // 100, rate // 100 - 3 * (rate // 100) // 4
    middles = np.arange(1600 + frame / 2, 4000 - frame / 2 + 1, hop) / rate  # of the frames of a spectrogram
    (image,) = spectrum.images
    assert image.get_extent()[:2] == pytest.approx([middles[0] - hop / 2 / rate, middles[-1] + hop / 2 / rate])
