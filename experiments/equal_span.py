"""Clock series at one longest period: is it their ratio, their span or their coprime pairs that makes them good?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from experiments.experiment import Experiment
from experiments.extensions import COLUMNS as OF_EXTENSIONS
from experiments.extensions import TASKS, make_rows
from experiments.grid import Options, compute
from experiments.store import Store

GROUPS = ("series", "span", "coprime")
COLUMNS = (*OF_EXTENSIONS, "periods", "seconds")
PAPER, FIBONACCI = "the paper's", "Fibonacci"  # whose spans and coprime pairs are varied
SPAN, COPRIME = "{} to {}", "near {}, {} coprime pairs"  # names of sets


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    tasks: tuple[Literal[tuple(TASKS)], ...] = tuple(TASKS)
    """Tasks to train on."""
    groups: tuple[Literal[GROUPS], ...] = GROUPS
    """Groups of periods to compare with the paper's: the series at its span, two of them at other spans, and few or many coprime pairs."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on; on generation as many for each of five targets."""
    epochs: int | None = None
    """Epochs of each network; without it, as in `main.py`, and 4 on text."""


def run(options: Flags, store: Store) -> None:
    from experiments.training import equal_span, extensions

    made = [
        cell for task in options.tasks for cell in equal_span.make_cells(task, options.groups, options.seeds, options.epochs)
    ]
    keys, cells = zip(*made, strict=True)
    results = compute(extensions.train_networks, cells, store, options)
    found = [
        row | {"periods": " ".join(map(str, key["periods"]))}
        for key, result in zip(keys, results, strict=True)
        for row in make_rows(key, result)
    ]
    store.write("equal_span", found, COLUMNS)


def coprime_pairs(periods: Sequence[int]) -> int:
    """Return how many pairs of periods have no common divisor but 1."""
    return int(np.triu(np.gcd.outer(periods, periods) == 1, 1).sum())


EXPERIMENT = Experiment(
    name="equal-span",
    question="Is it their ratio, their span or their coprime pairs that makes clock periods good?",
    options=Flags(),
    run=run,
    tables=lambda store: {},
    quick={"tasks": ("generation",), "groups": ("series",), "seeds": 2, "epochs": 20},
)
