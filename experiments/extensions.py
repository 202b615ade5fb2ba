"""What was proposed since the paper, one question at a time: wirings, periods, inputs, phases and resets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.grid import Arrays, Options, compute
from experiments.markdown import markdown, p_value, spread, times
from experiments.pictures import legend, panels, points
from experiments.published import EXTENSIONS_TEXT_LOSS
from experiments.statistics import holm, rank_p, ratio, verdict
from experiments.store import Store

# Task → what is measured, and how it is written.
TASKS = {"generation": ("sequence generation", "MSE", "{:.1e}"), "words": ("spoken words", "test error", "{:.0f} %")}
TASKS["text"] = ("text", "bits per character", "{:.2f}")
# Question → what is asked, and the paper's answer, which all others are compared with.
QUESTIONS = {
    "wiring": ("wiring", "slow to fast"),
    "series": ("periods", "exponential"),
    "input": ("input", "to all modules"),
    "turns": ("phases", "all 0"),
    "forgetting": ("reset of the state", "every epoch"),
}
# Those, and the question of another page that has the same table and picture.
NAMED = QUESTIONS | {"choice": ("modules of equal period", "one")}
ANSWERS = {  # where a variant's own name does not say it
    "fast_to_slow": "fast to slow",
    "full": "full: all hear all",
    "none": "none: each hears itself",
    "linear": "linear: 1, 2, 3, 4 …",
    "fibonacci": "Fibonacci: 1, 2, 3, 5 …",
    "symmetric": "symmetric: up and down again",
    "exponential, sizes by spectrum": "module sizes by spectrum",
    "to the fastest only": "to the fastest module only",
    "mean over the period": "its mean over the period",
    "every 2, then 4, 8, … updates": "after 2, then 4, 8 … updates",
}
WHY_NOT = {"input": "has no input", "forgetting": "has no stream to reset in", "series": "has no single target"}
VERDICTS = {"better": "#1b7837", "worse": "#762a83", "no difference shown": "0.45"}
CLEAR = {"facecolor": "white", "edgecolor": "none", "pad": 1}
TICKS = {"generation": (0.01, 1, 100, 10_000), "words": (0.5, 1, 2, 5), "text": (0.9, 1, 1.2)}  # ratios to the paper
FAR_TICKS = (1, 1e6, 1e12)  # where some are so far from the paper's that those would overlap
KEYS = ["task", "question", "variant"]
COLUMNS = (*KEYS, "units", "parameters", "target", "seed", "score")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    tasks: tuple[Literal[tuple(TASKS)], ...] = tuple(TASKS)
    """Tasks to train on."""
    questions: tuple[Literal[tuple(QUESTIONS)], ...] = tuple(QUESTIONS)
    """Questions to answer."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on; on generation as many for each of five targets."""
    epochs: int | None = None
    """Epochs of each network; without it, as in `main.py`, and 8 on text."""


def run(options: Flags, store: Store) -> None:
    from experiments.training import extensions

    made = [
        cell
        for task in options.tasks
        for cell in extensions.make_cells(task, options.questions, options.seeds, options.epochs)
    ]
    if all(not key["question"] for key, _ in made):
        raise ValueError(f"`questions` must hold one that the tasks can answer. Received: {options.questions}")
    keys, cells = zip(*made, strict=True)
    results = compute(extensions.train_networks, cells, store, options)
    found = [row for key, result in zip(keys, results, strict=True) for row in make_rows(key, result)]
    store.write("extensions", found, COLUMNS)


def make_rows(key: Mapping[str, Any], result: Arrays) -> Iterator[dict]:
    """Yield a row for each network of a cell, with its share of the seconds."""
    of_all = {name: value for name, value in key.items() if name not in ("targets", "seeds")}
    of_all |= {"parameters": int(result["parameters"]), "seconds": float(result["seconds"])}
    for scores, target in zip(result["score"], key["targets"], strict=True):
        for score, seed in zip(scores, key["seeds"], strict=True):
            yield of_all | {"target": target, "seed": seed, "score": score}


def seed_scores(rows: pd.DataFrame) -> pd.Series:
    """Return (task, question, variant, seed) → score; several targets count by their geometric mean."""
    logs = np.log(rows.score).groupby([rows[name].fillna("") for name in (*KEYS, "seed")], sort=False)
    return np.exp(logs.mean())


