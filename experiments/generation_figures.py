"""The pictures of the generation experiment: box plots, outputs and training curves, laid out like the paper's."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from data.sequences import Target
from experiments.generation_table import Row, cells
from experiments.published import GENERATION_NMSE
from figures import OUTPUT, STYLE, TARGET

NAMES = {"simple_rnn": "simple RNN", "lstm": "LSTM", "clockwork_rnn": "Clockwork RNN"}
FILLS = {"simple_rnn": "white", "lstm": "0.8", "clockwork_rnn": "0.45"}
LINES = {"simple_rnn": ":", "lstm": "--", "clockwork_rnn": "-"}
PANELS = {"paper": "the paper's setting, gradients clipped", "modern": "the best setting known of each method"}


def boxes(rows: Sequence[Row]) -> Figure:
    """Draw the NMSE by parameters and method: boxes of quartiles, whiskers from 5% to 95%, published quartiles beside."""
    settings = [setting for setting in PANELS if any(row["setting"] == setting for row in rows)] or [rows[0]["setting"]]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.3 * len(settings)), layout="constrained")
        for axis, setting in zip(figure.subplots(len(settings), squeeze=False)[:, 0], settings, strict=True):
            sizes = sorted({parameters for parameters, _, _ in cells(rows, setting)})
            for parameters, method, cell in cells(rows, setting):
                place = sizes.index(parameters) + 0.28 * (list(NAMES).index(method) - 1)
                values = [float(row["nmse_paper"]) for row in cell]
                low, *box, high = np.percentile(values, (5, 25, 50, 75, 95), method="nearest")
                _box(axis, place, box, (low, high), facecolor=FILLS[method], edgecolor="black")
                if setting != "modern":
                    _box(axis, place + 0.1, GENERATION_NMSE[method][parameters], None, facecolor="none", edgecolor="C3")
            axis.set(yscale="log", ylabel="NMSE", title=PANELS.get(setting, setting), xlim=(-0.5, len(sizes) - 0.5))
            axis.set_xticks(range(len(sizes)), sizes)
            axis.grid(axis="x", visible=False)
        axis.set_xlabel("parameters")
        handles = [
            matplotlib.patches.Patch(facecolor=FILLS[m], edgecolor="black", label=name) for m, name in NAMES.items()
        ]
        handles.append(matplotlib.patches.Patch(facecolor="none", edgecolor="C3", label="published"))
        figure.legend(handles=handles, ncols=4, loc="outside upper center")
    return figure


def _box(axis, place: float, quartiles: Sequence[float], whiskers: tuple[float, float] | None, **colours) -> None:
    first, median, third = quartiles
    ends = whiskers or (first, third)
    stats = {"q1": first, "med": median, "q3": third, "whislo": ends[0], "whishi": ends[1]}
    line = {"color": colours["edgecolor"], "linewidth": 0.8}
    axis.bxp(
        [stats],
        positions=[place],
        widths=0.14 if whiskers else 0.06,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops=colours | {"linewidth": 0.8},
        medianprops=line | {"linewidth": 1.6},
        whiskerprops=line,
        capprops=line,
    )


def outputs(best: Mapping[str, np.ndarray], targets: Mapping[str, Target]) -> Figure:
    """Draw the best network's output for each target (rows) and method (columns), over the target."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 1.2 * len(targets) + 0.5), layout="constrained")
        grid = figure.subplots(len(targets), len(best), sharex=True, sharey=True, squeeze=False)
        for place, (label, target) in enumerate(targets.items()):
            for axis, values in zip(grid[place], best.values(), strict=True):
                axis.plot(target.values, **TARGET)
                axis.plot(values[place], **OUTPUT)
                axis.set(xlim=(0, len(target.values) - 1), ylim=(-1.15, 1.15))
            grid[place, 0].set_ylabel(label.replace("_", " "))
        for axis, method in zip(grid[0], best, strict=True):
            axis.set_title(NAMES[method], fontsize=9)
        for axis in grid[-1]:
            axis.set_xlabel("time step")
    return figure


def curves(rows: Sequence[Row]) -> Figure:
    """Draw the median MSE, and its quartiles, by update and by second, for the largest networks of each setting."""
    settings = [setting for setting in PANELS if any(row["setting"] == setting for row in rows)] or [rows[0]["setting"]]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 2.8 * len(settings)), layout="constrained")
        grid = figure.subplots(len(settings), 2, sharey="row", squeeze=False)
        for axes, setting in zip(grid, settings, strict=True):
            for _, method, cell in (c for c in cells(rows, setting) if c[0] == _largest(rows, setting)):
                low, median, high, update, seconds = (
                    np.array([float(row[name]) for row in cell])
                    for name in ("low", "median", "high", "update", "seconds")
                )
                for axis, x in zip(axes, (update, seconds), strict=True):
                    axis.semilogy(x, median, color="black", linestyle=LINES[method], label=NAMES[method])
                    axis.fill_between(x, low, high, color="black", alpha=0.12, linewidth=0)
                    axis.set(xlim=(0, None))
            axes[0].set(xlabel="updates", ylabel="MSE", title=f"{PANELS.get(setting, setting)}", ylim=(None, 1))
            axes[0].title.set_fontsize(9)
            axes[1].set(xlabel="seconds of one core, for one network", title=f"{_largest(rows, setting)} parameters")
            axes[1].title.set_fontsize(9)
        grid[0, 1].legend()
    return figure


def _largest(rows: Sequence[Row], setting: str) -> int:
    return max(parameters for parameters, _, _ in cells(rows, setting))
