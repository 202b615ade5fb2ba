"""Clocks and periods up to 2³¹ − 1: exact, or refused; and memory that follows the length, not the periods.

What is expected comes from `models.reference`, whose clocks are Python's integers.
"""

import numpy as np
import pytest
import tensorflow as tf
from layers import expected_states, inputs, make_layer

from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN
from models.learned_periods import firing_chances

LAST = 2**31 - 1  # of int32
HUGE = [  # periods, phases, connections
    ((1, 10**9), 0, "slow_to_fast"),
    ((LAST - 1, LAST), [3, 5], "slow_to_fast"),
    ((3, LAST), [1, LAST - 1], "full"),
    ((2, 3, 10**9, 10**9 + 7), [0, 1, 2, 19], "fast_to_slow"),
    ((2, 4, 2**29, 2**30), [0, 1, 5, 50], "hierarchical"),
]


@pytest.mark.parametrize("kind", [ClockworkRNN, ClockworkLSTM, ClockworkGRU])
@pytest.mark.parametrize(("periods", "phases"), [((1, 3, 9), [0, 2, 5]), ((1, 1, LAST), [0, 0, LAST - 1])])
def test_a_late_clock_goes_on(kind, periods, phases):
    """From 2³¹ − 3 over the end of int32: in one call, step by step, in a stepper and in a stateful layer."""
    layer = make_layer(6, periods, kind=kind, phases=phases, return_state=True, dtype="float64")
    x, h, late = inputs((2, 8, 2)), inputs((2, 6), seed=1), np.array([LAST - 2, LAST - 3], "int32")
    layer(x)
    parts = [h] * len(layer.cell.states)
    (states, *_), clocks = expected_states(layer, x, parts, late.tolist())
    hyperperiod = layer.modules.hyperperiod
    output, *_, clock = layer(x, initial_state=[*parts, late])
    np.testing.assert_allclose(output, states, atol=1e-12)
    np.testing.assert_array_equal(clock, clocks % hyperperiod)

    state, one = [*parts, late], [*(part[:1] for part in parts), late[:1]]
    step = layer.stepper()
    stateful = make_layer(6, periods, kind=kind, phases=phases, stateful=True, dtype="float64")
    stateful(x)
    stateful.set_weights([*layer.get_weights(), *parts, late])
    for t in range(8):
        output, *state = layer(x[:, t : t + 1], initial_state=state)
        one = step(tf.constant(x[:1, t]), [tf.constant(part) for part in one])
        for found in (output[:, 0], stateful(x[:, t : t + 1])[:, 0]):
            np.testing.assert_allclose(found, states[:, t], atol=1e-12)
        np.testing.assert_allclose(one[0], states[:1, t], atol=1e-12)
    np.testing.assert_array_equal(state[-1], clocks % hyperperiod)


def test_a_late_clock_goes_on_where_steps_are_masked_and_replicas_share_it():
    layer = make_layer(6, (2, 3, 7), return_state=True, dtype="float64")
    x, h, mask = inputs((1, 9, 2)), inputs((1, 6), seed=1), np.array([[1, 1, 0, 1, 1, 0, 1, 1, 1]], bool)
    layer(x)
    (states,), clocks = expected_states(layer, x, [h], [LAST - 2], mask)
    output, _, clock = layer(x, initial_state=[h, np.array([LAST - 2])], mask=mask)
    np.testing.assert_allclose(output, states, atol=1e-12)
    np.testing.assert_array_equal(clock, clocks % 42)
    (states,), _ = expected_states(layer, x, [h], [LAST - 2])
    weights = [tf.stack([variable.value] * 2) for variable in layer.trainable_variables]
    start = [tf.constant(np.stack([h] * 2))]
    found, _ = layer.through_chunk(tf.constant(x.swapaxes(0, 1)), weights, start, tf.constant(LAST - 2))
    np.testing.assert_allclose(found, np.stack([states.swapaxes(0, 1)] * 2, 1), atol=1e-12)


def test_means_go_on_behind_the_longest_period():
    """A clock that goes back must not pretend that the sequence has just begun, when a mean is over fewer steps."""
    layer = make_layer(6, (1, 3, 9), input_mean=True, return_state=True, dtype="float64")
    x, h, sums = inputs((1, 12, 2)), inputs((1, 6), seed=1), np.zeros((1, 3, 2))
    layer(x)
    late = LAST - 3
    wanted = layer(x, initial_state=[h, np.array([9 + late % 9]), sums])[0]
    first, *state = layer(x[:, :7], initial_state=[h, np.array([late]), sums])
    assert state[1] == 9 + (late + 7) % 9
    second = layer(x[:, 7:], initial_state=state)[0]
    np.testing.assert_allclose(tf.concat([first, second], 1), wanted, atol=1e-12)


