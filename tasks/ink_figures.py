"""Pictures of handwriting: what is read where in the ink, who is taken for whom, and how well each writer is read."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from tasks.figures import STYLE, plain
from tasks.report import Table
from tasks.transcriptions import marked

# Sizes of a row of ink, in points (1/72 inch).
WIDTH, TALLEST, MARGIN = 720.0, 80.0, 12.0  # of the picture; of the ink in it; at every edge
LABELS, LETTERS, GAP = 6.0, 10.0, 4.0  # size of what is said above the ink, of the transcription below, between these
ADVANCE = 0.62  # of a monospaced character, times its size
CHARACTERS = ("#0173b2", "#de8f05", "#029e73", "#cc78bc", "#8c510a")  # neighbours are told apart, in grey too
NOTHING, WRONG, WRITTEN = "0.78", "#d00000", "0.5"  # colours: where nothing is said; of errors; of the truth
MISSING, SPACE = "_", "␣"
SHOWN = 20  # of the confusions
MOST_WRITERS = 100  # with a name beside the axis
KEY = (
    "Ink: a colour for each character that is read there, named above where it begins; grey: none is; dotted: the pen is lifted. "
    "Below: what was read"
)
ERRORS = ", errors red; under it what was written"


class DrawnLine(NamedTuple):
    """A line of handwriting and what was read in it.

    Args:
        points: x to the right and y downwards [P, 2].
        lifted: whether the pen leaves the paper after a point [P].
        said: the character that is likeliest at each point, "" for none of them [P].
        truth: what was written; "" where that is not known.
        answer: what was read.
    """

    points: np.ndarray
    lifted: np.ndarray
    said: Sequence[str]
    truth: str
    answer: str


def lines_figure(lines: Sequence[DrawnLine]) -> Figure:
    """Draw lines one under the other: the ink, what is read where in it, and the transcription with its errors.

    Args:
        lines: from top to bottom, each as wide as the picture allows.
    """
    scales = [_scale(line.points) for line in lines]
    above, below = 1.3 * LABELS + GAP, GAP + 2.6 * LETTERS
    heights = [above + scale * np.ptp(line.points[:, 1]) + below for line, scale in zip(lines, scales, strict=True)]
    foot = MARGIN + 7
    whole = MARGIN + sum(heights) + MARGIN * len(lines) + foot
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH / 72, whole / 72))
        base = whole - MARGIN
        for line, scale, height in zip(lines, scales, heights, strict=True):
            base -= height
            axis = figure.add_axes((0, base / whole, 1, height / whole))
            axis.set(xlim=(0, WIDTH), ylim=(height, 0))  # in points, and downwards as the ink's y
            axis.axis("off")
            _draw_ink(axis, (line.points - line.points.min(axis=0)) * scale + (MARGIN, above), line)
            _draw_transcription(axis, line, height - 1.3 * LETTERS)
            base -= MARGIN
        key = KEY + ERRORS * any(line.truth for line in lines)
        figure.text(MARGIN / WIDTH, MARGIN / whole, f"{key}.", size=7, color=WRITTEN)
    return figure


def confusions_figure(table: Table) -> Figure:
    """Draw the most frequent confusions, the most frequent on top.

    Args:
        table: of `tasks.transcriptions.confusions`.
    """
    names = [_confusion(*pair) for pair in zip(table["truth"][:SHOWN], table["answer"][:SHOWN], strict=True)]
    counts = table["count"][:SHOWN]
    with matplotlib.rc_context(STYLE | {"axes.grid.axis": "x"}):
        figure = Figure(figsize=(5, 1 + 0.2 * max(len(names), 3)), layout="constrained")
        if not names:
            figure.text(0.5, 0.5, "no character is confused, missing or inserted", ha="center", va="center")
            return figure
        axis = figure.subplots()
        bars = axis.barh(range(len(names)), counts, color="0.6", height=0.7, zorder=2)
        axis.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize=8)
        axis.set_yticks(range(len(names)), names, family="monospace")  # which tells l, I and 1 apart
        axis.invert_yaxis()
        axis.margins(x=0.08, y=0.5 / len(names))
        axis.tick_params(axis="y", length=0)
        axis.xaxis.get_major_locator().set_params(integer=True)
        shown = f"{counts.sum():,} of {table['count'].sum():,} errors" if len(table["count"]) > SHOWN else "errors"
        axis.set(xlabel=f"{shown} (written → read)")
    return figure


def writers_figure(table: Table) -> Figure:
    """Draw the label error of each writer, and that of all lines.

    Args:
        table: of `tasks.transcriptions.by_writer`, whose order is kept, from top to bottom.
    """
    writers, errors = table["writer"], table["label_error"]
    places = range(0, len(writers), -(-len(writers) // MOST_WRITERS))
    overall = np.average(errors, weights=table["characters"])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6, 1.2 + 0.14 * min(len(writers), MOST_WRITERS)), layout="constrained")
        axis = figure.subplots()
        axis.axvline(overall, color="0.5", linewidth=1, linestyle=(0, (6, 3)), label=f"all lines: {overall:.3g} %")
        axis.plot(errors, range(len(writers)), "k.", markersize=5)
        names = [f"{plain(writers[place], most=20)} ({table['lines'][place]})" for place in places]
        axis.set_yticks(places, names, fontsize=7)
        axis.set(xlabel="label error (%)", ylabel="writer (lines)")
        edge = 0.6 * places.step
        axis.set_ylim(len(writers) - 1 + edge, -edge)
        axis.set_xlim(0, max(1.05 * errors.max(), 1))
        figure.legend(loc="outside upper right")
    return figure


def _scale(points: np.ndarray) -> float:
    """Return how many points of the picture are a unit of the tablet: as many as the width and the height of a row allow."""
    wide, high = np.ptp(points, axis=0)
    units = max(wide / (WIDTH - 2 * MARGIN), high / TALLEST)
    return 1 / units if units > np.finfo(float).tiny else 1.0  # a single dot has no size


def _draw_ink(axis: Axes, ink: np.ndarray, line: DrawnLine) -> None:
    """Draw the strokes through the ink's points [P, 2], a piece for each of them, and write above where a character begins."""
    said = np.array(line.said, str)
    begins = (said != "") & (said != np.append("", said[:-1]))
    number = np.cumsum(begins) - 1
    colours = np.where(said == "", NOTHING, np.take(CHARACTERS, number, mode="wrap"))
    lifts = np.flatnonzero(line.lifted[:-1])
    ways = np.stack([ink[lifts], ink[lifts + 1]], axis=1)  # [lifts, 2, 2]
    axis.add_collection(LineCollection(ways, colors="0.7", linewidths=0.5, linestyles=":", label="lifts"))
    pieces = _pieces(ink, line.lifted)
    axis.add_collection(LineCollection(pieces, colors=colours, linewidths=1.3, capstyle="round", label="ink"))
    sizes = np.where(said == "", 1.0, 4.0)  # strokes of one point are seen too
    axis.scatter(*ink.T, s=sizes, c=colours, linewidths=0, zorder=3)
    first = np.flatnonzero(begins)
    style = {"size": LABELS, "family": "monospace", "ha": "center"}
    for point, x in zip(*_spread(first, ink[first, 0]), strict=True):
        colour, (there, down) = colours[point], ink[point]
        axis.plot((x, there), (1.3 * LABELS, down), color=colour, linewidth=0.4, alpha=0.5, zorder=0.5)
        axis.text(x, LABELS, _shown(said[point]), color=colour, **style)


