"""Generate one sequence without any input: the network's weights become a code of it (Koutník et al. 2014, section 4.1)."""

import dataclasses
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

import figures
from data.sequences import load_target
from models.clocks import sizes_from_spectrum
from tasks.task import (
    NetworkSettings,
    Report,
    Task,
    clock,
    is_clocked,
    layer_modules,
    mean_squared_error,
    output_layer,
    recurrent_layer,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings):
    target: str | None
    """Sound file (WAV, FLAC, …) or CSV file to generate; without it, a mixture of four sines."""
    start: int
    """First sample, or data row, of the excerpt."""
    length: int
    """Steps of the excerpt."""
    column: str | None
    """Column of a CSV file; without it, the first."""
    sizes: Literal["equal", "spectrum"]
    """Split the units evenly, or in proportion to the target's energy in the octaves of the modules (clockwork models only)."""
    output_activation: Literal["linear", "tanh"]
    """Activation of the output unit."""
    constant_input: bool
    """Feed one constant zero, whose weights count but do nothing, instead of no input."""
    loss: Literal["mse", "half_sum"]
    """Mean of the squared errors over time, or half their sum."""


class SequenceGeneration(Task):
    """Generate the target from nothing but the clock; one epoch is one update on the whole sequence.

    Raises:
        ValueError: the target cannot be had, or the network cannot be built; names the argument or file, what was
            expected and what came.
    """

    name = "generation"

    def __init__(self, settings: Settings):
        self.settings = settings
        self.metrics = {"mse": mean_squared_error}
        self.target = load_target(settings.target, settings.start, settings.length, settings.column)
        self.inputs = np.zeros((1, settings.length, int(settings.constant_input)), np.float32)  # [1, T, 0 or 1]
        self.network()  # so that settings it refuses are refused before anything is written

    def epoch(self) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors((self.inputs, self.target.values[None, :, None]))

    def network(self) -> keras.Model:
        inputs = keras.Input(self.inputs.shape[1:], batch_size=1)
        hidden = recurrent_layer(self.settings, inputs, sizes=self._sizes())
        return keras.Model(inputs, output_layer(self.settings, hidden, 1, self.settings.output_activation))

    def _sizes(self) -> tuple[int, ...] | None:
        settings = self.settings
        if settings.sizes == "equal":
            return None
        if not is_clocked(settings.model):
            raise ValueError(f"`sizes` is for the clockwork models. Received: spectrum for {settings.model}")
        return sizes_from_spectrum(self.target.values, clock(settings)[0], settings.units)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        if self.settings.loss == "half_sum":
            return 0.5 * tf.reduce_sum((outputs - targets) ** 2, axis=[-3, -2, -1])
        return mean_squared_error(targets, outputs)

    def evaluate(self, network: keras.Model) -> dict[str, float]:
        _, output = self._run(network)
        mse = float(np.mean((output - self.target.values) ** 2))
        # The paper's NMSE has the ½ of its loss; the usual one is twice as large.
        nmse = mse / float(np.var(self.target.values))
        return {"mse": mse, "nmse": nmse, "nmse_paper": nmse / 2}

    def report(self, network: keras.Model) -> Report:
        states, output = self._run(network)
        target = self.target
        drawn = {
            "signal": figures.signal_figure(target.values, output, target.rate, target.source),
            "states": figures.states_figure(states, layer_modules(network.get_layer("hidden")), target.rate),
        }
        sounds = {"target": (target.values, target.rate), "output": (output.clip(-1, 1), target.rate)}
        return Report(drawn, sounds if target.rate else {})

    def _run(self, network: keras.Model) -> tuple[np.ndarray, np.ndarray]:
        """Return the hidden states [T, n] and the output [T]."""
        both = keras.Model(network.input, [network.get_layer("hidden").output, network.output])
        tf.config.run_functions_eagerly(True)  # for a single sequence, compiling would take longer than running
        try:
            states, output = both(self.inputs)
        finally:
            tf.config.run_functions_eagerly(False)
        return states.numpy()[0], output.numpy()[0, :, 0]
