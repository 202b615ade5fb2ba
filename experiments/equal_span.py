"""Clock series at one longest period: is it their ratio, their span or their coprime pairs that makes them good?"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.experiment import Answer, Experiment
from experiments.extensions import COLUMNS as OF_EXTENSIONS
from experiments.extensions import KEYS, TASKS, against, comparisons, make_rows, seed_scores
from experiments.grid import Options, compute
from experiments.markdown import markdown, middle, times
from experiments.period_sets import EXPLANATIONS, PAPER, SPAN, correlations, explained, medians, steps
from experiments.pictures import COLOURS, PUBLISHED, legend, panels
from experiments.statistics import SIGNIFICANT, ratio
from experiments.store import Store

GROUPS = ("series", "span", "coprime")
COLUMNS = (*OF_EXTENSIONS, "periods", "seconds")
NETWORK = ["task", "periods", "target", "seed"]  # which has a row under each name of its set
OCTAVES = tuple(2**power for power in range(10))
TICKS = {"ratio": (1.2, 1.5, 2, 3, 4, 6, 8), "span": OCTAVES, "typical": OCTAVES}  # of logarithmic axes
DOT = {"color": COLOURS["clockwork_rnn"], "markersize": 4, "alpha": 0.6, "markeredgecolor": "none"}


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    tasks: tuple[Literal[tuple(TASKS)], ...] = tuple(TASKS)
    """Tasks to train on."""
    groups: tuple[Literal[GROUPS], ...] = GROUPS
    """Sets of periods to compare with the paper's: series at its span, two of them at other spans, few and many coprime pairs."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on; on generation as many for each of five targets."""
    epochs: int | None = None
    """Epochs of each network; without it, as in `main.py`, and 4 on text."""


def run(options: Flags, store: Store) -> None:
    from experiments.training import equal_span, extensions

    made = [
        cell
        for task in options.tasks
        for cell in equal_span.make_cells(task, options.groups, options.seeds, options.epochs)
    ]
    keys, cells = zip(*made, strict=True)
    results = compute(extensions.train_networks, cells, store, options)
    found = [
        row | {"periods": " ".join(map(str, key["periods"]))}
        for key, result in zip(keys, results, strict=True)
        for row in make_rows(key, result)
    ]
    store.write("equal_span", found, COLUMNS)


def tables(store: Store) -> dict[str, str]:
    """Return what explains the scores, the steps from set to set behind it, and the scores of all sets, a table a task."""
    rows = store["equal_span"]
    of_tasks = {f"equal-span-{task}": _sets(task, own) for task, own in judged(rows).groupby("task", sort=False)}
    return {"equal-span": _answers(rows), "equal-span-steps": _steps(rows), **of_tasks}


def answers(store: Store) -> list[Answer]:
    """Return for each task what goes most strongly with the scores, and what pressing the paper's periods to the shortest span does."""
    rows, found = store["equal_span"], []
    trained = rows.drop_duplicates(NETWORK).task.value_counts()
    scores = judged(rows).set_index(["task", "variant"]).own
    for task, own in correlations(medians(rows)).groupby("task", sort=False):
        best = own.loc[own.rho.abs().idxmax()]
        shortest = next(name for name in scores[task].index if name.startswith(SPAN.format(PAPER, "")))
        said = f"{EXPLANATIONS[best.explanation][0]}, ρ = {best.rho:+.2f} over {best.sets} sets"
        effect = f"{shortest} : the paper's {times(ratio(scores[task, shortest], scores[task, 'base']))}"
        question = f"What makes periods good, on {TASKS[task][0]}?"
        found.append(Answer(question, said, effect, int(trained[task])))
    return found


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each task and set, under its first name: the scores of its seeds, what is the same for all of its networks,
    and the `ratio`, `p` and `verdict` of its `comparisons` with the paper's."""
    unique = rows.drop_duplicates(NETWORK)
    about = unique.groupby(["task", "variant"], sort=False).agg(
        periods=("periods", lambda own: own.iloc[0] if own.nunique() == 1 else ""),
        networks=("score", "size"),
        diverged=("score", lambda own: np.isinf(own).sum()),
        seconds=("seconds", "mean"),
    )
    scores = seed_scores(unique).groupby(KEYS, sort=False).agg(np.array).rename("own").reset_index()
    verdicts = comparisons(unique)[[*KEYS, "ratio", "p", "verdict"]]
    return scores.join(about, on=["task", "variant"]).merge(verdicts, how="left", on=KEYS)


