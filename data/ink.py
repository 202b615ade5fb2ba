"""Handwriting as a pen writes it: lines of points with their times, and corpora of such lines."""

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# What lines are written in: 81 characters.
ALPHABET = " " + string.ascii_lowercase + string.ascii_uppercase + string.digits + "!\"#&'()*+,-./:;?[]"
MOST = 1e9  # of a coordinate, or of seconds; no tablet has more
LONGEST = 600  # seconds of a line; times that take longer are in other units


@dataclass(frozen=True)
class Line:
    """A line of handwriting.

    Args:
        points: float64 [P, 3], x, y and seconds since the line began (x to the right, y downwards as on a tablet).
        lifted: bool [P], whether the pen leaves the paper after a point, that is, it is the last of its stroke.
        text: what was written ("" where that is not known).
        writer: who wrote it.
        name: of the line, for tables and messages.
    """

    points: np.ndarray
    lifted: np.ndarray
    text: str
    writer: str
    name: str


@dataclass(frozen=True)
class Corpus:
    """Lines in three parts.

    Args:
        training, validation, test: the lines.
        source: where they come from, in words.
        skipped: the lines that could not be used, by name, and why.
    """

    training: tuple[Line, ...]
    validation: tuple[Line, ...]
    test: tuple[Line, ...]
    source: str
    skipped: dict[str, str]


def line_of(strokes: Sequence[np.ndarray], text: str, writer: str, name: str) -> Line:
    """Return strokes [points, 3] of x, y and seconds as a line that begins at 0 s, checked by `check_line`.

    Raises:
        ValueError: a stroke has no points, times stand still or are too long, or the line is none; names the line, what was
            expected and what came.
    """
    if not strokes:
        raise ValueError(f"{name} must have strokes. Received: none")
    for number, stroke in enumerate(strokes, start=1):
        if not len(stroke):
            raise ValueError(f"{name} must have points in each stroke. Received: none in stroke {number}")
    points = np.concatenate(strokes).astype(float)  # [P, 3]
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
        points[:, 2] -= points[0, 2]
    lifted = np.zeros(len(points), bool)
    lifted[np.cumsum([len(stroke) for stroke in strokes]) - 1] = True
    line = Line(points, lifted, text, writer, name)
    check_line(line)
    # Some, as dots, may be shorter than the step of a clock.
    still = all(stroke[0, 2] == stroke[-1, 2] for stroke in strokes)
    if still and any((stroke != stroke[0]).any() for stroke in strokes):
        raise ValueError(f"{name} must have times that run on within strokes, or none. Received: one for each stroke")
    if (seconds := points[-1, 2]) > LONGEST:
        raise ValueError(f"{name} must have a line of at most {LONGEST} s. Received: {seconds:g} s")
    return line


def check_line(line: Line) -> None:
    """Check that a line can be used.

    Raises:
        ValueError: there is no point, a value is not finite or huge, times run backwards, the pen is not lifted at the
            end, or a character is none of `ALPHABET`; names the line, what was expected and what came.
    """
    points, lifted = line.points, line.lifted
    if points.ndim != 2 or points.shape[1] != 3 or lifted.shape != points.shape[:1]:
        came = f"{list(points.shape)} and {list(lifted.shape)}"
        raise ValueError(f"{line.name} must have `points` [P, 3] and `lifted` [P]. Received: {came}")
    if not len(points):
        raise ValueError(f"{line.name} must have points. Received: none")
    if not (good := (np.abs(points) <= MOST).all(axis=1)).all():
        place = int(good.argmin())
        came = f"{', '.join(f'{value:g}' for value in points[place])} in point {place + 1}"
        raise ValueError(f"{line.name} must have finite numbers of at most {MOST:g}. Received: {came}")
    if (backwards := np.diff(points[:, 2]) < 0).any():
        place = int(backwards.argmax()) + 1
        came = f"{points[place, 2]:g} s in point {place + 1}, after {points[place - 1, 2]:g} s"
        raise ValueError(f"{line.name} must have times that do not run backwards. Received: {came}")
    if not lifted[-1]:
        raise ValueError(f"{line.name} must end with the pen lifted. Received: a last point that is not")
    if odd := set(line.text) - set(ALPHABET):
        place = min(line.text.index(character) for character in odd)
        raise ValueError(
            f"{line.name} must be written in the characters {ALPHABET.strip()} and spaces. "
            f"Received: {line.text[place]!r}, character {place + 1} of {line.text!r}"
        )
