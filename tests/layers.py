"""Layers for tests, and what the reference makes of their weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import reference
from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN

ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "sigmoid": reference.sigmoid,
    "linear": lambda a: a,
    "softplus": lambda a: np.log1p(np.exp(a)),
    "softsign": lambda a: a / (1 + np.abs(a)),
}
CELLS = {ClockworkRNN: reference.simple, ClockworkLSTM: reference.lstm, ClockworkGRU: reference.gru}


def make_layer(units, periods, seed=0, kind=ClockworkRNN, **kwargs):
    defaults = {
        "return_sequences": True,
        "recurrent_initializer": keras.initializers.RandomNormal(0, 0.4, seed=seed),
        "bias_initializer": keras.initializers.RandomNormal(0, 0.4, seed=seed + 1),
        "jit_compile": False,
    }
    return kind(units, periods, **(defaults | kwargs))


def expected_states(layer, x, state=None, clock=None, mask=None):
    """Return what the reference makes of the layer's weights: each part of the state after every step, and the clocks."""
    cell = CELLS[type(layer)]
    options = {"f": ACTIVATIONS[layer.activation.__name__], "input_mean": layer.input_mean}
    if cell is not reference.simple:
        options["gate"] = ACTIVATIONS[layer.recurrent_activation.__name__]
    if layer.peephole_kernel is not None:
        options["peepholes"] = layer.peephole_kernel.numpy()
    return reference.clockwork(x, *layer.dense_weights(), layer.modules, cell, state, clock, mask, **options)


def expected(layer, x, h=None, clock=None, mask=None):
    """Return what the reference makes of the layer's weights: hidden states and clocks, of a layer without other state."""
    states, clocks = expected_states(layer, x, None if h is None else [h], clock, mask)
    return states[0], clocks


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


def check_gradients(layer, x, weight, states):
    """Compare the gradients of a weighted sum of a layer's states with finite differences of what `states(layer, x)` gives."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) * weight)
    variables = layer.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    for variable, gradient in zip(variables, gradients):
        value = variable.numpy()
        for place in np.random.default_rng(4).permutation(value.size)[:5]:
            index, losses = np.unravel_index(place, value.shape), []
            for shift in (1e-6, -1e-6):
                moved = value.copy()
                moved[index] += shift
                variable.assign(moved)
                losses.append(np.sum(states(layer, x) * weight))
            variable.assign(value)
            assert gradient.numpy()[index] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5, abs=1e-7)
