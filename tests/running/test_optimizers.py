"""Optimisers and schedules against their definitions, and against Keras's."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from main import recipe
from running import optimizers

PLAIN = recipe("generation", recipe="paper", clip_norm=0.0)


def after(settings, gradients, weights=None):
    """Return the weights of replicas [R, P], from 1, after updates with the given gradients [updates, R, P]."""
    weights = tf.ones(np.shape(gradients)[1:]) if weights is None else weights
    slots = optimizers.first_slots(settings, weights)
    for update, gradient in enumerate(tf.constant(gradients, tf.float32)):
        gradient = optimizers.clipped(settings, gradient, optimizers.norms(gradient))
        rate = optimizers.learning_rate(settings, update, len(gradients))
        weights, slots = optimizers.apply(settings, weights, gradient, slots, rate, tf.constant(update))
    return weights.numpy()


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"decay": "constant"}, [0.1] * 4),
        ({"decay": "cosine"}, [0.1, 0.05, 0.1 * (1 + np.cos(np.pi * 0.9)) / 2, 0.0]),  # ½ (1 + cos πu/U)
        ({"decay": "staircase", "decay_factor": 0.9, "decay_updates": 50}, [0.1, 0.09, 0.1 * 0.9**1, 0.1 * 0.9**2]),
    ],
)
def test_learning_rates(changes, expected):
    rates = optimizers.learning_rate(recipe("generation", learning_rate=0.1, **changes), [0, 50, 90, 100], updates=100)
    assert rates.numpy() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_staircase_has_each_step_at_its_update(jit_compile):
    """Where a quotient of floats would come too late, as 41 times the nearest float of 1/41."""
    for length in range(1, 70):
        own = recipe("generation", learning_rate=0.1, decay="staircase", decay_factor=0.5, decay_updates=length)
        rate = tf.function(lambda update, own=own: optimizers.learning_rate(own, update, 100), jit_compile=jit_compile)
        assert [float(rate(tf.constant(length - 1))), float(rate(tf.constant(length)))] == pytest.approx([0.1, 0.05])


def test_rmsprop_is_that_of_tensorflow_0_12():
    """Its mean square starts at 1, and ε is under the root (tf.train.RMSPropOptimizer)."""
    weight, mean_square = 1.0, 1.0
    for gradient in (0.5, -0.2):
        mean_square = 0.9 * mean_square + 0.1 * gradient**2
        weight -= 1e-2 * gradient / np.sqrt(mean_square + 1e-10)
    settings = recipe("generation", recipe="tensorflow-2016", decay="constant")
    assert after(settings, [[[0.5]], [[-0.2]]]) == pytest.approx(np.array([[weight]]), abs=1e-7)


def test_sgd_is_nesterovs():
    """v ← μ v − η g, w ← w + μ v − η g (Sutskever et al. 2013, in the form of Bengio et al. 2013)."""
    weight, velocity = 1.0, 0.0
    for gradient in (0.5, -0.2):
        velocity = 0.95 * velocity - 3e-4 * gradient
        weight += 0.95 * velocity - 3e-4 * gradient
    assert after(PLAIN, [[[0.5]], [[-0.2]]]) == pytest.approx(np.array([[weight]]), abs=1e-7)


@pytest.mark.parametrize("optimizer, momentum", [("adam", 0.9), ("sgd", 0.9), ("sgd", 0.0), ("rmsprop", 0.0)])
@pytest.mark.parametrize("decay", ["constant", "cosine", "staircase"])
def test_updates_are_those_of_keras(optimizer, momentum, decay):
    settings = replace(
        PLAIN, optimizer=optimizer, momentum=momentum, second_moment=0.99, learning_rate=0.1, epsilon=1e-7
    )
    settings = replace(settings, decay=decay, decay_updates=3, decay_factor=0.5)
    gradients = np.random.default_rng(0).normal(size=(10, 1, 5)).astype("float32")
    rate = {
        "constant": 0.1,
        "cosine": keras.optimizers.schedules.CosineDecay(0.1, 10),
        "staircase": keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True),
    }[decay]
    theirs = {
        "adam": lambda: keras.optimizers.Adam(rate, momentum, 0.99, 1e-7),
        "sgd": lambda: keras.optimizers.SGD(rate, momentum, nesterov=True),
        "rmsprop": lambda: keras.optimizers.RMSprop(rate, 0.99, epsilon=1e-7),
    }[optimizer]()
    weights = keras.Variable(np.ones((1, 5)))
    theirs.build([weights])
    for variable in theirs.variables:
        if optimizer == "rmsprop" and "velocity" in variable.path:
            variable.assign(tf.ones_like(variable.value))
    for gradient in gradients:
        theirs.apply([gradient], [weights])
    np.testing.assert_allclose(after(settings, gradients), weights, atol=1e-6)


def test_long_gradients_are_shortened_to_the_norm_in_each_replica():
    settings = recipe("generation", recipe="paper", momentum=0.0, learning_rate=1.0, clip_norm=0.5)
    moved = after(settings, [[[3.0, 4.0], [0.3, 0.0]]])  # the first is of length 5
    np.testing.assert_allclose(moved, [[1 - 0.3, 1 - 0.4], [1 - 0.3, 1.0]], atol=1e-6)
