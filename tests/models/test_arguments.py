"""What layers are given: refused in a line that names it, or taken as Keras's own layers take it."""

import json
from dataclasses import dataclass
from fractions import Fraction

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import inputs, make_layer

from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN
from models.initial_state import InitialState

SWITCHES = ["input_mean", "use_bias", "return_sequences", "return_state", "go_backwards", "stateful"]
SWITCHES += ["zero_output_for_mask", "unroll", "jit_compile"]
OF = {"unit_forget_bias": ClockworkLSTM, "peepholes": ClockworkLSTM, "reset_after": ClockworkGRU}


@dataclass
class Scaled:  # which compares by value, and has no hash
    factor: float

    def __call__(self, x):
        return self.factor * x


@pytest.mark.parametrize("value", ["False", None, 2, [], np.array([True, False])])
@pytest.mark.parametrize("name", [*SWITCHES, *OF])
def test_what_is_no_truth_value_does_not_switch(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be True or False. Received: "):
        OF.get(name, ClockworkRNN)(4, (1, 2), **{name: value})


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"periods": [1, (2, 3)]}, "`periods` must be a list, one period a module"),
        ({"periods": (True, 2)}, r"`periods` must be whole numbers. Received: \(True, 2\)"),
        ({"phases": [0, (1, 2)]}, "`phases` must be whole numbers. Received: "),
        ({"units": True, "periods": (1,)}, "`units` must be whole numbers. Received: "),
        ({"input_modules": [True, False]}, r"`input_modules` must be whole numbers. Received: \[True, False\]"),
        ({"input_modules": 0}, '`input_modules` must be "all", "fastest" or indices. Received: 0'),
        ({"activation": "nonsense"}, "`activation` must be an activation that Keras knows. Received: 'nonsense'"),
        ({"bias_initializer": "none"}, "`bias_initializer` must be an initializer that Keras knows. Received: 'none'"),
        ({"kernel_regularizer": 0.1}, "`kernel_regularizer` must be a regularizer that Keras knows. Received: 0.1"),
        (
            {"recurrent_constraint": "no"},
            "`recurrent_constraint` must be a constraint that Keras knows. Received: 'no'",
        ),
        ({"kernel_initializer": None}, "`kernel_initializer` must be an initializer. Received: None"),
        ({"dtype": "int32"}, "`dtype` must be of floating-point numbers. Received: int32"),
        ({"activation": "glu"}, "`activation` must be elementwise and without weights. Received: "),
        ({"activation": lambda x: None}, "`activation` must be elementwise and without weights. Received: "),
        ({"activation": tf.reduce_sum}, "`activation` must be elementwise and without weights. Received: "),
        ({"activation": keras.layers.PReLU(shared_axes=[1])}, "`activation` must be elementwise and without weights. "),
        ({"activation": np.tanh}, "`activation` must be elementwise and without weights. Received: <ufunc 'tanh'>"),
        ({"activation": Scaled(2.0)}, "`activation` must be hashable, as functions and layers are. Received: Scaled"),
        ({"seed": 2**70}, "`seed` must be at most 4294967295. Received: 1180591620717411303424"),
        ({"seed": -1}, r"`seed` must be whole numbers from 0. Received: \(-1,\)"),
        ({"seed": True}, r"`seed` must be whole numbers. Received: \[True\]"),
        (
            {"activation": lambda x: tf.cast(x, "float64")},
            "`activation` must be elementwise and without weights. Received: ",
        ),
    ],
)
def test_refuses_what_makes_no_layer(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ClockworkRNN(**{"units": 4, "periods": (1, 2), **kwargs})


@pytest.mark.parametrize("version", ["1", None, [], 99])
def test_refuses_a_saved_layer_of_no_version_that_it_knows(version):
    with pytest.raises(ValueError, match="`ClockworkRNN` was saved by a later version: format "):
        ClockworkRNN.from_config(ClockworkRNN(4, (1, 2)).get_config() | {"format": version})


@pytest.mark.parametrize("units", [0, -1, 2.5, "3", None, [2]])
def test_refuses_initial_states_without_a_number_of_units(units):
    with pytest.raises(ValueError, match="`units` must be whole numbers"):
        InitialState(units)


@pytest.mark.parametrize("dtype", [int, bool, "uint8", "float16", "float64"])
def test_sequences_of_other_numbers_are_taken_as_keras_takes_them(dtype):
    x = (inputs((2, 5, 3)) > 0).astype(dtype)
    layer = make_layer(4, (1, 2))
    np.testing.assert_array_equal(layer(x), layer(x.astype("float32")))


@pytest.mark.parametrize("kind", ["int64", "float32", list])
def test_masks_of_numbers_are_taken_as_keras_takes_them(kind):
    x, mask = inputs((2, 5, 3), "float32"), np.arange(5)[None] < np.array([5, 3])[:, None]
    layer = make_layer(4, (1, 2))
    given = mask.tolist() if kind is list else mask.astype(kind)
    np.testing.assert_array_equal(layer(x, mask=given), layer(x, mask=tf.constant(mask)))


@pytest.mark.parametrize("shape", [(2, 1), (1, 5), (3, 5), (5,), (2, 5, 1)])
def test_masks_are_not_spread(shape):
    """A mask [B, 1] went for one of every step."""
    with pytest.raises(ValueError, match=r"`mask` must be boolean of shape \(2, 5\). Received: bool of shape \("):
        make_layer(4, (1, 2))(inputs((2, 5, 3)), mask=np.ones(shape, bool))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_stateful_layer_keeps_its_batch_size(batch):
    """One sequence went for all of the state's."""
    layer = make_layer(4, (1, 2), stateful=True)
    layer(inputs((2, 5, 3)))
    before = [value.numpy() for value in layer.states]
    with pytest.raises(
        ValueError, match=f"With `stateful=True` the batch size must stay the same, 2. Received: {batch}"
    ):
        layer(inputs((batch, 5, 3)))
    with pytest.raises(ValueError, match="With `stateful=True` the batch size must stay the same"):
        layer(inputs((batch, 5, 3)), initial_state=np.zeros((batch, 4)))
    for value, was in zip(layer.states, before, strict=True):
        np.testing.assert_array_equal(value, was)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (np.zeros((2, 3)), r"`initial_state` must have h of shape \(2, 4\). Received: float64 of shape \(2, 3\)"),
        (np.zeros((1, 4)), r"`initial_state` must have h of shape \(2, 4\). Received: float64 of shape \(1, 4\)"),
        (np.full((2, 4), "x"), r"`initial_state` must have h of shape \(2, 4\). Received: string of shape \(2, 4\)"),
        ([np.zeros((2, 4)), np.zeros(3, int)], r"`initial_state` must have clock of shape \(2,\). Received: int64"),
    ],
)
def test_refuses_other_states(state, message):
    with pytest.raises(ValueError, match=message):
        make_layer(4, (1, 2))(inputs((2, 5, 3)), initial_state=tf.nest.map_structure(tf.constant, state))


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (np.zeros((2, 5, 3), "complex64"), "`sequences` must be numbers. Received: complex64"),
        (np.full((2, 5, 3), "x"), "`sequences` must be numbers. Received: string"),
    ],
)
def test_refuses_other_sequences(sequences, message):
    with pytest.raises(ValueError, match=message):
        make_layer(4, (1, 2))(tf.constant(sequences))


