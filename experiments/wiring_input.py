"""Every wiring with every way to see the input: a table of fifteen cells, and whether one depends on the other."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.extensions import TASKS, make_rows
from experiments.grid import Options, compute
from experiments.markdown import markdown, middle
from experiments.pictures import legend, panels
from experiments.statistics import SIGNIFICANT, holm, quartiles, rank_p
from experiments.store import Store

# Name of an input → the settings that make it.
INPUTS = {
    "to all": {},
    "to the fastest": {"input_modules": "fastest"},
    "mean over the period": {"input_mean": True},
}
PAPER = ("slow_to_fast", "to all")  # wiring and input
WITH_INPUT = ("words", "text")
COLOURS = {
    "slow_to_fast": "#0173b2",
    "fast_to_slow": "#d55e00",
    "full": "#029e73",
    "hierarchical": "#de8f05",
    "none": "0.5",
}
KEYS = ["task", "wiring", "input"]
COLUMNS = (*KEYS, "units", "parameters", "seed", "score", "seconds")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    tasks: tuple[Literal[WITH_INPUT], ...] = WITH_INPUT
    """Tasks to train on."""
    seeds: int = 10
    """Networks of each cell, with the seeds from 0 on."""
    epochs: int | None = None
    """Epochs of each network; without it, as in `main.py`, and 4 on text."""


def run(options: Flags, store: Store) -> None:
    from experiments.training import extensions, wiring_input

    made = [cell for task in options.tasks for cell in wiring_input.make_cells(task, options.seeds, options.epochs)]
    keys, cells = zip(*made, strict=True)
    results = compute(extensions.train_networks, cells, store, options)
    found = [
        row | {"wiring": key["question"], "input": key["variant"]}
        for key, result in zip(keys, results, strict=True)
        for row in make_rows(key, result)
    ]
    store.write("wiring_input", found, COLUMNS)


def scores(rows: pd.DataFrame) -> pd.Series:
    """Return (task, wiring, input) → the scores of all seeds, in their order."""
    return rows.sort_values("seed", kind="stable").groupby(KEYS, sort=False).score.agg(np.array)


def effects(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each task, wiring and input other than "to all" what that input changes, and whether it does so elsewhere.

    Returns:
        A row each: task, wiring, input; `change`, the median over seeds of the score less that with input to all, in units of
        the score; `p` of the rank-sum test between both, adjusted after Holm for all rows; `differs`, the median change less
        that under the paper's wiring, and `p_differs` of the rank-sum test between the changes of both wirings, adjusted for
        all of these: the interaction. Neither is there for the paper's wiring.
    """
    found = scores(rows)
    lines = []
    for task, wiring, name in found.index:
        if name == PAPER[1]:
            continue
        own, to_all = found[task, wiring, name], found[task, wiring, PAPER[1]]
        paper = _change(found[task, PAPER[0], name], found[task, PAPER[0], PAPER[1]])
        change = _change(own, to_all)
        line = {"task": task, "wiring": wiring, "input": name, "change": np.median(change), "p": rank_p(own, to_all)}
        if wiring != PAPER[0]:
            line |= {"differs": np.median(change) - np.median(paper), "p_differs": rank_p(change, paper)}
        lines.append(line)
    frame = pd.DataFrame(lines)
    frame["p"] = holm(frame.p)
    tested = frame.p_differs.notna()
    frame.loc[tested, "p_differs"] = holm(frame.p_differs[tested])
    return frame


def _change(own: np.ndarray, to_all: np.ndarray) -> np.ndarray:
    """Return what an input changes for each seed: nothing where both networks diverged."""
    return np.subtract(own, to_all, out=np.zeros(len(own)), where=own != to_all)


def tables(store: Store) -> dict[str, str]:
    """Return the fifteen cells of each task, and what each input changes under each wiring."""
    rows = store["wiring_input"]
    return {"wiring-input": _cells(rows), "wiring-input-effects": _effects(rows), "wiring-input-networks": _cost(rows)}


def answers(store: Store) -> list[Answer]:
    """Return how many interactions are shown on each task, and the largest."""
    rows, found = store["wiring_input"], []
    for task, own in effects(rows).groupby("task", sort=False):
        tested = own.dropna(subset="p_differs")
        shown, largest = (tested.p_differs <= SIGNIFICANT).sum(), tested.loc[tested.differs.abs().idxmax()]
        effect = f"largest: {largest.wiring}, {largest.input}, {largest.differs:+.2g} (p = {largest.p_differs:.1g})"
        said = f"{shown} of {len(tested)} interactions shown"
        question = f"Does the best input depend on the wiring, on {TASKS[task][0]}?"
        found.append(Answer(question, said, effect, int((rows.task == task).sum())))
    return found


def _cells(rows: pd.DataFrame) -> str:
    lines = []
    for (task, wiring), own in scores(rows).groupby(level=["task", "wiring"], sort=False):
        inputs = own.droplevel(["task", "wiring"])
        lines.append(["{}: {}".format(*TASKS[task]), wiring, *(middle(inputs[name], ".3g") for name in INPUTS)])
    return markdown(("task", "wiring", *(f"input {name}" for name in INPUTS)), lines)


def _effects(rows: pd.DataFrame) -> str:
    head = (
        "task",
        "wiring",
        "input",
        "change against input to all",
        "p",
        "differs from its change in the paper's wiring by",
        "p",
    )
    lines = []
    for row in effects(rows).itertuples():
        line = [TASKS[row.task][0], row.wiring, row.input, f"{row.change:+.2g}", f"{row.p:.1g}"]
        tested = row.wiring != PAPER[0]
        lines.append([*line, *((f"{row.differs:+.2g}", f"{row.p_differs:.1g}") if tested else ("", ""))])
    return markdown(head, lines)


def _cost(rows: pd.DataFrame) -> str:
    own = rows.groupby("task", sort=False)
    head = ("task", "networks", "diverged", "parameters", "seconds a network, fastest and slowest cell")
    lines = []
    for task, found in own:
        seconds = found.groupby(["wiring", "input"]).seconds.mean()
        sizes = f"{found.parameters.min()}–{found.parameters.max()}"
        lines.append(
            (TASKS[task][0], len(found), np.isinf(found.score).sum(), sizes, f"{seconds.min():.2g}–{seconds.max():.2g}")
        )
    return markdown(head, lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw median and quartiles of each cell over the inputs, a line a wiring and a panel a task: parallel lines do not interact."""
    found = scores(store["wiring_input"])
    tasks = list(found.index.unique("task"))
    with panels(1, len(tasks), 4.4 * len(tasks), 3.8) as (figure, (axes,)):
        for axis, task in zip(axes, tasks, strict=True):
            for place, (wiring, colour) in enumerate(COLOURS.items()):
                low, median, high = np.transpose([quartiles(found[task, wiring, name]) for name in INPUTS])
                x = np.arange(len(INPUTS)) + 0.06 * (place - 2)  # beside each other
                axis.errorbar(
                    x, median, [median - low, high - median], color=colour, marker="o", markersize=4, label=wiring
                )
            axis.set_xticks(range(len(INPUTS)), [f"input\n{name}" for name in INPUTS])
            axis.set(title=TASKS[task][0], ylabel=TASKS[task][1])
        legend(figure, *axes)
    return {"wiring_input": figure}


EXPERIMENT = Experiment(
    name="wiring-input",
    question="Does the best way to see the input depend on who hears whom?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"tasks": ("words",), "seeds": 2, "epochs": 1},
)
