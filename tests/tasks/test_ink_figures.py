"""The pictures of handwriting: every stroke, name and error where it belongs, in its colour, and no text over another."""

import itertools
import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from tasks import figures, ink_figures
from tasks.ink_figures import (
    CHARACTERS,
    ERRORS,
    KEY,
    NOTHING,
    WRITTEN,
    WRONG,
    DrawnLine,
    confusions_figure,
    lines_figure,
    writers_figure,
)
from tasks.transcriptions import by_writer, confusions, label_error

POINTS = np.array([[100, 50], [130, 90], [160, 50], [200, 40], [240, 80], [300, 10.0]])
LIFTED = np.array([False, False, True, False, True, True])
LINE = DrawnLine(POINTS, LIFTED, ["t", "t", "", "o", "", "o"], "tock", "too")


def drawn_line(count, points=8):
    """A line in which each of a number of characters is said at some of its points."""
    random = np.random.default_rng(count)
    places = np.arange(count * points)
    ink = np.stack([15 * places + 40 * random.normal(size=len(places)), 100 * random.random(len(places))], axis=1)
    letters = random.choice(list("abc $_\\^{}"), count)
    said = np.where(places % points < points // 2, np.repeat(letters, points), "")
    truth, answer = "".join(letters), "".join(random.permutation(letters))
    return DrawnLine(ink, places % 11 == 10, said.tolist(), truth, answer)


def parts(axis):
    """The pieces of ink and the lifts of a row."""
    by_label = {collection.get_label(): collection for collection in axis.collections}
    return by_label["ink"], by_label["lifts"]


def is_clear(axis):
    """Whether no text is over the ink, neither what is said above nor the transcription below; after the figure was drawn."""
    tops_and_bottoms = axis.transData.transform(np.array(parts(axis)[0].get_segments())[:, 1])[:, 1]
    found = [text.get_window_extent() for text in axis.texts if text.get_text().strip()]
    return all(box.y0 > tops_and_bottoms.max() or box.y1 < tops_and_bottoms.min() for box in found)


def texts(axis, colour):
    """The texts of a row in a colour, from left to right."""
    found = [text for text in axis.texts if to_hex(text.get_color()) == to_hex(colour)]
    return [text.get_text() for text in sorted(found, key=lambda text: text.get_position()[0])]


def boxes(figure):
    """Draw the figure and return the boxes of all texts that are seen, in pixels."""
    FigureCanvasAgg(figure).draw()
    found = [*figure.texts, *(text for axis in figure.axes for text in axis.texts)]
    for axis in figure.axes:
        if axis.axison:
            found += [axis.xaxis.label, axis.yaxis.label, *axis.get_yticklabels()]
    return [text.get_window_extent() for text in found if text.get_text().strip()]


def overlap(one, other, slack=1.0):
    return (
        min(one.x1, other.x1) - max(one.x0, other.x0) > slack and min(one.y1, other.y1) - max(one.y0, other.y0) > slack
    )


def is_legible(figure):
    """Whether no text runs over another or over the edge."""
    found, (width, height) = boxes(figure), figure.get_size_inches() * figure.dpi
    within = all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in found)
    return within and not any(overlap(*pair) for pair in itertools.combinations(found, 2))


def test_ink_is_drawn_as_it_was_written():
    (axis,) = lines_figure([LINE]).axes
    ink, lifts = parts(axis)
    pieces = np.array(ink.get_segments())  # [P, 3, 2]
    at_points = pieces[:, 1]
    scale = np.ptp(at_points[:, 0]) / 200
    np.testing.assert_allclose(at_points - at_points[0], scale * (POINTS - POINTS[0]))  # to one scale in x and y
    for place in range(5):  # pieces meet within a stroke, and nothing is drawn where the pen is lifted
        end = at_points[place] if LIFTED[place] else (at_points[place] + at_points[place + 1]) / 2
        np.testing.assert_allclose(pieces[place, 2], end)
        np.testing.assert_allclose(pieces[place + 1, 0], at_points[place + 1] if LIFTED[place] else end)
    np.testing.assert_allclose(lifts.get_segments(), at_points[[[2, 3], [4, 5]]])
    low, high = sorted(axis.get_ylim())
    assert axis.yaxis_inverted() and low < at_points[:, 1].min() and at_points[:, 1].max() < high
    inches = axis.get_position().size * axis.figure.get_size_inches()
    np.testing.assert_allclose(inches * 72, [np.ptp(axis.get_xlim()), high])  # points, so that the aspect is equal


