"""Periods of Clockwork RNNs that evolve: whole generations are trained at once."""

import functools
from dataclasses import replace

import numpy as np

from experiments.evolution import START
from experiments.grid import Arrays
from running.loop import Loop
from tasks.sequence_generation import SequenceGeneration, Settings

SLOWEST, FASTEST = 160, 8  # steps a cycle of the sines


def target(seed: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a sum of three sines scaled to [−1, 1] [T], and their steps a cycle, evenly drawn on a log scale."""
    rng = np.random.default_rng(seed)
    cycles = np.sort(np.exp(rng.uniform(np.log(FASTEST), np.log(SLOWEST), 3)))
    phases, t = rng.uniform(0, 2 * np.pi, 3), np.arange(length)
    wave = np.sin(2 * np.pi * t / cycles[:, None] + phases[:, None]).sum(axis=0)
    low, high = wave.min(), wave.max()
    return (2 * (wave - low) / (high - low) - 1).astype(np.float32), cycles


def evolve(settings: Settings, generations: int, candidates: int, updates: int) -> Arrays:
    """Evolve the periods of one Clockwork RNN on the target of the seed.

    Returns:
        best [generations, g], errors [generations]: the periods of the best candidate of each generation, and its MSE.
        start, evolved, exponential: the MSE, after all epochs and from the seed's initial weights, of networks with all
            periods 7, with the best periods found, and with those of the settings; see `alone`.
    """
    wanted, cycles = target(settings.seed, settings.length)
    rng = np.random.default_rng(settings.seed)
    modules, kept = len(settings.periods), candidates // 4
    periods = np.full((candidates, modules), START)
    periods[1:] = mutated(periods[1:], rng, settings.length)
    best, errors = [], []
    for generation in range(generations):
        error = trained(settings, periods, wanted, updates, seed=1000 * settings.seed + generation)
        order = np.argsort(np.where(np.isfinite(error), error, np.inf), kind="stable")
        best.append(periods[order[0]])
        errors.append(error[order[0]])
        parents = periods[order[:kept]]
        children = parents[rng.integers(kept, size=candidates - kept)]
        periods = np.concatenate([parents, mutated(children, rng, settings.length)])
    compared = {"start": np.full(modules, START), "evolved": best[-1], "exponential": np.array(settings.periods)}
    named = {name: alone(replace(settings, periods=tuple(own.tolist())), wanted) for name, own in compared.items()}
    return {"best": np.array(best), "errors": np.array(errors), "cycles": cycles, **named}


def alone(settings: Settings, wanted: np.ndarray) -> np.ndarray:
    """Return the MSE of the network that `main.py` would train on this target, with the settings' periods and wiring."""
    task = SequenceGeneration(settings, targets=[wanted])
    return task.evaluate(Loop(task, settings).run().weights)["mse"][0]


def mutated(periods: np.ndarray, rng: np.random.Generator, longest: int) -> np.ndarray:
    """Multiply about a third of the periods [R, g] by random factors around 1, at least by one step; sorted in each row."""
    factors = np.exp(rng.normal(0, 0.7, periods.shape))
    moved = np.where(factors > 1, np.ceil(periods * factors), np.floor(periods * factors))
    changed = np.where(rng.random(periods.shape) < 1 / 3, moved, periods)
    return np.sort(np.clip(changed, 1, longest), axis=1).astype(int)


def trained(settings: Settings, periods: np.ndarray, wanted: np.ndarray, updates: int, seed: int) -> np.ndarray:
    """Return the MSE [R] of networks with these periods [R, g] after so many updates from the same weights.

    All have the wiring of the settings' periods: module i hears itself and those after it, also where periods are equal.
    """
    settings = replace(settings, seed=0)
    task = SequenceGeneration(settings, [seed] * len(periods), [wanted])
    loop = _compiled(settings, len(periods), updates).restart(task, periods=periods).run()
    return ((task.outputs(loop.weights, periods) - wanted.astype(float)) ** 2).mean(axis=1)


@functools.lru_cache(maxsize=1)
def _compiled(settings: Settings, networks: int, updates: int) -> Loop:
    """Return a loop, whose program the generations share."""
    task = SequenceGeneration(settings, [0] * networks)
    return Loop(task, settings, updates, periods=[settings.periods] * networks)
