"""Box plots by size and method, with published values beside them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.figures import STYLE

NAMES = {"simple_rnn": "simple RNN", "lstm": "LSTM", "clockwork_rnn": "Clockwork RNN"}
FILLS = {"simple_rnn": "white", "lstm": "0.8", "clockwork_rnn": "0.45"}
PUBLISHED = {"facecolor": "none", "edgecolor": "C3"}


class Panel(NamedTuple):
    """One plot.

    Args:
        title: said above.
        values: (parameters, method) → a value for each network; infinite for one that diverged.
        published: (parameters, method) → published quartiles; three times the median where only that is known.
    """

    title: str
    values: Mapping[tuple[int, str], Sequence[float]]
    published: Mapping[tuple[int, str], tuple[float, float, float]]


def quartiles(values: Sequence[float]) -> np.ndarray:
    """Return the first quartile, the median and the third quartile, each one of the values."""
    return np.percentile(values, (25, 50, 75), method="nearest")


def box_figure(panels: Sequence[Panel], quantity: str, log: bool) -> Figure:
    """Draw boxes of quartiles with whiskers from 5% to 95%, by parameters and method, and published ones beside."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.3 * len(panels)), layout="constrained")
        for axis, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
            sizes = sorted({parameters for parameters, _ in panel.values})
            for (parameters, method), values in panel.values.items():
                place = sizes.index(parameters) + 0.28 * (list(NAMES).index(method) - 1)
                whiskers = np.percentile(values, (5, 95), method="nearest")
                _box(axis, place, quartiles(values), whiskers, facecolor=FILLS[method], edgecolor="black")
                if (parameters, method) in panel.published:
                    _box(axis, place + 0.1, panel.published[parameters, method], None, **PUBLISHED)
            axis.set(ylabel=quantity, title=panel.title, xlim=(-0.5, len(sizes) - 0.5))
            axis.set(yscale="log") if log else axis.set(ylim=(0, None))
            axis.set_xticks(range(len(sizes)), sizes)
            axis.grid(axis="x", visible=False)
        axis.set_xlabel("parameters")
        handles = [
            matplotlib.patches.Patch(facecolor=FILLS[m], edgecolor="black", label=name) for m, name in NAMES.items()
        ]
        if any(panel.published for panel in panels):
            handles.append(matplotlib.patches.Patch(**PUBLISHED, label="published"))
        figure.legend(handles=handles, ncols=len(handles), loc="outside upper center")
    return figure


def _box(
    axis: Axes, place: float, quartiles: Sequence[float], whiskers: Sequence[float] | None, **colours: str
) -> None:
    first, median, third = quartiles
    low, high = whiskers if whiskers is not None else (first, third)
    line = {"color": colours["edgecolor"], "linewidth": 0.8}
    axis.bxp(
        [{"q1": first, "med": median, "q3": third, "whislo": low, "whishi": high}],
        positions=[place],
        widths=0.06 if whiskers is None else 0.14,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops=colours | {"linewidth": 0.8},
        medianprops=line | {"linewidth": 1.6},
        whiskerprops=line,
        capprops=line,
    )