def test_each_character_has_a_colour_and_its_name_above_where_it_begins():
    (axis,) = lines_figure([LINE]).axes
    ink, _ = parts(axis)
    expected = [CHARACTERS[0], CHARACTERS[0], NOTHING, CHARACTERS[1], NOTHING, CHARACTERS[2]]
    assert [to_hex(colour) for colour in ink.get_colors()] == [to_hex(colour) for colour in expected]
    at_points = np.array(ink.get_segments())[:, 1]
    names = [text for text in axis.texts if to_hex(text.get_color()) in CHARACTERS]
    assert [(text.get_text(), text.get_color()) for text in names] == list(zip("too", CHARACTERS))
    np.testing.assert_allclose([text.get_position()[0] for text in names], at_points[[0, 3, 5], 0])
    assert all(text.get_position()[1] < at_points[:, 1].min() for text in names)
    ends = np.array([line.get_xydata()[1] for line in axis.lines])
    np.testing.assert_allclose(ends, at_points[[0, 3, 5]])


def test_colours_come_round_again():
    said = list("abcdefg")
    line = DrawnLine(np.arange(14.0).reshape(7, 2), np.zeros(7, bool), said, "", "abcdefg")
    ink, _ = parts(lines_figure([line]).axes[0])
    assert [to_hex(colour) for colour in ink.get_colors()] == [CHARACTERS[number % 5] for number in range(7)]


def test_errors_are_red_and_the_truth_stands_below():
    """Of `a cat` and `o at.`: an o for an a, no c, and a dot too many."""
    (axis,) = lines_figure([LINE._replace(said=[""] * 6, truth="a cat", answer="o at.")]).axes
    assert texts(axis, WRONG) == ["o", "_", "."]
    assert texts(axis, "black") == ["a", "t"] and texts(axis, WRITTEN) == ["a", "c", "a", "t", ""]
    columns = {}
    for text in axis.texts:
        columns.setdefault(text.get_position()[0], []).append(text.get_text())
    assert list(columns.values()) == [["o", "a"], ["_", "c"], ["a", "a"], ["t", "t"], [".", ""]]


def test_a_space_that_is_wrong_is_seen():
    (axis,) = lines_figure([LINE._replace(said=[" "] * 6, truth="a b cd", answer="axb c d")]).axes
    assert texts(axis, WRONG) == ["x", "␣"] and "␣" in texts(axis, WRITTEN)
    assert texts(axis, CHARACTERS[0]) == ["␣"]


def test_where_the_truth_is_not_known_nothing_is_wrong():
    figure = lines_figure([LINE._replace(truth="")])
    (axis,) = figure.axes
    assert texts(axis, "black") == list("too") and texts(axis, WRONG) == texts(axis, WRITTEN) == []
    assert figure.texts[-1].get_text().endswith("Below: what was read.")


@pytest.mark.parametrize("line", [LINE._replace(answer=""), LINE._replace(said=[""] * 6, truth="", answer="")])
def test_nothing_may_be_read(line):
    figure = lines_figure([line])
    assert texts(figure.axes[0], WRONG) == ["_"] * len(line.truth) and is_legible(figure)


def test_ink_of_the_smallest_numbers_is_a_dot():
    figure = lines_figure([LINE._replace(points=POINTS * 1e-312)])
    assert np.isfinite(figure.get_size_inches()).all()


def test_a_dot_is_a_line():
    figure = lines_figure([DrawnLine(np.array([[7.0, 3.0]]), np.array([True]), ["."], ".", ".")])
    (dots,) = [one for one in figure.axes[0].collections if one.get_label() not in ("ink", "lifts")]
    assert len(dots.get_offsets()) == 1 and np.isfinite(dots.get_offsets()).all() and is_legible(figure)


def test_lines_stand_one_under_the_other():
    lines = [LINE, drawn_line(20), LINE._replace(points=POINTS * [20, 1])]
    figure = lines_figure(lines)
    assert [text.get_text() for text in figure.texts] == [f"{KEY}{ERRORS}."]
    frames = [axis.get_position() for axis in figure.axes]
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(frames))
    assert all(frame.y0 > 0 and frame.y1 < 1 for frame in frames)


