"""Six public sets of series: the networks of this repository beside a convolutional one and methods of other kinds."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.grid import ROOT, Arrays, Cell, Options, compute
from experiments.markdown import markdown, mean
from experiments.pictures import NAMES, legend, panels
from experiments.series_sets import CLASSES, SETS
from experiments.statistics import SIGNIFICANT, holm, rank_p, sign_flip_p
from experiments.store import Store

LEARNERS = NAMES | {"tcn": "TCN"}
ROCKET, SMOOTHING = "MiniRocket", "exponential smoothing"  # of classes, and of forecasts
OTHERS = f"{ROCKET} or {SMOOTHING}"
DEFAULT = "clockwork_gru"  # of the task
# Network with clocks → the same cell without.
CELLS = {"clockwork_rnn": "simple_rnn", "clockwork_lstm": "lstm", "clockwork_gru": "gru"}
TRIES = 6  # for each learner on each set, of as many networks each as seeds allow
MARKERS = dict(zip(SETS, "os^vDP", strict=True))
SET_COLOURS = dict(zip(SETS, ("#0173b2", "#d55e00", "#029e73", "#de8f05", "#cc78bc", "#56b4e9"), strict=True))
SEARCH_SEEDS = 1000  # the first of them
SEARCHED = ("set", "learner", "choice", "learning_rate", "seed", "error", "loss")
COLUMNS = ("set", "learner", "choice", "learning_rate", "units", "parameters", "seed", "error", "seconds")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    series: tuple[Literal[tuple(SETS)], ...] = tuple(SETS)
    """Sets to train on."""
    learners: tuple[Literal[tuple(LEARNERS)], ...] = tuple(LEARNERS)
    """Networks to train."""
    seeds: int = 6
    """Networks of each learner on each set, with the seeds from 0 on; a multiple of 6, the settings that are tried."""
    epochs: int = 10
    """Epochs of each network, of 50 updates."""
    python: Path = Path(".venv-series/bin/python")
    """Python of an environment with the packages aeon and seglearn (requirements-series.txt)."""

    def check(self) -> None:
        super().check()
        if self.seeds % TRIES:
            raise ValueError(f"`seeds` must be a multiple of {TRIES}. Received: {self.seeds}")


def tries(name: str) -> dict[str, Any]:
    """Return what is tried on a set, six settings in all: readouts and learning rates of classes, learning rates of forecasts."""
    if name in CLASSES:
        return {"choices": ({"readout": "last"}, {"readout": "mean"}), "rates": (1e-3, 3e-3, 1e-2)}
    return {"choices": ({},), "rates": (5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)}


def run(options: Flags, store: Store) -> None:
    from experiments import series_sets
    from experiments.training import series
    from running.program import ONE_NETWORK_FLAGS

    os.environ.setdefault("XLA_FLAGS", ONE_NETWORK_FLAGS)  # most of the time is compiling
    python = ROOT / options.python
    found = series_sets.packages(python)
    known = {name: series_sets.settings_of(name, found, store.cells) for name in options.series}
    networks = list(network_cells(options, known, series.make_settings))
    results = compute(series.search_and_train, [cell for *_, cell in networks], store, options)
    tried, rows = [], []
    for (name, learner, cell), result in zip(networks, results, strict=True):
        tried += search_rows(name, learner, cell, result)
        rows += network_rows(name, learner, cell, result)
    plain = {name: series.make_settings("lstm", **own) for name, own in known.items()}
    cells = [Cell(f"{name}-simple", {"settings": own}, 1) for name, own in plain.items()]
    for name, result in zip(known, compute(series.answer_simply, cells, store, options), strict=True):
        errors = zip(result["names"], result["error"], strict=True)
        rows += [{"set": name, "learner": own, "error": error} for own, error in errors]
    seeds = {"seeds": tuple(range(options.seeds)), "python": str(python)}
    asked = [name for name in known if name in CLASSES]
    cells = [Cell(f"{name}-minirocket", {"settings": plain[name]} | seeds, options.seeds) for name in asked]
    for name, result in zip(asked, compute(series.minirocket, cells, store, options), strict=True):
        both = zip(result["error"], result["seconds"], strict=True)
        of_all = {"set": name, "learner": ROCKET}
        rows += [of_all | {"seed": seed, "error": own, "seconds": took} for seed, (own, took) in enumerate(both)]
    store.write("series_search", tried, SEARCHED)
    store.write("series", rows, COLUMNS)


def network_cells(
    options: Flags, known: Mapping[str, Mapping[str, Any]], make_settings: Callable[..., Any]
) -> Iterator[tuple[str, str, Cell]]:
    """Yield set, learner, and the cell that searches for and trains its networks."""
    for name, own in known.items():
        tried = tries(name)
        first = range(SEARCH_SEEDS, SEARCH_SEEDS + options.seeds // len(tried["rates"]))
        given = tried | {"search_seeds": tuple(first), "seeds": tuple(range(options.seeds))}
        for learner in options.learners:
            arguments = given | {"learner": learner, "settings": make_settings(learner, epochs=options.epochs, **own)}
            count = options.seeds * (1 + len(tried["choices"]))
            yield name, learner, Cell(f"{name}-{learner}", arguments, count)


def search_rows(name: str, learner: str, cell: Cell, result: Arrays) -> Iterator[dict[str, Any]]:
    """Yield a row for each network of a search."""
    given = cell.arguments
    for place, error in np.ndenumerate(result["tried_error"]):
        choice, rate, seed = (
            given[role][at] for role, at in zip(("choices", "rates", "search_seeds"), place, strict=True)
        )
        found = {"error": error, "loss": result["tried_loss"][place], "seed": seed}
        yield {"set": name, "learner": learner, "choice": in_words(choice), "learning_rate": rate} | found


def network_rows(name: str, learner: str, cell: Cell, result: Arrays) -> Iterator[dict[str, Any]]:
    """Yield a row for each network that was trained as was best in the search."""
    given = cell.arguments
    of_all = {"set": name, "learner": learner, "choice": in_words(given["choices"][int(result["choice"])])}
    of_all |= {"learning_rate": given["rates"][int(result["rate"])], "units": given["settings"].units}
    of_all |= {"parameters": int(result["parameters"]), "seconds": float(result["seconds"])}
    for seed, error in zip(given["seeds"], result["error"], strict=True):
        yield of_all | {"seed": seed, "error": error}


def in_words(choice: Mapping[str, Any]) -> str:
    """Return a choice as it stands in the tables."""
    return ", ".join(f"{name} {value}" for name, value in choice.items())


def scores(rows: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """Return (set, learner) → the errors of all seeds; MiniRocket on classes and smoothing on forecasts also as one learner."""
    found = {key: own.error.to_numpy(float) for key, own in rows.groupby(["set", "learner"], sort=False)}
    other = {(name, OTHERS): own for (name, learner), own in found.items() if learner in (ROCKET, SMOOTHING)}
    return found | other


def ranks(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rank of each learner's mean error on each set, 1 the least: a row a learner, by mean rank, a column a set."""
    means = pd.Series({key: own.mean() for key, own in scores(rows).items()}).unstack(level=0)
    there = [learner for learner in (*LEARNERS, OTHERS) if learner in means.index]
    found = means.loc[there, list(rows.set.unique())].rank()
    return found.loc[found.mean(axis=1).sort_values(kind="stable").index]


