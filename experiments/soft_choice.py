"""Several modules at one speed, of which a learned, blurred choice says at each tick who listens, or who speaks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.extensions import COLUMNS as OF_EXTENSIONS
from experiments.extensions import TASKS, answer, comparisons, make_rows, picture, table
from experiments.grid import Arrays, Options, compute
from experiments.markdown import markdown, spread
from experiments.pictures import panels
from experiments.statistics import holm, rank_p
from experiments.store import Store

ON = ("generation", "words")
ACTS = ("listens", "speaks")
KINDS = ("soft", "hard")
EQUAL = "equal shares"
MOST_CHOICES = 100  # far above what leaves a unit for each module
COLUMNS = (*OF_EXTENSIONS, "seconds", "decided", "changes")


@dataclass(frozen=True)
class Choice:
    """A choice among so many modules of each period.

    Args:
        among: K, how many.
        who: is chosen, who "listens" or who "speaks".
        learned: or all have equal weights.
    """

    among: int
    who: str
    learned: bool = True

    def named(self, kind: str) -> str:
        """Return what the networks are called with the choice as it was learned, or with one module alone."""
        return f"one of {self.among} {self.who}, {kind if self.learned else EQUAL}"


@dataclass(frozen=True)
class Temperature:
    """Falls evenly on a logarithmic scale, from the first to the last, in a share of the updates."""

    first: float
    last: float
    falling: float

    def at(self, done: float) -> float:
        """Return the temperature after a share of the updates."""
        return self.first * (self.last / self.first) ** min(1.0, done / self.falling)


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    tasks: tuple[Literal[ON], ...] = ON
    """Tasks to train on."""
    choices: tuple[int, ...] = (2, 4)
    """Modules of each period, among which networks choose."""
    first_temperature: float = 1.0
    """Of the softmax, at the start."""
    last_temperature: float = 0.1
    """Of the softmax, from where it falls no longer."""
    falling: float = 0.5
    """Share of the training in which the temperature falls."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on; on generation as many for each of five targets."""
    epochs: int | None = None
    """Epochs of each network; without it, as in `main.py`."""

    def check(self) -> None:
        super().check()
        from models.chosen_modules import COLDEST  # here, because documents are made without TensorFlow
        from models.clocks import whole_numbers

        whole_numbers("choices", self.choices, lowest=2, most=MOST_CHOICES)
        for name in ("first_temperature", "last_temperature"):
            if not getattr(self, name) >= COLDEST:
                raise ValueError(f"`{name}` must be at least {COLDEST}. Received: {getattr(self, name)}")
        if not 0 < self.falling <= 1:
            raise ValueError(f"`falling` must be above 0 and at most 1. Received: {self.falling}")


def run(options: Flags, store: Store) -> None:
    from experiments.training import soft_choice as training

    choices = [Choice(among, who) for who in ACTS for among in options.choices]
    choices += [Choice(among, "listens", learned=False) for among in options.choices]
    temperature = Temperature(options.first_temperature, options.last_temperature, options.falling)
    made = [
        pair
        for task in options.tasks
        for pair in training.make_cells(task, choices, temperature, options.seeds, options.epochs)
    ]
    keys, cells = zip(*made, strict=True)
    done = list(zip(keys, compute(training.train, cells, store, options), strict=True))
    store.write("soft_choice", [row for key, result in done for row in _rows(key, result)], COLUMNS)
    seen = pd.concat([_over_time(key, result) for key, result in done if "chosen" in result])
    store.write("soft_choice_over_time", seen, seen.columns)


def _rows(key: Mapping[str, Any], result: Arrays) -> Iterator[dict]:
    """Yield a row for each network of a cell, and another for its hard limit."""
    choice: Choice | None = key["choice"]
    about = {name: key[name] for name in ("task", "units", "targets", "seeds")}
    if choice is None:
        yield from make_rows(about | {"question": "", "variant": "base"}, result)
        return
    for kind in KINDS if choice.learned else KINDS[:1]:
        scores = result | {"score": result["score" if kind == "soft" else "hard"]}
        rows = make_rows(about | {"question": "choice", "variant": choice.named(kind)}, scores)
        for row, decided, changes in zip(rows, result["decided"].flat, result["changes"].flat, strict=True):
            yield row | {"decided": decided, "changes": changes}


def _over_time(key: Mapping[str, Any], result: Arrays) -> pd.DataFrame:
    """Return what the first network of a cell chose at each step of one example, a column for each module."""
    choice: Choice = key["choice"]
    chosen = pd.DataFrame(result["chosen"].round(3)).add_prefix("module_")
    about = {"task": key["task"], "variant": choice.named("soft"), "among": choice.among}
    front = pd.DataFrame({"step": range(len(chosen)), "signal": result["signal"]})
    return pd.concat([front.assign(**about), chosen], axis=1)


def tables(store: Store) -> dict[str, str]:
    """Return the scores beside those of one module a period, what harder choices cost, and what is chosen."""
    rows = store["soft_choice"]
    return {
        "soft-choice": table(comparisons(rows)),
        "soft-choice-equal": _equal(rows),
        "soft-choice-habits": _habits(rows),
        "soft-choice-networks": _networks(rows),
    }


