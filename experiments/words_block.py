"""One block of the spoken-word experiments: networks of several seeds, and perhaps folds, trained at once."""

import functools
import logging
import time
from collections.abc import Sequence

import numpy as np

import quiet  # noqa: F401 (before whatever imports TensorFlow)
from main import Words
from population import Population, initial_weights, make_population
from tasks.spoken_words import SpokenWords


def train_block(
    settings: Words, seeds: Sequence[int], folds: int = 0, rate_factors: Sequence[float] | None = None
) -> dict[str, np.ndarray]:
    """Train one network for each seed, or for each seed and fold of the training clips.

    Args:
        settings: all but the seed.
        seeds: of the initial weights, the order of the clips and the noise.
        folds: with 0 networks are tested on the test clips; otherwise those are not touched, and of each word's training
            clips every so-many-th is left out and tested on, by another network each.
        rate_factors: for each seed, what its networks' learning rate is multiplied by; None is 1.

    Returns:
        train_error, test_error: in percent, of clips without noise [seeds], or [seeds, folds].
        epochs: after how many training stopped, of the same shape.
        seconds: of training for each network, without compilation: an equal share of what all took.
        parameters: of each network, without periods.
    """
    task = _task(settings)
    splits = [_split(task, fold, folds) for fold in range(max(folds, 1))]
    shape = (len(seeds), folds) if folds else (len(seeds),)
    training, testing = (np.array([split[kind] for split in splits] * len(seeds)) for kind in (0, 1))  # [R, clips]
    weights = [array for seed in seeds for array in [initial_weights(task, seed)] * len(splits)]
    factors = None if rate_factors is None else tuple(np.repeat(rate_factors, len(splits)).tolist())
    inputs = task.features.padded(range(len(task.labels)), task.steps)  # [N, T, 13]
    population = _compiled(settings, len(weights), factors, training.shape[1], inputs.shape)
    population.restart(weights, seed=seeds[0])
    rng = np.random.default_rng(seeds[0])
    best = np.full(len(weights), np.inf)  # training error
    train_error, test_error = np.full((2, len(weights)), np.inf)
    stopped, epochs = np.zeros(len(weights), bool), np.zeros(len(weights), int)
    since = np.zeros(len(weights), int)  # epochs since the training error fell
    began = time.perf_counter()
    for epoch in range(1, settings.epochs + 1):
        order = _order(rng, training, settings.batch_size)
        population.train(inputs, task.labels, len(order), order)
        if not settings.patience and epoch < settings.epochs:
            continue
        wrong = population.outputs(inputs).argmax(-1) != task.labels  # [R, N]
        now, tested = (100 * np.take_along_axis(wrong, chosen, axis=1).mean(axis=1) for chosen in (training, testing))
        train_error, test_error = np.where(stopped, (train_error, test_error), (now, tested))
        epochs[~stopped] = epoch
        since = np.where(now < best, 0, since + 1)
        best = np.minimum(best, now)
        stopped |= (since >= settings.patience) if settings.patience else True
        if stopped.all():
            break
    return {
        "train_error": train_error.reshape(shape),
        "test_error": test_error.reshape(shape),
        "epochs": epochs.reshape(shape),
        "seconds": np.array((time.perf_counter() - began) / len(weights)),
        "parameters": np.array(sum(array.size for array in weights[0])),
    }


@functools.lru_cache(maxsize=1)
def _task(settings: Words) -> SpokenWords:
    return SpokenWords(settings)


@functools.lru_cache(maxsize=1)
def _compiled(
    settings: Words, replicas: int, factors: tuple[float, ...] | None, clips: int, shape: tuple[int, ...]
) -> Population:
    """Return a population that has made its first updates; blocks of the same settings share it."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # each is traced once, which TensorFlow takes for retracing
    task = _task(settings)
    updates = clips // settings.batch_size
    weights = [initial_weights(task, 0)] * replicas
    population = make_population(task, settings, weights, settings.epochs * updates, rate_factors=factors)
    order = np.zeros((updates, replicas, settings.batch_size), np.int32)
    inputs = np.ones(shape, np.float32)
    population.train(inputs, task.labels, updates, order)
    population.outputs(inputs)
    return population


def _split(task: SpokenWords, fold: int, folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which clips to train on and which to test on."""
    if not folds:
        return task.training, task.testing
    labels = task.labels[task.training]
    number = np.array([(labels[:place] == label).sum() for place, label in enumerate(labels)])  # within its word
    return task.training[number % folds != fold], task.training[number % folds == fold]


def _order(rng: np.random.Generator, training: np.ndarray, batch_size: int) -> np.ndarray:
    """Return one epoch's clips of each network, in an order of its own [updates, R, B]."""
    shuffled = rng.permuted(training, axis=1)
    updates = training.shape[1] // batch_size
    return shuffled[:, : updates * batch_size].reshape(len(training), updates, batch_size).transpose(1, 0, 2)
