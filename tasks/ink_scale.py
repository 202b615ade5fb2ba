"""The scale of handwriting: a line from another tablet is brought to that of the lines that a network was trained on."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data.ink import Line

FLAT = 1e-9  # of the farthest place; the height of a line that is no higher is rounding


class Scale(NamedTuple):
    """What tablets differ in.

    Args:
        line_height: standard deviation of y in a line, the mean over lines.
        point_seconds: between points of a stroke, the median.
    """

    line_height: float
    point_seconds: float


def scale_of(lines: Sequence[Line]) -> Scale:
    """Return the scale of lines."""
    between = [np.diff(line.points[:, 2])[~line.lifted[:-1]] for line in lines]
    between = np.concatenate(between)
    height = np.mean([line.points[:, 1].std() for line in lines])
    return Scale(float(height), float(np.median(between)) if len(between) else 0.0)


def rescaled(line: Line, scale: Scale) -> Line:
    """Return a line of a scale: as high, and with a point of each stroke every so many seconds, and its last one."""
    own = scale_of([line])
    flat = own.line_height <= FLAT * np.abs(line.points[:, :2]).max()
    times = 1.0 if flat else scale.line_height / own.line_height
    points = line.points * [times, times, 1]
    strokes = np.split(points, np.flatnonzero(line.lifted[:-1]) + 1)
    if scale.point_seconds > 0:
        strokes = [_at_every(stroke, scale.point_seconds) for stroke in strokes]
    lifted = np.concatenate([np.arange(len(stroke)) == len(stroke) - 1 for stroke in strokes])
    return dataclasses.replace(line, points=np.concatenate(strokes), lifted=lifted)


def _at_every(stroke: np.ndarray, seconds: float) -> np.ndarray:
    """Return a stroke [points, 3] by the points that it passes every so many seconds, and its end."""
    times = stroke[:, 2]
    wanted = np.append(np.arange(times[0], times[-1] - seconds / 2, seconds), times[-1])
    return np.column_stack([np.interp(wanted, times, values) for values in stroke.T])
