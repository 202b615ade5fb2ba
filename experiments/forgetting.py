"""Dynamic forgetting: a carried state that is reset often at first, then less and less often, on speech and on text."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.extensions import VERDICTS, against, comparisons, seed_scores
from experiments.grid import Cell, Options, compute
from experiments.markdown import markdown, middle, times
from experiments.pictures import NAMES, legend, panels, points
from experiments.statistics import quartiles, ratio
from experiments.store import Store

MODELS = ("clockwork_rnn", "lstm")
BASE = "epoch"
LABELS = {  # schedule → what it is called
    BASE: "only where an epoch begins",
    "update": "at every update",
    "doubled": "after 2, then 4, 8 … updates",
    "grown": "grown over half of the epochs",
    "whole": "never: the whole utterance at once",
}
LESSENING = ("doubled", "grown")  # those that forget less and less often
# What is measured → its task, and what it is called.
MEASURES = {
    "teacher_forced_nmse": ("speech", "speech: NMSE fed the truth"),
    "free_running_nmse": ("speech", "speech: NMSE fed its own output"),
    "bits_per_character": ("text", "text: bits per character"),
}
FACTORS = (0.25, 0.5, 1.0, 2.0)  # what the learning rate of the speech recipe is multiplied by in the search
FIRST_SEARCH_SEED = 1000
SEARCHED = "teacher_forced_nmse"
COLUMNS = (
    "measure",
    "model",
    "schedule",
    "units",
    "parameters",
    "updates",
    "learning_rate",
    "seed",
    "score",
    "seconds",
)
SEARCH_COLUMNS = ("model", "factor", "learning_rate", "seed", SEARCHED, "free_running_nmse")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    tasks: tuple[Literal["speech", "text"], ...] = ("speech", "text")
    """Tasks to train on."""
    models: tuple[Literal[MODELS], ...] = MODELS
    """Networks to train."""
    schedules: tuple[Literal[tuple(LABELS)], ...] = tuple(LABELS)
    """When the state is reset; the first one, which the others are compared with, is always trained."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on."""
    search_seeds: int = 3
    """Networks of each learning rate that is tried on speech, with the seeds from 1000 on."""
    epochs: int | None = None
    """Epochs of each network, more where the whole utterance is one update; without it, 80 on speech and 4 on text."""


def run(options: Flags, store: Store) -> None:
    from experiments.training import forgetting

    factors = dict.fromkeys(options.models, 1.0)
    if "speech" in options.tasks:
        seeds = range(FIRST_SEARCH_SEED, FIRST_SEARCH_SEED + options.search_seeds)
        cells = [forgetting.search_cell(model, seeds, options.epochs) for model in options.models]
        results = compute(forgetting.train_speech, cells, store, options)
        rows = [row for made in zip(options.models, cells, results, strict=True) for row in search_rows(*made)]
        store.write("forgetting_search", rows, SEARCH_COLUMNS)
        factors = best_factors(store["forgetting_search"])
    rows = []
    for task in options.tasks:
        train = forgetting.train_speech if task == "speech" else forgetting.train_text
        keys, cells = zip(*make_cells(task, factors, options), strict=True)
        for key, result in zip(keys, compute(train, cells, store, options), strict=True):
            rows += make_rows(key, result)
    store.write("forgetting", rows, COLUMNS)


def search_rows(model: str, cell: Cell, result: dict) -> Iterator[dict]:
    rate = cell.arguments["settings"].learning_rate
    for place, (seed, factor) in enumerate(zip(cell.arguments["seeds"], cell.arguments["factors"], strict=True)):
        errors = {name: result[name][place] for name in (SEARCHED, "free_running_nmse")}
        yield {"model": model, "factor": factor, "learning_rate": factor * rate, "seed": seed} | errors


def best_factors(rows: pd.DataFrame) -> dict[str, float]:
    """Return model → the factor whose networks have the smallest median error on the utterance of the search."""
    medians = rows.groupby(["model", "factor"])[SEARCHED].apply(lambda own: quartiles(own)[1])
    return {model: own.idxmin()[1] for model, own in medians.groupby("model")}