def test_what_needs_weights_says_so():
    for call in (
        lambda layer: layer.dense_weights(),
        lambda layer: layer.get_initial_state(2),
        lambda layer: layer.stepper(),
    ):
        with pytest.raises(ValueError, match="needs a built layer: call it on sequences first. Received: "):
            call(make_layer(4, (1, 2), input_mean=True))


@pytest.mark.parametrize("steps", [0, -1, 1.5, "x"])
def test_a_layer_is_described_over_some_steps(steps):
    with pytest.raises(ValueError, match="`steps` must be whole numbers"):
        make_layer(4, (1, 2)).describe(steps)


def test_an_empty_batch_and_a_single_step_are_sequences():
    for shape in ((0, 5, 3), (2, 1, 3)):
        layer, twin = ClockworkRNN(4, (1,)), keras.layers.SimpleRNN(4)
        x = inputs(shape, "float32")
        layer(x), twin(x)
        twin.set_weights(layer.get_weights())
        np.testing.assert_allclose(layer(x), twin(x), atol=1e-6)


def test_peepholes_start_from_any_initializer():
    layer = ClockworkLSTM(4, (1, 2), peepholes=True, recurrent_initializer=lambda shape, dtype=None: np.ones(shape))
    layer(inputs((2, 5, 3)))
    assert (layer.peephole_kernel.numpy() == 1).all()


