"""Layers for tests, and what the NumPy loop makes of their weights."""

import keras
import numpy as np
import tensorflow as tf
from reference import clockwork_rnn

from models.clockwork_rnn import ClockworkRNN

ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "linear": lambda a: a,
    "softplus": lambda a: np.log1p(np.exp(a)),
}


def make_layer(units, periods, seed=0, **kwargs):
    defaults = {
        "return_sequences": True,
        "recurrent_initializer": keras.initializers.RandomNormal(0, 0.4, seed=seed),
        "bias_initializer": keras.initializers.RandomNormal(0, 0.4, seed=seed + 1),
        "jit_compile": False,
    }
    return ClockworkRNN(units, periods, **(defaults | kwargs))


def expected(layer, x, **state):
    """Return what the NumPy loop makes of the layer's weights: hidden states and clocks."""
    kernel, recurrent, bias = layer.dense_weights()
    modules, activation = layer.modules, ACTIVATIONS[layer.activation.__name__]
    clocks = (modules.sizes, modules.periods, modules.phases, modules.hears)
    return clockwork_rnn(x, kernel, recurrent, bias, *clocks, activation, input_mean=layer.input_mean, **state)


def inputs(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def gradients_through(layer, x, pieces):
    """Return the gradients of the sum of squared outputs by x and the weights, x fed in pieces with the state carried."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        state, loss = None, 0.0
        for part in tf.split(x, pieces, axis=1):
            output, *state = layer(part, initial_state=state)
            loss += tf.reduce_sum(output**2)
    return tape.gradient(loss, [x, *(variable.value for variable in layer.trainable_variables)])
