"""What all pictures of experiments have in common: names and colours of models, their size and style."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tasks.figures import STYLE

# Of seaborn's palette "colorblind"; a gated network has a colour near to that of its counterpart without clocks.
COLOURS = {
    "simple_rnn": "#949494",
    "lstm": "#de8f05",
    "gru": "#029e73",
    "clockwork_rnn": "#0173b2",
    "clockwork_lstm": "#d55e00",
    "clockwork_gru": "#56b4e9",
}
NAMES = {
    "simple_rnn": "simple RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "clockwork_rnn": "Clockwork RNN",
    "clockwork_lstm": "Clockwork LSTM",
    "clockwork_gru": "Clockwork GRU",
}
PUBLISHED = "black"  # what others published
NAIVE = {"color": "0.35", "linestyle": "--", "linewidth": 1.1}  # a line at chance, or at what a naive method reaches


@contextlib.contextmanager
def panels(rows: int, columns: int, width: float, height: float, **shared) -> Iterator[tuple[Figure, list[list[Axes]]]]:
    """Give a figure of so many rows and columns of axes [rows][columns], in the style of all pictures.

    Args:
        rows, columns: of axes.
        width, height: of the figure, in inches.
        shared: as of `Figure.subplots`.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, columns, squeeze=False, **shared)


def model_handles(models: Iterable[str]) -> list[Patch]:
    """Return what a legend says of the colours of these models."""
    return [Patch(facecolor=COLOURS[model], label=NAMES[model]) for model in models]


def points(axis: Axes, values: Sequence[float], place: float, colour: str) -> None:
    """Draw values side by side at a place of the vertical axis, a dot each, and a bar at their median."""
    axis.plot(values, [place] * len(values), "o", markersize=4.5, alpha=0.5, color=colour, markeredgecolor="none")
    axis.plot(np.median(values), place, "|", markersize=13, markeredgewidth=2.2, color=colour)
