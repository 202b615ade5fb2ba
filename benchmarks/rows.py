"""The rows of `results/benchmark.csv` and of `results/handwriting_speed.csv`: one for each network and quantity that was measured."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from benchmarks import timing
from data.files import DamagedError, write_csv

RESULTS = Path(__file__).parents[1] / "results"
CSV = RESULTS / "benchmark.csv"
HANDWRITING = RESULTS / "handwriting_speed.csv"


@dataclass(frozen=True)
class Row:
    """What was measured of one network, from the first to the third quartile."""

    experiment: str
    network: str
    units: int = 0
    modules: int = 0
    steps: int = 0
    batch: int = 0
    replicas: int = 1
    parameters: int = 0
    quantity: str = ""
    unit: str = "ms"
    low: float = 0.0
    median: float = 0.0
    high: float = 0.0
    rounds: int = 1

    def __str__(self) -> str:
        size = f"{self.units} units, T={self.steps}, batch {self.batch}, {self.replicas} replicas"
        return f"{self.experiment}: {self.network}, {size}, {self.quantity}: {self.median:.4g} {self.unit}"


COLUMNS = tuple(field.name for field in fields(Row))


def measured(row: Row, quantity: str, seconds: Sequence[float], unit: str = "ms") -> Row:
    """Return the row with the quartiles of these seconds."""
    low, median, high = ({"ms": 1e3, "s": 1}[unit] * value for value in timing.quartiles(seconds))
    return replace(row, quantity=quantity, unit=unit, low=low, median=median, high=high, rounds=len(seconds))


def read(path: Path = CSV) -> list[Row]:
    """Return the rows of a file; raises a DamagedError that names it if it is damaged, or has none."""
    with open(path, newline="", encoding="utf-8") as file:
        try:
            found = [Row(**{one.name: one.type(row[one.name]) for one in fields(Row)}) for row in csv.DictReader(file)]
        except (LookupError, TypeError, ValueError, csv.Error) as error:
            why = f"{type(error).__name__}, {error}"
            raise DamagedError(f"{path} must be a table as the benchmark leaves it. Received: {why}") from None
    if not found:
        raise DamagedError(f"{path} must be a table as the benchmark leaves it. Received: no rows")
    return found


def merge(before: Iterable[Row], new: Sequence[Row], experiments: Sequence[str]) -> list[Row]:
    """Return all rows in the order of the experiments; those of an experiment measured anew replace its former ones."""
    anew = {row.experiment for row in new}
    rows = [row for row in before if row.experiment in experiments and row.experiment not in anew] + list(new)
    return sorted(rows, key=lambda row: experiments.index(row.experiment))


def write(rows: Iterable[Row], path: Path = CSV) -> None:
    shortened = {name: lambda value: f"{value:.4g}" for name in ("low", "median", "high")}
    write_csv(
        path,
        COLUMNS,
        [{name: shortened.get(name, str)(value) for name, value in asdict(row).items()} for row in rows],
    )
