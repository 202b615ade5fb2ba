"""How a pen moves along strokes: it rounds corners, is slower in curves, and goes from rest to rest."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

TICK = 0.01  # seconds between points
STEP = 1.0  # between the places of a way, in units in which an X is 21 high
START, RISE = 0.3, 8.0  # of its speed, where a stroke begins and ends, and how far from there it is whole
CURVES = 4.0  # how much slower a curve is, by the law of two thirds: speed falls as the curvature to the power of 1/3
AROUND = 1.5  # places over which the curvature is averaged
REST = 0.015  # seconds that the pen stands when it comes down, and before it leaves
AIR, PAUSE = 1.5, (0.03, 0.09)  # in the air: times its speed, and seconds besides


def move(
    corners: np.ndarray, stroke: np.ndarray, rounding: float, speed: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move a pen along strokes, and note every 10 ms where it is.

    Args:
        corners: of the strokes [N, 2], in the order in which they are drawn.
        stroke: which one each corner is of, from 0 [N].
        rounding: how far corners are smoothed, the standard deviation of a Gaussian along the way.
        speed: of the pen on a straight line, in units a second.
        rng: of the pauses.

    Returns:
        Where the pen is [P, 2], after how many seconds [P], and which stroke it is on [P]; in the air there are no points.
    """
    places, stroke = _dense(corners, stroke)
    places = _rounded(places, stroke, rounding / STEP)
    times = _times(places, stroke, speed, rng)
    ticks = TICK * np.arange(int(times[-1] / TICK) + 1)  # [T]
    before = np.searchsorted(times, ticks, side="right") - 1
    after = np.minimum(before + 1, len(times) - 1)
    down = stroke[before] == stroke[after]
    ticks = ticks[down]
    points = np.stack([np.interp(ticks, times, places[:, axis]) for axis in (0, 1)], axis=1)
    return points, ticks, stroke[before][down]


def _dense(corners: np.ndarray, stroke: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places [D, 2] at most `STEP` apart on the strokes, and which stroke each is on [D]."""
    ways = np.diff(corners, axis=0)  # [N - 1, 2]
    counts = np.ceil(np.hypot(*ways.T) / STEP).astype(int).clip(1)
    counts[np.diff(stroke) > 0] = 1  # nothing is drawn between strokes
    start = np.repeat(np.arange(len(ways)), counts)  # [D - 1]
    share = (np.arange(len(start)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[start]
    places = corners[start] + share[:, None] * ways[start]  # [D - 1, 2]
    return np.concatenate([places, corners[-1:]]), np.append(stroke[start], stroke[-1])


def _rounded(places: np.ndarray, stroke: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth each stroke along its way, all in one go: their ends are repeated so that they do not feel each other."""
    room = int(np.ceil(4 * sigma))
    last = np.append(np.diff(stroke) > 0, True)
    first = np.append(True, last[:-1])
    counts = 1 + room * (first.astype(int) + last)
    smooth = gaussian_filter1d(np.repeat(places, counts, axis=0), sigma, axis=0, mode="nearest")
    return smooth[np.cumsum(counts) - 1 - room * last]


def _times(places: np.ndarray, stroke: np.ndarray, speed: float, rng: np.random.Generator) -> np.ndarray:
    """Return after how many seconds the pen is at each place [D]."""
    ways = np.diff(places, axis=0)  # [D - 1, 2]
    steps = np.hypot(*ways.T)
    lifts = np.flatnonzero(np.diff(stroke))
    first, last = np.append(0, lifts + 1), np.append(lifts, len(places) - 1)  # of each stroke
    seconds = steps / (speed * _curves(ways, lifts) * _from_rest_to_rest(steps, first[stroke[:-1]], last[stroke[:-1]]))
    seconds[lifts] = steps[lifts] / (AIR * speed) + rng.uniform(*PAUSE, len(lifts))
    for ends in (first, last - 1):
        seconds[ends] += REST
    return np.append(0, np.cumsum(seconds))


def _curves(ways: np.ndarray, lifts: np.ndarray) -> np.ndarray:
    """Return the share of its speed that a pen keeps in curves [D - 1]."""
    (x, y), (x_next, y_next) = ways.T, np.roll(ways, -1, axis=0).T
    turns = np.abs(np.arctan2(x * y_next - y * x_next, x * x_next + y * y_next))
    steps = np.hypot(x, y)
    for each in (turns, steps):
        each[lifts] = 0  # the air has no curves
    turns[np.append(lifts - 1, -1)] = 0  # nor has the end of a stroke
    curvature = gaussian_filter1d(turns, AROUND) / np.maximum(gaussian_filter1d(steps, AROUND), 1e-3)
    return (1 + CURVES * curvature) ** (-1 / 3)


def _from_rest_to_rest(steps: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the share of its speed that a pen has by the ends of its stroke [D - 1]."""
    along = np.append(0, np.cumsum(steps))
    middle = (along[1:] + along[:-1]) / 2
    away = np.minimum(middle - along[first], along[last] - middle)
    return START + (1 - START) * np.sin(np.pi / 2 * np.clip(away / RISE, 0, 1))
