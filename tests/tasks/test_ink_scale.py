"""Lines from another tablet: as high, and with as many points a second, as those of training."""

import numpy as np
import pytest

from data.ink import line_of
from tasks.ink_scale import Scale, rescaled, scale_of


def line(*strokes):
    return line_of([np.array(stroke, float) for stroke in strokes], "", "someone", "line")


TWO = line([(0, 0, 0), (2, 4, 0.02), (4, 0, 0.04)], [(6, 4, 1.0), (8, 0, 1.02)])


def test_the_scale_is_that_of_y_and_of_the_time_within_strokes():
    """y is 0, 4, 0, 4, 0: a mean of 1.6, a variance of 3.84; points are 20 ms apart, and 960 ms where the pen is lifted."""
    assert scale_of([TWO]) == pytest.approx((3.84**0.5, 0.02))


def test_a_line_of_the_same_scale_stays():
    found = rescaled(TWO, scale_of([TWO]))
    np.testing.assert_allclose(found.points, TWO.points, atol=1e-12)
    np.testing.assert_array_equal(found.lifted, TWO.lifted)


def test_a_line_is_made_as_high_with_points_between():
    """Twice as high, and with a point every 10 ms, those in between on the straight lines."""
    found = rescaled(TWO, Scale(2 * 3.84**0.5, 0.01))
    expected = [
        (0, 0, 0),
        (2, 4, 0.01),
        (4, 8, 0.02),
        (6, 4, 0.03),
        (8, 0, 0.04),
        (12, 8, 1),
        (14, 4, 1.01),
        (16, 0, 1.02),
    ]
    np.testing.assert_allclose(found.points, expected, atol=1e-12)
    np.testing.assert_array_equal(np.flatnonzero(found.lifted), [4, 7])


def test_strokes_of_one_point_and_lines_of_no_height_stay():
    dot = line([(5, 5, 0)], [(7, 5, 1)])
    found = rescaled(dot, Scale(10.0, 0.01))
    np.testing.assert_allclose(found.points, dot.points)
    assert found.lifted.all()
    assert scale_of([dot]) == (0.0, 0.0)


@pytest.mark.parametrize("y", [0, 0.1, 3, 730000.1])
def test_a_dash_is_of_no_height_wherever_it_lies(y):
    """The mean of numbers that are not exact in binary is another one by a rounding."""
    dash = line([(x, y, x / 100) for x in range(7)])
    np.testing.assert_allclose(rescaled(dash, Scale(10.0, 0.01)).points, dash.points)
