"""Where the pieces of an experiment are computed."""

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.store import Store
from running import cluster
from running.cluster import ROOT, Arrays, Cell, cores

__all__ = ["ROOT", "Arrays", "Cell", "Options", "compute", "cores", "processor"]

# Of settings that say how much is computed, in whichever experiment.
LOWEST = {"workers": 0, "seeds": 1, "epochs": 1, "draws": 1, "candidates": 8, "annealing": 1, "fine_tuning": 1}
LOWEST |= {"steps": 1, "batch": 1, "timings": 1, "characters": 10_000, "search_seeds": 1, "sets": 1, "share": 1}
LOWEST |= {"lines": 1, "batch_size": 1, "search_epochs": 1}


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
        for name, lowest in LOWEST.items():
            value = getattr(self, name, None)
            if value is not None and value < lowest:
                raise ValueError(f"`{name}` must be at least {lowest}. Received: {value}")


def processor() -> str:
    """Return the name of this machine's processor, as far as it is told."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return names[0].strip() if names else platform.processor() or platform.machine()


def compute(function: Callable[..., Arrays], cells: Sequence[Cell], store: Store, where: Options) -> list[Arrays]:
    """Compute all cells that the store does not hold yet, and note in it how long all took; see `running.cluster.compute`."""
    results = cluster.compute(function, cells, store.cells, where.workers, where.ray)
    store.seconds += sum(float(result["elapsed"]) for result in results)
    return results
