"""What a clockwork layer is, as a table to read before training."""

from typing import TYPE_CHECKING

import numpy as np

from .clocks import whole_numbers
from .plan import Ticks

if TYPE_CHECKING:
    from .layer import ClockworkLayer


def describe(layer: "ClockworkLayer", steps: int) -> str:
    """Return a table of a layer's modules over so many steps, and what they cost.

    Columns: the module, its period, phase and units; its updates; which modules it hears and whether it sees the input; its
    trainable weights (those of the input once the layer is built); and the recurrent products, multiply-adds a step, of which
    the last lines tell how many a network of the same size would need in which every module hears all at every step.
    """
    (steps,) = whole_numbers("steps", [steps], lowest=1)
    modules, gates = layer.modules, layer.cell.gates
    features = layer.input_spec.axes.get(-1, 0) if layer.built else 0
    sizes, heads = (
        np.array(modules.sizes),
        ("module", "period", "phase", "units", "updates", "hears", "input", "weights", "products"),
    )
    extra = layer.cell.peepholes + (layer.cell.biases * gates if layer.use_bias else 0)
    rows, products = [], 0.0
    for i, (size, period, phase) in enumerate(zip(modules.sizes, modules.periods, modules.phases, strict=True)):
        heard = int(sizes @ np.array(modules.hears[i]))
        updates = Ticks(period, phase).count(steps)
        weights = size * (gates * (heard + features * modules.sees_input[i]) + extra)
        products += (own := gates * size * heard * updates / steps)
        sees = "mean" if layer.input_mean and modules.sees_input[i] else "yes" if modules.sees_input[i] else "no"
        names = " ".join(map(str, modules.heard_by(i))) or "-"
        rows.append((i, period, phase, size, updates, names, sees, weights, f"{own:.1f}"))
    table = [tuple(map(str, row)) for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    full = gates * modules.units**2
    lines.append(f"{modules.units} units, {sum(row[7] for row in rows)} weights, in {steps} steps")
    lines.append(
        f"{products:.1f} recurrent products a step, 1/{full / products:.1f} of the {full} of a full network"
        if products
        else "no recurrent products"
    )
    return "\n".join(lines)
