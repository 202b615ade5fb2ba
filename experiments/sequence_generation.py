"""Koutník et al. 2014, Figures 3 and 5 and Table 3: thousands of networks that each generate one sequence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from experiments import generation_documents
from experiments.experiment import Experiment, Method
from experiments.grid import Arrays, Cell, Options, compute, machine
from experiments.published import GENERATION_TARGETS, GENERATION_UNITS
from experiments.store import Store

# How each setting differs from the recipes in `main.py`. The clipping keeps simple RNNs from diverging; the paper has none.
SETTINGS = {
    "paper": {"recipe": "paper", "clip_norm": 100.0},
    "paper_unclipped": {"recipe": "paper"},
    "modern": {"recipe": "modern"},
}
MAIN_PARAMETERS = 800  # about those of `main.py`'s networks, trained in the modern setting too
ROW = ("setting", "method", "parameters", "units", "seed", "target", "mse", "nmse", "nmse_paper", "diverged", "seconds")
TIME = ("setting", "networks", "updates", "minutes", "processes", "processor")
CURVE = ("setting", "method", "parameters", "update", "seconds", "low", "median", "high")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    settings: tuple[Literal["paper", "paper_unclipped", "modern"], ...] = tuple(SETTINGS)
    """Settings to train in."""
    methods: tuple[Method, ...] = tuple(GENERATION_UNITS)
    """Networks to train."""
    parameters: tuple[Literal[100, 250, 500, 800, 1000], ...] = (100, 250, 500, 800, 1000)
    """Sizes to train; 800 is of the modern setting alone."""
    targets: tuple[str, ...] = (GENERATION_TARGETS,)
    """Sound files (their first 320 samples), CSV files (every column), or "sines" for the mixture of sines."""
    seeds: int = 100
    """Networks of each kind for each target, with the seeds from 0 on."""
    epochs: int = 2000
    """Updates of each network."""


def networks(options: Flags) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield (setting, method and parameters, settings) of each network."""
    from main import recipe

    for setting in options.settings:
        for method in options.methods:
            settings = recipe("generation", model=method, epochs=options.epochs, **SETTINGS[setting])
            sizes = GENERATION_UNITS[method] | ({MAIN_PARAMETERS: settings.units} if setting == "modern" else {})
            for parameters in sorted(set(sizes) & set(options.parameters)):
                key = {"setting": setting, "method": method, "parameters": parameters}
                yield key, replace(settings, units=sizes[parameters])


def run(options: Flags, store: Store) -> None:
    from experiments.training import generation

    targets = generation.load_targets(options.targets)
    made = list(generation.make_cells(networks(options), targets, options.seeds))
    if not made:
        raise ValueError(
            f"`parameters` must leave networks to train in {', '.join(options.settings)}. Received: {options.parameters}"
        )
    keys, cells = zip(*made, strict=True)
    results = compute(generation.train_networks, cells, store, options)
    done = list(zip(keys, results, strict=True))
    store.write("figure3", (row for one in done for row in generation.make_rows(*one, targets)), ROW)
    store.write("figure3_curves", curves(done, options.epochs, len(next(iter(targets.values())).values)), CURVE)
    store.write("figure3_time", times(done, cells, options), TIME)
    outputs = best_outputs([one for one in done if one[0]["setting"] == keys[0]["setting"]], targets)
    store.write("figure5", outputs, outputs.columns)


def curves(done: Sequence[tuple[dict, Arrays]], epochs: int, steps: int) -> Iterator[dict]:
    """Yield quartiles of the MSE over the networks of a kind, before every tenth update."""
    from experiments.training import generation

    for point in generation.curves(done, CURVE[:3], epochs):
        factor = 1 if point["setting"] == "modern" else 2 / steps  # the paper's loss is half the sum of squares
        yield point | {name: factor * point[name] for name in ("low", "median", "high")}


def times(done: Sequence[tuple[dict, Arrays]], cells: Sequence[Cell], options: Flags) -> Iterator[dict]:
    """Yield how long the networks of each setting took, over all interruptions."""
    for setting in dict.fromkeys(key["setting"] for key, _ in done):
        own = [place for place, (key, _) in enumerate(done) if key["setting"] == setting]
        count = sum(cells[place].networks for place in own)
        minutes = sum(float(done[place][1]["elapsed"]) for place in own) / 60
        said = (setting, count, count * options.epochs, minutes, *machine(options))
        yield dict(zip(TIME, said, strict=True))


def best_outputs(done: Sequence[tuple[dict, Arrays]], targets: Mapping[str, Any]) -> pd.DataFrame:
    """Return the output of each method's best network for each target, step by step."""
    parts = []
    for place, (name, target) in enumerate(targets.items()):
        part = pd.DataFrame({"target": name, "step": range(len(target.values)), "wanted": target.values})
        for method in dict.fromkeys(key["method"] for key, _ in done):
            own = [result for key, result in done if key["method"] == method]
            errors = [np.where(result["diverged"], np.inf, result["mse"])[place].min() for result in own]
            part[method] = own[int(np.argmin(errors))]["best"][place]
        parts.append(part)
    return pd.concat(parts)


EXPERIMENT = Experiment(
    name="sequence-generation",
    question="Do Figures 3 and 5 and Table 3 of the paper hold, and what do its networks reach with their best settings?",
    options=Flags(),
    run=run,
    answers=generation_documents.answers,
    tables=generation_documents.tables,
    pictures=generation_documents.pictures,
    quick={"seeds": 2, "epochs": 20, "parameters": (100, 250)},
)
