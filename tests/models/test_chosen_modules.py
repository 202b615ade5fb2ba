"""Modules of one period that are chosen softly: states and gradients against plain NumPy loops, and the limits of the choice."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import check_gradients, inputs

from models.chosen_modules import ChosenModulesRNN
from models.clockwork_rnn import ClockworkRNN

ACTS = ("listens", "speaks")


def make_layer(units=8, periods=(1, 3), features=2, seed=0, **kwargs):
    """Return a built layer whose choices are no longer equal."""
    defaults = {
        "temperature": 0.7,
        "return_sequences": True,
        "dtype": "float64",
        "recurrent_initializer": keras.initializers.RandomNormal(0, 0.4, seed=seed),
        "bias_initializer": keras.initializers.RandomNormal(0, 0.4, seed=seed + 1),
    }
    layer = ChosenModulesRNN(units, periods, **(defaults | kwargs))
    layer.build((None, 15, features))
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables[2 + bool(features) :]:
        variable.assign(rng.normal(0, 1.5, variable.shape))
    return layer


def weights_of_period(layer, x, said, modules, hard=False):
    """Return the softmax [B, K] over the modules of a period, from x [B, features] and what was said before [B, n]."""
    logits = []
    for module in modules:
        total = np.full(len(x), layer.choice_bias.numpy()[module])
        for other, hears in enumerate(layer.modules.hears[module]):
            if hears:
                units = layer.modules.slices[other]
                total += said[:, units] @ layer.choice_recurrent_kernel.numpy()[units, module]
        if layer.choice_kernel is not None:
            total += x @ layer.choice_kernel.numpy()[:, module]
        logits.append(total)
    logits = np.stack(logits, 1)
    if hard:
        return np.eye(len(modules))[logits.argmax(1)]
    powers = np.exp(logits / float(layer.temperature.value))
    return powers / powers.sum(1, keepdims=True)


def expected(layer, x, hard=False):
    """Return what is heard after each step [B, T, n], step by step, period by period, module by module."""
    modules, count = layer.modules, layer.choices
    h, voice, outputs = np.zeros((len(x), layer.units)), np.ones((len(x), layer.units)), []
    for t in range(x.shape[1]):
        before, said = h.copy(), h * voice
        for first in range(0, len(modules.sizes), count):
            if t % modules.periods[first]:
                continue
            own = range(first, first + count)
            chosen = weights_of_period(layer, x[:, t], said, own, hard)
            for place, module in enumerate(own):
                units = modules.slices[module]
                total = np.zeros(before[:, units].shape) + layer.bias.numpy()[units]
                if layer.kernel is not None:
                    total += x[:, t] @ layer.kernel.numpy()[:, units]
                for other, hears in enumerate(modules.hears[module]):
                    if hears:
                        source = modules.slices[other]
                        total += said[:, source] @ layer.recurrent_kernel.numpy()[source, units]
                a = chosen[:, place, None]
                if layer.who == "listens":
                    h[:, units] = a * np.tanh(total) + (1 - a) * before[:, units]
                else:
                    h[:, units] = np.tanh(total)
                    voice[:, units] = count * a
        outputs.append(h * voice)
    return np.stack(outputs, 1)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("features, choices", [(2, 2), (0, 4)])
@pytest.mark.parametrize("who", ACTS)
def test_states_equal_the_numpy_loop(who, features, choices, dtype, tolerance):
    layer = make_layer(13, (1, 3, 4), features, choices=choices, who=who, dtype=dtype)
    x = inputs((2, 15, features), dtype)
    np.testing.assert_allclose(layer(x), expected(layer, x), atol=tolerance)


def test_the_temperature_has_the_digits_of_the_layer():
    layer = make_layer(9, (1, 3, 2), temperature=0.1)
    assert float(layer.temperature.value) == 0.1  # which 32 bits do not hold


@pytest.mark.parametrize("who", ACTS)
def test_with_a_tiny_temperature_one_module_alone_is_chosen(who):
    layer = make_layer(9, (1, 3, 2), choices=3, who=who, temperature=1e-9)
    x = inputs((3, 15, 2))
    np.testing.assert_allclose(layer(x), expected(layer, x, hard=True), atol=1e-9)


@pytest.mark.parametrize("features", [2, 0])
def test_with_equal_weights_those_who_speak_are_the_clockwork_rnn(features, eager):
    layer = make_layer(8, (1, 3), features, who="speaks", temperature=float("inf"))
    ordinary = ClockworkRNN(8, (1, 1, 3, 3), return_sequences=True, dtype="float64", jit_compile=False)
    ordinary.build((None, None, features))
    wired = [
        layer.recurrent_kernel.numpy()[first:, first + part : first + part + 2] for first in (0, 4) for part in (0, 2)
    ]
    kernel = [layer.kernel.numpy()] if features else []
    ordinary.set_weights([*kernel, *wired, layer.bias.numpy()])
    x = inputs((2, 15, features))
    np.testing.assert_allclose(layer(x), ordinary(x), atol=1e-12)


def test_with_equal_weights_those_who_listen_move_by_equal_shares():
    layer = make_layer(6, (2,), 0, choices=3, temperature=float("inf"))
    states = layer(np.zeros((1, 3, 0))).numpy()[0]
    np.testing.assert_allclose(states[0], np.tanh(layer.bias.numpy()) / 3, atol=1e-12)
    np.testing.assert_array_equal(states[1], states[0])  # no tick
    assert np.abs(states[2] - states[1]).max() > 0.01


@pytest.mark.parametrize("who", ACTS)
def test_gradients_equal_finite_differences(who):
    layer = make_layer(6, (1, 3), who=who)
    x, weight = inputs((2, 9, 2)), inputs((2, 9, 6), seed=2)
    check_gradients(layer, x, weight, expected)


@pytest.mark.parametrize("who", ACTS)
def test_replicas_side_by_side_equal_each_alone(who, eager):
    layers = [make_layer(seed=seed, who=who) for seed in (0, 5)]
    x = inputs((3, 9, 2))
    alone = [layer(x) for layer in layers]
    weights = [np.stack(pair) for pair in zip(*([v.numpy() for v in layer.trainable_variables] for layer in layers))]
    together = layers[0].through_time(tf.transpose(x, [1, 0, 2]), weights, [tf.zeros([2, 3, 8], tf.float64)])
    np.testing.assert_allclose(together, np.stack(alone).transpose(2, 0, 1, 3), atol=1e-12)  # [T, R, B, n]


@pytest.mark.parametrize("jit", [False, True])
def test_steps_that_do_not_count_are_not_made_and_change_no_gradient(jit):
    layer, x = make_layer(), tf.constant(inputs((3, 9, 2)).swapaxes(0, 1))

    @tf.function(jit_compile=jit)
    def states_and_gradients(weights, needed=None):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            states = layer.through_time(x, weights, [tf.zeros([3, 8], tf.float64)], needed=needed)
            loss = tf.reduce_sum(states[:5] ** 2)
        return states, tape.gradient(loss, weights)

    layer(inputs((3, 9, 2)))
    weights = [variable.value for variable in layer.trainable_variables]
    (states, gradients), (whole, of_whole) = (
        states_and_gradients(weights, tf.constant(5)),
        states_and_gradients(weights),
    )
    np.testing.assert_allclose(states[:5], whole[:5], atol=1e-12)
    assert states[:5].numpy().all() and not states[5:].numpy().any()
    for own, wanted in zip(gradients, of_whole, strict=True):
        np.testing.assert_allclose(own, wanted, atol=1e-12)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"choices": 1}, "`choices` must be whole numbers from 2. Received: (1,)"),
        ({"choices": 10**9}, "`choices` must be at most 5000. Received: 1000000000"),
        ({"dtype": "int32"}, "`dtype` must be of floating-point numbers. Received: int32"),
        ({"choices": 2.5}, "`choices` must be whole numbers. Received: [2.5]"),
        ({"periods": ((1, 3), (2, 4))}, "`periods` must be whole numbers. Received: ((1, 3), (2, 4))"),
        ({"periods": 3}, "`periods` must be whole numbers. Received: 3"),
        ({"temperature": "1"}, "`temperature` must be at least 1e-09. Received: '1'"),
        ({"who": "waits"}, "`who` must be one of listens, speaks. Received: 'waits'"),
        ({"temperature": 0.0}, "`temperature` must be at least 1e-09. Received: 0.0"),
        ({"temperature": -1.0}, "`temperature` must be at least 1e-09. Received: -1.0"),
        ({"temperature": float("nan")}, "`temperature` must be at least 1e-09. Received: nan"),
        ({"units": 3}, "`units` must be at least the number of modules, 4. Received: 3"),
    ],
)
def test_bad_arguments_are_refused(changed, message):
    with pytest.raises(ValueError) as refused:
        ChosenModulesRNN(**({"units": 8, "periods": (1, 3)} | changed))
    assert str(refused.value) == message
