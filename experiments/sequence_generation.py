"""Koutník et al. 2014, Figures 3 and 5 and Table 3: thousands of networks that each generate one sequence.

`python -m experiments.sequence_generation` trains the simple RNN, the LSTM and the Clockwork RNN in four sizes with 100
seeds on each of the paper's five targets, in three settings: `paper` with gradients clipped, which is ours,
`paper_unclipped`, and `modern`, the best setting known of each method. It writes `figure3.csv` (one row a network),
`figure3_curves.csv`, `figure3.md` and the pictures. Stopped at any moment and started again, it goes on.
"""

import csv
import functools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from data.files import write_csv
from data.sequences import Target, load_target
from experiments import generation_figures, generation_table
from experiments.grid import ROOT, Arrays, Cell, Workers, compute, cores, processor
from experiments.published import GENERATION_UNITS
from experiments.results import write_results
from main import recipe
from running import command_line
from running.loop import Loop
from tasks.sequence_generation import SequenceGeneration, Settings

NETWORKS_PER_CELL = 100
UPDATES_PER_POINT = 10  # of the training curves
PAPER_TARGETS = ROOT / "data" / "koutnik2014_figure5_targets.csv"
PAPER_CLIP_NORM = 100.0  # keeps simple RNNs from diverging; the paper does not mention clipping
SETTINGS = {
    "paper": [recipe("generation", recipe="paper", model=m, clip_norm=PAPER_CLIP_NORM) for m in GENERATION_UNITS],
    "paper_unclipped": [recipe("generation", recipe="paper", model=m) for m in GENERATION_UNITS],
    "modern": [recipe("generation", model=m) for m in GENERATION_UNITS],
}
MAIN_PARAMETERS = 800  # about those of `main.py`'s networks, tried in the modern setting too
ROW = ("setting", "method", "parameters", "units", "seed", "target", "mse", "nmse", "nmse_paper", "diverged", "seconds")
TIME = ("setting", "networks", "updates", "minutes", "processes", "processor")
CURVE = ("setting", "method", "parameters", "update", "seconds", "low", "median", "high")

Method = Literal["simple_rnn", "lstm", "clockwork_rnn"]


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    settings: tuple[Literal["paper", "paper_unclipped", "modern"], ...] = tuple(SETTINGS)
    """Settings to train in."""
    methods: tuple[Method, ...] = tuple(GENERATION_UNITS)
    """Networks to train."""
    parameters: tuple[Literal[100, 250, 500, 800, 1000], ...] = (100, 250, 500, 800, 1000)
    """Sizes to train; 800 is of the modern setting alone."""
    targets: tuple[str, ...] = (str(PAPER_TARGETS),)
    """Sound files (their first 320 samples), CSV files (every column), or "sines" for the mixture of sines."""
    seeds: int = 100
    """Networks of each kind for each target, with the seeds from 0 on."""
    epochs: int = recipe("generation", recipe="paper").epochs
    """Updates of each network."""
    output_dir: Path = ROOT / "results"
    """Where tables and pictures go, and `figure3/` with what is done."""
    workers: int = 0
    ray: str | None = None


def load_targets(names: Sequence[str]) -> dict[str, Target]:
    """Return name → target of the files named; raises a ValueError as `load_target` does."""
    targets: dict[str, Target] = {}
    for name in names:
        path, columns = (None, [None]) if name == "sines" else (name, _columns(name))
        for column in columns:
            label = column or Path(name).stem
            if label in targets:
                raise ValueError(f"`targets` must have names of their own. Received: {label} twice")
            targets[label] = load_target(path, recipe("generation").start, recipe("generation").length, column)
    return targets


def _columns(name: str) -> list[str | None]:
    """Return the columns of a CSV file; another file has one without a name."""
    if Path(name).suffix.lower() != ".csv" or not Path(name).is_file():
        return [None]
    with open(name, newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [None])