@pytest.mark.parametrize(
    ("inputs", "state", "message"),
    [
        ((2, 3, 3), "own", r"`inputs` must be of shape \(B, 3\). Received: \(2, 3, 3\)"),
        ((2, 2), "own", r"`inputs` must be of shape \(B, 3\). Received: \(2, 2\)"),
        ((1, 3), "own", r"`state` must have h of shape \(1, 6\). Received: float32 of shape \(2, 6\)"),
        ((2, 3), "short", r"`state` must be \[h, clock\]. Received: 1 tensors"),
        ((2, 3), None, r"`state` must be \[h, clock\]. Received: NoneType"),
        ((2, 3), "early", "the clock of a state must be whole numbers from 0"),
    ],
)
def test_a_single_step_refuses_what_a_call_does(inputs, state, message):
    layer = ClockworkRNN(6, [1, 2, 4])
    layer(np.zeros((2, 4, 3), np.float32))
    h, clock = layer.get_initial_state(2)
    states = {"own": [h, clock], "short": [h], None: None, "early": [h, [-1, 0]]}
    with pytest.raises(ValueError, match=message):
        layer.stepper()(np.zeros(inputs, np.float32), states[state])


def test_a_layer_that_reads_backwards_has_no_single_step():
    layer = ClockworkRNN(6, [1, 2, 4], go_backwards=True)
    layer(np.zeros((2, 4, 3), np.float32))
    with pytest.raises(ValueError, match="`stepper` needs a layer that reads forwards. Received: go_backwards=True"):
        layer.stepper()


@pytest.mark.parametrize("return_sequences", [False, True])
def test_no_steps_have_no_mask(return_sequences):
    layer = ClockworkRNN(6, [1, 2, 4], return_sequences=return_sequences)
    x, mask = np.zeros((2, 0, 3), np.float32), np.zeros((2, 0), bool)
    np.testing.assert_array_equal(layer(x, mask=mask), layer(x))


@pytest.mark.parametrize("periods", [[1, 2], [2], [3, 7]])
def test_no_steps_have_gradients_of_zero(periods):
    layer, x = ClockworkRNN(6, periods, jit_compile=False), tf.zeros([2, 0, 3])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x))
    gradients = tape.gradient(loss, layer.trainable_variables, unconnected_gradients="zero")
    assert not any(np.any(gradient) for gradient in gradients)


def test_a_single_step_takes_the_weights_that_there_are():
    layer = ClockworkRNN(6, [1, 2, 4])
    layer(np.zeros((2, 4, 3), np.float32))
    with pytest.raises(ValueError, match="`weights` must be 5 tensors. Received: 1"):
        layer.stepper(layer.trainable_variables[:1])
    x, state = tf.zeros([4, 2, 3]), [tf.zeros([2, 6])]
    for weights in (layer.trainable_variables[:-1], [*layer.trainable_variables, tf.zeros([1])]):
        with pytest.raises(ValueError, match="`weights` must be 5 tensors. Received: [46]"):
            layer.through_time(x, weights, state)


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_activations_that_are_layers_are_taken_in_the_precision_of_both(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        layer = ClockworkRNN(4, [1, 2], activation=keras.layers.LeakyReLU(), kernel_initializer="ones")
        output = layer(-np.ones((1, 1, 1)))
        ClockworkRNN(4, [1, 2], dtype="float32", activation=lambda values: values * tf.constant(2.0))
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_allclose(output, np.full((1, 4), -0.3), rtol=1e-3)  # Keras's slope below 0


def test_any_real_number_is_a_share(tmp_path):
    layer = ClockworkRNN(4, [1, 2], dropout=Fraction(1, 4))
    assert ClockworkRNN.from_config(json.loads(json.dumps(layer.get_config()))).dropout == 0.25


@pytest.mark.parametrize("input_mean", [False, True])
@pytest.mark.parametrize("kind", [ClockworkRNN, ClockworkGRU, ClockworkLSTM])
def test_single_steps_in_mixed_precision_are_those_of_a_call(kind, input_mean):
    layer = kind(6, [1, 2, 4], input_mean=input_mean, return_sequences=True, dtype="mixed_bfloat16")
    x = inputs((2, 9, 3)).astype(np.float32)
    wanted = layer(x)
    step, state = layer.stepper(), layer.get_initial_state(2)
    for t in range(9):
        state = step(x[:, t], state)
        assert state[0].dtype == wanted.dtype
        np.testing.assert_allclose(tf.cast(state[0], tf.float32), tf.cast(wanted[:, t], tf.float32), atol=0.02)
