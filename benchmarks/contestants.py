"""What is timed against each other: recurrent layers with one input, one linear output, mean squared error and SGD."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from models.clockwork_rnn import ClockworkRNN


@dataclass(frozen=True)
class Contestant:
    """One network, ready to run.

    Args:
        update: makes one training update and waits for it.
        forward: makes one forward pass and waits for it.
        parameters: trainable weights of the recurrent layer.
    """

    update: Callable[[], None]
    forward: Callable[[], None]
    parameters: int


def exponential(modules: int) -> tuple[int, ...]:
    return tuple(2**i for i in range(modules))


def clockwork(units: int, modules: int = 9) -> keras.layers.Layer:
    return ClockworkRNN(units, exponential(modules), return_sequences=True)


def simple_rnn(units: int) -> keras.layers.Layer:
    return keras.layers.SimpleRNN(units, return_sequences=True)


def lstm(units: int) -> keras.layers.Layer:
    return keras.layers.LSTM(units, return_sequences=True)


def gru(units: int) -> keras.layers.Layer:
    return keras.layers.GRU(units, return_sequences=True)


def masked_clockwork(units: int, modules: int = 9) -> keras.layers.Layer:
    """Return a Clockwork RNN as it is often written: the full matrix product at every step, and a mask."""
    return keras.layers.RNN(MaskedCell(units, exponential(modules)), return_sequences=True)


class MaskedCell(keras.layers.Layer):
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


def with_keras(layer: keras.layers.Layer, steps: int, batch: int, xla: bool, features: int = 1) -> Contestant:
    """Make a contestant of a Keras layer, with or without XLA around all of it."""
    inputs = tf.random.stateless_normal([batch, steps, features], [0, 0])
    targets = tf.random.stateless_normal([batch, steps, 1], [1, 0])
    layer.build(inputs.shape)
    readout = tf.Variable(tf.random.stateless_normal([layer.compute_output_shape(inputs.shape)[-1], 1], [2, 0]) * 0.1)
    variables = [variable.value for variable in layer.trainable_variables] + [readout]

    def loss() -> tf.Tensor:
        return tf.reduce_mean((layer(inputs) @ readout - targets) ** 2)

    @tf.function(jit_compile=xla)
    def forward() -> tf.Tensor:
        return loss()

    @tf.function(jit_compile=xla)
    def update() -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss()
        for variable, gradient in zip(variables, tape.gradient(value, variables), strict=True):
            variable.assign_sub(1e-3 * gradient)
        return value

    return Contestant(lambda: update().numpy(), lambda: forward().numpy(), layer.count_params())


def with_torch(kind: str, units: int, steps: int, batch: int) -> Contestant:
    """Make a contestant of PyTorch's own layer, "RNN" or "LSTM"."""
    import torch

    torch.manual_seed(0)
    layer = getattr(torch.nn, kind)(1, units, batch_first=True)
    readout = torch.nn.Linear(units, 1, bias=False)
    parameters = [*layer.parameters(), *readout.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=1e-3)
    inputs, targets = torch.randn(2, batch, steps, 1)

    def loss():
        return torch.mean((readout(layer(inputs)[0]) - targets) ** 2)

    def update():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    def forward():
        with torch.no_grad():
            loss()

    return Contestant(update, forward, sum(parameter.numel() for parameter in layer.parameters()))


def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def nearest_units(budget: int, count: Callable[[int], int], lowest: int = 1) -> int:
    """Return the number of hidden units whose parameters come nearest to a budget; the smaller one of two as near.

    Args:
        budget: the number of parameters wanted.
        count: the parameters of a network of so many units, growing with them.
        lowest: the smallest number of units that the network allows.

    Example:
        >>> nearest_units(250, lambda n: n * n + 2 * n + 1)  # a simple RNN without input, with one output
        15
    """
    low, high = lowest, lowest
    while count(high) < budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < budget else (low, middle)
    return min((low, high), key=lambda units: abs(count(units) - budget))


def units_for(make: Callable[[int], keras.layers.Layer], parameters: int) -> int:
    """Return how many units a layer needs to have about as many parameters."""

    def count(units: int) -> int:
        layer = make(units)
        layer.build((1, 1, 1))
        return layer.count_params()

    return nearest_units(parameters, count)


def multiply_adds(units: int, modules: int, steps: int, batch: int) -> float:
    """Return the multiply-adds that a forward pass of equal modules with periods 1, 2, 4, … needs.

    A module's own recurrence and what it says to the faster ones are k² and k²·(faster modules), each once per tick; the
    input is one feature, and the output one unit.
    """
    k = units // modules
    return batch * sum(steps / 2**i * (k * k * (1 + i) + k) for i in range(modules)) + batch * steps * units
