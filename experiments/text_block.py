"""One block of the text experiments: networks of several seeds, one after the other, compiled once."""

from collections.abc import Sequence

import keras
import numpy as np

import quiet  # noqa: F401 (before whatever imports TensorFlow)
from main import Text
from tasks.character_model import CharacterModel
from training import make_trainer


def train_block(settings: Text, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Train one network for each seed; each is the one that `main.py` trains with that seed.

    Args:
        settings: all but the seed.
        seeds: of the initial weights.

    Returns:
        bits_per_character [seeds]: on the test text; infinite if training diverged.
        parameters: of each network, without periods.
    """
    task = CharacterModel(settings)
    batches, network = task.epoch(), task.network()
    trainer = make_trainer(task, settings, network, settings.epochs * task.chunks, task.chunks)
    optimizer = trainer.optimizer
    at_start = [variable.numpy() for variable in optimizer.variables]
    bits = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        drawn = [variable.numpy() for variable in task.network().variables]
        for variable, value in zip(network.variables + optimizer.variables, drawn + at_start, strict=True):
            variable.assign(value)
        trainer.fit(batches.repeat(settings.epochs), epochs=1, verbose=0, shuffle=False)
        bits.append(task.evaluate(network)["bits_per_character"])
    parameters = sum(variable.numpy().size for variable in network.trainable_variables)
    return {
        "bits_per_character": np.where(np.isfinite(bits), bits, np.inf),
        "parameters": np.array(parameters),
    }