def _pieces(ink: np.ndarray, lifted: np.ndarray) -> np.ndarray:
    """Return the way of the pen [P, 3, 2] from half-way before each point to half-way behind it, within its stroke."""
    middles = (ink[1:] + ink[:-1]) / 2  # [P - 1, 2]
    before, after = ink.copy(), ink.copy()
    before[1:] = np.where(lifted[:-1, None], ink[1:], middles)
    after[:-1] = np.where(lifted[:-1, None], ink[:-1], middles)
    return np.stack([before, ink, after], axis=1)


def _spread(points: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points [N] from left to right and where to write about them: as near to x [N] as there is room beside the others.

    Where there is not room for all, evenly spaced ones are left out.
    """
    if not len(x):
        return points, x
    room = ADVANCE * LABELS + 1
    order = np.argsort(x, kind="stable")[:: math.ceil(len(x) * room / (WIDTH - MARGIN))]
    before = room * np.arange(len(order))  # what those to the left take
    nearest = isotonic_regression(x[order] - before).x
    return points[order], np.clip(nearest, MARGIN / 2, WIDTH - MARGIN / 2 - before[-1]) + before


def _draw_transcription(axis: Axes, line: DrawnLine, y: float) -> None:
    """Write what was read at y and, where it is known, what was written under it, each place below its own."""
    places = marked(line.truth, line.answer) if line.truth else [(one, one) for one in line.answer]
    size = min(LETTERS, (WIDTH - 2 * MARGIN) / ADVANCE / max(len(places), 1))
    style = {"size": size, "family": "monospace", "ha": "center", "va": "baseline"}
    for place, (said, should) in enumerate(places):
        if said == should == " ":
            continue
        x = MARGIN + ADVANCE * size * (place + 0.5)
        marks = {"color": WRONG, "weight": "bold"} if said != should else {}
        axis.text(x, y, _shown(said) or MISSING, **style, **marks)
        if line.truth:
            axis.text(x, y + 1.2 * size, _shown(should), color=WRITTEN, **style)


def _confusion(truth: str, answer: str) -> str:
    if not truth:
        return f"inserted: {_shown(answer)}"
    return f"{_shown(truth)} → {_shown(answer)}" if answer else f"missing: {_shown(truth)}"


def _shown(character: str) -> str:
    """Return a character as `plain` shows it, without the thin space that only legends need, and a space so that it is seen."""
    return SPACE if character == " " else plain(character).lstrip("\u2009")
