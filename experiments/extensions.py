"""What was proposed since the paper, one question at a time: wirings, series of periods, inputs, turns and forgetting.

`python -m experiments.extensions` trains, for each answer to each question, Clockwork RNNs that differ from the paper's wiring
and clock in this alone and have about as many parameters: on the paper's five sequences, on spoken words and on text. All are
trained by the modern recipes, which were searched for the paper's wiring; that for text with larger networks, and only its
learning rate. It writes `extensions.csv` (one row a network and target), `extensions.md` and `extensions.png`. Stopped and
started again, it goes on.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments import sequence_generation, spoken_words, text
from experiments.cells import ROOT, Arrays, Cell, Workers, compute
from experiments.equal_parameters import parameters, with_parameters
from experiments.markdown import markdown, spread
from experiments.published import EXTENSIONS_TEXT_LOSS
from experiments.results import write_results
from experiments.sequence_generation import PAPER_TARGETS, load_targets
from main import recipe
from models.clocks import SERIES, WIRINGS, sizes_from_spectrum
from running import command_line
from tasks.character_model import CharacterModel
from tasks.character_model import Settings as TextSettings
from tasks.figures import STYLE
from tasks.network_settings import clock
from tasks.sequence_generation import SequenceGeneration
from tasks.sequence_generation import Settings as GenerationSettings
from tasks.spoken_words import Settings as WordsSettings
from tasks.spoken_words import SpokenWords
from tasks.task import Task

BASES = {"generation": recipe("generation"), "words": recipe("words"), "text": recipe("text", units=128, epochs=8)}
TASKS = {"generation": SequenceGeneration, "words": SpokenWords, "text": CharacterModel}
SCORES = {"generation": "MSE, geometric mean of five", "words": "test error (%)", "text": "bits per character"}
# What each question calls the network that all others are compared with.
QUESTIONS = {
    "wiring": "slow_to_fast (the paper)",
    "series": "exponential (the paper)",
    "input": "to all modules (the paper)",
    "turns": "all start at once (the paper)",
    "forgetting": "reset where an epoch begins",
}
BASE = "base"
SIGNIFICANT = 0.05  # level of a whole table; each of its comparisons has its share (Bonferroni)
WIDE = 50  # ratios of a panel that need a log scale
ROW = ("task", "question", "variant", "units", "parameters", "target", "seed", "score")

Settings = GenerationSettings | WordsSettings | TextSettings
Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    tasks: tuple[Literal[tuple(BASES)], ...] = tuple(BASES)
    """Tasks to train on."""
    questions: tuple[Literal[tuple(QUESTIONS)], ...] = tuple(QUESTIONS)
    """Questions to answer."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on; on generation as many for each of five targets."""
    epochs: int | None = None
    """Epochs of each network; without it, as in `main.py`."""
    output_dir: Path = ROOT / "results"
    """Where table and picture go, and a folder "extensions" with what is done."""
    workers: int = 0
    ray: str | None = None


def variants(base: Settings) -> dict[tuple[str, str], Settings]:
    """Return (question, answer) → the settings, not yet of equal parameters; the base has no question."""
    series = {"modules": len(base.periods), "series_base": base.periods[1] / base.periods[0]}
    found = {("", BASE): {}}
    found |= {("wiring", name): {"connections": name} for name in WIRINGS if name != base.connections}
    found |= {("series", name): {"clock_series": name, **series} for name in SERIES if name != "exponential"}
    found["series", "symmetric"]["modules"] |= 1  # an odd number, so that there is a middle
    found["series", "lowest period 2"] = {"periods": tuple(2 * period for period in base.periods)}
    if isinstance(base, GenerationSettings):
        found["series", "exponential, sizes by spectrum"] = {"sizes": "spectrum"}
    else:
        found["input", "to the fastest only"] = {"input_modules": "fastest"}
        found["input", "mean over the period"] = {"input_mean": True}
    found["turns", "odd-even pairs"] = {"turns": 2}
    found["turns", "round-robin"] = {"periods": (1,), "turns": len(base.periods)}
    if isinstance(base, TextSettings):
        found["forgetting", "at every update"] = {"forget_every": 1}
        found["forgetting", "every 2, then 4, 8, … updates"] = {"forget_every": 2, "forget_growth": 2.0}
    return {key: replace(base, **changes) for key, changes in found.items()}


