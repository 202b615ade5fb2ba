"""Every wiring with every way to see the input, as networks of equal numbers of parameters."""

from collections.abc import Iterator
from dataclasses import replace

from experiments.grid import Cell
from experiments.training.equal_span import BASES
from experiments.training.extensions import equal_cells
from experiments.wiring_input import INPUTS
from models.clocks import WIRINGS


def make_cells(task: str, seeds: int, epochs: int | None) -> Iterator[tuple[dict, Cell]]:
    """Yield what `equal_cells` does for each wiring, as the question, and each input, as the variant."""
    base = BASES[task]
    asked = [
        (wiring, name, replace(base, connections=wiring, **INPUTS[name]), range(seeds))
        for wiring in WIRINGS
        for name in INPUTS
    ]
    return equal_cells(task, asked, epochs)
