"""One block of the generation experiments: a few seeds on a few targets, trained at once as one population."""

import functools
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

import quiet  # noqa: F401 (before whatever imports TensorFlow)
from main import Generation
from population import Population, initial_weights, make_population
from tasks.sequence_generation import SequenceGeneration

UPDATES_PER_CALL = 100  # so that Ctrl-C need not wait for the whole training
UPDATES_PER_POINT = 10  # of the training curves


def train_block(
    settings: Generation,
    targets: Sequence[Sequence[float]],
    seeds: Sequence[int],
    rate_factors: Sequence[float] | None = None,
) -> dict[str, np.ndarray]:
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
    steps, shape = targets.shape[1], (len(targets), len(seeds))
    settings = replace(settings, length=steps, seed=0)
    task = SequenceGeneration(settings)
    drawn = [initial_weights(task, seed) for seed in seeds]
    weights, wanted = drawn * len(targets), np.repeat(targets, len(seeds), axis=0)[:, None, :, None]  # [R, 1, T, 1]
    population = _compiled(settings, len(weights), None if rate_factors is None else tuple(rate_factors) * len(targets))
    population.restart(weights, seed=seeds[0])
    began, calls = time.perf_counter(), settings.epochs // _updates_per_call(settings)
    losses = [population.train(task.inputs, wanted, _updates_per_call(settings)) for _ in range(calls)]
    seconds = time.perf_counter() - began
    losses = np.concatenate(losses)  # [epochs, R]
    outputs = population.outputs(task.inputs)[:, 0, :, 0].reshape(*shape, steps)
    mse = ((outputs - targets[:, None].astype(float)) ** 2).mean(axis=-1)
    finite = np.isfinite(losses).all(axis=0).reshape(shape) & np.isfinite(mse)
    best = np.where(finite, mse, np.inf).argmin(axis=1)
    return {
        "mse": mse,
        "diverged": ~finite,
        "curve": losses[::UPDATES_PER_POINT].reshape(-1, *shape),
        "best": outputs[np.arange(len(targets)), best],
        "seconds": np.array(seconds / len(weights)),
        "parameters": np.array(sum(array.size for array in drawn[0])),
    }


@functools.lru_cache(maxsize=1)
def _compiled(settings: Generation, replicas: int, rate_factors: tuple[float, ...] | None) -> Population:
    """Return a population that has made its first updates; blocks of the same settings share it."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # each is traced once, which TensorFlow takes for retracing
    task = SequenceGeneration(settings)
    weights = [initial_weights(task, 0)] * replicas
    population = make_population(task, settings, weights, settings.epochs, rate_factors=rate_factors)
    population.train(task.inputs, np.zeros((replicas, 1, settings.length, 1), np.float32), _updates_per_call(settings))
    return population


def _updates_per_call(settings: Generation) -> int:
    return math.gcd(settings.epochs, UPDATES_PER_CALL)
