"""All three cells with random wirings, series, phases and inputs, against the reference and the gated scan."""

import numpy as np
import pytest
import tensorflow as tf
from layers import CELLS, expected, expected_states, inputs, make_layer

from models import input_mean, plan, variables
from models.cascade import Cascade, Inputs, all_steps
from models.clocks import SERIES, WIRINGS, make_periods, take_turns
from models.clockwork_rnn import ClockworkLSTM

SETTINGS = range(36)
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
    named, kind = rng.random() < 0.6, list(CELLS)[seed % 3]
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
        kind=kind,
        **({"peepholes": bool(seed % 2)} if kind is ClockworkLSTM else {}),
    )
    layer.build((2, STEPS, 3))
    return layer


@pytest.mark.parametrize("seed", SETTINGS)
def test_values_equal_the_reference_and_gradients_its_finite_differences(seed):
    """Along random directions of input and weights, by central differences of the loop."""
    layer, x = random_layer(seed), inputs((2, STEPS, 3), seed=seed)
    weight = inputs((2, STEPS, layer.units), seed=seed + 1)
    with tf.GradientTape() as tape:
        given = tf.constant(x)
        tape.watch(given)
        states = layer(given)
        loss = tf.reduce_sum(states * weight)
    np.testing.assert_allclose(states, expected(layer, x)[0], atol=1e-10)
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
    weights = variables.as_weights(layer, variables.tensors(layer))
    seen = tuple(input_mean.means(x, modules)) if layer.input_mean else x
    state = tuple(tf.constant(inputs((2, layer.units), seed=seed + 2 + part)) for part in range(len(layer.cell.states)))
    results = []
    for own in (plan.make_plan(modules, STEPS), plan.make_joint_plan(modules, STEPS)):
        passages = Cascade(own, layer.cell, Inputs(seen, state, weights)).forward()
        parts = zip(*(passage.states for passage in passages), strict=True)
        results.append([all_steps(own, part, STEPS) for part in parts])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("seed", SETTINGS)
def test_masks_clocks_and_states_equal_the_reference(seed):
    layer = random_layer(seed)
    layer.return_state = True
    x, rng = inputs((3, STEPS, 3), seed=seed), np.random.default_rng(seed)
    state = [inputs((3, layer.units), seed=seed + 3 + part) for part in range(len(layer.cell.states))]
    mask = rng.random((3, STEPS)) < 0.6
    mask[2] = False
    clock = None if layer.input_mean or not layer.clocked else rng.integers(0, 1000, 3).astype("int32")
    given = state + ([] if clock is None else [clock])
    output, *after = layer(x, initial_state=given, mask=tf.constant(mask))
    states, clocks = expected_states(layer, x, state, clock, mask)
    np.testing.assert_allclose(output, states[0], atol=1e-10)
    for one, other in zip(after, states):
        np.testing.assert_allclose(one, other[:, -1], atol=1e-10)
    if layer.clocked:
        np.testing.assert_array_equal(after[len(states)], clocks)


@pytest.mark.parametrize("seed", SETTINGS)
def test_streaming_equals_the_reference(seed):
    layer, x = random_layer(seed), inputs((2, STEPS, 3), seed=seed)
    step, state, outputs = layer.stepper(), layer.get_initial_state(2), []
    for t in range(STEPS):
        state = step(tf.constant(x[:, t]), state)
        outputs.append(state[0])
    np.testing.assert_allclose(np.stack(outputs, 1), expected(layer, x)[0], atol=1e-10)


@pytest.mark.parametrize("steps, jit_compile", [(0, False), (0, True), (1, False)])
@pytest.mark.parametrize("kind", CELLS)
def test_no_step_and_one(kind, steps, jit_compile):
    options = {"return_state": True, "jit_compile": jit_compile}
    layer = make_layer(7, (1, 2, 4), kind=kind, dtype="float64", phases=[0, 1, 0], **options)
    x = inputs((2, steps, 3))
    output, *state = layer(x)
    assert output.shape == (2, steps, 7)
    states, clocks = expected_states(layer, x)
    np.testing.assert_allclose(output, states[0], atol=1e-12)
    np.testing.assert_allclose(state[0], states[0][:, -1] if steps else np.zeros((2, 7)), atol=1e-12)
    np.testing.assert_array_equal(state[-1], clocks)