def make_cells(options: Options, targets: Sequence[Target]) -> Iterator[tuple[dict, Cell]]:
    """Yield (setting, method, parameters, units and seeds, the cell that trains these networks)."""
    values = tuple(tuple(target.values.tolist()) for target in targets)
    for setting in options.settings:
        for settings in SETTINGS[setting]:
            sizes = dict(GENERATION_UNITS[settings.model])
            if setting == "modern":
                sizes[MAIN_PARAMETERS] = settings.units
            if settings.model not in options.methods:
                continue
            for parameters in sorted(set(sizes) & set(options.parameters)):
                network = replace(settings, target=None, units=sizes[parameters], epochs=options.epochs)
                for seeds in blocks(options.seeds, max(1, NETWORKS_PER_CELL // len(targets))):
                    key = {"setting": setting, "method": settings.model, "parameters": parameters}
                    name = "-".join(str(value) for value in (*key.values(), seeds[0]))
                    arguments = {"settings": network, "targets": values, "seeds": seeds}
                    key |= {"units": network.units, "seeds": seeds}
                    yield key, Cell(name, arguments, len(targets) * len(seeds))


def blocks(count: int, most: int) -> list[tuple[int, ...]]:
    """Split the seeds from 0 on into blocks."""
    return [tuple(range(first, min(first + most, count))) for first in range(0, count, most)]


def train_networks(
    settings: Settings,
    targets: Sequence[Sequence[float]],
    seeds: Sequence[int],
    rate_factors: Sequence[float] | None = None,
) -> Arrays:
    """Train one network for each target and seed; each is the one that `main.py` trains with that target and seed.

    Args:
        settings: all but the seed; their target matters only where module sizes follow its spectrum.
        targets: sequences of one length, scaled to [−1, 1].
        seeds: of the initial weights.
        rate_factors: for each seed, what its networks' learning rate is multiplied by; None is 1.

    Returns:
        mse [targets, seeds]: after training.
        diverged [targets, seeds]: whether a loss, or the MSE, is not a finite number.
        curve [epochs / 10, targets, seeds]: the loss before every tenth update.
        best [targets, T]: the output of the best network for each target.
        seconds: of training for each network, without compilation: an equal share of what all took.
        parameters: of each network, without periods.
    """
    targets = np.array(targets, np.float32)  # [targets, T]
    shape = (len(targets), len(seeds))
    settings = replace(settings, length=targets.shape[1], seed=0)
    task = SequenceGeneration(settings, list(seeds) * len(targets), np.repeat(targets, len(seeds), axis=0))
    loop = _compiled(settings, task.replicas, None if rate_factors is None else tuple(rate_factors) * len(targets))
    progress = loop.restart(task).run().progress
    losses = progress.history[..., loop.columns.index("loss")]  # [epochs, R]
    outputs = task.outputs(loop.weights).reshape(*shape, -1)
    mse = ((outputs - targets[:, None].astype(float)) ** 2).mean(axis=-1)
    finite = np.isfinite(losses).all(axis=0).reshape(shape) & np.isfinite(mse)
    best = np.where(finite, mse, np.inf).argmin(axis=1)
    return {
        "mse": mse,
        "diverged": ~finite,
        "curve": losses[::UPDATES_PER_POINT].reshape(-1, *shape),
        "best": outputs[np.arange(len(targets)), best],
        "seconds": np.array(progress.seconds[-1] / task.replicas),
        "parameters": np.array(task.network.size),
    }


@functools.lru_cache(maxsize=1)
def _compiled(settings: Settings, replicas: int, rate_factors: tuple[float, ...] | None) -> Loop:
    """Return a compiled loop, which cells of the same settings share."""
    task = SequenceGeneration(settings, [0] * replicas, [[0.0] * settings.length] * replicas)
    loop = Loop(task, settings, factors=rate_factors)
    loop.call(0)
    return loop


def rows(key: dict, result: Arrays, targets: dict[str, Target]) -> Iterator[dict]:
    """Yield the rows of `figure3.csv` that one cell gives."""
    for place, (name, target) in enumerate(targets.items()):
        for seed, mse, diverged in zip(key["seeds"], result["mse"][place], result["diverged"][place], strict=True):
            nmse = mse / np.var(target.values, dtype=float)
            values = {"mse": mse, "nmse": nmse, "nmse_paper": nmse / 2}
            yield (
                {column: key[column] for column in ROW[:4]}
                | {"seed": seed, "target": name}
                | {column: "inf" if diverged else f"{value:.6g}" for column, value in values.items()}
                | {"diverged": int(diverged), "seconds": f"{result['seconds']:.4g}"}
            )


def curves(keys: Sequence[dict], results: Sequence[Arrays], options: Options, steps: int) -> Iterator[dict]:
    """Yield the rows of `figure3_curves.csv`: quartiles of the MSE over networks, every so many updates."""
    places: dict[tuple, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(tuple(key[name] for name in CURVE[:3]), []).append(place)
    for key, chosen in places.items():
        losses = np.concatenate([results[p]["curve"].reshape(len(results[p]["curve"]), -1) for p in chosen], axis=1)
        mse = losses if key[0] == "modern" else losses * 2 / steps  # the paper's loss is half the sum of squares
        seconds = np.median([results[p]["seconds"] for p in chosen]) / options.epochs  # an update of one network
        mse = np.where(np.isfinite(mse), mse, np.inf)
        quartiles = np.percentile(mse, (25, 50, 75), axis=1, method="nearest").T
        for place, values in enumerate(quartiles):
            update = place * UPDATES_PER_POINT
            texts = [f"{value:.4g}" for value in (seconds * update, *values)]
            yield dict(zip(CURVE, (*key, update, *texts), strict=True))


def times(keys: Sequence[dict], cells: Sequence[Cell], results: Sequence[Arrays], options: Options) -> Iterator[dict]:
    """Yield the rows of `figure3_time.csv`: how long the networks of each setting took, over all interruptions."""
    for setting in options.settings:
        chosen = [place for place, key in enumerate(keys) if key["setting"] == setting]
        networks = sum(cells[place].networks for place in chosen)
        minutes = sum(float(results[place]["elapsed"]) for place in chosen) / 60
        values = (
            setting,
            networks,
            networks * options.epochs,
            f"{minutes:.1f}",
            options.workers or cores(),
            processor(),
        )
        yield dict(zip(TIME, values, strict=True))


def run(options: Options) -> None:
    """Train what is missing and write all tables and pictures."""
    options.check()
    targets = load_targets(options.targets)
    made = list(make_cells(options, list(targets.values())))
    if not made:
        raise ValueError(
            f"`parameters` must leave networks to train in {', '.join(options.settings)}. Received: {options.parameters}"
        )
    keys, cells = zip(*made, strict=True)
    results = compute(train_networks, cells, options.output_dir / "figure3", options)
    table = [row for key, result in zip(keys, results, strict=True) for row in rows(key, result, targets)]
    curve = list(curves(keys, results, options, recipe("generation").length))
    write_csv(options.output_dir / "figure3_curves.csv", CURVE, curve)
    time = list(times(keys, cells, results, options))
    write_csv(options.output_dir / "figure3_time.csv", TIME, time)
    text = generation_table.table(table) + "\n\n" + generation_table.times(time)
    pictures = {"figure3": generation_figures.boxes(table), "figure3_curves": generation_figures.curves(curve)}
    if "paper" in options.settings:
        pictures["figure5"] = generation_figures.outputs(_best(keys, results, "paper"), targets)
    write_results(options.output_dir, "figure3", ROW, table, text, pictures)


def _best(keys: Sequence[dict], results: Sequence[Arrays], setting: str) -> dict[str, np.ndarray]:
    """Return method → the outputs of the best of its networks for each target [targets, T]."""
    best: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for key, result in zip(keys, results, strict=True):
        if key["setting"] != setting:
            continue
        mse = np.where(result["diverged"], np.inf, result["mse"]).min(axis=1)  # [targets]
        before, outputs = best.get(key["method"], (np.full_like(mse, np.inf), result["best"]))
        better = mse < before
        best[key["method"]] = np.minimum(mse, before), np.where(better[:, None], result["best"], outputs)
    return {method: outputs for method, (_, outputs) in best.items()}


def main(arguments: list[str]) -> int:
    """Run the experiment; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.sequence_generation")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
