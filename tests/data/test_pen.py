"""A pen's movement against closed forms: lines, circles, corners, and the air between strokes."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from data.pen import AIR, PAUSE, REST, RISE, START, move


def rng():
    return np.random.default_rng(0)


def speeds(points):
    return np.hypot(*np.diff(points, axis=0).T) / 0.01


def test_a_straight_line_takes_the_time_of_its_steps():
    """From rest to rest by a sine over `RISE` at both ends, as a loop says it, and at full speed between."""
    points, seconds, stroke = move(np.array([[0.0, 5], [60, 5]]), np.array([0, 0]), 0.01, 100.0, rng())
    wanted = REST * 2
    for step in range(60):
        rest = min(step + 0.5, 60 - step - 0.5)
        wanted += 1 / (100 * (START + (1 - START) * np.sin(np.pi / 2 * min(rest / RISE, 1))))
    assert wanted - 0.01 <= seconds[-1] <= wanted and (stroke == 0).all()
    np.testing.assert_allclose(seconds, 0.01 * np.arange(len(seconds)))
    assert (points[:, 1] == 5).all() and (np.diff(points[:, 0]) > 0).all() and points[0, 0] == 0
    speed = speeds(points)
    assert speed.max() == pytest.approx(100) and speed[0] < 50 and speed[-1] < 50
    peak = speed.argmax()
    assert (np.diff(speed[: peak + 1]) > -1e-6).all()


@pytest.mark.parametrize("radius", [5, 10, 40])
def test_speed_in_a_circle_falls_by_the_law_of_two_thirds(radius):
    angles = np.linspace(0, 4 * np.pi, 200)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points, _, _ = move(circle, np.zeros(200, int), 0.01, 100.0, rng())
    middle = speeds(points)[len(points) // 3 : 2 * len(points) // 3]
    np.testing.assert_allclose(middle.mean(), 100 * (1 + 4 / radius) ** (-1 / 3), rtol=0.06)


def test_corners_are_rounded_and_straight_lines_stay():
    corner = np.array([[0.0, 0], [20, 0], [20, 20]])
    closest = [
        np.hypot(*(move(corner, np.zeros(3, int), rounding, 50.0, rng())[0] - (20, 0)).T).min()
        for rounding in (0.01, 1.0, 2.0)
    ]
    way = np.array([[0.0, -k] for k in range(20, 0, -1)] + [[k, 0.0] for k in range(21)])
    wanted = [np.hypot(*gaussian_filter1d(way, sigma, axis=0).T).min() for sigma in (1.0, 2.0)]
    assert closest[0] < 0.3 and closest[1:] == pytest.approx(wanted, abs=0.1)


def test_strokes_do_not_feel_each_other_and_there_are_no_points_in_the_air():
    first, second = np.array([[0.0, 0], [30, 0], [30, 10]]), np.array([[90.0, 0], [100, 40], [130, 40]])
    points, seconds, stroke = move(np.concatenate([first, second]), np.repeat([0, 1], 3), 2.0, 100.0, rng())
    alone, _, _ = move(first, np.zeros(3, int), 2.0, 100.0, rng())
    np.testing.assert_allclose(points[stroke == 0], alone, atol=0.05)  # the speed, at the end, a little
    assert sorted(set(stroke.tolist())) == [0, 1] and points[stroke == 1, 0].min() >= 90 - 1e-9
    gap = seconds[stroke == 1][0] - seconds[stroke == 0][-1]
    flight = np.hypot(60, 10) / (AIR * 100)  # as far as the ends are apart
    assert flight + PAUSE[0] - 0.01 < gap < flight + PAUSE[1] + 0.02
    np.testing.assert_allclose(np.delete(np.diff(seconds), (stroke == 0).sum() - 1), 0.01)


def test_the_smallest_stroke_has_points():
    points, _, stroke = move(
        np.array([[0.0, 0], [0, 0], [50, 0], [50, 0.1]]), np.array([0, 0, 1, 1]), 1.5, 400.0, rng()
    )
    assert np.bincount(stroke).tolist() == pytest.approx([3, 3], abs=1) and np.isfinite(points).all()
