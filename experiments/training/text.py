"""Networks that each model one text character by character, for so many epochs or minutes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from experiments.grid import Arrays
from running.trained import train_silently
from tasks.character_model import CharacterModel, Settings


def train_for(settings: Settings, minutes: float) -> Arrays:
    """Train one network for so many epochs as should take the given minutes, at least one; see `train_network`."""
    seconds = train_networks(replace(settings, epochs=1), [settings.seed])["seconds"]
    return train_network(replace(settings, epochs=max(round(60 * minutes / float(seconds)), 1)))


def train_network(settings: Settings) -> Arrays:
    """Train one network; returns what `train_networks` does, as single numbers."""
    result = train_networks(settings, [settings.seed])
    return result | {name: result[name][0] for name in ("epochs", "bits_per_character")}


def train_networks(settings: Settings, seeds: Sequence[int]) -> Arrays:
    """Train one network for each seed, all at once; each is the one that `main.py` trains with that seed.

    Returns:
        bits_per_character [seeds]: on the test text; infinite if training diverged.
        epochs [seeds]: after how many training stopped.
        seconds: of all training, without compilation.
        parameters: of each network, without periods.
    """
    task = CharacterModel(settings, seeds)
    task.epoch_quantity = ""  # there is nothing to look at on the way
    trained = train_silently(task, settings)
    bits = trained.values()["bits_per_character"]
    return {
        "bits_per_character": np.where(np.isfinite(bits), bits, np.inf),
        "epochs": trained.stopped,
        "seconds": trained.loop.progress.seconds[-1],
        "parameters": np.array(task.network.size),
    }


def character_frequencies(settings: Settings) -> list[dict]:
    """Return the bits per character on the test text of two predictors that only count characters of the training part.

    One knows how often each character occurs there, the other how often after each other one; every count is one too high,
    so that nothing is impossible.
    """
    task = CharacterModel(settings)
    size = len(task.text.characters)
    pairs = np.ones((size, size))
    np.add.at(pairs, (task.training[:-1], task.training[1:]), 1)
    singles = np.bincount(task.training, minlength=size) + 1
    known = {
        "character frequencies": (singles / singles.sum())[task.testing[1:]],
        "frequencies after the last character": (pairs / pairs.sum(1, keepdims=True))[
            task.testing[:-1], task.testing[1:]
        ],
    }
    return [{"predictor": name, "bits_per_character": -np.log2(shares).mean()} for name, shares in known.items()]
