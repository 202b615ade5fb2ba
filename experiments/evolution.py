"""Periods by evolution: whole numbers from a bad start, against exponential periods given by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.grid import Cell, Options, compute
from experiments.markdown import markdown, times
from experiments.pictures import COLOURS, panels
from experiments.statistics import ratio, sign_p
from experiments.store import Store

START = 7  # the period of every module before the first generation
ROW = ("seed", "cycles", "periods", "start", "evolved", "exponential", "ratio")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    seeds: int = 10
    """Targets, each with its own evolution, with the seeds from 0 on."""
    generations: int = 15
    """Generations of each evolution."""
    candidates: int = 32
    """Networks of one generation."""
    updates: int = 300
    """Updates by which candidates are judged."""
    epochs: int = 1000
    """Updates of the networks that are compared in the end."""


def run(options: Flags, store: Store) -> None:
    from experiments.training.evolution import evolve
    from main import recipe

    numbers = {name: getattr(options, name) for name in ("generations", "candidates", "updates")}
    settings = [recipe("generation", seed=seed, epochs=options.epochs) for seed in range(options.seeds)]
    cells = [Cell(str(own.seed), {"settings": own} | numbers, options.candidates) for own in settings]
    rows, generations = [], []
    for seed, result in enumerate(compute(evolve, cells, store, options)):
        errors = {name: float(result[name]) for name in ("start", "evolved", "exponential")}
        said = {"seed": seed, "cycles": " ".join(f"{cycle:.1f}" for cycle in result["cycles"])}
        rows.append(said | {"periods": words(result["best"][-1])} | errors)
        rows[-1]["ratio"] = errors["evolved"] / errors["exponential"]
        for number, (periods, error) in enumerate(zip(result["best"], result["errors"], strict=True), start=1):
            generations.append({"seed": seed, "generation": number, "periods": words(periods), "mse": error})
    store.write("evolution", rows, ROW)
    store.write("evolution_generations", generations, ("seed", "generation", "periods", "mse"))


def words(periods: Sequence[int]) -> str:
    return " ".join(map(str, periods))


def tables(store: Store) -> dict[str, str]:
    head = ("seed", "steps a cycle of the sines", "periods found")
    head += ("MSE, all 7", "MSE, evolved", "MSE, 1, 2, 4, … 256", "evolved : exponential")
    frame = store["evolution"]
    lines = [(*row[:3], *(f"{value:.2g}" for value in row[3:])) for row in frame[list(ROW)].itertuples(index=False)]
    better, worse = (frame.ratio < 1).sum(), (frame.ratio > 1).sum()
    said = f"Below the exponential periods in {better} of {len(frame)} seeds "
    said += f"(sign test, two-sided, p = {sign_p(better, worse):.2g}), "
    said += f"at most twice theirs in {(frame.ratio <= 2).sum()}; median ratio {frame.ratio.median():.2g}."
    return {"evolution": f"{markdown(head, lines)}\n\n{said}"}


def answers(store: Store) -> list[Answer]:
    """Return in how many seeds evolved periods are below exponential ones."""
    frame = store["evolution"]
    said = f"Below them in {(frame.ratio < 1).sum()} of {len(frame)} seeds"
    effect = f"evolved : exponential {times(ratio(frame.evolved, frame.exponential))}"
    trained = len(store["evolution_generations"]) * EXPERIMENT.options.candidates + 3 * len(frame)
    return [Answer("Are evolved periods as good as 1, 2, 4, … 256?", said, effect, trained)]


def pictures(store: Store) -> dict[str, Figure]:
    """Draw how the error falls over the generations, which periods are found, and what they are worth."""
    frame, generations = store["evolution"], store["evolution_generations"]
    with panels(1, 3, 9, 3.6, width_ratios=[1, 1.4, 1]) as (figure, ((falling, found, worth),)):
        for _, own in generations.groupby("seed"):
            falling.semilogy(own.generation, own.mse, color=COLOURS["clockwork_rnn"], linewidth=0.7, alpha=0.5)
        median = generations.groupby("generation").mse.median()
        falling.semilogy(median, color=COLOURS["clockwork_rnn"], linewidth=2.2)
        falling.set(xlabel="generation", ylabel="MSE after training", title="the best network")
        periods_panel(found, frame)
        errors_panel(worth, frame, {"start": "all 7", "exponential": "1, 2, 4,\n… 256", "evolved": "evolved"})
    return {"evolution": figure}


def periods_panel(axis: Axes, frame: pd.DataFrame) -> None:
    """Draw the periods found for each seed, one row each, and the steps a cycle of the three sines."""
    for row in frame.itertuples():
        cycles, periods = (np.array(text.split(), float) for text in (row.cycles, row.periods))
        first = row.Index == 0
        sines = "sines: steps a cycle" if first else None
        axis.plot(cycles, [row.seed] * 3, "|", color="black", markersize=13, markeredgewidth=1.5, label=sines)
        style = {"color": COLOURS["clockwork_rnn"], "markersize": 4.5, "alpha": 0.75}
        axis.plot(periods, [row.seed] * len(periods), "o", **style, label="modules: period" if first else None)
    axis.axvline(START, color="0.5", linewidth=0.8, linestyle="--", label="all at the start")
    axis.set(xscale="log", xlabel="steps", ylabel="seed", title="periods found", yticks=frame.seed.unique())
    axis.set_xticks([1, 4, 16, 64, 256], [1, 4, 16, 64, 256])
    axis.set_xticks([], minor=True)
    axis.set_ylim(frame.seed.max() + 0.6, -2.6)
    axis.legend(loc="upper center", ncols=2, fontsize="small", columnspacing=0.8, handletextpad=0.2)


def errors_panel(axis: Axes, frame: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Draw the errors of the seeds with several kinds of periods, a line a seed, and the medians."""
    values = frame[list(names)].to_numpy()
    axis.semilogy(values.T, "o-", color="0.65", linewidth=0.6, markersize=3)
    axis.semilogy(np.median(values, axis=0), "_", color="black", markersize=26, markeredgewidth=2.2, label="median")
    axis.set_xticks(range(len(names)), names.values())
    axis.set(xlim=(-0.5, len(names) - 0.5), ylabel="MSE after all updates", title="what they are worth")
    axis.legend(loc="lower left", fontsize="small")


EXPERIMENT = Experiment(
    name="evolution",
    question="Does evolution find periods that are as good as 1, 2, 4, … 256?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"seeds": 1, "generations": 2, "candidates": 8, "updates": 4, "epochs": 5},
)
