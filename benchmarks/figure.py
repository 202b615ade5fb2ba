"""The benchmark's picture: how the time of an update grows, on log-log axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.rows import Row
from experiments.pictures import COLOURS, panels

# Models have their colours, whoever makes them; ours are solid lines.
LINES = {
    "clockwork_rnn": ("Clockwork RNN, ours", {"color": COLOURS["clockwork_rnn"], "marker": "o"}),
    "simple_rnn": ("simple RNN, in our program", {"color": COLOURS["simple_rnn"], "marker": "v"}),
    "lstm": ("LSTM, in our program", {"color": COLOURS["lstm"], "marker": "D"}),
    "keras-jax simple_rnn": (
        "simple RNN of Keras on JAX",
        {"color": COLOURS["simple_rnn"], "marker": "s", "linestyle": "--"},
    ),
    "torch lstm": ("LSTM of PyTorch", {"color": COLOURS["lstm"], "marker": "^", "linestyle": ":"}),
}
# Experiment → what varies, its label, and what stays. Rivals have no modules: they stand where the Clockwork RNN does.
AXES = {
    "steps": ("steps", "time steps", "72 units, batch 16"),
    "batch": ("batch", "sequences in a batch", "72 units, 320 steps"),
    "units": ("units", "hidden units of the Clockwork RNN", "320 steps, batch 16"),
    "modules": ("modules", "modules of 64 units", "4096 steps, batch 1"),
    "population": ("replicas", "replicas in one program", "36 units, 320 steps, batch 1"),
}


def scaling_figure(rows: Sequence[Row]) -> Figure:
    """Draw the median time of an update along each axis, with its quartiles, for networks of equal parameters."""
    with panels(2, 3, 9, 5.8) as (figure, axes):
        *drawn, last = (axis for row in axes for axis in row)
        named = {}
        for axis, experiment in zip(drawn, AXES, strict=True):
            named |= _draw(axis, [row for row in rows if row.experiment == experiment], experiment)
        last.set_axis_off()
        lines = {name: named[name] for name, _ in LINES.values() if name in named}
        title = "an update, median and quartiles;\nall networks of a point have\nabout as many parameters"
        last.legend(lines.values(), lines, loc="center", title=title)
    return figure


def _draw(axis: Axes, rows: Sequence[Row], experiment: str) -> dict[str, object]:
    """Draw one panel and return its lines by their names."""
    varied, label, fixed = AXES[experiment]
    rows = [row for row in rows if row.replicas]  # 0 is a network alone
    x = [getattr(row, varied) for row in rows if row.network == "clockwork_rnn"]
    lines = {}
    for network, (name, style) in LINES.items():
        chosen = [row for row in rows if row.network == network]
        if len(chosen) == len(x) > 0:
            low, median, high = (np.array([getattr(row, key) for row in chosen]) for key in ("low", "median", "high"))
            errors = (median - low, high - median)
            lines[name] = axis.errorbar(x, median, errors, linewidth=1.2, markersize=4, **style)
    axis.set(xscale="log", yscale="log", xlabel=label, ylabel="time of an update (ms)")
    axis.set_title(fixed, fontsize="medium")
    axis.set_xticks(x[:: -(-len(x) // 5) or 1], minor=False)
    axis.set_xticks([], minor=True)
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter("{x:g}")
    return lines
