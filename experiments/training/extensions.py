"""Clockwork RNNs that differ from the paper's wiring and clock in one thing, of equal numbers of parameters, on three tasks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.equal_parameters import parameters, with_parameters
from experiments.grid import ROOT, Arrays, Cell
from experiments.training import generation, text, words
from main import recipe
from models.clocks import SERIES, WIRINGS, sizes_from_spectrum
from tasks.character_model import CharacterModel
from tasks.network_settings import clock
from tasks.sequence_generation import SequenceGeneration
from tasks.spoken_words import SpokenWords

PAPER_TARGETS = ROOT / "data" / "koutnik2014_figure5_targets.csv"
TASKS = {"generation": SequenceGeneration, "words": SpokenWords, "text": CharacterModel}
BASES = {"generation": recipe("generation"), "words": recipe("words"), "text": recipe("text", units=128, epochs=8)}

Settings = Any  # of one of the tasks


def variants(task: str) -> dict[tuple[str, str], Settings]:
    """Return (question, answer) → the settings, not yet of equal parameters; the base has no question."""
    base = BASES[task]
    series = {"modules": len(base.periods), "series_base": base.periods[1] / base.periods[0]}
    found = {("", "base"): {}}
    found |= {("wiring", name): {"connections": name} for name in WIRINGS if name != base.connections}
    found |= {("series", name): {"clock_series": name, **series} for name in SERIES if name != "exponential"}
    found["series", "symmetric"]["modules"] |= 1  # an odd number, so that there is a middle
    found["series", "lowest period 2"] = {"periods": tuple(2 * period for period in base.periods)}
    if task == "generation":
        found["series", "exponential, sizes by spectrum"] = {"sizes": "spectrum"}
    else:
        found["input", "to the fastest only"] = {"input_modules": "fastest"}
        found["input", "mean over the period"] = {"input_mean": True}
    found["turns", "odd-even pairs"] = {"turns": 2}
    found["turns", "round-robin"] = {"periods": (1,), "turns": len(base.periods)}
    if task == "text":
        found["forgetting", "at every update"] = {"forget_every": 1}
        found["forgetting", "every 2, then 4, 8, … updates"] = {"forget_every": 2, "forget_growth": 2.0}
    return {key: replace(base, **changes) for key, changes in found.items()}


def make_cells(task: str, questions: Sequence[str], seeds: int, epochs: int | None) -> Iterator[tuple[dict, Cell]]:
    """Yield what `equal_cells` does for the base and the answers to these questions, those of the base first."""
    asked = [(*key, settings, range(seeds)) for key, settings in variants(task).items() if key[0] in ("", *questions)]
    return equal_cells(task, asked, epochs)


def equal_cells(
    task: str, networks: Iterable[tuple[str, str, Settings, Sequence[int]]], epochs: int | None
) -> Iterator[tuple[dict, Cell]]:
    """Yield (task, question, variant, units, periods, targets and seeds, the cell that trains these networks).

    Args:
        task: that all are trained on.
        networks: question, variant, settings and seeds; they get the units that make their parameters equal to the base's.
        epochs: of each network; None leaves them as in the settings.
    """
    features = ends(task)
    count = parameters(BASES[task], *features)
    for question, variant, settings, seeds in networks:
        settings = replace(settings, epochs=epochs or settings.epochs)
        for number, (own, targets, of_seeds) in enumerate(_pieces(task, settings, seeds)):
            sized = with_parameters(own, count, *features, _split(task, own))
            key = {"task": task, "question": question, "variant": variant, "units": sized.units}
            key |= {"periods": clock(sized)[0], "targets": targets, "seeds": of_seeds}
            name = "-".join(filter(None, (task, question, variant, str(number)))).replace(" ", "_").replace(",", "")
            arguments = {"task": task, "settings": sized, "targets": targets, "seeds": of_seeds}
            yield key, Cell(name, arguments, len(targets) * len(of_seeds))


def ends(task: str) -> tuple[int, int]:
    """Return how many inputs and outputs a task's networks have."""
    network = TASKS[task](BASES[task]).network
    return network.front.features, network.outputs


def targets_of(task: str) -> tuple[str, ...]:
    """Return the names of what a task's networks are trained on, each by networks of its own; "" where that is one thing."""
    return tuple(generation.load_targets([str(PAPER_TARGETS)])) if task == "generation" else ("",)


def _pieces(
    task: str, settings: Settings, seeds: Sequence[int]
) -> Iterator[tuple[Settings, tuple[str, ...], tuple[int, ...]]]:
    """Yield (settings, names of targets, seeds) that can be trained at once, as networks of equal periods and sizes."""
    targets = targets_of(task)
    if settings.clock_series == "random":
        for seed in seeds:
            periods, _ = clock(replace(settings, seed=seed))
            yield replace(settings, clock_series="given", periods=periods), targets, (seed,)
    elif task == "generation" and settings.sizes == "spectrum":
        for target in targets:
            yield replace(settings, target=str(PAPER_TARGETS), column=target), (target,), tuple(seeds)
    else:
        yield settings, targets, tuple(seeds)


def _split(task: str, settings: Settings) -> Callable[[int], Sequence[int] | None]:
    """Return how the settings' units are split among the modules, as `with_parameters` wants it."""
    if task != "generation" or settings.sizes == "equal":
        return lambda units: None
    signal = SequenceGeneration(settings).target.values
    return lambda units: sizes_from_spectrum(signal, clock(settings)[0], units)


def train_networks(task: str, settings: Settings, targets: Sequence[str], seeds: Sequence[int]) -> Arrays:
    """Train one network for each target and seed.

    Returns:
        score [targets, seeds]: infinite if training diverged.
        seconds: of training for each network, without compilation: an equal share of what all took.
        parameters: of each network, without periods.
    """
    if task == "generation":
        known = generation.load_targets([str(PAPER_TARGETS)])
        values = tuple(tuple(known[target].values.tolist()) for target in targets)
        result = generation.train_networks(settings, values, seeds)
        score = np.where(result["diverged"], np.inf, result["mse"])
    elif task == "words":
        result = words.train_networks(settings, seeds)
        score = np.where(result["diverged"], np.inf, result["test_error"])[None]
    else:
        result = text.train_networks(settings, seeds)
        result["seconds"] = result["seconds"] / len(seeds)
        score = result["bits_per_character"][None]
    return {"score": score, **{name: np.array(result[name]) for name in ("seconds", "parameters")}}
