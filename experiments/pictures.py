"""What all pictures of experiments have in common: names and colours of models, their size and style."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from tasks.figures import STYLE, TARGET

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
MOST_COLUMNS = 7  # of a legend
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
        grid = figure.subplots(rows, columns, squeeze=False, **shared)
        yield figure, grid
        for axis in grid.flat:
            _thin_out(axis)


def _thin_out(axis: Axes) -> None:
    """Have a few ticks along a logarithmic axis within one power of ten, where Matplotlib's many would overlap, or be none."""
    low, high = axis.get_xlim()
    if isinstance(axis.xaxis.get_major_locator(), LogLocator) and high < 10 * low:
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter("{x:g}")


def legend(figure: Figure, *axes: Axes) -> None:
    """Put one legend of all that the axes name above a figure, models first."""
    named = {name: handle for axis in axes for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    models = [name for name in NAMES.values() if name in named]
    names = models + [name for name in named if name not in models]
    handles = [named[name] for name in names]
    for most in range(MOST_COLUMNS, 0, -1):
        columns = -(-len(names) // -(-len(names) // most))  # rows of about equal length
        made = figure.legend(handles, names, ncols=columns, loc="outside upper center", columnspacing=1.2)
        if made.get_window_extent().width <= figure.bbox.width or most == 1:
            return
        made.remove()


def band(axis: Axes, x: Sequence[float], curve: pd.DataFrame, method: str) -> None:
    """Draw a curve's column `median` in the colour of its method, and the band from `low` to `high`."""
    axis.plot(x, curve["median"], color=COLOURS[method], label=NAMES[method])
    axis.fill_between(x, curve.low, curve.high, color=COLOURS[method], alpha=0.25, linewidth=0)


def generated(axis: Axes, wanted: Sequence[float], output: Sequence[float], method: str) -> None:
    """Draw the sequence that a network generates, in the colour of its method, over the one that it was to generate."""
    axis.plot(range(len(wanted)), wanted, **TARGET | {"color": "0.82"}, label="target")
    axis.plot(range(len(wanted)), output, color=COLOURS[method], linewidth=1.1, label=NAMES[method])
    axis.set(xlim=(0, len(wanted) - 1), ylim=(-1.15, 1.15))


def boxes(
    axis: Axes,
    frame: pd.DataFrame,
    quantity: str,
    sizes: Sequence[int],
    published: Mapping[str, Mapping[int, Sequence[float]]],
) -> None:
    """Draw a box for each method by parameters: quartiles, with whiskers from 5% to 95%, and what is published to its right.

    Networks that diverged are left out; where all did, that is said.

    Args:
        axis: to draw on.
        frame: with the columns `parameters` and `method`, a row a network.
        quantity: column to draw.
        sizes: the parameters to have a place for, also if there are none in the frame.
        published: method → parameters → quartiles, or the median alone.
    """
    methods = [method for method in NAMES if (frame.method == method).any()]
    slot = 0.8 / len(methods)  # each with a box on the left, and what is published on the right
    finite = frame[np.isfinite(frame[quantity])]
    if finite.empty:
        axis.set_xticks(range(len(sizes)), sizes)
        axis.set_xlim(-0.5, len(sizes) - 0.5)
        axis.set_title("all diverged", loc="right", color="0.4", style="italic", fontsize="small")
    else:
        seaborn.boxplot(
            finite,
            **{"x": "parameters", "y": quantity, "hue": "method", "order": sizes, "hue_order": methods},
            **{"palette": COLOURS, "saturation": 1, "whis": (5, 95), "showfliers": False, "width": 0.8, "gap": 0.45},
            **{"linewidth": 0.8, "linecolor": "0.2", "ax": axis, "legend": False},
        )
    for place, method in enumerate(methods):
        axis.bar([0], [0], color=COLOURS[method], label=NAMES[method])  # for the legend
        known = {size: values for size, values in published.get(method, {}).items() if size in sizes}
        for size, values in known.items():
            x = sizes.index(size) + (place - (len(methods) - 1) / 2) * slot + 0.4 * slot
            low, median, high = values if len(values) == 3 else (*values,) * 3
            style = {"color": PUBLISHED, "markersize": 3.5, "linewidth": 1, "capsize": 2}
            label = "published" if (method, size) == (methods[0], next(iter(known))) else None
            axis.errorbar([x], [median], [[median - low], [high - median]], fmt="D", label=label, **style)
    axis.set_xlabel("")
    axis.grid(axis="x", visible=False)


def points(axis: Axes, values: Sequence[float], place: float, colour: str, label: str) -> None:
    """Draw values at a place of the vertical axis, a dot each, and a bar at their median; or say that all diverged."""
    if not np.isfinite(values).any():
        style = {"ha": "center", "va": "center", "color": "0.4", "style": "italic", "fontsize": "small"}
        axis.text(0.5, place, "diverged", transform=axis.get_yaxis_transform(), **style)
    style = {"color": colour, "markersize": 4.5, "alpha": 0.5, "markeredgecolor": "none"}
    axis.plot(values, [place] * len(values), "o", **style)
    bar = {"color": colour, "marker": "|", "markersize": 13, "markeredgewidth": 2.2, "linestyle": "", "label": label}
    axis.plot(np.median(values), place, **bar)