def _sets(task: str, sets: pd.DataFrame) -> str:
    """Return the sets of a task, the paper's first."""
    head = ("name", "periods", "ratio", "coprime", "geometric mean", "{}: {}".format(*TASKS[task]))
    lines = []
    for row in sets.itertuples():
        line = [row.variant, row.periods, *_of_periods(row.periods), middle(row.own, ".3g")]
        lines.append([*line, against(row), f"{row.diverged} of {row.networks}", f"{row.seconds:.2g}"])
    lines[0][0], lines[0][6] = "**the paper's**", ""
    return markdown((*head, "against the paper's", "diverged", "seconds"), lines)


def _of_periods(periods: str) -> list[str]:
    """Return ratio, coprime pairs and geometric mean in words; nothing of random periods, which differ from seed to seed."""
    if not periods:
        return [""] * 3
    known = explained(periods)
    return [f"{known['ratio']:.2f}", f"{known['coprime']:.0f}", f"{known['typical']:.3g}"]


def _answers(rows: pd.DataFrame) -> str:
    """Return for each task and explanation how it goes with the scores over all sets, and what steps in it alone change."""
    head = ("task", "explanation", "ρ over all sets", "p", "steps in it alone", "shown to differ", "factor, median")
    moves = steps(rows)
    lines = []
    for row in correlations(medians(rows)).itertuples():
        own = moves[(moves.task == row.task) & (moves.explanation == row.explanation)]
        factors = np.exp(np.abs(np.log(own.ratio)))
        rho, p = _correlation(row)
        line = [TASKS[row.task][0], EXPLANATIONS[row.explanation][0], f"{rho} ({row.sets} sets)"]
        line += [p, len(own), (own.p <= SIGNIFICANT).sum()]
        lines.append([*line, *(f"×{factor:.3g}" if len(own) else "–" for factor in (factors.median(), factors.max()))])
    return markdown((*head, "largest"), lines)


def _correlation(found: Any) -> tuple[str, str]:
    """Return ρ and p of a row of `correlations` in words: dashes where there are none."""
    return ("–", "–") if np.isnan(found.rho) else (f"{found.rho:+.2f}", f"{found.p:.1g}")


def _steps(rows: pd.DataFrame) -> str:
    head = ("task", "explanation", "from", "to", "score, to : from")
    named = ((TASKS[row.task][0], row) for row in steps(rows).itertuples())
    return markdown(head, ((task, row.explanation, row.before, row.after, against(row)) for task, row in named))


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the median score of each set over each explanation, one row of panels a task, with lines along steps in it alone."""
    rows = store["equal_span"]
    sets, moves = medians(rows), steps(rows)
    found = correlations(sets).set_index(["task", "explanation"])
    tasks = list(sets.task.unique())
    with panels(len(tasks), len(EXPLANATIONS), 11, 0.7 + 2.4 * len(tasks), sharey="row") as (figure, axes):
        for line, task in zip(axes, tasks, strict=True):
            scale = "log" if task == "generation" else "linear"
            line[0].set(yscale=scale, ylabel="{}\n{}, median".format(*TASKS[task]))
            for axis, name in zip(line, EXPLANATIONS, strict=True):
                own = moves[(moves.task == task) & (moves.explanation == name)]
                draw_explanation(axis, name, sets[sets.task == task], own)
                axis.set_title("ρ = {} (p = {})".format(*_correlation(found.loc[task, name])))
        legend(figure, *(axis for line in axes for axis in line))
    return {"equal_span": figure}


def draw_explanation(axis: Axes, name: str, sets: pd.DataFrame, moves: pd.DataFrame) -> None:
    """Draw the score of each set of a task over one explanation; a line joins two sets that differ in it alone."""
    known = sets.set_index("periods")
    for row in moves.itertuples():
        ends = known.loc[[row.periods_before, row.periods_after]]
        colour, shown = ("0.2", "a") if row.p <= SIGNIFICANT else ("0.75", "no")
        axis.plot(ends[name], ends.score, color=colour, linewidth=1.2, label=f"one step, {shown} difference shown")
    axis.plot(sets[name], sets.score, "o", **DOT, label="set of periods")
    base = sets[sets.variant == "base"]
    axis.plot(base[name], base.score, "D", color=PUBLISHED, markersize=6, label="the paper's periods")
    axis.set_xlabel(EXPLANATIONS[name][0])
    if name in TICKS:
        ticks = [tick for tick in TICKS[name] if sets[name].min() / 1.1 <= tick <= sets[name].max() * 1.1]
        axis.set_xscale("log")
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_xticks([], minor=True)
    else:
        axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


EXPERIMENT = Experiment(
    name="equal-span",
    question="Is it their ratio, their span or their coprime pairs that makes clock periods good?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"tasks": ("generation",), "groups": ("coprime",), "seeds": 2, "epochs": 20},
)
