"""Means of the input: a sequence in pieces is the sequence, however the state gets from one piece to the next.

Values and gradients of whole sequences are tested with those of the layer, against the NumPy loop and finite differences.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import expected, gradients_through, inputs, make_layer

from models.clocks import make_modules
from models.clockwork_rnn import ClockworkRNN
from models.input_mean import means

CASES = [  # periods, units, other arguments
    ((1, 2, 8), 9, {}),
    ((2, 3, 7), 8, {"phases": [1, 0, 5], "connections": "full"}),
    ((3, 5, 64), 8, {"phases": [2, 4, 20], "input_modules": [1, 2]}),
]


def make(units, periods, **kwargs):
    return make_layer(units, periods, **({"dtype": "float64", "input_mean": True} | kwargs))


@pytest.mark.parametrize("period", [1, 2, 3, 7, 8, 30, 1_000_000])
def test_means_are_those_of_windows(period):
    x = inputs((23, 2, 3))
    (seen,) = means(tf.constant(x), make_modules(1, (period,)))
    wanted = [x[max(0, t + 1 - period) : t + 1].mean(axis=0) for t in range(23)]
    np.testing.assert_allclose(seen, wanted, atol=1e-12)


def test_large_sums_cancel_nothing():
    """Differences of cumulative sums would have errors of 1e8 times the rounding."""
    x = np.concatenate([np.full((50, 1, 1), 1e8, "float32"), inputs((50, 1, 1), "float32")])
    (seen,) = means(tf.constant(x), make_modules(1, (5,)))
    np.testing.assert_allclose(seen[60], x[56:61].mean(axis=0), atol=1e-6)


# 16 steps are whole hyperperiods of the first case, which then goes through the cascade.
@pytest.mark.parametrize("lengths", [[1, 4, 9, 2, 13], [16, 16], [6, 6, 6, 6]])
@pytest.mark.parametrize("periods, units, kwargs", CASES)
def test_pieces_with_carried_state_equal_the_whole(periods, units, kwargs, lengths):
    returned = make(units, periods, return_state=True, **kwargs)
    stateful = make(units, periods, stateful=True, **kwargs)
    x = inputs((2, sum(lengths), 3))
    whole, _ = expected_of(returned, x)
    stateful.build(x.shape)
    stateful.set_weights(
        [*returned.get_weights()[: len(returned.trainable_variables)], *map(np.array, stateful.states)]
    )
    parts, state = np.split(x, np.cumsum(lengths)[:-1], axis=1), None
    for part, wanted in zip(parts, np.split(whole, np.cumsum(lengths)[:-1], axis=1)):
        output, *state = returned(part, initial_state=state)
        np.testing.assert_allclose(output, wanted, atol=1e-10)
        np.testing.assert_allclose(stateful(part), wanted, atol=1e-10)
    for one, other in zip(state, stateful.states):
        np.testing.assert_allclose(one, other, atol=1e-12)
    stateful.reset_state()
    np.testing.assert_allclose(stateful(x), whole, atol=1e-10)


def expected_of(layer, x, **kwargs):
    layer.build(x.shape)
    return expected(layer, x, **kwargs)


@pytest.mark.parametrize("go_backwards, jit_compile", [(False, True), (True, False)])
def test_pieces_of_masked_sequences_equal_the_whole(go_backwards, jit_compile):
    """Each sequence of the batch is at a step of its own when a piece ends, and what is masked may be anything."""
    layer = make(8, (2, 3, 7), return_state=True, go_backwards=go_backwards, jit_compile=jit_compile)
    x, mask = inputs((3, 21, 2)), np.random.default_rng(2).random((3, 21)) < 0.6
    mask[2, :14] = False
    whole, clocks = expected_of(layer, x, mask=mask)
    x[~mask] = np.nan
    state, outputs = None, []
    for piece in range(3):
        steps = slice(7 * piece, 7 * piece + 7)
        part, given = (array[:, steps][:, ::-1] if go_backwards else array[:, steps] for array in (x, mask))
        output, *state = layer(part, initial_state=state, mask=given)
        outputs.append(output)
    np.testing.assert_allclose(np.concatenate(outputs, 1), whole, atol=1e-10)
    np.testing.assert_array_equal(state[1], clocks)


def test_gradients_through_pieces_equal_those_of_the_whole():
    layer = make(8, (2, 3, 7), return_state=True)
    x = tf.constant(inputs((2, 15, 3)))
    layer(x)
    for one, other in zip(gradients_through(layer, x, 1), gradients_through(layer, x, 3), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("periods, units, kwargs", CASES)
def test_single_steps_go_on_from_a_sequence(periods, units, kwargs):
    layer = make(units, periods, return_state=True, **kwargs)
    x = inputs((2, 23, 3))
    whole, _ = expected_of(layer, x)
    _, *state = layer(x[:, :11])
    step = layer.stepper()
    for t in range(11, 17):
        state = step(tf.constant(x[:, t]), state)
        np.testing.assert_allclose(state[0], whole[:, t], atol=1e-10)
    np.testing.assert_allclose(layer(x[:, 17:], initial_state=state)[0], whole[:, 17:], atol=1e-10)


def test_xla_around_the_layer_agrees_also_with_unknown_length():
    layer = make(7, (1, 2, 6), phases=[0, 1, 4])
    signature = tf.TensorSpec([None, None, 3], tf.float64)
    function = tf.function(layer, input_signature=[signature], jit_compile=True)
    for steps in (19, 3):
        x = inputs((2, steps, 3))
        np.testing.assert_allclose(function(x), expected(layer, x)[0], atol=1e-10)


def test_many_networks_at_once_see_what_each_would_see():
    layers = [make(9, (1, 3, 4), phases=[0, 1, 0], seed=seed) for seed in (0, 5)]
    x, h = inputs((2, 13, 3)), inputs((2, 2, 9), seed=1)  # the same sequences for both, states of their own
    wanted = np.stack([expected_of(layer, x, h=start)[0] for layer, start in zip(layers, h)])  # [R, B, T, n]
    stacked = [np.stack(weights) for weights in zip(*(layer.get_weights() for layer in layers))]
    stacked = [tf.constant(weights) for weights in stacked[: len(layers[0].trainable_variables)]]
    for given in (np.swapaxes(x, 0, 1), np.stack([np.swapaxes(x, 0, 1)] * 2, 1)):
        states = layers[0].through_time(tf.constant(given), stacked, [tf.constant(h)])  # [T, R, B, n]
        np.testing.assert_allclose(np.moveaxis(states, 0, 2), wanted, atol=1e-10)
    with pytest.raises(ValueError, match="`periods` must be None with `input_mean=True`"):
        layers[0].through_time(given, stacked, [h], periods=tf.constant([[1, 2, 3]] * 2))


def test_symbolic_outputs_have_the_shapes_and_types_of_real_ones():
    layer = ClockworkRNN(6, (1, 2), input_mean=True, return_state=True, return_sequences=True, dtype="mixed_float16")
    symbolic = layer(keras.Input((None, 3), batch_size=2))
    real = layer(inputs((2, 5, 3), "float16"))
    assert [tensor.dtype for tensor in symbolic] == [tensor.dtype.name for tensor in real]
    assert [tensor.shape for tensor in symbolic] == [(2, None, 6), (2, 6), (2,), (2, 2, 3)]
    assert layer.compute_mask(None, "mask") == ["mask", None, None, None]


def test_sums_go_on_growing_in_half_precision():
    """There 2048 + 1 is 2048."""
    layer = make(2, (5000,), dtype="mixed_float16", stateful=True)
    ones = np.ones((1, 3000, 1), "float16")
    layer(ones), layer(ones[:, :1000])
    assert layer.states[2].numpy().ravel().tolist() == [3999]


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_sums_that_are_handed_on_stay_exact_in_half_precision(dtype):
    """The mean of ones is 1, also where the sum of them has more digits than half precision."""
    sees = {"input_mean": True, "kernel_initializer": "ones", "recurrent_initializer": "zeros", "activation": "linear"}
    layer = ClockworkRNN(2, (1, 1024), phases=[0, 1023], dtype=dtype, return_state=True, **sees)
    ones, state = tf.ones([1, 1024, 1]), None
    np.testing.assert_array_equal(layer(ones)[0], [[1, 1]])
    for begin in range(0, 1024, 64):
        output, *state = layer(ones[:, begin : begin + 64], initial_state=state)
    np.testing.assert_array_equal(output, [[1, 1]])


def test_single_steps_of_modules_that_all_fire_at_every_step():
    layer, x = make(4, (1, 1), return_sequences=True), inputs((2, 5, 3))
    whole, state, step = layer(x), layer.get_initial_state(2), layer.stepper()
    for t in range(5):
        state = step(tf.constant(x[:, t]), state)
        np.testing.assert_allclose(state[0], whole[:, t], atol=1e-12)


@pytest.mark.parametrize("features", [3, 0])
def test_saved_model_goes_on_where_it_stopped(features, tmp_path):
    sequence = keras.Input((None, features), batch_size=2)
    layer = ClockworkRNN(6, (1, 3, 5), input_mean=True, stateful=True, phases=[0, 1, 2], jit_compile=False)
    model = keras.Model(sequence, layer(sequence))
    x = inputs((2, 12, features), "float32")
    model(x[:, :7])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x[:, 7:]), model(x[:, 7:]), atol=1e-6)
    config = layer.get_config()
    assert config["input_mean"] and ClockworkRNN.from_config(config).input_mean
    del config["input_mean"]  # of a model saved before there were means
    assert not ClockworkRNN.from_config(config).input_mean


def test_refuses_a_clock_without_sums():
    state = [np.zeros((2, 4)), np.zeros(2, "int32")]
    with pytest.raises(ValueError, match=r"`initial_state` must be h or \[h, clock, sums\]. Received: 2 tensors"):
        make(4, (1, 2))(np.zeros((2, 3, 1)), initial_state=state)