def test_a_clock_that_cannot_go_on_is_refused_or_not_a_number():
    periods = (2, LAST)  # their least common multiple is longer than int32
    layer = make_layer(4, periods, return_state=True, dtype="float64")
    x, h = inputs((1, 8, 2)), np.zeros((1, 4))
    output, *state = layer(x, initial_state=[h, np.array([LAST - 2])])
    np.testing.assert_allclose(output, expected_states(layer, x, [h], [LAST - 2])[0][0], atol=1e-12)
    with pytest.raises(
        ValueError, match="the clock of a state must be whole numbers from 0 to 2147483647. Received: \\[-2147483643"
    ):
        layer(x, initial_state=state)
    assert np.isnan(tf.function(lambda: layer(x, initial_state=state))()[0]).all()
    with pytest.raises(ValueError, match="the clock of a state must be whole numbers"):
        layer.stepper()(x[:, 0], state)
    assert np.isnan(tf.function(lambda: layer.stepper()(x[:, 0], state))()[0]).all()
    weights = [tf.convert_to_tensor(variable) for variable in layer.trainable_variables]
    assert np.isnan(layer.through_chunk(tf.constant(x.swapaxes(0, 1)), weights, state[:1], state[1][0])[0]).all()


@pytest.mark.parametrize("clock", [-1, 2**32 + 1, 0.5, 1e12, np.uint64(2**32 + 3), np.float32(2**31)])
def test_a_clock_that_is_not_known_yet_gives_no_number_where_it_is_no_int32(clock):
    layer = make_layer(2, (1, 2), return_state=True)
    x, h = inputs((1, 3, 1)), np.zeros((1, 2), np.float32)
    compiled = tf.function(lambda clock: layer(x, initial_state=[h, clock])[0])
    layer(x)
    stepped = tf.function(lambda clock: layer.stepper()(x[:, 0], [tf.constant(h), clock])[0])
    assert np.isnan(compiled(tf.constant([clock]))).all() and np.isnan(stepped(tf.constant([clock]))).all()
    np.testing.assert_allclose(
        compiled(tf.constant([1], tf.constant(clock).dtype)), layer(x, initial_state=[h, np.array([1])])[0]
    )


@pytest.mark.parametrize("clock", [-1, 2**31, 2**32 + 1, 0.5, np.float32(2**31)])
def test_a_clock_that_is_no_int32_is_refused(clock):
    with pytest.raises(
        ValueError, match=f"the clock of a state must be whole numbers from 0 to 2147483647. Received: \\[{clock}\\]"
    ):
        make_layer(2, (1, 2))(inputs((1, 3, 1)), initial_state=[np.zeros((1, 2)), np.array([clock])])


@pytest.mark.parametrize("run", [lambda call: call(), lambda call: tf.function(call)()])
def test_a_truth_value_is_no_clock(run):
    layer, x = make_layer(2, (1, 2)), inputs((1, 3, 1))
    with pytest.raises(ValueError, match="the clock of a state must be whole numbers .* Received: bool"):
        run(lambda: layer(x, initial_state=[np.zeros((1, 2)), np.array([True])]))


@pytest.mark.parametrize(
    ("periods", "phases", "connections", "known"), [*((*case, True) for case in HUGE), (*HUGE[0], False)]
)
def test_huge_periods_are_exact(periods, phases, connections, known):
    """Forwards, and backwards by the difference of the loss along a random direction.

    A state held for each step of such a period would take 60 GiB and more.
    """
    settings = {"phases": phases, "connections": connections, "jit_compile": True, "dtype": "float64"}
    layer, x = make_layer(2 * len(periods), periods, **settings), inputs((2, 20, 2))
    layer(x)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([2, 20 if known else None, 2], tf.float64)])
    def through(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            states = layer(x)
            loss = tf.reduce_sum(states**2)
        return states, tape.gradient(loss, x)

    states, gradient = through(tf.constant(x))
    np.testing.assert_allclose(states, expected_states(layer, x)[0][0], atol=1e-12)
    way, small = inputs(x.shape, seed=1), 1e-5
    losses = [(expected_states(layer, x + side * way)[0][0] ** 2).sum() for side in (small, -small)]
    assert (gradient.numpy() * way).sum() == pytest.approx((losses[0] - losses[1]) / (2 * small), rel=1e-6)


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_modules_that_first_fire_behind_the_end_hold_their_state(steps):
    layer = make_layer(4, (5, 30), phases=[3, 20], jit_compile=True, dtype="float64")
    x = inputs((2, steps, 2))
    output = layer(x)
    np.testing.assert_allclose(output, expected_states(layer, x)[0][0], atol=1e-12)


def test_replicas_may_have_huge_periods():
    layer = make_layer(4, (1, 2), dtype="float64")
    x = inputs((1, 20, 2))
    layer(x)
    weights = [tf.stack([variable.value] * 2) for variable in layer.trainable_variables]
    periods = tf.constant([[1, LAST], [7, 10**9]])
    found = layer.through_time(tf.constant(x.swapaxes(0, 1)), weights, [tf.zeros([2, 1, 4], tf.float64)], periods)
    for replica, own in enumerate(periods.numpy().tolist()):
        other = make_layer(4, own, dtype="float64")
        other(x)
        other.set_weights(layer.get_weights())
        np.testing.assert_allclose(found[:, replica, 0], expected_states(other, x)[0][0][0], atol=1e-12)


def test_chances_of_periods_beyond_the_sequence_are_those_of_step_0():
    means = tf.constant(np.log([3.0, 40.0, 1e9]))
    few, many = (firing_chances(means, tf.constant(0.5, tf.float64), 20, longest) for longest in (5000, LAST))
    np.testing.assert_allclose(many, few, atol=1e-12)
    np.testing.assert_allclose(many[0], 1)
