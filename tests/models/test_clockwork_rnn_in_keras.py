"""The layer as a Keras layer among others: wrapped, in mixed precision, saved, compiled, and refusing what it must."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src import testing
from layers import expected, inputs, make_layer

from models import ClockworkGRU, ClockworkLSTM, ClockworkRNN

ROOT = Path(__file__).parents[2]


def test_bidirectional_equals_two_simple_rnns_with_period_1():
    x = inputs((2, 9, 3), "float32")
    mask = np.arange(9)[None] < np.array([9, 4])[:, None]
    ours = keras.layers.Bidirectional(ClockworkRNN(4, (1,), return_sequences=True, jit_compile=False))
    theirs = keras.layers.Bidirectional(keras.layers.SimpleRNN(4, return_sequences=True))
    ours(x), theirs(x)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)
    np.testing.assert_allclose(ours(x, mask=mask), theirs(x, mask=mask), atol=1e-6)


def test_bidirectional_clock_starts_at_the_end_of_the_sequence():
    layer = make_layer(6, (1, 4), go_backwards=True)
    x = inputs((2, 10, 3), "float32")
    np.testing.assert_allclose(layer(x), expected(layer, x[:, ::-1])[0], atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_stays_near(policy):
    layer = make_layer(9, (1, 2, 4), dtype=policy)
    x = inputs((2, 16, 3), "float32")
    states = layer(x)
    assert states.dtype == layer.compute_dtype and layer.bias.dtype == "float32"
    np.testing.assert_allclose(tf.cast(states, tf.float32), expected(layer, x)[0], atol=0.1)


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def policy_of_all(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("policy_of_all")
@pytest.mark.parametrize("wrapped", [lambda layer: layer, keras.layers.Bidirectional])
def test_mixed_precision_in_a_model_is_that_of_the_layer_alone(wrapped):
    """Where Keras has a scope around all layers."""
    layer = wrapped(ClockworkRNN(9, (1, 2, 4), return_sequences=True))
    sequences = keras.Input((16, 3))
    states = layer(sequences)
    model = keras.Model(sequences, keras.layers.Dense(1)(states))
    model.compile("sgd", "mse")
    x = inputs((2, 16, 3), "float32")
    model.fit(x, np.zeros((2, 16, 1)), verbose=0)
    within, alone = keras.Model(sequences, states)(x), layer(x)
    np.testing.assert_allclose(tf.cast(within, tf.float32), tf.cast(alone, tf.float32), atol=0.05)


@pytest.mark.parametrize(
    "kwargs, shape",
    [
        ({"jit_compile": True}, (2, 9)),
        ({"return_sequences": True, "phases": [0, 1, 3], "input_modules": "fastest"}, (2, 7, 9)),
        ({"connections": [[1, 0, 1], [1, 1, 0], [0, 1, 1]], "dropout": 0.1, "recurrent_dropout": 0.1}, (2, 9)),
        ({"kernel_regularizer": "l2", "recurrent_constraint": "max_norm", "bias_regularizer": "l1"}, (2, 9)),
    ],
)
def test_passes_keras_own_layer_test(kwargs, shape):
    testing.TestCase().run_layer_test(
        ClockworkRNN,
        init_kwargs={"units": 9, "periods": (1, 2, 4), "jit_compile": False} | kwargs,
        input_shape=(2, 7, 3),
        expected_output_shape=shape,
        expected_num_seed_generators=1,
        expected_num_non_trainable_weights=0,
        supports_masking=True,
    )


def test_symbolic_outputs_have_the_shapes_and_types_of_real_ones():
    layer = ClockworkRNN(6, (1, 2), return_sequences=True, return_state=True, jit_compile=False)
    symbolic = layer(keras.Input((None, 3), batch_size=2))
    real = layer(inputs((2, 5, 3), "float32"))
    assert [tensor.dtype for tensor in symbolic] == [tensor.dtype.name for tensor in real]
    assert [tensor.shape for tensor in symbolic] == [(2, None, 6), (2, 6), (2,)]


def test_saved_model_gives_the_same_in_a_fresh_process(tmp_path):
    sequence = keras.Input((None, 3))
    hidden = ClockworkRNN([2, 3, 1], (1, 3, 5), phases=[0, 1, 2], connections=np.tri(3), return_sequences=True)(
        sequence
    )
    model = keras.Model(sequence, keras.layers.Dense(1)(hidden))
    x = inputs((2, 9, 3), "float32")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import keras, numpy, models.clockwork_rnn, sys; folder = sys.argv[1];"
        "model = keras.models.load_model(folder + '/model.keras');"
        "numpy.save(folder + '/y.npy', model(numpy.load(folder + '/x.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(x), atol=1e-6)


@pytest.mark.parametrize("kind", [ClockworkRNN, ClockworkLSTM, ClockworkGRU])
def test_a_checkpoint_of_tensorflow_holds_all_weights_and_states(kind, tmp_path):
    first, second = (kind(6, periods=[1, 2, 4], stateful=True) for _ in range(2))
    x = inputs((2, 7, 3), "float32")
    first(x), second(x)
    path = tf.train.Checkpoint(layer=first).save(tmp_path / "a")
    tf.train.Checkpoint(layer=second).restore(path).assert_consumed()
    np.testing.assert_array_equal(second(x), first(x))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_fit_does_not_compile_again_at_each_update(jit_compile):
    """Nested compiled functions did: a guard on time would be noisy, so count XLA's compilations by their traces."""
    model = keras.Sequential([keras.Input((6, 2)), ClockworkRNN(4, (1, 2)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    x, y = inputs((8, 6, 2), "float32"), inputs((8, 1), "float32")
    model.fit(x, y, batch_size=4, verbose=0)
    began = tf.timestamp()
    model.fit(x, y, batch_size=4, epochs=20, verbose=0)
    assert tf.timestamp() - began < 5  # 40 updates; each compilation takes half a second or more


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"activation": "softmax"}, "`activation` must be elementwise"),
        ({"dropout": "half"}, "`dropout` must be at least 0 and below 1. Received: half"),
        ({"connections": [[1], [1, 0]]}, "`connections` must have rows of equal length. Received: "),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1. Received: 1.0"),
        ({"recurrent_dropout": -0.1}, "`recurrent_dropout` must be at least 0"),
    ],
)
def test_refuses_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ClockworkRNN(4, (1, 2), **kwargs)


