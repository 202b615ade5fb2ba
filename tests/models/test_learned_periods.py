"""Periods learned by gradient: firing chances, states and gradients against plain NumPy loops, and what snapping keeps."""

import types
from math import erf, inf, log, sqrt

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import check_gradients, inputs

from models import reference
from models.learned_periods import EmittedPeriodsRNN, LearnedPeriodsRNN, firing_chances, jumps


def make_layer(units, periods, seed=0, kind=LearnedPeriodsRNN, **kwargs):
    defaults = {
        "longest": 12,
        "width": 0.5,
        "return_sequences": True,
        "dtype": "float64",
        "recurrent_initializer": keras.initializers.RandomNormal(0, 0.4, seed=seed),
        "bias_initializer": keras.initializers.RandomNormal(0, 0.4, seed=seed + 1),
    }
    return kind(units, periods, **(defaults | kwargs))


def chance(mean, width, t, longest):
    """Return p(t) of one module as a loop over the periods that divide t."""

    def below(edge):
        return 0.5 + 0.5 * erf((edge - mean) / (width * sqrt(2)))

    fires = 0.0
    for period in range(1, longest + 1):
        if t % period == 0:
            low = -inf if period == 1 else log(period - 0.5)
            high = inf if period == longest else log(period + 0.5)
            fires += below(high) - below(low)
    return fires


def chances(means, width, steps, longest):
    """Return p [T, g]."""
    return np.array([[chance(mean, width, t, longest) for mean in means] for t in range(steps)])


def states(layer, x, means=None):
    """Return the hidden states [B, T, n] step by step, module by module."""
    means = layer.log_periods.numpy() if means is None else means
    shares = chances(means, float(layer.width.value), x.shape[1], layer.longest)
    return moved(layer, x, lambda t, i, before: shares[t, i])


def moved(layer, x, share):
    """Return the hidden states [B, T, n], where module i moves at step t by the share that (t, i, h(t−1)) has."""
    recurrent, bias, units = layer.recurrent_kernel.numpy(), layer.bias.numpy(), layer.modules.slices
    h, outputs = np.zeros((len(x), layer.units)), []
    for t in range(x.shape[1]):
        before = h.copy()
        for i in range(len(units)):
            total = np.zeros(before[:, units[i]].shape) + bias[units[i]]
            if x.shape[2]:
                total += x[:, t] @ layer.kernel.numpy()[:, units[i]]
            for j in range(i, len(units)):  # itself and those after it
                total += before[:, units[j]] @ recurrent[units[j], units[i]]
            p = share(t, i, before)
            h[:, units[i]] = p * np.tanh(total) + (1 - p) * before[:, units[i]]
        outputs.append(h.copy())
    return np.stack(outputs, 1)


def emitted(layer, i, h):
    """Return the mean and the width [B] of a module's log period, from what it hears of h [B, n]."""
    kernel, count = layer.emission.numpy(), len(layer.initial_periods)
    heard = np.arange(layer.modules.slices[i].start, layer.units)  # itself and those after it
    shift, narrower = (h[:, heard] @ kernel[heard, column] for column in (i, count + i))
    return layer.log_periods.numpy()[i] + shift, np.sqrt(np.exp(narrower) * float(layer.width.value) ** 2)


def emitted_states(layer, x):
    """Return the hidden states [B, T, n] where modules fire by the chances of the Gaussians that are emitted."""

    def share(t, i, before):
        return np.array([[chance(mean, width, t, layer.longest)] for mean, width in zip(*emitted(layer, i, before))])

    return moved(layer, x, share)


def hard_states(layer, x):
    """Return the hidden states [B, T, n] where a module fires if its rounded mean period divides the step."""

    def share(t, i, before):
        periods = np.exp(emitted(layer, i, before)[0]).round().clip(1, layer.longest)
        return (t % periods == 0).astype(float)[:, None]

    return moved(layer, x, share)


def make_emitting(units, periods, features, **kwargs):
    layer = make_layer(units, periods, kind=EmittedPeriodsRNN, **kwargs)
    layer.build((None, 15, features))
    layer.emission.assign(np.random.default_rng(5).normal(0, 0.8, layer.emission.shape))
    return layer


@pytest.mark.parametrize("longest", [1, 2, 9, 40])
@pytest.mark.parametrize("width", [0.01, 0.7, 5.0])
def test_firing_chances_equal_the_double_loop(width, longest):
    means = np.array([0.0, 1.3, log(7), log(7.5), 3.6])
    fires = firing_chances(tf.constant(means), tf.constant(width, tf.float64), 23, longest)
    np.testing.assert_allclose(fires, chances(means, width, 23, longest), atol=1e-12)
    np.testing.assert_allclose(fires[0], 1, atol=1e-12)  # the masses sum to 1