def comparisons(rows: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return a row for each set and pair of learners.

    Returns:
        set, own, other; `change`, the mean error of the one less that of the other; `p` of the rank-sum test, adjusted after
        Holm for all rows; not tested, and no part of these, is what has no spread.
    """
    found, lines = scores(rows), []
    for name in rows.set.unique():
        for one, two in pairs:
            if (name, one) in found and (name, two) in found:  # a run may be of fewer learners
                own, other = found[name, one], found[name, two]
                p = rank_p(own, other) if len(other) > 1 else np.nan
                lines.append((name, one, two, own.mean() - other.mean(), p))
    frame = pd.DataFrame(lines, columns=["set", "own", "other", "change", "p"])
    tested = frame.p.notna()
    frame.loc[tested, "p"] = holm(frame.p[tested])
    return frame


def families() -> dict[str, list[tuple[str, str]]]:
    """Return the two questions that are tested, and which learner is compared with which."""
    return {"cells": list(CELLS.items()), "default": [(DEFAULT, "tcn"), (DEFAULT, OTHERS)]}


def tables(store: Store) -> dict[str, str]:
    """Return the errors, the comparisons, what was chosen, and the seconds."""
    rows = store["series"]
    found = {"series": _errors(rows), "series-chosen": _chosen(rows), "series-seconds": _seconds(rows)}
    return found | {f"series-{name}": _comparisons(rows, pairs) for name, pairs in families().items()}


def answers(store: Store) -> list[Answer]:
    """Return for each cell on how many sets a clock helps, and where the default stands."""
    rows = store["series"]
    count, found = int(rows.units.notna().sum()), []
    tested, placed = comparisons(rows, families()["cells"]), ranks(rows)
    for clocked, plain in CELLS.items():
        own = tested[tested.own == clocked]
        shown = own[own.p <= SIGNIFICANT]
        said = f"shown better on {(shown.change < 0).sum()}, worse on {(shown.change > 0).sum()} of {len(own)} sets"
        change = placed.loc[clocked] - placed.loc[plain]
        effect = f"mean rank {placed.loc[clocked].mean():.2g} against {placed.loc[plain].mean():.2g}"
        if len(change) > 1:
            effect += f", sign flips p = {sign_flip_p(change.to_numpy()):.1g}"
        asked = f"Public sets of series: does a clock help the {LEARNERS[plain]}?"
        found.append(Answer(asked, said, effect, int(rows.learner.isin([clocked, plain]).sum())))
    best = placed.mean(axis=1)
    effect = f"{LEARNERS[DEFAULT]}, the default: {best[DEFAULT]:.2g}; of {len(best)}"
    said = f"{LEARNERS.get(best.index[0], best.index[0])}, {best.iloc[0]:.2g}"
    return [*found, Answer("Public sets of series: who has the lowest mean rank?", said, effect, count)]


def _errors(rows: pd.DataFrame) -> str:
    found, placed = scores(rows), ranks(rows).mean(axis=1)
    names = list(rows.set.unique())
    lines = []
    for learner in [name for name in LEARNERS if name in placed.index] + _simple(rows):
        own = [found.get((name, learner), np.zeros(0)) for name in names]
        place = placed.get(learner, placed.get(OTHERS) if learner in (ROCKET, SMOOTHING) else None)
        last = "" if place is None else f"{place:.1f}" + "*" * (learner not in LEARNERS)
        lines.append((LEARNERS.get(learner, learner), *map(_error, names, own), last))
    head = [f"{SETS[name][0]}, {'error %' if name in CLASSES else 'MASE'}" for name in names]
    return markdown(("", *head, "mean rank"), lines)


def _simple(rows: pd.DataFrame) -> list[str]:
    """Return the names of all that are no networks."""
    return [name for name in rows.learner.unique() if name not in LEARNERS]


def _error(name: str, errors: np.ndarray) -> str:
    if len(errors) < 2:
        return "".join(f"{error:{_digits(name)}}" for error in errors)
    return mean(errors, _digits(name), _digits(name))


def _digits(name: str) -> str:
    return ".1f" if name in CLASSES else ".3f"


def _comparisons(rows: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> str:
    lines = []
    for row in comparisons(rows, pairs).itertuples():
        verdict = "not tested" if np.isnan(row.p) else "not shown"
        if row.p <= SIGNIFICANT:
            verdict = "better" if row.change < 0 else "worse"
        other = OTHERS if row.other == OTHERS else LEARNERS[row.other]
        change = f"{row.change:+{_digits(row.set)}}" + " points" * (row.set in CLASSES)
        p = "" if np.isnan(row.p) else f"{row.p:.1g}"
        lines.append((SETS[row.set][0], LEARNERS[row.own], other, change, p, verdict))
    return markdown(("set", "network", "against", "its error less the other's", "p", ""), lines)


def _chosen(rows: pd.DataFrame) -> str:
    trained = rows[rows.units.notna()]
    lines = []
    for learner, own in trained.groupby("learner", sort=False):
        first = own.groupby("set", sort=False).first()
        said = [
            f"{row.choice}, " * isinstance(row.choice, str) + f"rate {row.learning_rate:g}, {row.units:.0f} units"
            for row in first.itertuples()
        ]
        sizes = f"{own.parameters.min():,.0f}–{own.parameters.max():,.0f}"
        lines.append((LEARNERS[learner], *said, sizes))
    return markdown(("", *(SETS[name][0] for name in trained.set.unique()), "parameters"), lines)


def _seconds(rows: pd.DataFrame) -> str:
    timed = rows[rows.seconds.notna()]
    lines = []
    for learner, own in timed.groupby("learner", sort=False):
        taken = own.groupby("set").seconds.mean()
        cells = (f"{taken[name]:.2g}" if name in taken else "" for name in timed.set.unique())
        lines.append((LEARNERS.get(learner, learner), *cells))
    return markdown(("", *(SETS[name][0] for name in timed.set.unique())), lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the rank of each learner on each set, and its mean: one row a learner, the best one on top."""
    placed = ranks(store["series"])
    heights = np.arange(len(placed))
    with panels(1, 1, 10, 1.2 + 0.42 * len(placed)) as (figure, ((axis,),)):
        middle = placed.mean(axis=1)
        axis.barh(heights, middle, 0.8, color="0.9", label="mean rank")
        for place, (name, own) in enumerate(placed.items()):
            beside = heights + 0.11 * (place - (placed.shape[1] - 1) / 2)  # so that equal ranks are all seen
            style = {"color": SET_COLOURS[name], "markersize": 6, "linestyle": ""}
            axis.plot(own, beside, marker=MARKERS[name], label=SETS[name][0], **style)
        for height, rank in zip(heights, middle, strict=True):
            axis.text(0.08, height, f"{rank:.1f}", va="center", fontsize=9)
        axis.set_yticks(heights, [LEARNERS.get(learner, learner) for learner in placed.index])
        axis.set(
            xlabel="rank on each set, 1 is the least error", xlim=(0, len(placed) + 0.4), ylim=(len(placed) - 0.4, -0.6)
        )
        axis.set_xticks(range(1, len(placed) + 1))
        axis.grid(axis="y", visible=False)
        legend(figure, axis)
    return {"series_ranks": figure}


EXPERIMENT = Experiment(
    name="series",
    question="Which network is the best on one's own series: six public sets, equal parameters, equal search?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"series": ("speakers", "sunspots"), "learners": ("clockwork_rnn", "simple_rnn"), "seeds": 6, "epochs": 1},
)