@pytest.mark.parametrize("count", [20, 60, 100])
def test_no_text_is_over_another(count):
    figure = lines_figure([drawn_line(count), drawn_line(count + 1)])
    assert is_legible(figure) and all(map(is_clear, figure.axes))


def test_where_there_is_not_room_some_names_are_left_out():
    line = drawn_line(400)
    (axis,) = lines_figure([line]).axes
    named = [text for text in axis.texts if to_hex(text.get_color()) in CHARACTERS]
    assert 100 < len(named) < 200
    assert (np.diff([text.get_position()[0] for text in named]) > 4).all()
    assert len(texts(axis, WRITTEN)) + len(texts(axis, "black")) > 400  # the transcription is smaller, but whole


@pytest.mark.parametrize("character", list("$\\_^{}\n"))
def test_every_character_is_drawn_as_it_is(character):
    said = [character, "", character, "", character, ""]
    line = LINE._replace(said=said, truth=f"{character}a{character}", answer=character * 3)
    figure = lines_figure([line])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figures.png(figure).startswith(b"\x89PNG")
    shown = figures.plain(character).strip("\u2009")
    (axis,) = figure.axes
    assert texts(axis, WRONG) == [shown] and texts(axis, "black") == [shown] * 2
    assert [texts(axis, colour) for colour in CHARACTERS[:3]] == [[shown]] * 3


def test_confusions_are_named():
    table = confusions(["a cat", "a cat", "tick", "a"], ["a cot", "a cot", "tik", "a$"])
    figure = confusions_figure(table)
    (axis,) = figure.axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["a → o", r"inserted: \$", "missing: c"]
    assert [bar.get_width() for bar in axis.patches] == [2, 1, 1] and [text.get_text() for text in axis.texts] == list(
        "211"
    )
    assert axis.yaxis_inverted() and axis.get_xlabel() == "errors (written → read)" and is_legible(figure)
    (axis,) = confusions_figure(confusions(["a b"], ["ab"])).axes
    assert axis.get_yticklabels()[0].get_text() == "missing: ␣"


def test_only_the_most_frequent_confusions_are_drawn(monkeypatch):
    monkeypatch.setattr(ink_figures, "SHOWN", 2)
    table = {"truth": np.array(list("abcd")), "answer": np.array(list("bcda")), "count": np.array([3000, 3, 2, 1])}
    figure = confusions_figure(table)
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a → b", "b → c"]
    assert [text.get_text() for text in axis.texts] == ["3,000", "3"]
    assert axis.get_xlabel() == "3,003 of 3,006 errors (written → read)" and is_legible(figure)


def test_where_nothing_is_confused_the_picture_says_so():
    figure = confusions_figure(confusions(["tick"], ["tick"]))
    (text,) = figure.texts
    assert text.get_text() == "no character is confused, missing or inserted" and is_legible(figure)


def test_writers_are_drawn_with_their_errors_and_that_of_all():
    lines = ["b", "$a$", "b", "c"], ["tick", "tock", "clocks", "tick"], ["tick", "tok", "cl", "tick"]
    figure = writers_figure(by_writer(*lines))
    (axis,) = figure.axes
    overall, dots = axis.lines
    np.testing.assert_array_equal(dots.get_xydata(), [[0, 0], [25, 1], [40, 2]])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["c (1)", r"\$a\$ (1)", "b (2)"]
    assert overall.get_xdata()[0] == pytest.approx(label_error(*lines[1:]))
    assert overall.get_label() == "all lines: 27.8 %" and axis.yaxis_inverted()
    (low, high), (lowest, highest) = axis.get_xlim(), sorted(axis.get_ylim())
    assert low == 0 and high > 40 and lowest < 0 and highest > 2 and is_legible(figure)


@pytest.mark.parametrize("count, named", [(1, 1), (100, 100), (550, 92)])
def test_any_number_of_writers_can_be_read(count, named):
    table = {
        "writer": np.array([f"a{number:02}-000u" for number in range(count)]),
        "lines": np.full(count, 7),
        "characters": np.full(count, 200),
        "label_error": np.zeros(count),
    }
    figure = writers_figure(table)
    (axis,) = figure.axes
    assert len(axis.lines[1].get_xdata()) == count and len(axis.get_yticks()) == named
    assert axis.get_xlim()[1] > 0 and is_legible(figure)
