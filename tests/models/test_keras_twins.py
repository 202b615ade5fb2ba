"""With one module of period 1 each layer is Keras's: Keras's own tests, taken from the installed package, and more options."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.layers.rnn import gru_test, lstm_test, simple_rnn_test
from layers import inputs

from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN


def twin(kind):
    """Return a layer of one module of period 1 as a class with the arguments of Keras's layer."""

    @keras.saving.register_keras_serializable(package="twins", name=kind.__name__)
    class Twin(kind):
        def __init__(self, units, **kwargs):
            kwargs = {"jit_compile": False} | {name: value for name, value in kwargs.items() if name != "periods"}
            super().__init__(units, (1,), **kwargs)

    return Twin


KINDS = {"SimpleRNN": ClockworkRNN, "LSTM": ClockworkLSTM, "GRU": ClockworkGRU}
TWINS = types.SimpleNamespace(**(vars(keras.layers) | {name: twin(kind) for name, kind in KINDS.items()}))


@pytest.fixture(autouse=True)
def in_place(monkeypatch, without_xla):
    """Put our layers in place; without XLA, with which `test_clockwork_rnn_in_keras.py` runs the same test of layers."""
    for module in (simple_rnn_test, lstm_test, gru_test):
        monkeypatch.setattr(module, "layers", TWINS)


class TestSimpleRNN(simple_rnn_test.SimpleRNNTest):
    """Keras's tests of its SimpleRNN."""


class TestLSTM(lstm_test.LSTMTest):
    """Keras's tests of its LSTM."""


class TestGRU(gru_test.GRUTest):
    """Keras's tests of its GRU; one of them is for PyTorch alone."""


OPTIONS = [
    {"return_sequences": True},
    {"go_backwards": True, "return_sequences": True},
    {"use_bias": False},
    {"activation": "relu"},
    {"activation": "softsign"},  # its slope is no simple function of its value
    {"return_state": True},
    {"zero_output_for_mask": True, "return_sequences": True},
    {"unroll": True, "return_sequences": True, "return_state": True, "go_backwards": True},
]
GATED = [{"recurrent_activation": "hard_sigmoid"}, {"recurrent_activation": "tanh", "activation": "sigmoid"}]
CASES = [(name, options) for name in KINDS for options in OPTIONS]
CASES += [(name, options) for name in ("LSTM", "GRU") for options in GATED]
CASES += [("LSTM", {"unit_forget_bias": False}), ("GRU", {"reset_after": False, "return_sequences": True})]
CASES += [("GRU", {"reset_after": False, "activation": "softsign", "use_bias": False})]


def flat(outputs):
    return tf.concat([tf.reshape(part, [-1]) for part in tf.nest.flatten(outputs)], 0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name, options", CASES)
def test_values_and_gradients_are_those_of_keras(name, options, masked):
    ours = getattr(TWINS, name)(4, dtype="float64", **options)
    theirs = getattr(keras.layers, name)(4, dtype="float64", **options)
    x = inputs((3, 6, 5))
    mask = tf.constant(np.arange(6)[None] < np.array([6, 4, 1])[:, None]) if masked else None
    if masked and options.get("go_backwards"):
        mask = mask[:, ::-1]
    ours(x), theirs(x)
    values = [inputs(value.shape, seed=seed) for seed, value in enumerate(theirs.get_weights())]
    ours.set_weights(values), theirs.set_weights(values)
    state = [inputs((3, 4), seed=seed) for seed in range(2 if name == "LSTM" else 1)]
    results = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            given = [tf.constant(x), *map(tf.constant, state)]
            tape.watch(given)
            output = flat(layer(given[0], initial_state=given[1:], mask=mask))
            loss = tf.reduce_sum(output * tf.cos(tf.range(tf.size(output), dtype=tf.float64)))
        sources = given + [variable.value for variable in layer.trainable_variables]
        results.append([output, *tape.gradient(loss, sources)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_where_a_mask_leaves_nothing_what_is_held_is_said_and_by_keras_nothing(name):
    """As docs/layer.md says; all else is equal there, too."""
    x, mask = inputs((3, 6, 5)), np.arange(6)[None] >= np.array([0, 2, 6])[:, None]
    state = [inputs((3, 4), seed=seed) for seed in range(2 if name == "LSTM" else 1)]
    for options, before in (({"return_sequences": True}, ~mask), ({}, ~mask[:, -1])):
        ours = getattr(TWINS, name)(4, dtype="float64", **options)
        theirs = getattr(keras.layers, name)(4, dtype="float64", **options)
        ours(x), theirs(x)
        ours.set_weights(theirs.get_weights())
        said, wanted = (layer(x, initial_state=state, mask=tf.constant(mask)).numpy() for layer in (ours, theirs))
        held = np.broadcast_to(state[0][:, None] if options else state[0], said.shape)
        np.testing.assert_allclose(said[before], held[before])
        assert not wanted[before].any()
        np.testing.assert_allclose(said[~before], wanted[~before], atol=1e-9)
    options = {"zero_output_for_mask": True, "dtype": "float64"}
    ours, theirs = getattr(TWINS, name)(4, **options), getattr(keras.layers, name)(4, **options)
    ours(x), theirs(x)
    ours.set_weights(theirs.get_weights())
    said, wanted = (layer(x, mask=tf.constant(mask[:, ::-1])).numpy() for layer in (ours, theirs))
    assert said[1].any() and not wanted[1:].any()
    np.testing.assert_allclose(said[0], wanted[0], atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_starts_from_the_same_weights_as_keras(name):
    initializers = {
        "kernel_initializer": keras.initializers.GlorotUniform(seed=1),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=2),
        "bias_initializer": keras.initializers.RandomNormal(seed=3),
    }
    ours, theirs = getattr(TWINS, name)(6, **initializers), getattr(keras.layers, name)(6, **initializers)
    ours.build((None, None, 3)), theirs.build((None, None, 3))
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(ours.dense_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", KINDS)
def test_bidirectional_equals_keras(name):
    x, mask = inputs((2, 9, 3), "float32"), tf.constant(np.arange(9)[None] < np.array([9, 4])[:, None])
    ours = keras.layers.Bidirectional(getattr(TWINS, name)(4, return_sequences=True))
    theirs = keras.layers.Bidirectional(getattr(keras.layers, name)(4, return_sequences=True))
    ours(x), theirs(x)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)
    np.testing.assert_allclose(ours(x, mask=mask), theirs(x, mask=mask), atol=1e-6)
