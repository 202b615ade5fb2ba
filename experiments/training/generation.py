"""Networks that each generate one sequence, many at once: what experiments on that task have in common."""

import functools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.sequences import Target, load_target
from data.tables import read_table
from experiments.grid import Arrays, Cell
from experiments.statistics import quartiles
from main import recipe
from running.loop import Loop
from tasks.sequence_generation import SequenceGeneration, Settings

NETWORKS_PER_CELL = 100
UPDATES_PER_POINT = 10  # of the training curves


def load_targets(names: Sequence[str]) -> dict[str, Target]:
    """Return name → target of the files named, "sines" for the mixture of sines; raises a ValueError that names `targets`."""
    targets: dict[str, Target] = {}
    for name in names:
        for label, target in _read(name):
            if label in targets:
                raise ValueError(f"`targets` must have names of their own. Received: {label} twice")
            targets[label] = target
    return targets


def _read(name: str) -> Iterator[tuple[str, Target]]:
    """Yield (column, target) of a CSV file; of another file, and of the sines, one with the file's name."""
    path, settings = Path(name), recipe("generation")
    is_table = path.suffix.lower() == ".csv" and path.is_file()
    try:
        for column in read_table(path, {}).names if is_table else [None]:
            source = None if name == "sines" else name
            yield column or path.stem, load_target(source, settings.start, settings.length, column)
    except ValueError as problem:  # which names arguments that are no flags here
        said = str(problem).replace("`", "")
        raise ValueError(f"`targets` must name sequences that can be generated. Received: {said}") from None


def blocks(count: int, most: int) -> list[tuple[int, ...]]:
    """Split the seeds from 0 on into blocks."""
    return [tuple(range(first, min(first + most, count))) for first in range(0, count, most)]


def make_cells(
    networks: Iterable[tuple[dict[str, Any], Settings]],
    targets: Mapping[str, Target],
    seeds: int,
    most: int = NETWORKS_PER_CELL,
) -> Iterator[tuple[dict[str, Any], Cell]]:
    """Yield (what the rows of a network say besides, the cell that trains it), for each network and block of seeds.

    Args:
        networks: what their rows say, and their settings.
        targets: that each is trained on.
        seeds: of each network and target, from 0 on.
        most: networks of one cell.
    """
    values = tuple(tuple(target.values.tolist()) for target in targets.values())
    for key, settings in networks:
        for own in blocks(seeds, max(1, most // len(targets))):
            name = "-".join(str(value).replace(" ", "_") for value in (*key.values(), settings.units, own[0]))
            arguments = {"settings": replace(settings, target=None), "targets": values, "seeds": own}
            yield key | {"units": settings.units, "seeds": own}, Cell(name, arguments, len(targets) * len(own))


def make_rows(key: Mapping[str, Any], result: Arrays, targets: Mapping[str, Target]) -> Iterator[dict[str, Any]]:
    """Yield a row for each network of a cell; errors of one that diverged are infinite."""
    common = {name: value for name, value in key.items() if name != "seeds"}
    common |= {name: float(result[name]) for name in ("seconds", "compile_seconds")}
    common["parameters_with_periods"] = int(result["parameters_with_periods"])
    for (name, target), errors, lost in zip(targets.items(), result["mse"], result["diverged"], strict=True):
        for seed, mse, diverged in zip(key["seeds"], np.where(lost, np.inf, errors), lost, strict=True):
            nmse = mse / np.var(target.values, dtype=float)
            found = {"target": name, "seed": seed, "mse": mse, "nmse": nmse, "nmse_paper": nmse / 2}
            yield common | found | {"diverged": int(diverged)}


def curves(
    done: Iterable[tuple[Mapping[str, Any], Arrays]], names: Sequence[str], epochs: int
) -> Iterator[dict[str, Any]]:
    """Yield quartiles of the loss over the networks of a kind, before every tenth update, and the seconds until then.

    Args:
        done: what is said of each cell, and its result.
        names: of what is said, what tells kinds apart.
        epochs: updates of each network.
    """
    kinds: dict[tuple, list[Arrays]] = {}
    for key, result in done:
        kinds.setdefault(tuple(key[name] for name in names), []).append(result)
    for kind, results in kinds.items():
        losses = np.concatenate([result["curve"].reshape(len(result["curve"]), -1) for result in results], axis=1)
        losses = np.where(np.isfinite(losses), losses, np.inf)
        seconds = np.median([result["seconds"] for result in results]) / epochs  # of an update of one network
        for place, (low, median, high) in enumerate(quartiles(losses, axis=1).T):
            update = place * UPDATES_PER_POINT
            point = {"update": update, "seconds": seconds * update, "low": low, "median": median, "high": high}
            yield dict(zip(names, kind, strict=True)) | point


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
        best [targets, T], states [targets, T, n]: the output and the hidden states of the best network for each target.
        seconds: of training for each network, without compilation: an equal share of what all took.
        compile_seconds: of their program.
        parameters, parameters_with_periods: of each network.
    """
    targets = np.array(targets, np.float32)  # [targets, T]
    shape = (len(targets), len(seeds))
    settings = replace(settings, length=targets.shape[1], seed=0)
    task = SequenceGeneration(settings, list(seeds) * len(targets), np.repeat(targets, len(seeds), axis=0))
    factors = None if rate_factors is None else tuple(rate_factors) * len(targets)
    loop, compile_seconds = _compiled(settings, task.replicas, factors)
    progress = loop.restart(task).run().progress
    losses = progress.history[..., loop.columns.index("loss")]  # [epochs, R]
    states, outputs = task.network.states_and_outputs(task.network.split(loop.progress.weights), task.inputs)
    outputs = outputs.numpy().reshape(*shape, -1)
    mse = ((outputs - targets[:, None].astype(float)) ** 2).mean(axis=-1)
    finite = np.isfinite(losses).all(axis=0).reshape(shape) & np.isfinite(mse)
    best = np.arange(len(targets)), np.where(finite, mse, np.inf).argmin(axis=1)
    return {
        "mse": mse,
        "diverged": ~finite,
        "curve": losses[::UPDATES_PER_POINT].reshape(-1, *shape),
        "best": outputs[best],
        "states": states.numpy().reshape(*shape, targets.shape[1], -1)[best],
        "seconds": np.array(progress.seconds[-1] / task.replicas),
        "compile_seconds": np.array(compile_seconds),
        "parameters": np.array(task.network.size),
        "parameters_with_periods": np.array(task.network.size + task.network.periods),
    }


@functools.lru_cache(maxsize=1)
def _compiled(settings: Settings, replicas: int, rate_factors: tuple[float, ...] | None) -> tuple[Loop, float]:
    """Return a compiled loop, which cells of the same settings share, and the seconds that it took."""
    began = time.perf_counter()
    task = SequenceGeneration(settings, [0] * replicas, [[0.0] * settings.length] * replicas)
    loop = Loop(task, settings, factors=rate_factors)
    loop.call(0)
    return loop, time.perf_counter() - began
