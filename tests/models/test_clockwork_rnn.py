"""What the layer computes: against a plain NumPy loop, finite differences, and Keras's simple RNN."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import expected, gradients_through, inputs, make_layer

from models import cascade, plan
from models.clockwork_rnn import ClockworkRNN

CASES = [  # periods, units, other arguments
    ((1, 2, 4, 8), 11, {}),
    ((1, 3, 5), 7, {}),
    ((2, 3, 7), 8, {}),  # no module fires at some steps
    ((4, 4, 1), 9, {}),
    ((4, 1, 2), [1, 5, 2], {}),
    ((4, 4, 1), 9, {"phases": [0, 2, 0]}),
    ((2, 6, 64), [3, 2, 1], {"phases": [1, 4, 40]}),  # the slowest first fires behind the end
    ((1, 2, 2, 4), 9, {"connections": "fast_to_slow"}),
    ((1, 2, 4), 8, {"connections": "full"}),
    ((1, 2, 4), 8, {"connections": "hierarchical", "input_modules": "fastest"}),
    ((1, 2, 4, 4), 9, {"connections": "none"}),
    ((2, 3, 4), 8, {"connections": [[0, 1, 0], [0, 0, 0], [1, 0, 1]]}),  # some do not hear themselves
    ((1, 2, 4), 8, {"input_modules": "fastest"}),
    ((1, 2, 4), 8, {"input_modules": [1, 2], "use_bias": False}),
    ((1, 2, 4), 8, {"activation": "relu"}),
    ((1, 2, 4), 8, {"activation": "sigmoid"}),
    ((1, 2, 4), 8, {"activation": "linear"}),
    ((1, 2, 4), 8, {"activation": "softplus"}),  # its slope is no simple function of its value
    ((1, 2, 4, 8), 11, {"input_mean": True}),
    ((3, 7, 64), [3, 2, 1], {"input_mean": True, "phases": [1, 6, 12], "connections": "full"}),
    ((4, 2, 5), 8, {"input_mean": True, "input_modules": "fastest", "connections": "hierarchical"}),
    ((1, 3, 4, 4), 9, {"input_mean": True, "input_modules": [0, 3], "phases": [0, 2, 0, 3]}),
]


@pytest.fixture
def scans(monkeypatch):
    """Do something with all components scanned apart, and with small ones joined wherever that is possible."""
    monkeypatch.setattr(plan, "JOINT_SHARE", 0)

    def both(function):
        for work in (0, 1e9):
            monkeypatch.setattr(plan, "JOINT_WORK", work)
            plan.make_plan.cache_clear()
            yield function()

    yield both
    plan.make_plan.cache_clear()


@pytest.mark.parametrize("features, dtype, tolerance", [(3, "float64", 1e-10), (0, "float32", 1e-5)])
@pytest.mark.parametrize("periods, units, kwargs", CASES)
def test_equals_the_numpy_loop(scans, periods, units, kwargs, features, dtype, tolerance):
    layer = make_layer(units, periods, dtype=dtype, **kwargs)
    x = inputs((2, 23, features), dtype)
    layer.build(x.shape)
    wanted = expected(layer, x)[0]
    for states in scans(lambda: layer(x)):
        np.testing.assert_allclose(states, wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("periods, units, kwargs", CASES)
def test_steps_that_do_not_count_change_neither_states_nor_gradients(scans, periods, units, kwargs):
    layer = make_layer(units, periods, dtype="float64", **kwargs)
    x = inputs((2, 23, 3))
    layer.build(x.shape)
    wanted = np.moveaxis(expected(layer, x)[0], 1, 0)[:, None]  # [T, 1, B, n]
    start = [tf.zeros([1, 2, layer.units], tf.float64)]

    def states_and_gradients(needed):
        given = [tf.constant(x.swapaxes(0, 1)), *(variable.value[None] for variable in layer.trainable_variables)]
        with tf.GradientTape() as tape:
            tape.watch(given)
            states = layer.through_time(given[0], given[1:], start, needed=needed)
            loss = tf.reduce_sum(states[:9] ** 2)
        return states, tape.gradient(loss, given)

    for (states, gradients), (_, whole) in scans(lambda: map(states_and_gradients, (tf.constant(9), None))):
        np.testing.assert_allclose(states[:9], wanted[:9], atol=1e-10, rtol=0)
        for found, of_whole in zip(gradients, whole, strict=True):
            np.testing.assert_allclose(found, of_whole, atol=1e-10, rtol=0)


@pytest.mark.parametrize("needed", [0, 1, 6])
def test_steps_that_do_not_count_are_not_made(needed):
    layer = make_layer(4, (1,), dtype="float64")
    layer.build((2, 6, 3))
    given = [variable.value[None] for variable in layer.trainable_variables]
    start = [tf.zeros([1, 2, 4], tf.float64)]
    states = layer.through_time(tf.constant(inputs((6, 2, 3))), given, start, needed=tf.constant(needed))
    assert states[:needed].numpy().all() and not states[needed:].numpy().any()


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("periods, units, kwargs", CASES[:7])
def test_state_clock_and_mask_equal_the_numpy_loop(periods, units, kwargs, dtype, tolerance):
    layer = make_layer(units, periods, dtype=dtype, return_state=True, **kwargs)
    x, h, clock = inputs((3, 17, 2), dtype), inputs((3, layer.units), dtype, 1), np.array([0, 5, 1000], "int32")
    mask = np.random.default_rng(2).random((3, 17)) < 0.6
    mask[2] = False
    for state in ({}, {"h": h}, {"h": h, "clock": clock}):
        for given in (None, mask):
            states, last, after = layer(x, initial_state=list(state.values()) or None, mask=given)
            reference, clocks_after = expected(layer, x, mask=given, **state)
            np.testing.assert_allclose(states, reference, atol=tolerance, rtol=0)
            np.testing.assert_allclose(last, reference[:, -1], atol=tolerance, rtol=0)
            np.testing.assert_array_equal(after, clocks_after)


@pytest.mark.parametrize("length", [None, 19])
@pytest.mark.parametrize("model_jit", [False, True])
@pytest.mark.parametrize("layer_jit", [False, True])
def test_eager_graph_and_xla_agree_also_with_unknown_length(length, model_jit, layer_jit):
    layer = make_layer(7, (1, 2, 6), phases=[0, 1, 4], jit_compile=layer_jit)
    signature = tf.TensorSpec([None, length, 3], tf.float32)
    function = tf.function(layer, input_signature=[signature], jit_compile=model_jit)
    for steps in (19, 19 if length else 3):  # 3: the slowest module does not fire at all
        x = inputs((2, steps, 3), "float32")
        np.testing.assert_allclose(function(x), expected(layer, x)[0], atol=1e-5)


def test_compiled_layer_traces_a_shape_once(monkeypatch):
    traces = []
    forward = cascade.Cascade.forward
    monkeypatch.setattr(cascade.Cascade, "forward", lambda self: (traces.append(1), forward(self))[1])
    layer = make_layer(6, (1, 2), jit_compile=True)
    for _ in range(3):
        layer(inputs((2, 9, 3), "float32"))
    assert len(traces) == 1


@pytest.mark.parametrize("periods, units, kwargs", CASES)
def test_gradients_equal_finite_differences(scans, periods, units, kwargs):
    layer = make_layer(units, periods, dtype="float64", seed=3, **kwargs)
    x, h, weight = inputs((2, 13, 2)), inputs((2, layer.units), seed=1), inputs((2, 13, layer.units), seed=2)
    layer.build(x.shape)

    def gradients():
        tensors = [tf.constant(x), tf.constant(h)]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = tf.reduce_sum(layer(tensors[0], initial_state=tensors[1]) * weight)
        sources = tensors + [variable.value for variable in layer.trainable_variables]
        return tape.gradient(loss, sources, unconnected_gradients="zero")  # a module may never fire

    found = [np.stack(pair) for pair in zip(*scans(gradients), strict=True)]  # [apart and joint, ...]

    def numpy_loss():
        return np.sum(expected(layer, x, h=h)[0] * weight)

    for array, pair in zip((x, h), found):
        check_differences(array, pair, numpy_loss)
    for variable, pair in zip(layer.trainable_variables, found[2:], strict=True):
        value = variable.numpy()

        def loss_of_variable(value=value, variable=variable):
            variable.assign(value)
            return numpy_loss()

        check_differences(value, pair, loss_of_variable)
        variable.assign(value)


def check_differences(array, gradients, loss, step=1e-6):
    """Compare gradients with central differences of `loss`, which reads the array, at up to six of its places."""
    places = np.random.default_rng(4).permutation(array.size)[:6]
    for place in places:
        index = np.unravel_index(place, array.shape)
        kept, values = array[index], []
        for shift in (step, -step):
            array[index] = kept + shift
            values.append(loss())
        array[index] = kept
        wanted = (values[0] - values[1]) / (2 * step)
        assert [gradient[index] for gradient in gradients] == pytest.approx([wanted] * 2, rel=1e-5, abs=1e-7)


def test_compiled_gradients_equal_those_of_automatic_differentiation():
    """A loop of plain TensorFlow operations, differentiated by TensorFlow, against the hand-written gradient in XLA."""
    layer = make_layer(9, (1, 2, 4), jit_compile=True, dtype="float64")
    x = tf.constant(inputs((2, 11, 3)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    gradients = tape.gradient(loss, [variable.value for variable in layer.trainable_variables])
    modules = layer.modules
    with tf.GradientTape() as tape:
        h = [tf.zeros([2, size], tf.float64) for size in modules.sizes]
        loss = 0.0
        for t in range(11):
            before = list(h)
            for i in range(3):
                if t % modules.periods[i] == 0:
                    heard = tf.concat([before[j] for j in modules.heard_by(i)], -1)
                    total = x[:, t] @ layer.kernel.value[:, modules.slices[i]] + heard @ layer.recurrent_kernels[i]
                    h[i] = tf.tanh(total + layer.bias[modules.slices[i]])
            loss += tf.reduce_sum(tf.concat(h, -1) ** 2)
    automatic = tape.gradient(loss, [variable.value for variable in layer.trainable_variables])
    for one, other in zip(gradients, automatic, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize(
    "kwargs", [{}, {"go_backwards": True}, {"return_sequences": False}, {"zero_output_for_mask": True}]
)
def test_one_module_of_period_1_is_simple_rnn(kwargs):
    layer = make_layer(5, (1,), **kwargs)
    keras_layer = keras.layers.SimpleRNN(5, **({"return_sequences": True} | kwargs))
    x = inputs((3, 12, 4), "float32")
    mask = np.arange(12)[None] < np.array([12, 7, 1])[:, None]
    layer(x), keras_layer(x)
    keras_layer.set_weights([*layer.dense_weights()])
    np.testing.assert_allclose(layer(x), keras_layer(x), atol=1e-6)
    np.testing.assert_allclose(layer(x, mask=mask), keras_layer(x, mask=mask), atol=1e-6)


def test_starts_from_the_same_weights_as_simple_rnn():
    initializers = {
        "kernel_initializer": keras.initializers.GlorotUniform(seed=1),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=2),
    }
    ours, theirs = ClockworkRNN(6, (1,), **initializers), keras.layers.SimpleRNN(6, **initializers)
    ours.build((None, None, 3)), theirs.build((None, None, 3))
    for one, other in zip(ours.dense_weights(), theirs.get_weights()):
        np.testing.assert_array_equal(one, other)


# Chunks of whole hyperperiods go through the cascade, those of 2 and 6 steps with the slowest module gated, others through
# one gated scan.
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("chunk", [8, 2, 6, 5])
@pytest.mark.parametrize("phases", [0, [0, 1, 5]])
def test_chunks_with_carried_state_equal_the_whole(chunk, jit_compile, phases):
    layer = make_layer(9, (1, 2, 8), return_state=True, jit_compile=jit_compile, phases=phases)
    x = inputs((2, 5 * chunk, 3), "float32")
    layer.build(x.shape)
    whole, _ = expected(layer, x)
    state, parts = None, []
    for part in np.split(x, 5, axis=1):
        output, *state = layer(part, initial_state=state)
        parts.append(output)
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=1e-5)
    assert state[1].numpy().tolist() == [5 * chunk] * 2 and state[1].dtype == tf.int32


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("chunk", [8, 2, 5])
def test_gradients_through_chunks_equal_those_of_the_whole(chunk, jit_compile):
    layer = make_layer(9, (1, 2, 8), return_state=True, jit_compile=jit_compile, dtype="float64")
    x = tf.constant(inputs((2, 3 * chunk, 3)))
    layer(x)
    for one, other in zip(gradients_through(layer, x, 1), gradients_through(layer, x, 3), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_gradients_under_a_mask_equal_those_without_what_is_masked(return_sequences):
    layer = make_layer(9, (1, 2, 8), jit_compile=True, dtype="float64", return_sequences=return_sequences)
    x = inputs((1, 12, 3))
    mask = np.array([[True, False, True, True] * 3])
    gradients = []
    for given, masked in ((x, mask), (x[:, mask[0]], None)):
        layer(given, mask=masked)
        with tf.GradientTape() as tape:
            output = layer(given, mask=masked)
            if return_sequences and masked is not None:
                output = tf.boolean_mask(output, masked, axis=0)[None]
            loss = tf.reduce_sum(output**2)
        gradients.append(tape.gradient(loss, [variable.value for variable in layer.trainable_variables]))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("reset", ["reset_state", "reset_states"])  # Keras's name, and its older one
def test_stateful_carries_state_and_clock_until_reset(reset):
    layer = make_layer(9, (1, 3, 5), stateful=True)
    x = inputs((2, 12, 3), "float32")
    outputs = [layer(part) for part in (x[:, :7], x[:, 7:])]
    np.testing.assert_allclose(np.concatenate(outputs, 1), expected(layer, x)[0], atol=1e-5)
    getattr(layer, reset)()
    np.testing.assert_allclose(layer(x[:, :7]), outputs[0], atol=1e-6)


@pytest.mark.parametrize("features", [3, 0])
@pytest.mark.parametrize("periods, units, kwargs", CASES)
def test_single_steps_equal_the_numpy_loop(periods, units, kwargs, features):
    layer = make_layer(units, periods, dtype="float64", **kwargs)
    x, h = inputs((2, 9, features)), inputs((2, layer.units), seed=1)
    layer.build(x.shape)
    start = 0 if layer.input_mean else 5  # means begin with the sequence
    step, states = layer.stepper(), []
    state = [tf.constant(h), tf.constant([start, start]), *layer.get_initial_state(2)[2:]]
    for t in range(9):
        state = step(x[:, t], state)
        states.append(state[0])
    reference, clocks_after = expected(layer, x, h=h, clock=np.array([start, start]))
    np.testing.assert_allclose(np.stack(states, 1), reference, atol=1e-10)
    np.testing.assert_array_equal(state[1], clocks_after)


def test_clock_is_exact_far_beyond_half_precision():
    layer = make_layer(4, (1, 3), dtype="mixed_float16", return_state=True)
    h = np.zeros((1, 4), "float16")
    *_, clock = layer(inputs((1, 2, 1), "float16"), initial_state=[h, np.array([100_000], "int32")])
    assert clock.numpy().tolist() == [100_002]


def test_poking_a_module_moves_only_those_that_hear_it():
    layer = make_layer(8, (1, 2, 4, 8))
    x = inputs((1, 1, 2), "float32")
    slices = layer.modules.slices
    quiet = np.asarray(layer(x, initial_state=np.zeros((1, 8), "float32")))[0, 0]
    for poked in range(4):
        h = np.zeros((1, 8), "float32")
        h[0, slices[poked]] = 1
        moved = np.asarray(layer(x, initial_state=h))[0, 0] != quiet
        listeners = [i for i in range(4) if moved[slices[i]].any()]
        assert listeners == list(range(poked + 1))  # itself and the faster ones: slow speaks to fast, never back


def test_masked_padding_may_hold_anything():
    layer = make_layer(6, (1, 2, 4), return_sequences=False)
    x = inputs((2, 9, 3), "float32")
    mask = np.arange(9)[None] < np.array([9, 4])[:, None]
    clean = layer(x, mask=mask)
    x[1, 4:] = np.nan
    with tf.GradientTape() as tape:
        dirty = layer(x, mask=mask)
    np.testing.assert_array_equal(clean, dirty)
    assert all(np.isfinite(g).all() for g in tape.gradient(dirty, [v.value for v in layer.trainable_variables]))


def test_recurrent_dropout_never_touches_a_held_state():
    layer = make_layer(8, (1, 4), recurrent_dropout=0.5, dropout=0.5, seed=7)
    states = layer(inputs((2, 12, 3), "float32"), training=True).numpy()[:, :, layer.modules.slices[1]]
    for t in range(12):
        if t % 4:
            np.testing.assert_array_equal(states[:, t], states[:, t - 1])
    assert not np.array_equal(states[:, 4], states[:, 3])


def test_recurrent_dropout_scales_what_is_heard():
    """With relu and weights of one, the sum over heard units keeps its expectation."""
    ones = dict(recurrent_initializer="ones", kernel_initializer="zeros", bias_initializer="zeros", activation="relu")
    layer = make_layer(400, (1,), recurrent_dropout=0.25, **ones)
    heard = layer(np.zeros((50, 1, 1), "float32"), initial_state=np.ones((50, 400), "float32"), training=True)
    assert np.mean(heard) == pytest.approx(400, rel=0.02)
