"""Clockwork RNNs of random wirings, series, phases and inputs, against the plain NumPy loop and the gated scan."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import expected, inputs, make_layer

from models import cascade, input_mean
from models.clocks import SERIES, WIRINGS, make_periods, take_turns

SETTINGS = range(24)
STEPS = 19


def random_layer(seed):
    """Return a built layer of settings drawn from all that there are."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 5))
    if rng.random() < 0.5:
        base, lowest = rng.uniform(1.2, 3), int(rng.integers(1, 3))
        name = rng.choice(list(SERIES))
        periods = make_periods(name, count, series_base=base, lowest_period=lowest, seed=seed)
        periods, phases = take_turns(periods, int(rng.integers(1, 4)))
    else:
        periods = rng.integers(1, 9, count).tolist()
        phases = [int(rng.integers(period)) for period in periods]
    count = len(periods)
    named = rng.random() < 0.6
    seeing = np.flatnonzero(rng.random(count) < 0.6).tolist()
    layer = make_layer(
        rng.integers(1, 4, count).tolist(),
        periods,
        phases=phases,
        connections=rng.choice(list(WIRINGS)) if named else rng.random((count, count)) < 0.5,
        input_modules=rng.choice(["all", "fastest"]) if rng.random() < 0.5 else seeing,
        input_mean=rng.random() < 0.3,
        dtype="float64",
        seed=seed,
    )
    layer.build((2, STEPS, 3))
    return layer


@pytest.mark.parametrize("seed", SETTINGS)
def test_values_equal_the_numpy_loop(seed):
    layer, x = random_layer(seed), inputs((2, STEPS, 3), seed=seed)
    np.testing.assert_allclose(layer(x), expected(layer, x)[0], atol=1e-10)


@pytest.mark.parametrize("seed", SETTINGS)
def test_gradients_equal_finite_differences_of_the_numpy_loop(seed):
    """Along random directions of input and weights, by central differences of the loop."""
    layer, x = random_layer(seed), inputs((2, STEPS, 3), seed=seed)
    weight = inputs((2, STEPS, layer.units), seed=seed + 1)
    with tf.GradientTape() as tape:
        given = tf.constant(x)
        tape.watch(given)
        loss = tf.reduce_sum(layer(given) * weight)
    by_input, *by_weights = tape.gradient(loss, [given, *layer.trainable_variables])
    start = [variable.numpy() for variable in layer.trainable_variables]
    steps = [inputs(array.shape, seed=seed + place) for place, array in enumerate(start)]

    def loss_at(distance):
        for variable, value, step in zip(layer.trainable_variables, start, steps, strict=True):
            variable.assign(value + distance * step)
        states, _ = expected(layer, x + distance * np.cos(x))
        return np.sum(states * weight)

    wanted = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6
    found = np.sum(by_input * np.cos(x))
    found += sum(np.sum(gradient * step) for gradient, step in zip(by_weights, steps, strict=True))
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("seed", SETTINGS)
def test_the_cascade_equals_the_gated_scan(seed):
    layer, x = random_layer(seed), tf.constant(inputs((STEPS, 2, 3), seed=seed))
    modules = layer.modules
    weights = layer._by_module(layer._weight_tensors())
    seen = input_mean.means(x, modules) if layer.input_mean else x
    h = tf.constant(inputs((2, layer.units), seed=seed + 2))
    states = [
        cascade.all_steps(
            cascade.clockwork_scan(seen, weights, h, modules, groups, keras.ops.tanh), modules, groups, STEPS
        )
        for groups in (modules.groups, modules.components, (modules.every_step,))
    ]
    np.testing.assert_allclose(states[0], states[2], atol=1e-12)
    np.testing.assert_allclose(states[1], states[2], atol=1e-12)