def test_a_narrow_gaussian_on_a_whole_number_fires_as_a_clock():
    fires = firing_chances(tf.math.log(tf.constant([1.0, 4.0, 150.0])), tf.constant(1e-4), 320, 320)
    np.testing.assert_array_equal(fires, np.arange(320)[:, None] % [1, 4, 150] == 0)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("features", [3, 0])
def test_states_equal_the_numpy_loop(features, dtype, tolerance):
    layer = make_layer(8, (7, 2.5, 3), dtype=dtype)
    x = inputs((2, 15, features), dtype)
    np.testing.assert_allclose(layer(x), states(layer, x), atol=tolerance)


def test_the_width_has_the_digits_of_the_layer(eager):
    layer = make_layer(8, (7, 2.5, 3), width=0.1)
    layer.build((None, 15, 3))
    assert float(layer.width.value) == 0.1  # which 32 bits do not hold


def test_returns_the_last_state_without_sequences(eager):
    layers = [make_layer(8, (7, 2.5, 3), return_sequences=sequences) for sequences in (True, False)]
    x = inputs((2, 15, 3))
    for layer in layers:
        layer(x)
    layers[1].set_weights(layers[0].get_weights())
    np.testing.assert_array_equal(layers[1](x), layers[0](x)[:, -1])


@pytest.mark.parametrize("longest", [1, 2, 9, 40])
def test_jumps_give_the_firing_chances(longest):
    edges, signs, last = jumps(23, longest)
    means = np.array([0.0, 1.3, log(7.5), 3.6])
    below = 0.5 + 0.5 * np.vectorize(erf, otypes=[float])(
        (edges[:, None] - means[:, None]) / (0.7 * sqrt(2))
    )  # [T, g, K]
    fires = last[:, None] + (signs[:, None] * below).sum(-1)
    np.testing.assert_allclose(fires, chances(means, 0.7, 23, longest), atol=1e-12)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("features, longest", [(3, 12), (0, 40)])
def test_states_with_emitted_periods_equal_the_numpy_loop(features, longest, dtype, tolerance):
    layer = make_emitting(8, (7, 2.5, 3), features, dtype=dtype, longest=longest)
    x = inputs((2, 15, features), dtype)
    np.testing.assert_allclose(layer(x), emitted_states(layer, x), atol=tolerance)


def test_without_emission_it_is_the_layer_with_learned_periods(eager):
    layers = [make_layer(8, (7, 2.5, 3), kind=kind) for kind in (LearnedPeriodsRNN, EmittedPeriodsRNN)]
    x = inputs((2, 15, 3))
    for layer in layers:
        layer(x)
    layers[1].set_weights([*layers[0].get_weights()[:4], layers[1].emission.numpy(), layers[0].width.numpy()])
    np.testing.assert_allclose(layers[1](x), layers[0](x), atol=1e-12)


def test_with_a_tiny_width_the_rounded_emitted_period_divides_the_step():
    layer = make_emitting([2, 1, 3, 2], (6, 1, 9, 2), 3)
    x = inputs((2, 40, 3))
    layer.width.assign(1e-12)
    states = hard_states(layer, x)
    np.testing.assert_allclose(layer(x), states, atol=1e-10)
    periods = [np.exp(emitted(layer, 0, h)[0]).round().clip(1, 12) for h in states.swapaxes(0, 1)]
    assert len(np.unique(periods)) > 3  # they move from step to step


@pytest.mark.parametrize("kind", [LearnedPeriodsRNN, EmittedPeriodsRNN])
def test_gradients_equal_finite_differences(kind):
    emits = kind is EmittedPeriodsRNN
    layer = make_emitting(6, (7, 2.5, 3), 2) if emits else make_layer(6, (7, 2.5, 3))
    x, weight = inputs((2, 13, 2)), inputs((2, 13, 6), seed=2)
    check_gradients(layer, x, weight, emitted_states if emits else states)


@pytest.mark.parametrize("features", [3, 0])
@pytest.mark.parametrize("periods", [(1, 2, 4, 8), (7, 7, 7, 7), (6, 1, 9, 2)])
def test_with_a_tiny_width_it_is_the_clockwork_rnn_that_snapping_returns(periods, features, eager):
    layer = make_layer([2, 1, 3, 2], periods, width=1e-4)
    x = inputs((2, 23, features))
    soft = layer(x).numpy()
    kernel = layer.kernel.numpy() if features else np.zeros((0, 8))
    hears = np.triu(np.ones((4, 4), bool))  # by index, whatever the periods
    modules = types.SimpleNamespace(sizes=[2, 1, 3, 2], periods=periods, phases=[0] * 4, hears=hears)
    (states,), _ = reference.clockwork(x, kernel, layer.recurrent_kernel.numpy(), layer.bias.numpy(), modules)
    np.testing.assert_allclose(soft, states, atol=1e-10)
    snapped, order = layer.snapped()
    assert snapped.periods == tuple(sorted(periods))
    np.testing.assert_allclose(snapped(x), soft[:, :, order], atol=1e-10)


