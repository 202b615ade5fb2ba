"""The cells: hand-written backward steps, a new cell in one class, published parameter counts, and what layers refuse."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import CELLS, gradients_through, inputs, make_layer

from models import reference
from models.cells import GRU, LSTM, Cell, Moment, Own, Simple
from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN
from models.layer import ClockworkLayer

NINE = tuple(2**i for i in range(9))
TANH, SIGMOID = keras.activations.tanh, keras.activations.sigmoid


@pytest.mark.parametrize(
    "cell",
    [Simple(TANH), Simple(keras.activations.relu), LSTM(TANH, SIGMOID), LSTM(TANH, SIGMOID, True), GRU(TANH, SIGMOID)],
)
def test_backward_steps_equal_those_of_automatic_differentiation(cell):
    state = tuple(tf.constant(inputs((3, 4), seed=part)) for part in range(len(cell.states)))
    drive, own = tf.constant(inputs((3, cell.rows, 4), seed=5)), Own(None)
    if cell.peepholes:
        own = Own(None, tf.constant(inputs((3, 4), seed=6)))
    after, kept = cell.step(drive, state, own)
    errors = tuple(tf.constant(inputs((3, 4), seed=7 + part)) for part in range(len(state)))
    delta, before = cell.step_back(Moment(state, after, kept), errors, own)
    automatic, automatic_before = Cell.step_back(cell, Moment(state, after, drive), errors, own)
    np.testing.assert_allclose(delta, automatic, atol=1e-12)
    for one, other in zip(before, automatic_before, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


class MinimalGated(Cell):
    """Zhou et al. 2016, the gate after the product: f = σ(f),  h' = (1 − f) h + f tanh(v + f u)."""

    gates, rows, input_rows = 2, 3, (0, 2)

    def new_state(self, drive, state, own):
        f, u, v = tf.unstack(drive, axis=-2)
        f = tf.sigmoid(f)
        return ((1 - f) * state[0] + f * tf.tanh(v + f * u),)


def minimal_gated(seen, said, state, peepholes, f):
    gate = reference.sigmoid(seen[0] + said[0])
    return [(1 - gate) * state[0] + gate * f(seen[1] + gate * said[1])]


@pytest.mark.parametrize("connections", ["slow_to_fast", "full", "fast_to_slow"])
def test_a_fourth_cell_is_one_class(monkeypatch, connections):
    monkeypatch.setitem(reference.GATES, minimal_gated, 2)
    layer = make_layer(
        9,
        (1, 2, 3),
        kind=lambda *a, **k: ClockworkLayer(MinimalGated(), *a, **k),
        dtype="float64",
        connections=connections,
    )
    x, weight = inputs((2, 11, 3)), inputs((2, 11, 9), seed=1)
    with tf.GradientTape() as tape:
        states = layer(x)
        loss = tf.reduce_sum(states * weight)

    def expected():
        return reference.clockwork(x, *layer.dense_weights(), layer.modules, minimal_gated, f=np.tanh)[0][0]

    np.testing.assert_allclose(states, expected(), atol=1e-12)
    gradients = tape.gradient(loss, [variable.value for variable in layer.trainable_variables])
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=True):
        value, step = variable.numpy(), inputs(variable.shape, seed=2)
        losses = []
        for distance in (1e-6, -1e-6):
            variable.assign(value + distance * step)
            losses.append(np.sum(expected() * weight))
        variable.assign(value)
        assert np.sum(gradient * step) == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("chunk, jit_compile", [(8, False), (2, False), (5, False), (5, True)])
def test_gradients_through_chunks_equal_those_of_the_whole(kind, chunk, jit_compile):
    layer = make_layer(9, (1, 2, 8), kind=kind, return_state=True, jit_compile=jit_compile, dtype="float64")
    x = tf.constant(inputs((2, 3 * chunk, 3)))
    layer(x)
    for one, other in zip(gradients_through(layer, x, 1), gradients_through(layer, x, 3), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def with_one_output(layer, features):
    sequences = keras.Input((5, features), batch_size=1)
    return keras.Model(sequences, keras.layers.Dense(1)(layer(sequences)))


def count(layer, features, periods=0):
    return with_one_output(layer, features).count_params() + periods


COUNTS = {  # how to count, and hidden units → parameters as published or recounted from the published tables
    # The earlier TensorFlow project's README (9, 27, 36), and Table 1 of Koutník et al. 2014 (11, 19, 27, 40).
    "clockwork_rnn": (
        lambda n: count(ClockworkRNN(n, NINE), 0, 9),
        {9: 73, 27: 469, 36: 802, 11: 100, 19: 249, 40: 980},
    ),
    # The earlier project, with one constant-zero input.
    "lstm": (lambda n: count(ClockworkLSTM(n, (1,)), 1), {3: 64, 10: 491, 13: 794}),
    # Table 1, without input.
    "simple_rnn": (lambda n: count(ClockworkRNN(n, (1,)), 0), {9: 100, 15: 256, 22: 529, 31: 1024}),
    "peephole lstm": (lambda n: count(ClockworkLSTM(n, (1,), peepholes=True), 0), {4: 97, 7: 253, 10: 481, 15: 1021}),
    # Four and three times the weights of a simple cell, by hand: n = 9, one unit a module, 45 pairs that are connected.
    "clockwork_lstm": (lambda n: count(ClockworkLSTM(n, NINE), 0), {9: 4 * (45 + 9) + 10}),
    "clockwork_gru": (lambda n: count(ClockworkGRU(n, NINE), 0), {9: 3 * (45 + 2 * 9) + 10}),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_those_published(name):
    counted, published = COUNTS[name]
    assert {units: counted(units) for units in published} == published


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: ClockworkLSTM(4, (1, 2), recurrent_activation="softmax"),
            "`recurrent_activation` must be elementwise",
        ),
        (lambda: ClockworkGRU(4, (1, 2), peepholes=True), "`peepholes` are for ClockworkLSTM"),
        (
            lambda: ClockworkGRU(4, (1, 2), reset_after=False),
            "`reset_after=False` needs modules that hear themselves and no others",
        ),
        (
            lambda: ClockworkGRU(4, (1,), reset_after=False, connections=[[0]]),
            "`reset_after=False` .* Received: module 0 does not hear itself",
        ),
        (lambda: ClockworkLSTM(1, (1, 2)), "`units` must be at least the number of modules, 2. Received: 1"),
        (lambda: ClockworkRNN(4, 4), "`periods` must be a list, one period a module, such as .* Received: 4"),
        (lambda: ClockworkGRU(4, (1,), use_cudnn=True), "`use_cudnn` must be"),
        (
            lambda: ClockworkRNN.from_config({"units": 2, "periods": [1], "format": 99}),
            "saved by a later version: format 99",
        ),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_describe_counts_updates_weights_and_products():
    """By hand: 2 units a module, 3 features; O_H = k² Σ (g − i) / T_i (Koutník et al. 2014, section 3)."""
    layer = ClockworkRNN(6, (1, 2, 4))
    layer.build((None, 8, 3))
    text = layer.describe(8)
    rows = [line.split() for line in text.splitlines()[1:4]]
    assert [row[4] for row in rows] == ["8", "4", "2"]
    assert [int(row[-2]) for row in rows] == [2 * (6 + 3 + 1), 2 * (4 + 3 + 1), 2 * (2 + 3 + 1)]
    assert [float(row[-1]) for row in rows] == [12, 4, 1]
    assert "17.0 recurrent products a step, 1/2.1 of the 36 of a full network" in text
    assert layer.count_params() == sum(int(row[-2]) for row in rows)
