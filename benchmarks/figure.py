"""The benchmark's picture: how the time of an update grows, on log-log axes."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from figures import STYLE

LINES = {
    "clockwork_rnn": {"color": "black", "marker": "o"},
    "keras simple_rnn": {"color": "0.55", "marker": "s", "linestyle": "--"},
}
LABELS = {"steps": "time steps", "batch": "batch", "units": "hidden units", "modules": "modules of 64 units"}


def scaling_figure(rows: Sequence[Mapping[str, str]], axes: Sequence[str]) -> Figure:
    """Draw the median time of an update along each axis, with its quartiles.

    Args:
        rows: as in `results/benchmark.csv`.
        axes: the experiments to draw, each of which varies the column of the same name.
    """
    with matplotlib.rc_context(STYLE | {"lines.markersize": 4}):
        figure = Figure(figsize=(7, 5.5), layout="constrained")
        for axis, name in zip(figure.subplots(2, 2).flat, axes, strict=True):
            for network, style in LINES.items():
                chosen = [row for row in rows if (row["experiment"], row["network"]) == (name, network)]
                # The simple RNN has no modules: it stands where the Clockwork RNN of as many units does.
                x = [int(row["units"]) // 64 if name == "modules" else int(row[name]) for row in chosen]
                low, median, high = (np.array([float(row[key]) for row in chosen]) for key in ("low", "median", "high"))
                axis.errorbar(x, median, (median - low, high - median), label=network, linewidth=1, **style)
            axis.set(xscale="log", yscale="log", xlabel=LABELS[name], ylabel="ms an update")
            axis.set_xticks(x[:: -(-len(x) // 6)], minor=False)
            axis.set_xticks([], minor=True)
            axis.xaxis.set_major_formatter("{x:g}")
        figure.axes[0].legend()
    return figure