def test_refuses_calls():
    with pytest.raises(ValueError, match="expected ndim=3"):
        make_layer(4, (1, 2))(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="`stateful=True` the batch size must be known"):
        make_layer(4, (1, 2), stateful=True)(keras.Input((None, 3)))
    with pytest.raises(ValueError, match="`initial_state` must be h or"):
        make_layer(4, (1, 2))(np.zeros((2, 3, 1)), initial_state=[np.zeros((2, 4))] * 3)


def test_the_state_of_a_stateful_layer_is_saved_with_it_as_the_page_says(tmp_path):
    """After `reset_state` it begins from zeros; a model of another batch size takes the trainable weights."""

    def make(batch):
        layer = ClockworkRNN(6, [1, 2], stateful=True)
        return keras.Sequential([keras.Input((5, 3), batch_size=batch), layer])

    model, x = make(3), inputs((3, 5, 3), "float32")
    first = model(x)
    model.save(tmp_path / "stateful.keras")
    loaded, single = keras.models.load_model(tmp_path / "stateful.keras"), make(1)
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
    loaded.layers[0].reset_state()
    np.testing.assert_allclose(loaded(x), first, atol=1e-6)
    for own, other in zip(single.trainable_weights, model.trainable_weights, strict=True):
        own.assign(other)
    np.testing.assert_allclose(single(x[:1]), first[:1], atol=1e-6)