def comparisons(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each task, question and variant: the scores of its seeds, `own`, those of its `base`, and what `compared`
    finds in them."""
    scores = seed_scores(rows).groupby(KEYS, sort=False).agg(np.array)
    found = scores[scores.index.get_level_values("question") != ""].rename("own").reset_index()
    found["base"] = [scores[task, "", "base"] for task in found.task]
    return compared(found)


def compared(found: pd.DataFrame) -> pd.DataFrame:
    """Return rows of scores, `own` and those of the `base`, with the `ratio` of the medians, `p` of the rank-sum test, adjusted for
    all rows, and the `verdict`."""
    ratios = found.own.map(np.median) / found.base.map(np.median)
    found = found.assign(ratio=ratios, p=holm(list(map(rank_p, found.own, found.base))))
    return found.assign(verdict=list(map(verdict, found.own, found.base, found.p)))


def answers(store: Store) -> list[Answer]:
    """Return for each question the best answer on each task."""
    rows, asked = store["extensions"], "{}: does another answer than the paper's ({}) lower the error?"
    found = comparisons(rows)
    return [answer(rows, found, question, asked.format(*of).capitalize()) for question, of in QUESTIONS.items()]


def answer(rows: pd.DataFrame, found: pd.DataFrame, question: str, asked: str) -> Answer:
    """Return the variant of a question with the lowest score on each task, and its ratio to the paper's, from rows and what
    `comparisons` found in them."""
    said, effects = [], []
    for task, own in found[found.question == question].groupby("task", sort=False):
        best = own.loc[own.ratio.idxmin()]
        name = ANSWERS.get(best.variant, best.variant)
        said.append(f"{TASKS[task][0]}: {name if best.verdict == 'better' else 'none shown'}")
        effects.append(f"{name} {times(ratio(best.own, best.base))}")
    asked_of = rows.task.isin(found.task[found.question == question]) & rows.question.fillna("").isin(["", question])
    return Answer(asked, "; ".join(said), "; ".join(effects), int(asked_of.sum()))


def against(row: Any) -> str:
    """Return a row's `ratio`, `verdict` and `p` in words."""
    return f"×{float(f'{row.ratio:.3g}'):,g}, {row.verdict} (p = {p_value(row.p)})"


def listed(found: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (question, variant) of all comparisons, by question; before those of a question stands (question, "")."""
    places = []
    for question in NAMED:
        variants = list(found.variant[found.question == question].unique())
        places += [(question, ""), *((question, variant) for variant in variants)] if variants else []
    return places


def label(question: str, variant: str) -> str:
    """Return what a question or its answer is called."""
    return ANSWERS.get(variant, variant) if variant else "{} (paper: {})".format(*NAMED[question])


def tables(store: Store) -> dict[str, str]:
    """Return the scores of all answers beside the paper's, and what others reported."""
    said = ", ".join(f"{name} {loss:.2f}" for name, loss in EXTENSIONS_TEXT_LOSS.items())
    elsewhere = f"Reported elsewhere, one run each, test loss on a text (neither it nor the unit is told): {said}."
    return {"extensions": table(comparisons(store["extensions"])), "extensions-elsewhere": elsewhere}


def table(found: pd.DataFrame) -> str:
    """Return the scores of all answers beside the paper's, a pair of columns a task."""
    tasks = {task: own.set_index(["question", "variant"]) for task, own in found.groupby("task", sort=False)}
    lines = [
        [
            "**the paper's wiring and clock**",
            *(c for own in tasks.values() for c in (spread(own.base.iloc[0], ".3g"), "")),
        ]
    ]
    for place in listed(found):
        line = [label(*place) if place[1] else f"**{label(*place)}**"]
        for own in tasks.values():
            row = own.loc[place] if place in own.index else None
            line += ["", ""] if row is None else [spread(row.own, ".3g"), against(row)]
        lines.append(line)
    head = ["", *(cell for task in tasks for cell in ("{}: {}".format(*TASKS[task]), "against the paper's"))]
    return markdown(head, lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the scores of all answers."""
    return {"extensions": picture(comparisons(store["extensions"]))}


def picture(found: pd.DataFrame) -> Figure:
    """Draw the score of each network over the median of the base's, one panel a task, all on log scales."""
    places = listed(found)
    with panels(1, found.task.nunique(), 9.5, 1.3 + 0.28 * len(places), sharey=True) as (figure, (axes,)):
        for axis, (task, own) in zip(axes, found.groupby("task", sort=False), strict=True):
            draw_task(axis, task, own.set_index(["question", "variant"]), places)
        axes[0].set_yticks(range(len(places)), [label(*place) for place in places])
        axes[0].set_ylim(len(places) - 0.5, -0.5)
        for text, (_, variant) in zip(axes[0].get_yticklabels(), places, strict=True):
            text.set_weight("normal" if variant else "bold")
        legend(figure, *axes)
        figure.supxlabel(
            "times the median of the paper's wiring and clock, log scale (left of ×1 is better)", fontsize=9
        )
    return figure


def draw_task(axis: Axes, task: str, found: pd.DataFrame, places: Sequence[tuple[str, str]]) -> None:
    """Draw all answers on one task, or why there is none; the medians themselves stand on the right."""
    base = found.base.iloc[0] / np.median(found.base.iloc[0])
    axis.axvspan(base.min(), base.max(), color="0.88", linewidth=0, label="the seeds of the paper's wiring and clock")
    axis.axvline(1, color="0.3", linewidth=1)
    name, quantity, form = TASKS[task]
    beside = {"transform": axis.get_yaxis_transform(), "va": "center", "fontsize": 8}
    for place, (question, variant) in enumerate(places):
        if (question, variant) in found.index:
            row = found.loc[question, variant]
            points(axis, row.own / np.median(row.base), place, VERDICTS[row.verdict], row.verdict)
            axis.text(1.03, place, form.format(np.median(row.own)), **beside)
        elif variant:
            axis.text(
                0.5,
                place,
                WHY_NOT[question],
                ha="center",
                color="0.4",
                style="italic",
                bbox=CLEAR,
                **beside,
            )
    axis.set(xscale="log", title=f"{name}\n{quantity}")
    ticks = FAR_TICKS if found.ratio.max() > FAR_TICKS[1] else TICKS[task]
    axis.set_xticks(ticks, [f"×{tick:g}" for tick in ticks])
    axis.xaxis.minorticks_off()
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False)
    axis.spines["left"].set_visible(False)


EXPERIMENT = Experiment(
    name="extensions",
    question="Which of the wirings, periods, inputs, phases and resets proposed since the paper lower the error?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"tasks": ("generation",), "questions": ("turns",), "seeds": 2, "epochs": 20},
)