def make_cells(options: Options) -> Iterator[tuple[dict, Cell]]:
    """Yield (task, question, variant, units, targets and seeds, the cell that trains these networks)."""
    for task in options.tasks:
        base = replace(BASES[task], epochs=options.epochs or BASES[task].epochs)
        inputs, outputs = _features(TASKS[task](base))
        count = parameters(base, inputs, outputs)
        for (question, variant), settings in variants(base).items():
            if question and question not in options.questions:
                continue
            for number, (own, targets, seeds) in enumerate(_pieces(task, settings, range(options.seeds))):
                sized = with_parameters(own, count, inputs, outputs, _split(own))
                key = {"task": task, "question": question, "variant": variant, "units": sized.units}
                name = "-".join(filter(None, (task, question, variant, str(number))))
                arguments = {"task": task, "settings": sized, "targets": targets, "seeds": seeds}
                cell = Cell(name.replace(" ", "_").replace(",", ""), arguments, len(targets) * len(seeds))
                yield key | {"targets": targets, "seeds": seeds}, cell


def _pieces(
    task: str, settings: Settings, seeds: Sequence[int]
) -> Iterator[tuple[Settings, tuple[str, ...], tuple[int, ...]]]:
    """Yield (settings, names of targets, seeds) that can be trained at once, as networks of equal periods and sizes."""
    targets = tuple(load_targets([str(PAPER_TARGETS)])) if task == "generation" else ("",)
    if settings.clock_series == "random":
        for seed in seeds:
            periods, _ = clock(replace(settings, seed=seed))
            yield replace(settings, clock_series="given", periods=periods), targets, (seed,)
    elif task == "generation" and settings.sizes == "spectrum":
        for target in targets:
            yield replace(settings, target=str(PAPER_TARGETS), column=target), (target,), tuple(seeds)
    else:
        yield settings, targets, tuple(seeds)


def _split(settings: Settings) -> Callable[[int], Sequence[int] | None]:
    """Return how the settings' units are split among the modules, as `with_parameters` wants it."""
    if not isinstance(settings, GenerationSettings) or settings.sizes == "equal":
        return lambda units: None
    signal = SequenceGeneration(settings).target.values
    return lambda units: sizes_from_spectrum(signal, clock(settings)[0], units)


def _features(task: Task) -> tuple[int, int]:
    """Return the number of inputs and outputs of a task's network."""
    return task.network.front.features, task.network.outputs


def train_networks(task: str, settings: Settings, targets: Sequence[str], seeds: Sequence[int]) -> Arrays:
    """Train one network for each target and seed; returns `score` [targets, seeds] and `parameters`."""
    if task == "generation":
        known = load_targets([str(PAPER_TARGETS)])
        values = tuple(tuple(known[target].values.tolist()) for target in targets)
        result = sequence_generation.train_networks(settings, values, seeds)
        score = np.where(result["diverged"], np.inf, result["mse"])
    elif task == "words":
        result = spoken_words.train_networks(settings, seeds)
        score = result["test_error"][None]
    else:
        result = text.train_networks(settings, seeds)
        score = result["bits_per_character"][None]
    return {"score": score, "parameters": np.array(result["parameters"])}


def rows(key: Mapping[str, Any], result: Arrays) -> Iterator[Row]:
    """Yield the rows of the table that one cell gives."""
    for scores, target in zip(result["score"], key["targets"], strict=True):
        for score, seed in zip(scores, key["seeds"], strict=True):
            row = {name: key[name] for name in ("task", "question", "variant", "units")}
            row |= {"target": target, "seed": seed, "parameters": int(result["parameters"])}
            yield row | {"score": f"{score:.6g}"}


def scores(rows: Sequence[Row], task: str, question: str, variant: str) -> np.ndarray:
    """Return the score of each seed; several targets count by their geometric mean."""
    wanted = {"task": task, "question": question, "variant": variant}
    found: dict[int, list[float]] = {}
    for row in rows:
        if wanted.items() <= dict(row).items():
            found.setdefault(int(row["seed"]), []).append(float(row["score"]))
    return np.array([np.exp(np.mean(np.log(found[seed]))) for seed in sorted(found)])


