"""Modules that take turns: pairs and threes of the fastest module alone or of all, and round robins."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.extensions import COLUMNS as OF_EXTENSIONS
from experiments.extensions import TASKS, answer, comparisons, make_rows, picture, table
from experiments.grid import Options, compute
from experiments.markdown import markdown
from experiments.store import Store

COLUMNS = (*OF_EXTENSIONS, "seconds")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    tasks: tuple[Literal[tuple(TASKS)], ...] = tuple(TASKS)
    """Tasks to train on."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on; on generation as many for each of five targets."""
    epochs: int | None = None
    """Epochs of each network; without it, as in `main.py`, and 4 on text."""


def run(options: Flags, store: Store) -> None:
    from experiments.training import extensions, turns

    made = [cell for task in options.tasks for cell in turns.make_cells(task, options.seeds, options.epochs)]
    keys, cells = zip(*made, strict=True)
    results = compute(extensions.train_networks, cells, store, options)
    found = [row for key, result in zip(keys, results, strict=True) for row in make_rows(key, result)]
    store.write("turns", found, COLUMNS)


def tables(store: Store) -> dict[str, str]:
    """Return the scores beside those without turns, and the size and cost of each network."""
    return {"turns": table(comparisons(store["turns"])), "turns-networks": _networks(store["turns"])}


def answers(store: Store) -> list[Answer]:
    """Return the best way to take turns on each task."""
    rows = store["turns"]
    return [answer(rows, comparisons(rows), "turns", "Which modules that take turns beat those without?")]


def _networks(rows: pd.DataFrame) -> str:
    head = ("task", "modules", "units", "parameters", "networks", "diverged", "seconds a network")
    lines = []
    for (task, variant), own in rows.groupby(["task", "variant"], sort=False):
        first, diverged = own.iloc[0], own.score.isin([float("inf")]).sum()
        line = [TASKS[task][0], "without turns" if variant == "base" else variant, first.units, first.parameters]
        lines.append([*line, len(own), diverged, f"{own.seconds.mean():.2g}"])
    return markdown(head, lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the score of each network over the median of those without turns."""
    return {"turns": picture(comparisons(store["turns"]))}


EXPERIMENT = Experiment(
    name="turns",
    question="Does it help that modules take turns: the fastest alone, or all, in twos, in threes, or as a round robin?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"tasks": ("generation",), "seeds": 2, "epochs": 20},
)