def make_cells(task: str, factors: dict[str, float], options: Flags) -> Iterator[tuple[dict, Cell]]:
    """Yield (what the rows say, the cell that trains a model by one schedule); those that take longest come last."""
    from experiments.training import forgetting

    for schedule in LABELS:
        if schedule not in (BASE, *options.schedules):
            continue
        for model in options.models:
            settings = forgetting.base(task, model, options.epochs)
            if task == "speech":
                settings = replace(settings, learning_rate=factors[model] * settings.learning_rate)
            if schedule in (known := forgetting.schedules(task, settings)):
                own, seeds = known[schedule], tuple(range(options.seeds))
                key = {"model": model, "schedule": schedule, "units": own.units, "learning_rate": own.learning_rate}
                cell = Cell(f"{task}-{model}-{schedule}", {"settings": own, "seeds": seeds}, len(seeds))
                yield key | {"seeds": seeds}, cell


def make_rows(key: dict, result: dict) -> Iterator[dict]:
    """Yield a row for each measure and network of a cell."""
    counts = {name: int(result[name]) for name in ("parameters", "updates")} | {"seconds": float(result["seconds"])}
    of_all = {name: value for name, value in key.items() if name != "seeds"} | counts
    for measure in MEASURES:
        for seed, score in zip(key["seeds"], result.get(measure, ()), strict=False):
            yield of_all | {"measure": measure, "seed": seed, "score": score}


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, by measure, model and schedule, the scores of the seeds (`own`), and but for `BASE` what `comparisons` says of
    them against `BASE`; p is adjusted for all of them."""
    rows = rows.assign(task=rows.measure + " " + rows.model, question="forgetting", variant=rows.schedule)
    rows.loc[rows.schedule == BASE, ["question", "variant"]] = "", "base"
    scores = seed_scores(rows[rows.schedule == BASE]).rename("own")
    bases = scores.groupby("task", sort=False).agg(np.array).reset_index()
    others = comparisons(rows).assign(schedule=lambda frame: frame.variant)
    found = pd.concat([bases.assign(schedule=BASE, base=bases.own), others])
    found[["measure", "model"]] = found.task.str.split(" ", expand=True)
    return found.set_index(["measure", "model", "schedule"])


def tables(store: Store) -> dict[str, str]:
    """Return the scores by schedule beside those of no reset but that of an epoch, and the rates tried before."""
    rows = store["forgetting"]
    found = judged(rows)
    head = ["reset of the state"]
    for _, name in MEASURES.values():
        head += [name, "against an epoch's reset alone"]
    lines = []
    for model in MODELS:
        for schedule, label in LABELS.items():
            line = [f"{NAMES[model]}: {label}"]
            for measure in MEASURES:
                line += _said(found, (measure, model, schedule))
            lines += [line] if any(line[1:]) else []
    made = {"forgetting": markdown(head, lines), "forgetting-cost": _cost(rows)}
    searched = rows.measure.eq(SEARCHED).any()  # otherwise it is of an earlier run
    return made | ({"forgetting-search": _search(store["forgetting_search"])} if searched else {})


def answers(store: Store) -> list[Answer]:
    """Return, for each measure, whether forgetting less and less often is better than where an epoch begins alone."""
    rows, made = store["forgetting"], []
    found = judged(rows).loc[lambda frame: frame.index.isin(LESSENING, level="schedule")]
    for measure, (_, name) in MEASURES.items():
        said, effects = [], []
        for model, own in found.loc[measure].groupby("model", sort=False):
            best = own.loc[own.ratio.idxmin()]
            said.append(f"{NAMES[model]}: {best.verdict}")
            effects.append(f"{NAMES[model]}, {LABELS[best.variant]} {times(ratio(best.own, best.base))}")
        asked = f"Is it better to forget less and less often than with each epoch alone? {name[0].upper()}{name[1:]}"
        made.append(Answer(asked, "; ".join(said), "; ".join(effects), int((rows.measure == measure).sum())))
    return made


def _said(found: pd.DataFrame, place: tuple[str, str, str]) -> tuple[str, str]:
    if place not in found.index:
        return "", ""
    row = found.loc[place]
    return middle(row.own, ".3g"), "" if place[-1] == BASE else against(row)


def _search(rows: pd.DataFrame) -> str:
    best, lines = best_factors(rows), []
    for (model, factor, rate), own in rows.groupby(["model", "factor", "learning_rate"]):
        mark = "chosen" if best[model] == factor else ""
        lines.append((NAMES[model], f"{rate:g}", *(f"{own[name].median():.3g}" for name in SEARCH_COLUMNS[-2:]), mark))
    return markdown(("method", "learning rate", "NMSE fed the truth", "NMSE fed its own output", ""), lines)


def _cost(rows: pd.DataFrame) -> str:
    head = ("task", "method", "units", "parameters", "updates", "learning rate", "networks", "diverged")
    lines = []
    tasks = rows.measure.map(lambda measure: MEASURES[measure][0])
    for (task, model), own in rows.groupby([tasks, "model"], sort=False):
        first, one = own.iloc[0], own[own.measure == own.measure.iloc[0]]
        seconds = one.groupby("schedule", sort=False).seconds.first()
        said = f"{seconds.drop('whole', errors='ignore').mean():.2g}"
        said += f"; the whole at once {seconds['whole']:.2g}" if "whole" in seconds else ""
        counts = (f"{first.learning_rate:g}", len(one), int(np.isinf(one.score).sum()))
        lines.append((task, NAMES[model], first.units, first.parameters, first.updates, *counts, said))
    return markdown((*head, "seconds a network"), lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the score of each network by schedule, one row of panels a model."""
    found = judged(store["forgetting"])
    models = [model for model in MODELS if model in found.index.get_level_values("model")]
    measures = [measure for measure in MEASURES if measure in found.index.get_level_values("measure")]
    shared = {"sharex": "col", "sharey": True}
    with panels(len(models), len(measures), 10.5, 0.9 + 2.1 * len(models), **shared) as (figure, axes):
        for line, model in zip(axes, models, strict=True):
            for axis, measure in zip(line, measures, strict=True):
                draw_scores(axis, found.xs((measure, model), level=("measure", "model")))
                axis.set_xscale("log" if measure.endswith("nmse") else "linear")
            line[0].set_ylabel(NAMES[model])
            line[0].set_yticks(range(len(LABELS)), [textwrap.fill(label, 20) for label in LABELS.values()])
            line[0].set_ylim(len(LABELS) - 0.5, -0.5)
        for axis, measure in zip(axes[-1], measures, strict=True):
            axis.set_xlabel(MEASURES[measure][1])
        legend(figure, *(axis for line in axes for axis in line))
    return {"forgetting": figure}


def draw_scores(axis: Axes, found: pd.DataFrame) -> None:
    """Draw the scores of all schedules, each in the colour of its verdict, over the range of those of no reset."""
    base = found.base.iloc[0]
    axis.axvspan(base.min(), base.max(), color="0.9", linewidth=0, label="the seeds of an epoch's reset alone")
    for place, schedule in enumerate(LABELS):
        if schedule in found.index:
            row = found.loc[schedule]
            colour, verdict = (
                ("0.2", "an epoch's reset alone") if schedule == BASE else (VERDICTS[row.verdict], row.verdict)
            )
            points(axis, row.own, place, colour, verdict)
        else:
            axis.text(
                0.5,
                place,
                "not asked here",
                transform=axis.get_yaxis_transform(),
                ha="center",
                va="center",
                color="0.4",
            )
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)


EXPERIMENT = Experiment(
    name="forgetting",
    question="Does it help to reset a carried state, often at first and then less and less often?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={
        "tasks": ("speech",),
        "models": ("lstm",),
        "schedules": ("update",),
        "seeds": 2,
        "search_seeds": 1,
        "epochs": 1,
    },
)
