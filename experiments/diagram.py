"""A drawing of what a network consists of, with its sizes: what it sees, its modules, its output."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

Shape = tuple[tuple[float, float], Patch]  # centre, and outline
BOX = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "0.3"}
ARROW = {"arrowstyle": "-|>", "color": "0.3", "shrinkA": 2, "shrinkB": 2}
SEEN, MODULES, OUT = 0.0, 0.5, 1.0  # where the three columns stand
FRAME = ((0.2, -0.06), 0.6, 1.12)  # around all modules: lower left corner, width, height


def draw_network(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw a network: the window and the phone, its modules from the slowest to the fastest, and the output.

    Args:
        axis: to draw on.
        rows: a row a module, fastest first, and one of the output, with `window`, `phones`, `period`, `units`, `heard` (units
            that it hears) and the numbers of its `input_weights`, `recurrent_weights` and `biases`.
    """
    modules, output = rows[rows.part != "output"], rows[rows.part == "output"].iloc[0]
    network = _modules(axis, modules)
    first = modules.iloc[0]
    samples = "the last sample" if first.window == 1 else f"window: the last\n{first.window} samples"
    for place, text in ((0.65, samples), (0.35, f"phone: one\nof {first.phones}")):
        _arrow(axis, _box(axis, SEEN, place, text), network)
    _arrow(axis, network, _box(axis, OUT, 0.5, "output:\nthe next\nsample"))
    _label(axis, SEEN, 0.2, f"{_number(modules.input_weights.sum())} weights\nto all units")
    _label(axis, OUT, 0.35, f"{_number(output.recurrent_weights)} weights\nand 1 bias")
    count = modules[["input_weights", "recurrent_weights", "biases"]].sum().sum()
    total = _number(count + output.recurrent_weights + output.biases)
    _label(axis, MODULES, -0.14, f"{_number(modules.units.sum())} units, {total} weights and biases in all")
    axis.set(xlim=(-0.14, 1.1), ylim=(-0.18, 1.14), xticks=[], yticks=[])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)


def _modules(axis: Axes, modules: pd.DataFrame) -> Shape:
    """Draw the modules, and a frame around them if there are many, to which what reaches all of them points."""
    if len(modules) == 1:
        (row,) = modules.itertuples()
        recurrent = f"{_number(row.recurrent_weights)} recurrent weights\n{row.biases} biases"
        return _box(axis, MODULES, 0.5, f"{row.units} units, at every step\n{recurrent}")
    for place, row in zip(np.linspace(0, 1, len(modules)), modules.itertuples(), strict=True):
        hears = f"hear {row.heard}, {_number(row.recurrent_weights)} weights"
        _box(axis, MODULES, place, f"period {row.period:,.0f}: {row.units} units, {hears}")
    _label(axis, MODULES, 1.1, "each hears itself and all that are slower")
    return (MODULES, 0.5), axis.add_patch(Rectangle(*FRAME, fill=False, edgecolor="0.3", linewidth=0.7))


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _box(axis: Axes, x: float, y: float, text: str) -> Shape:
    return (x, y), axis.text(x, y, text, ha="center", va="center", fontsize=8, bbox=BOX).get_bbox_patch()


def _arrow(axis: Axes, start: Shape, end: Shape) -> None:
    """Draw an arrow on the line between two centres, from edge to edge."""
    axis.annotate("", end[0], start[0], arrowprops=ARROW | {"patchA": start[1], "patchB": end[1]})


def _label(axis: Axes, x: float, y: float, text: str) -> None:
    axis.text(x, y, text, ha="center", va="center", fontsize=8, color="0.25")
