"""Networks by the hundred, and `model.fit`: what an update costs where many are made."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import keras
import numpy as np

from benchmarks import contestants, timing
from main import recipe
from running.loop import MOST_UPDATES, Loop
from tasks.sequence_generation import SequenceGeneration

REPLICAS = (1, 10, 100)
KINDS = {
    "clockwork_rnn": recipe("generation"),
    "simple_rnn": recipe("generation", model="simple_rnn"),
    "lstm": recipe("generation", model="lstm"),
}


def measure(seconds: float) -> Iterator[tuple[str, int, int, int, np.ndarray]]:
    """Yield (network, units, replicas, parameters, seconds an update of all); 0 replicas is a network alone.

    Alone, each update is a call of its own, as a training loop of one's own would make them.
    """
    for name, settings in KINDS.items():
        parameters = SequenceGeneration(settings).network.size
        if name == "clockwork_rnn":
            alone = contestants.with_keras(contestants.clockwork(settings.units), 320, 1, xla=True).update
            alone()
            yield name, settings.units, 0, parameters, timing.in_turn({"alone": alone}, seconds)["alone"]
        for replicas in REPLICAS:
            task = SequenceGeneration(replace(settings, replicas=replicas))
            loop, updates = Loop(task, settings, 10**6), min(MOST_UPDATES, max(10, 400 // replicas))
            loop.call(updates)
            calls = timing.in_turn({"loop": partial(loop.call, updates)}, seconds)["loop"]
            yield name, settings.units, replicas, parameters, calls / updates


def fit_times(units: int, steps: int, batch: int, rounds: int) -> dict[str, np.ndarray]:
    """Return the seconds an update of `model.fit`, by how the model was compiled, measured in turn."""
    count = 8 if units > 100 else 40
    data = np.random.default_rng(0).normal(size=(batch * count, steps, 1)).astype("float32")

    def fitting(jit_compile):
        layers = [keras.Input((steps, 1)), contestants.clockwork(units), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile("adam", "mse", jit_compile=jit_compile)
        return lambda: model.fit(data, data, batch_size=batch, verbose=0)

    functions = {"default compile": fitting("auto"), "compile(jit_compile=True)": fitting(True)}
    for function in functions.values():
        function()
    times = timing.in_turn(functions, 0.0, least=rounds)
    return {name: values / count for name, values in times.items()}
