"""Contestants on TensorFlow: ours, Keras's own layers, and a Clockwork RNN as it is often written."""

import keras
import numpy as np
import tensorflow as tf

from benchmarks.contest import OURS, RATE, Contestant, Spec
from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN


def exponential(modules: int) -> tuple[int, ...]:
    return tuple(2**i for i in range(modules))


def clockwork(units: int, modules: int = 9) -> keras.layers.Layer:
    return ClockworkRNN(units, exponential(modules), return_sequences=True)


class MaskedCell(keras.layers.Layer):
    """A Clockwork RNN as it is often written: the full matrix product at every step, and a mask."""

    def __init__(self, units: int, periods: tuple[int, ...]):
        super().__init__()
        self.state_size = [units, 1]
        self.periods = np.repeat(periods, units // len(periods)).astype("float32")
        self.allowed = (self.periods[:, None] >= self.periods).astype("float32")

    def build(self, shape):
        n = self.state_size[0]
        self.kernel = self.add_weight((shape[-1], n), name="kernel")
        self.recurrent_kernel = self.add_weight((n, n), "orthogonal", name="recurrent_kernel")
        self.bias = self.add_weight((n,), "zeros", name="bias")

    def call(self, inputs, states):
        h, step = states
        new = tf.tanh(inputs @ self.kernel + h @ (self.recurrent_kernel * self.allowed) + self.bias)
        h = tf.where(step % self.periods == 0, new, h)
        return h, [h, step + 1]


LAYERS = {  # cell → its layer of so many units, with these periods
    "simple_rnn": lambda units, periods: keras.layers.SimpleRNN(units, return_sequences=True),
    "lstm": lambda units, periods: keras.layers.LSTM(units, return_sequences=True),
    "gru": lambda units, periods: keras.layers.GRU(units, return_sequences=True),
    "clockwork_rnn": lambda units, periods: ClockworkRNN(units, periods, return_sequences=True),
    "clockwork_lstm": lambda units, periods: ClockworkLSTM(units, periods, return_sequences=True),
    "clockwork_gru": lambda units, periods: ClockworkGRU(units, periods, return_sequences=True),
    "masked_clockwork_rnn": lambda units, periods: keras.layers.RNN(MaskedCell(units, periods), return_sequences=True),
}


def make(spec: Spec) -> Contestant:
    layer = LAYERS[spec.cell](spec.units, spec.periods)
    xla = spec.framework in (OURS, "keras-tensorflow-xla")
    return with_keras(layer, spec.steps, spec.batch, xla, spec.features, spec.updates)


def with_keras(
    layer: keras.layers.Layer, steps: int, batch: int, xla: bool, features: int = 1, updates: int = 1
) -> Contestant:
    """Make a contestant of a Keras layer, with or without XLA around all of it."""
    inputs = tf.random.stateless_normal([batch, steps, features], [0, 0])  # [B, T, features]
    targets = tf.random.stateless_normal([batch, steps, 1], [1, 0])  # [B, T, 1]
    layer.build(inputs.shape)
    readout = tf.Variable(tf.random.stateless_normal([layer.compute_output_shape(inputs.shape)[-1], 1], [2, 0]) * 0.1)
    variables = [variable.value for variable in layer.trainable_variables] + [readout]

    def forward() -> tf.Tensor:
        return tf.reduce_mean((layer(inputs) @ readout - targets) ** 2)

    def update(*_) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = forward()
        for variable, gradient in zip(variables, tape.gradient(value, variables), strict=True):
            variable.assign_sub(RATE * gradient)
        return value

    def many() -> tf.Tensor:
        return tf.while_loop(lambda i, _: i < updates, lambda i, _: (i + 1, update()), (0, 0.0))[1]

    forward_call, update_call = (
        tf.function(function, jit_compile=xla, autograph=False)
        for function in (forward, update if updates == 1 else many)
    )
    return Contestant(lambda: update_call().numpy(), lambda: forward_call().numpy(), layer.count_params(), updates)
