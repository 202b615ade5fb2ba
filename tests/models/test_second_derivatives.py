"""Gradients of gradients, as for Hessians and penalties, and forward mode: by finite differences of the gradient, and those of Keras's layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import ClockworkGRU, ClockworkLSTM, ClockworkRNN

RNG = np.random.default_rng(0)
X, ALONG = RNG.normal(size=(2, 3, 7, 2))  # inputs [B, T, features], and a direction
LAYERS = [ClockworkRNN, ClockworkLSTM, ClockworkGRU]


def gradients(layer, x):
    """Return the gradient of a loss by the inputs and by the weights."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.sin(layer(x)))
    return tape.gradient(loss, [x, *layer.trainable_variables])


def products(layer, x, directions):
    """Return the Hessian of the same loss times directions."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = gradients(layer, x)
        along = tf.add_n([tf.reduce_sum(own * way) for own, way in zip(found, directions)])
    return tape.gradient(along, [x, *layer.trainable_variables])


@pytest.mark.parametrize(
    "kind, periods, in_graph, kwargs",
    [
        *[(kind, periods, False, {}) for kind in LAYERS for periods in [(1,), (1, 2, 6)]],
        *[(ClockworkRNN, (1, 2, 6), in_graph, {"jit_compile": True}) for in_graph in (False, True)],
        (ClockworkGRU, (1, 2, 6), True, {}),
        (ClockworkRNN, (1, 2, 6), False, {"connections": "full", "go_backwards": True}),
    ],
)
def test_they_are_differences_of_gradients(kind, periods, in_graph, kwargs):
    options = {"return_sequences": True, "dtype": "float64", "jit_compile": False, "seed": 1}
    layer = kind(6, periods, **options | kwargs)
    layer.build(X.shape)
    directions = [ALONG, *(RNG.normal(size=variable.shape) for variable in layer.trainable_variables)]
    call = tf.function(products, autograph=False) if in_graph else products
    found = call(layer, tf.constant(X), list(map(tf.constant, directions)))
    step, kept = 1e-5, layer.get_weights()
    ends = []
    for sign in (1, -1):
        layer.set_weights([own + sign * step * way for own, way in zip(kept, directions[1:])])
        ends.append(gradients(layer, tf.constant(X + sign * step * ALONG)))
    for own, after, before in zip(found, *ends, strict=True):
        np.testing.assert_allclose(own, (after - before) / (2 * step), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_forward_mode_is_a_difference_too(jit_compile):
    """TensorFlow makes it by differentiating the way back by its errors; forward over reverse is a Hessian's product."""
    layer = ClockworkLSTM(6, (1, 2, 6), return_sequences=True, dtype="float64", jit_compile=jit_compile, seed=1)
    x, along, step = tf.constant(X), tf.constant(ALONG), 1e-5
    for function in (layer, lambda own: gradients(layer, own)[0]):
        with tf.autodiff.ForwardAccumulator(x, along) as accumulator:
            found = function(x)
        wanted = (function(x + step * along) - function(x - step * along)) / (2 * step)
        np.testing.assert_allclose(accumulator.jvp(found), wanted, atol=1e-7)


def test_a_hessian_is_made_of_products():
    layer = ClockworkRNN(3, (1, 2), dtype="float64", jit_compile=False, seed=1)
    layer.build(X.shape)
    x = tf.constant(X[:1, :3])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        first = gradients(layer, x)[0]
    hessian = tape.jacobian(first, x, experimental_use_pfor=False)
    along = [tf.constant(ALONG[:1, :3]), *map(tf.zeros_like, layer.trainable_variables)]
    np.testing.assert_allclose(tf.tensordot(hessian, along[0], 3), products(layer, x, along)[0], atol=1e-10)


@pytest.mark.parametrize("kind, twin", [(ClockworkRNN, keras.layers.SimpleRNN), (ClockworkLSTM, keras.layers.LSTM)])
def test_with_one_period_they_are_those_of_keras(kind, twin):
    layer, other = kind(5, (1,), dtype="float64"), twin(5, dtype="float64")
    layer.build(X.shape), other.build(X.shape)
    layer.set_weights(other.get_weights())
    found, wanted = (products(own, tf.constant(X), [tf.constant(ALONG)]) for own in (layer, other))
    for own, same in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, same, atol=1e-10)
