"""Networks that each recognise spoken words, many at once."""

from collections.abc import Sequence

import numpy as np

from experiments.grid import Arrays
from running.trained import train_silently
from tasks.spoken_words import Settings, SpokenWords


def train_networks(
    settings: Settings, seeds: Sequence[int], folds: int = 0, rate_factors: Sequence[float] | None = None
) -> Arrays:
    """Train one network for each seed, or for each seed and fold of the training clips.

    Args:
        settings: all but the seed.
        seeds: of the initial weights, the order of the clips and the noise.
        folds: as of `SpokenWords`.
        rate_factors: for each seed, what its networks' learning rate is multiplied by; None is 1.

    Returns:
        train_error, test_error: in percent, of clips without noise [seeds], or [seeds, folds]; infinite if training diverged.
        epochs: after how many training stopped, of the same shape.
        diverged: whether a loss is not a finite number, of the same shape.
        seconds: of training for each network, without compilation: an equal share of what all took.
        parameters: of each network, without periods.
    """
    shape = (len(seeds), folds) if folds else (len(seeds),)
    task = SpokenWords(settings, seeds, folds)
    if not settings.patience:
        task.epoch_quantity = ""  # there is nothing to look at on the way
    factors = None if rate_factors is None else tuple(np.repeat(rate_factors, max(folds, 1)).tolist())
    trained = train_silently(task, settings, factors)
    errors = task.after_epoch(trained.weights)
    return {
        **{name: np.where(trained.lost, np.inf, values).reshape(shape) for name, values in errors.items()},
        "epochs": trained.stopped.reshape(shape),
        "diverged": trained.lost.reshape(shape),
        "seconds": np.array(trained.loop.progress.seconds[-1] / task.replicas),
        "parameters": np.array(task.network.size),
    }
