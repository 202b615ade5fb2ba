"""The benchmark's picture: how the time of an update grows, on log-log axes."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.rows import Row
from tasks.figures import STYLE

LINES = {
    "clockwork_rnn": {"color": "black", "marker": "o"},
    "keras-jax simple_rnn": {"color": "0.55", "marker": "s", "linestyle": "--"},
    "torch lstm": {"color": "0.55", "marker": "^", "linestyle": ":"},
    "simple_rnn": {"color": "0.35", "marker": "v", "linestyle": "--"},
    "lstm": {"color": "0.35", "marker": "D", "linestyle": ":"},
}
AXES = {  # experiment → what varies, and its label; rivals have no modules: they stand where the Clockwork RNN does
    "steps": ("steps", "time steps"),
    "batch": ("batch", "batch"),
    "units": ("units", "hidden units of the Clockwork RNN"),
    "modules": ("modules", "modules of 64 units"),
    "population": ("replicas", "replicas in one program"),
}
NAMES = {"simple_rnn": "simple_rnn, in our program", "lstm": "lstm, in our program"}


def scaling_figure(rows: Sequence[Row]) -> Figure:
    """Draw the median time of an update along each axis, with its quartiles, for networks of equal parameters."""
    with matplotlib.rc_context(STYLE | {"lines.markersize": 4}):
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        *panels, last = figure.subplots(2, 3).flat
        lines = {}
        for axis, experiment in zip(panels, AXES, strict=True):
            lines |= _draw(axis, [row for row in rows if row.experiment == experiment], experiment)
        last.set_axis_off()
        last.legend(lines.values(), lines, loc="center", frameon=False)
    return figure


def _draw(axis: Axes, rows: Sequence[Row], experiment: str) -> dict[str, object]:
    """Draw one panel and return its lines by their names."""
    varied, label = AXES[experiment]
    rows = [row for row in rows if row.replicas]  # 0 is a network alone
    x = [getattr(row, varied) for row in rows if row.network == "clockwork_rnn"]
    lines = {}
    for network, style in LINES.items():
        chosen = [row for row in rows if row.network == network]
        if len(chosen) == len(x) > 0:
            low, median, high = (np.array([getattr(row, key) for row in chosen]) for key in ("low", "median", "high"))
            name = NAMES.get(network, network)
            lines[name] = axis.errorbar(x, median, (median - low, high - median), linewidth=1, **style)
    axis.set(xscale="log", yscale="log", xlabel=label, ylabel="ms an update")
    axis.set_xticks(x[:: -(-len(x) // 6) or 1], minor=False)
    axis.set_xticks([], minor=True)
    axis.xaxis.set_major_formatter("{x:g}")
    return lines
