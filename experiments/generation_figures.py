"""The pictures of the generation experiment: box plots, outputs and training curves, laid out like the paper's."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from data.sequences import Target
from experiments.boxes import NAMES, Panel, box_figure
from experiments.generation_table import Row, cells
from experiments.published import GENERATION_NMSE
from tasks.figures import OUTPUT, STYLE, TARGET

LINES = {"simple_rnn": ":", "lstm": "--", "clockwork_rnn": "-"}
PANELS = {"paper": "the paper's setting, gradients clipped", "modern": "the best setting known of each method"}


def boxes(rows: Sequence[Row]) -> Figure:
    """Draw the NMSE of all networks like Figure 3."""
    panels = []
    for setting in _settings(rows):
        values = {
            (size, method): [float(row["nmse_paper"]) for row in cell] for size, method, cell in cells(rows, setting)
        }
        paper = (
            {} if setting == "modern" else {(size, method): GENERATION_NMSE[method][size] for size, method in values}
        )
        panels.append(Panel(PANELS.get(setting, setting), values, paper))
    return box_figure(panels, "NMSE", log=True)


def _settings(rows: Sequence[Row]) -> list[str]:
    """Return the settings to draw: those with a panel, or else the first."""
    return [name for name in PANELS if any(row["setting"] == name for row in rows)] or [str(rows[0]["setting"])]


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
    settings = _settings(rows)
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
            for axis in axes:
                axis.set_xlim(left=0)
            axes[0].set(xlabel="updates", ylabel="MSE", title=f"{PANELS.get(setting, setting)}", ylim=(None, 1))
            axes[0].title.set_fontsize(9)
            axes[1].set(xlabel="seconds of one core, for one network", title=f"{_largest(rows, setting)} parameters")
            axes[1].title.set_fontsize(9)
        grid[-1, 0].legend(loc="lower left")
    return figure


def _largest(rows: Sequence[Row], setting: str) -> int:
    return max(parameters for parameters, _, _ in cells(rows, setting))
