"""Where the pieces of an experiment are computed."""

import math
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from experiments.store import Store
from running import cluster
from running.cluster import ROOT, Arrays, Cell, cores

__all__ = ["ROOT", "Arrays", "Cell", "Options", "compute", "machine"]

LOWEST = {"workers": 0, "candidates": 8, "characters": 10_000}  # all other whole numbers are at least 1
MOST_SEEDS = 100_000  # cells of many more would not be listed in seconds


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where cells are computed, and where results go; each experiment adds what it computes."""

    quick: bool = False
    """Start from the values of a smoke run, a minute at most; it writes to results/quick/NAME."""
    output_dir: Path | None = None
    """Where CSV files and pictures go, and `cells/NAME/` with what is done; without it, to results/ if all is as in the full
    run, and to results/changed/NAME otherwise."""
    workers: int = 0
    """Processes on this machine, of one core each; 0 is one for each core."""
    ray: str | None = None
    """Address of a Ray cluster to compute on, or "local" to start one here; needs the package ray."""

    def check(self) -> None:
        """Raise a ValueError that names the first setting out of range, also of those that experiments add."""
        own = self.output_dir
        if own and own.is_dir() and any(own.iterdir()) and not (own / "cells").is_dir():
            raise ValueError(f"`output_dir` must be new, or empty, or of earlier experiments. Received: {own}")
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            values = value if isinstance(value, tuple) else (value,)
            if not values and field.default:
                raise ValueError(f"`{name}` must say something. Received: nothing")
            if len(set(values)) < len(values):
                raise ValueError(f"`{name}` must not say a thing twice. Received: {' '.join(map(str, values))}")
            for number in values:
                if type(number) is int and number < (lowest := LOWEST.get(name, 1)):
                    raise ValueError(f"`{name}` must be at least {lowest}. Received: {number}")
                if type(number) is float and not 0 <= number < math.inf:
                    raise ValueError(f"`{name}` must be at least 0 and finite. Received: {number}")
            if name.endswith("seeds") and value > MOST_SEEDS:
                raise ValueError(f"`{name}` must be at most {MOST_SEEDS}. Received: {value}")


def processor() -> str:
    """Return the name of this machine's processor, as far as it is told."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return names[0].strip() if names else platform.processor() or platform.machine()


def machine(options: Options) -> tuple[int | str, str]:
    """Return how many cores compute, and their processor; of a Ray cluster no more than its address is known."""
    return ("–", options.ray) if options.ray else (options.workers or cores(), processor())


def compute(function: Callable[..., Arrays], cells: Sequence[Cell], store: Store, where: Options) -> list[Arrays]:
    """Compute all cells that the store does not hold yet, and note in it how long all took; see `running.cluster.compute`."""
    results = cluster.compute(function, cells, store.cells, where.workers, where.ray)
    each = {cell.file: result for cell, result in zip(cells, results, strict=True)}  # of which some may be the same
    store.seconds += sum(float(result["elapsed"]) for result in each.values())
    return results
