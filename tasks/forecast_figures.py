"""Pictures of forecasts."""

from collections.abc import Mapping

import matplotlib
import numpy as np
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
    name: str,
) -> Figure:
    """Draw what was known, what was forecast from there with its bands, what came, and what simple methods say.

    Args:
        truth: [T], NaN where missing.
        known: how many steps were known.
        bands: quantiles of each step [H, Q]: the ends of the 95 % band, of the 80 % band within, and the median in the middle.
        simple: name → forecast [H].
        times: of all steps [T], or their numbers.
        name: of what is forecast.
    """
    horizon = len(bands)
    shown, ahead = slice(max(known - HISTORY * horizon, 0), known), slice(known, known + horizon)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        axis = figure.subplots()
        axis.plot(times[shown], truth[shown], color="0.5", linewidth=1.2, label="known")
        axis.fill_between(
            times[ahead], bands[:, 0], bands[:, 4], color="#0173b2", alpha=0.15, linewidth=0, label="95 %"
        )
        axis.fill_between(times[ahead], bands[:, 1], bands[:, 3], color="#0173b2", alpha=0.3, linewidth=0, label="80 %")
        for (method, values), colour in zip(simple.items(), COLOURS, strict=False):
            axis.plot(times[ahead], values, "--", color=colour, linewidth=0.9, label=method)
        axis.plot(times[ahead], bands[:, 2], color="#0173b2", linewidth=1.6, label="forecast")
        axis.plot(times[ahead], truth[ahead], "k.", markersize=4, label="what came")
        axis.set(
            ylabel=plain(name),
            xlabel="step" if times.dtype.kind == "i" else "time",
            xlim=(times[shown][0], times[ahead][-1]),
        )
        figure.legend(ncols=5, loc="outside upper center", frameon=False)
    return figure
