"""Networks in which the fastest module, or each, is a set that takes turns, of equal numbers of parameters."""

from collections.abc import Iterator
from dataclasses import replace

from experiments.grid import Cell
from experiments.training.equal_span import BASES
from experiments.training.extensions import equal_cells

SETS = {2: "odd-even pairs", 3: "threes"}
WHOSE = {"fastest": "of the fastest module alone", "all": "of all modules"}


def make_cells(task: str, seeds: int, epochs: int | None) -> Iterator[tuple[dict, Cell]]:
    """Yield what `equal_cells` does for the base and for modules that take turns."""
    base = BASES[task]
    found = {
        f"{name} {whose}": {"turns": turns, "turns_of": of}
        for of, whose in WHOSE.items()
        for turns, name in SETS.items()
    }
    found["round robin of three"] = {"periods": (1,), "turns": 3}
    found["round robin of as many as there are"] = {"periods": (1,), "turns": len(base.periods)}
    asked = [("", "base", base, range(seeds))]
    asked += [("turns", name, replace(base, **changes), range(seeds)) for name, changes in found.items()]
    return equal_cells(task, asked, epochs)
