"""The baselines against Keras's LSTM, a NumPy loop, finite differences, and published parameter counts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.baselines import LSTM, InitialState, nearest_units, simple_rnn
from models.clockwork_rnn import ClockworkRNN

NINE = tuple(2**i for i in range(9))


def with_one_output(layer, features):
    inputs = keras.Input((5, features), batch_size=1)
    return keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)))


def clockwork(units):
    return with_one_output(ClockworkRNN(units, NINE, return_sequences=True), 0).count_params() + len(NINE)


COUNTS = {  # how to count, and hidden units → parameters as published or recounted from the published tables
    # The earlier TensorFlow project's README (9, 27, 36), and Table 1 of Koutník et al. 2014 (11, 19, 27, 40).
    "clockwork_rnn": (clockwork, {9: 73, 27: 469, 36: 802, 11: 100, 19: 249, 40: 980}),
    # The earlier project, with one constant-zero input.
    "lstm": (lambda n: with_one_output(LSTM(n, return_sequences=True), 1).count_params(), {3: 64, 10: 491, 13: 794}),
    # Table 1, without input.
    "simple_rnn": (
        lambda n: with_one_output(simple_rnn(n, return_sequences=True), 0).count_params(),
        {9: 100, 15: 256, 22: 529, 31: 1024},
    ),
    "peephole lstm": (
        lambda n: with_one_output(LSTM(n, peepholes=True, return_sequences=True), 0).count_params(),
        {4: 97, 7: 253, 10: 481, 15: 1021},
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_those_published(name):
    count, published = COUNTS[name]
    assert {units: count(units) for units in published} == published


def test_nearest_units_finds_the_published_sizes():
    assert nearest_units(802, clockwork, lowest=9) == 36
    assert [nearest_units(budget, lambda n: (n + 1) ** 2) for budget in (100, 250, 1000)] == [9, 15, 31]
    assert nearest_units(1, lambda n: n * n) == 1
    assert nearest_units(5, lambda n: 2 * n) == 2  # 4 and 6 are as near: the smaller


def numpy_lstm(x, kernel, recurrent, bias, peepholes, h, c):
    """The equations of `lstm_scan`, step by step. x [B, T, features]."""

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=-1)
        i, f = sigmoid(i + peepholes[0] * c), sigmoid(f + peepholes[1] * c)
        c = f * c + i * np.tanh(g)
        h = sigmoid(o + peepholes[2] * c) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1)


def make_lstm(features, dtype="float64"):
    small = keras.initializers.RandomNormal(0, 0.5, seed=1)
    layer = LSTM(4, peepholes=True, forget_bias=0.7, return_sequences=True, dtype=dtype, recurrent_initializer=small)
    layer.build((None, None, features))
    return layer


def reference(layer, x, h, c):
    kernel = np.zeros((x.shape[-1], 16)) if layer.kernel is None else layer.kernel.numpy()
    weights = (layer.recurrent_kernel.numpy(), layer.bias.numpy(), layer.peephole_kernel.numpy())
    return numpy_lstm(x, kernel, *weights, h, c)


@pytest.mark.parametrize("features", [0, 3])
def test_peephole_lstm_equals_the_numpy_loop(features):
    rng = np.random.default_rng(0)
    layer, x = make_lstm(features), rng.normal(size=(2, 9, features))
    h, c = rng.normal(size=(2, 2, 4))
    expected = reference(layer, x, h, c)
    outputs = layer(x, initial_state=[tf.constant(h), tf.constant(c)])
    np.testing.assert_allclose(outputs, expected, atol=1e-10)


def test_peephole_lstm_gradients_equal_finite_differences():
    rng = np.random.default_rng(0)
    layer, x, weight = make_lstm(2), rng.normal(size=(2, 7, 2)), rng.normal(size=(2, 7, 4))
    h, c = rng.normal(size=(2, 2, 4))
    state = [tf.constant(h), tf.constant(c)]
    with tf.GradientTape() as tape:
        tape.watch(state)
        loss = tf.reduce_sum(layer(tf.constant(x), initial_state=state) * weight)
    values = [variable.numpy() for variable in layer.trainable_variables]  # kernel, recurrent, bias, peepholes
    gradients = tape.gradient(loss, [variable.value for variable in layer.trainable_variables] + state)
    for array, gradient in zip([*values, h, c], gradients, strict=True):
        for place in rng.permutation(array.size)[:8]:
            index, differences = np.unravel_index(place, array.shape), []
            kept = array[index]
            for shift in (1e-6, -1e-6):
                array[index] = kept + shift
                differences.append(np.sum(numpy_lstm(x, *values, h, c) * weight))
            array[index] = kept
            expected = (differences[0] - differences[1]) / 2e-6
            assert gradient.numpy()[index] == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_without_peepholes_it_is_keras_lstm(return_sequences):
    ours = LSTM(4, return_sequences=return_sequences)
    theirs = keras.layers.LSTM(4, return_sequences=return_sequences)
    x = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    ours(x), theirs(x)
    np.testing.assert_array_equal(ours.bias, theirs.cell.bias)  # 1 for the forget gate, else 0
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_masked_steps_change_nothing_as_in_keras(return_sequences):
    ours = LSTM(4, return_sequences=return_sequences)
    theirs = keras.layers.LSTM(4, return_sequences=return_sequences)
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(3, 9, 3)).astype("float32"), rng.random((3, 9)) < 0.6
    mask[1, 5:] = False
    ours(x), theirs(x)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x, mask=tf.constant(mask)), theirs(x, mask=tf.constant(mask)), atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_stateful_carries_state_until_reset(masked):
    layer = LSTM(4, peepholes=True, stateful=True, return_sequences=True)
    x = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    mask = np.arange(9) % 3 > 0 if masked else np.ones(9, bool)
    parts = [layer(x[:, a:b], mask=np.tile(mask[a:b], (2, 1)) if masked else None) for a, b in ((0, 4), (4, 9))]
    zero = np.zeros((2, 4))
    expected = reference(layer, x[:, mask].astype(float), zero, zero)
    np.testing.assert_allclose(np.concatenate(parts, 1)[:, mask], expected, atol=1e-5)
    layer.reset_state()
    np.testing.assert_allclose(layer(x[:, :4], mask=np.tile(mask[:4], (2, 1))), parts[0], atol=1e-6)


@pytest.mark.parametrize("features", [3, 0])
def test_single_steps_equal_the_numpy_loop(features):
    layer, rng = make_lstm(features), np.random.default_rng(0)
    x, h, c = rng.normal(size=(2, 5, features)), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    step, state, outputs = layer.stepper(), [tf.constant(h), tf.constant(c)], []
    for t in range(5):
        state = step(x[:, t], state)
        outputs.append(state[0])
    np.testing.assert_allclose(np.stack(outputs, 1), reference(layer, x, h, c), atol=1e-10)


def test_forget_bias_goes_to_the_forget_gate_only():
    layer = LSTM(2, forget_bias=5.0)
    layer.build((None, None, 1))
    assert layer.bias.numpy().tolist() == [0, 0, 5, 5, 0, 0, 0, 0]


def test_initial_state_is_learned_and_the_same_for_the_batch():
    layer = InitialState(3, "ones")
    sequences = np.zeros((2, 5, 0), "float32")
    assert layer(sequences).numpy().tolist() == [[1, 1, 1]] * 2
    assert layer.count_params() == 3


def test_saved_baselines_give_the_same(tmp_path):
    inputs = keras.Input((6, 2))
    state = [InitialState(3, "ones")(inputs) for _ in range(2)]
    model = keras.Model(inputs, LSTM(3, peepholes=True, forget_bias=2.0)(inputs, initial_state=state))
    x = np.random.default_rng(0).normal(size=(2, 6, 2)).astype("float32")
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras")(x), model(x), atol=1e-6)


def test_refuses_no_units():
    with pytest.raises(ValueError, match="`units` must be at least 1. Received: 0"):
        LSTM(0)
