"""A drawing of what a network consists of, with its sizes: what it sees, its modules, its output."""

import pandas as pd
from matplotlib.axes import Axes

BOX = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "0.3"}
ARROW = {"arrowstyle": "-|>", "color": "0.3", "shrinkA": 2, "shrinkB": 2}
SEEN, MODULES, OUT = 0.0, 0.5, 1.0  # where the three columns stand
EDGES = (0.155, 0.25, 0.75, 0.91)  # between which arrows run


def draw_network(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw a network: the window and the phone, its modules from the slowest to the fastest, and the output.

    Args:
        axis: to draw on.
        rows: a row a module, fastest first, and one of the output, with `window`, `phones`, `period`, `units`, `heard` (units
            that it hears) and the numbers of its `input_weights`, `recurrent_weights` and `biases`.
    """
    modules, output = rows[rows.part != "output"], rows[rows.part == "output"].iloc[0]
    places = [0.5] if len(modules) == 1 else [1 - place / (len(modules) - 1) for place in range(len(modules))][::-1]
    for place, row in zip(places, modules.itertuples(), strict=True):
        _box(axis, MODULES, place, _module(row, alone=len(modules) == 1), "k")
    first = modules.iloc[0]
    samples = "the last sample" if first.window == 1 else f"window: the last\n{first.window} samples"
    _box(axis, SEEN, 0.65, samples)
    _box(axis, SEEN, 0.35, f"phone: one\nof {first.phones}")
    _box(axis, OUT, 0.5, "output:\nthe next\nsample")
    for place in (0.65, 0.35):
        _arrow(axis, (EDGES[0], place), (EDGES[1], 0.5))
    _arrow(axis, (EDGES[2], 0.5), (EDGES[3], 0.5))
    _label(axis, SEEN, 0.2, f"{_number(modules.input_weights.sum())} weights\nto all units")
    _label(axis, OUT, 0.35, f"{_number(output.recurrent_weights)} weights\nand 1 bias")
    if len(modules) > 1:
        _label(axis, MODULES, 1.07, "each hears itself and all that are slower")
    count = modules[["input_weights", "recurrent_weights", "biases"]].sum().sum()
    total = _number(count + output.recurrent_weights + output.biases)
    axis.set(xlim=(-0.14, 1.1), ylim=(-0.16, 1.1), xticks=[], yticks=[])
    _label(axis, MODULES, -0.12, f"{_number(modules.units.sum())} units, {total} weights and biases in all")
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)


def _module(row, alone: bool) -> str:
    units, recurrent = f"{row.units} units", _number(row.recurrent_weights)
    if alone:
        return f"{units}, at every step\n{recurrent} recurrent weights\n{row.biases} biases"
    return f"period {row.period:,.0f}: {units}, hear {row.heard}, {recurrent} weights"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _box(axis: Axes, x: float, y: float, text: str, colour: str = "0.3") -> None:
    axis.text(x, y, text, ha="center", va="center", fontsize=8, bbox=BOX | {"edgecolor": colour})


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate("", end, start, arrowprops=ARROW)


def _label(axis: Axes, x: float, y: float, text: str) -> None:
    axis.text(x, y, text, ha="center", va="center", fontsize=8, color="0.25")