def test_snapping_takes_the_nearest_whole_periods_within_bounds(eager):
    layer = make_layer(4, (1, 2.4, 2.6, 12))
    layer(inputs((1, 3, 0)))
    layer.log_periods.assign(np.log([0.1, 2.4, 2.6, 500]))
    assert layer.snapped()[0].periods == (1, 2, 3, 12)


def test_gradients_with_emitted_periods_are_the_same_within_a_compiled_loop():
    """As in training: replicas, under XLA, in a loop over updates."""
    layer = make_emitting(6, (7, 2.5, 3), 0)
    weights = [np.stack([v.numpy()] * 2) for v in layer.trainable_variables]

    def gradients():
        arrays = [tf.constant(part) for part in weights]
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            states = layer.through_time(tf.zeros([9, 1, 0], tf.float64), arrays, [tf.zeros([2, 1, 6], tf.float64)])
            loss = tf.reduce_sum(states**2)
        return tf.concat([tf.reshape(part, [-1]) for part in tape.gradient(loss, arrays)], 0)

    @tf.function(jit_compile=True, autograph=False)
    def in_a_loop():
        size = sum(part.size for part in weights)
        step = lambda count, total: (count + 1, total + gradients())  # noqa: E731
        return tf.while_loop(lambda count, _: count < 2, step, (0, tf.zeros([size], tf.float64)))[1]

    np.testing.assert_allclose(in_a_loop(), 2 * gradients(), rtol=1e-9)


def test_only_learned_periods_of_a_built_layer_are_snapped():
    with pytest.raises(ValueError, match="`snapped` is of a layer that is built"):
        LearnedPeriodsRNN(4, (1, 2), longest=4).snapped()
    with pytest.raises(TypeError, match="`snapped` is for periods that stay; those of EmittedPeriodsRNN are emitted"):
        make_emitting(4, (1, 2), 0).snapped()


@pytest.mark.parametrize("kind", [LearnedPeriodsRNN, EmittedPeriodsRNN])
def test_replicas_side_by_side_equal_each_alone(kind, eager):
    layers = [make_layer(6, periods, seed, kind) for seed, periods in enumerate([(7, 2, 3), (1, 4, 12)])]
    x = inputs((2, 9, 3))
    for seed, layer in enumerate(layers):
        layer.build(x.shape)
        if kind is EmittedPeriodsRNN:
            layer.emission.assign(np.random.default_rng(seed).normal(0, 0.8, layer.emission.shape))
    alone = [layer(x) for layer in layers]
    weights = [np.stack(pair) for pair in zip(*([v.numpy() for v in layer.trainable_variables] for layer in layers))]
    together = layers[0].through_time(tf.transpose(x, [1, 0, 2]), weights, [tf.zeros([2, 2, 6], tf.float64)])
    np.testing.assert_allclose(together, np.stack(alone).transpose(2, 0, 1, 3), atol=1e-10)  # [T, R, B, n]


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"units": 1}, "`units` must be at least the number of modules, 2. Received: 1"),
        ({"periods": ()}, "`periods` must be numbers from 1 to `longest`, 12. Received: ()"),
        ({"periods": (0.5, 3)}, "`periods` must be numbers from 1 to `longest`, 12. Received: (0.5, 3)"),
        ({"periods": (1, 13)}, "`periods` must be numbers from 1 to `longest`, 12. Received: (1, 13)"),
        ({"periods": "12"}, "`periods` must be numbers from 1 to `longest`, 12. Received: '12'"),
        ({"periods": ("1", "2")}, "`periods` must be numbers from 1 to `longest`, 12. Received: ('1', '2')"),
        ({"periods": 4}, "`periods` must be numbers from 1 to `longest`, 12. Received: 4"),
        ({"longest": 0}, "`longest` must be whole numbers from 1. Received: (0,)"),
        ({"longest": "12"}, "`longest` must be whole numbers. Received: ['12']"),
        ({"width": "1"}, "`width` must be above 0. Received: '1'"),
        ({"return_sequences": "False"}, "`return_sequences` must be True or False. Received: 'False'"),
        ({"width": 0.0}, "`width` must be above 0. Received: 0.0"),
        ({"width": float("nan")}, "`width` must be above 0. Received: nan"),
    ],
)
def test_bad_arguments_are_refused(changed, message):
    with pytest.raises(ValueError) as refused:
        make_layer(**({"units": 4, "periods": (1, 2)} | changed))
    assert str(refused.value) == message


def test_unknown_steps_are_refused():
    with pytest.raises(ValueError, match="`sequences` must have known steps and features. Received: shape"):
        make_layer(4, (1, 2))(keras.Input((None, 3)))