def against_equal(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each task and number of listening modules the scores of a learned choice and of equal shares, and p of the
    rank-sum test between both, adjusted for all rows."""
    found = comparisons(rows).set_index(["task", "variant"]).own
    lines = []
    for task, variant in found.index:
        if EQUAL in variant:
            learned = found[task, variant.replace(EQUAL, "soft")]
            lines.append({"task": task, "variant": variant, "learned": learned, "equal": found[task, variant]})
    frame = pd.DataFrame(lines)
    frame["p"] = holm([rank_p(row.learned, row.equal) for row in frame.itertuples()])
    return frame


def _equal(rows: pd.DataFrame) -> str:
    lines = [
        (TASKS[row.task][0], row.variant.split()[2], spread(row.learned), spread(row.equal), f"{row.p:.1g}")
        for row in against_equal(rows).itertuples()
    ]
    return markdown(("task", "modules of a period that listen", "by choice", "by equal shares", "p"), lines)


def _habits(rows: pd.DataFrame) -> str:
    head = ("task", "choice", "largest weight at a tick", "another module than at the tick before")
    lines = []
    learned = rows[rows.variant.str.endswith("soft")]
    for (task, variant), own in learned.groupby(["task", "variant"], sort=False):
        lines.append((TASKS[task][0], variant, spread(own.decided), spread(own.changes)))
    return markdown(head, lines)


def _networks(rows: pd.DataFrame) -> str:
    head = ("task", "modules of a period", "units", "parameters", "networks", "diverged", "seconds a network")
    lines = []
    for (task, variant), own in rows[~rows.variant.str.endswith("hard")].groupby(["task", "variant"], sort=False):
        first, diverged = own.iloc[0], int(np.isinf(own.score).sum())
        line = [TASKS[task][0], "one" if variant == "base" else variant, first.units, first.parameters]
        lines.append([*line, len(own), diverged, f"{own.seconds.mean():.2g}"])
    return markdown(head, lines)


def answers(store: Store) -> list[Answer]:
    """Return the best soft choice on each task."""
    rows = store["soft_choice"]
    found = comparisons(rows)
    found = found[found.variant.str.endswith("soft")]
    asked = "Do several modules of each period, chosen softly, beat one?"
    trained = int((~rows.variant.str.endswith("hard")).sum())  # the hard ones are the same networks
    return [answer(rows, found, "choice", asked)._replace(networks=trained)]


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the score of each network over the median of those without a choice, and what is chosen over time."""
    found = {"soft_choice": picture(comparisons(store["soft_choice"]))}
    return found | {"soft_choice_over_time": over_time(store["soft_choice_over_time"])}


def over_time(rows: pd.DataFrame) -> Figure:
    """Draw one example of each task, and below it the weights of all modules at each step, a panel a choice."""
    rows = rows[rows.variant.str.endswith("soft")]
    tasks, variants = rows.task.unique(), rows.variant.unique()
    heights = [1, *(2 for _ in variants)]
    with panels(1 + len(variants), len(tasks), 10, 1.2 + 2 * len(variants), height_ratios=heights, sharex="col") as (
        figure,
        axes,
    ):
        for column, task in enumerate(tasks):
            own = rows[rows.task == task]
            example = own[own.variant == variants[0]]
            axes[0][column].plot(example.step, example.signal, color="0.3", linewidth=1)
            axes[0][column].set(title=EXAMPLES[task])
            for place, variant in enumerate(variants, start=1):
                image = weights_panel(axes[place][column], own[own.variant == variant])
                axes[place][column].set_title(variant.removesuffix(", soft"), fontsize="small")
            axes[-1][column].set_xlabel("step")
        bar = figure.colorbar(image, ax=[axis for row in axes[1:] for axis in row], shrink=0.4)
        bar.set_label("weight of a module")
    return figure


def weights_panel(axis: Axes, rows: pd.DataFrame) -> Any:
    """Draw the weight of each module at each step, the modules of one period together, fastest on top."""
    among = int(rows.among.iloc[0])
    weights = rows.filter(like="module_").dropna(axis=1).to_numpy().T  # [K g, T]
    image = axis.imshow(weights, aspect="auto", cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
    for edge in range(among, len(weights), among):
        axis.axhline(edge - 0.5, color="white", linewidth=1)
    ticks = np.arange(0, len(weights), among)
    axis.set_yticks(ticks + (among - 1) / 2, [f"$2^{place}$" for place in range(len(ticks))], fontsize="x-small")
    axis.set_ylabel("period")
    axis.grid(visible=False)
    return image


EXAMPLES = {"generation": "the sequence to generate", "words": "log energy of a spoken word"}

EXPERIMENT = Experiment(
    name="soft-choice",
    question="Do several modules at one speed, of which a learned choice says who listens or who speaks, beat one?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"tasks": ("words",), "choices": (2,), "seeds": 2, "epochs": 1},
)
