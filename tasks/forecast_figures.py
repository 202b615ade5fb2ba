"""Pictures of forecasts."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.figures import STYLE, plain

HISTORY = 4  # times the horizon that is shown of what was known
COLOURS = ("#d55e00", "#029e73", "#cc78bc", "#de8f05")  # of the simple methods


def forecast_figure(
    truth: np.ndarray,
    known: int,
    bands: np.ndarray,
    simple: Mapping[str, np.ndarray],
    times: np.ndarray,
    names: Sequence[str],
) -> Figure:
    """Draw what was known, what was forecast from there with its bands, what came, and what simple methods say: a panel a target.

    Args:
        truth: targets [T, m], NaN where missing.
        known: how many steps were known.
        bands: quantiles of each step [m, H, Q]: the ends of the 95 % band, of the 80 % band within, and the median in the middle.
        simple: name → forecast [m, H].
        times: of all steps [T], or their numbers.
        names: of the targets that are drawn, the first ones.
    """
    count = len(names)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 1.2 + 2.4 * count), layout="constrained")
        axes = figure.subplots(count, sharex=True, squeeze=False)[:, 0]
        for place, axis in enumerate(axes):
            own = {method: values[place] for method, values in simple.items()}
            _draw(axis, truth[:, place], known, bands[place], own, times)
            axis.set_ylabel(plain(names[place]))
        axes[-1].set_xlabel("step" if times.dtype.kind == "i" else "time")
        figure.legend(*axes[0].get_legend_handles_labels(), ncols=5, loc="outside upper center", frameon=False)
    return figure


def _draw(
    axis: Axes, truth: np.ndarray, known: int, bands: np.ndarray, simple: Mapping[str, np.ndarray], times: np.ndarray
) -> None:
    """Draw one target: [T], its bands [H, Q] and simple forecasts [H]."""
    horizon = len(bands)
    shown, ahead = slice(max(known - HISTORY * horizon, 0), known), slice(known, known + horizon)
    over = times[ahead]
    if horizon == 1:  # as wide as a step, since a line of one point cannot be seen
        half = (times[known] - times[known - 1]) / 2
        over, bands = np.array([over[0] - half, over[0] + half]), np.repeat(bands, 2, axis=0)
    axis.plot(times[shown], truth[shown], color="0.5", linewidth=1.2, label="known")
    gaps = np.isnan(np.pad(truth[shown], 1, constant_values=np.nan))
    alone = ~gaps[1:-1] & gaps[:-2] & gaps[2:]
    if alone.any():  # through which no line leads
        axis.plot(times[shown][alone], truth[shown][alone], ".", color="0.5", markersize=3)
    axis.fill_between(over, bands[:, 0], bands[:, 4], color="#0173b2", alpha=0.15, linewidth=0, label="95 %")
    axis.fill_between(over, bands[:, 1], bands[:, 3], color="#0173b2", alpha=0.3, linewidth=0, label="80 %")
    for (method, values), colour in zip(simple.items(), COLOURS, strict=False):
        axis.plot(over, np.broadcast_to(values, over.shape), "--", color=colour, linewidth=0.9, label=method)
    axis.plot(over, bands[:, 2], color="#0173b2", linewidth=1.6, label="forecast")
    axis.plot(times[ahead], truth[ahead], "k.", markersize=4, label="what came", clip_on=False)
    axis.set_xlim(times[shown][0], over[-1])