def compared(own: np.ndarray, base: np.ndarray, comparisons: int) -> str:
    """Say whether networks do better than those of the base: p of the Mann-Whitney test, two-sided, and the verdict.

    Networks of equal seeds are no pairs: they have other numbers of units, and so other weights.

    Args:
        own, base: scores, small is good.
        comparisons: that share the level of significance.
    """
    above, p = stats.mannwhitneyu(own, base)  # pairs in which the base is better
    verdict = "no difference shown"
    if p * comparisons <= SIGNIFICANT:
        verdict = "better" if above < len(own) * len(base) / 2 else "worse"
    return f"{verdict} (p = {p:.1g})"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown tables, one a question."""
    asked = [question for question in QUESTIONS if any(row["question"] == question for row in rows)]
    tables = [_table_of(question, rows) for question in asked]
    if any(row["task"] == "text" for row in rows):
        said = ", ".join(f"{name} {loss:.2f}" for name, loss in EXTENSIONS_TEXT_LOSS.items())
        tables.append(
            f"Reported elsewhere, one run each, test loss on a text (neither it nor the unit is told): {said}."
        )
    return "\n\n".join(tables)


def _table_of(question: str, rows: Sequence[Row]) -> str:
    answered = dict.fromkeys((row["task"], row["variant"]) for row in rows if row["question"] == question)
    tasks = list(dict.fromkeys(task for task, _ in answered))
    head = [question] + [cell for task in tasks for cell in (f"{task}: {SCORES[task]}", "against the first")]
    base = {task: scores(rows, task, "", BASE) for task in tasks}
    lines = [[QUESTIONS[question], *(cell for task in tasks for cell in (spread(base[task], ".3g"), ""))]]
    for variant in dict.fromkeys(variant for _, variant in answered):
        line = [variant]
        for task in tasks:
            if (task, variant) in answered:
                own = scores(rows, task, question, variant)
                line += [spread(own, ".3g"), compared(own, base[task], len(answered))]
            else:
                line += ["–", ""]
        lines.append(line)
    return markdown(head, lines)


def picture(rows: Sequence[Row]) -> Figure:
    """Draw the score of each network over the base's median, one panel a task."""
    answers = list(dict.fromkeys((row["question"], row["variant"]) for row in rows if row["question"]))
    answers.sort(key=lambda answer: list(QUESTIONS).index(answer[0]))
    tasks = list(dict.fromkeys(str(row["task"]) for row in rows))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 1.2 + 0.27 * len(answers)), layout="constrained")
        axes = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for axis, task in zip(axes, tasks, strict=True):
            axis.axvline(1, color="black", linewidth=0.8)
            for place, answer in enumerate(answers):
                own = scores(rows, task, *answer)
                if len(own):
                    ratios = own / np.median(scores(rows, task, "", BASE))
                    axis.plot(ratios, [place] * len(ratios), "o", color="0.6", markersize=3)
                    axis.plot(np.median(ratios), place, "|", color="C3", markersize=11, markeredgewidth=2)
            axis.set_title(f"{task}:\n{SCORES[task]}", fontsize="medium")
            low, high = axis.get_xlim()
            if low <= 0 or high / low > WIDE:
                axis.set_xscale("log")
        axes[0].set_yticks(range(len(answers)), [f"{question}: {variant}" for question, variant in answers])
        axes[0].invert_yaxis()
        figure.supxlabel("over the median of the paper's wiring and clock (left of 1 is better)")
    return figure


def run(options: Options) -> None:
    """Train what is missing and write the tables and the picture."""
    options.check()
    made = list(make_cells(options))
    if all(not key["question"] for key, _ in made):
        raise ValueError(f"`questions` must hold one that the tasks can answer. Received: {options.questions}")
    keys, cells = zip(*made, strict=True)
    results = compute(train_networks, cells, options.output_dir / "extensions", options)
    found = [row for key, result in zip(keys, results, strict=True) for row in rows(key, result)]
    write_results(options.output_dir, "extensions", ROW, found, table(found), {"extensions": picture(found)})


def main(arguments: list[str]) -> int:
    """Run the experiment; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.extensions")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
