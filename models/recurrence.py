"""The scans that carry hidden states through time: pure TensorFlow functions with gradients of their own.

Axes, in order: time T, any leading replica axes (several networks at once), batch B, units n. Weights have the same
replica axes in front. Differentiating a loop step by step stores and multiplies far too much, so each scan says its own
gradient: the backward loop carries only the error of the state, and the gradient of the weights is one product of
stacked states and stacked errors after the loop.
"""

import functools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

Activation = Callable[[tf.Tensor], tf.Tensor]
Size = int | tf.Tensor  # known when the graph is built, or only when it runs


# The slope of an activation as a function of its value, which spares the scan from keeping what it was applied to.
SLOPES = {
    keras.activations.tanh: lambda y: 1 - y**2,
    keras.activations.sigmoid: lambda y: y * (1 - y),
    keras.activations.relu: lambda y: tf.cast(y > 0, y.dtype),
    keras.activations.linear: tf.ones_like,
}


def compiled(function: Callable) -> Callable:
    """Return a recurrence as two programs of XLA, itself and its gradient, wherever it is called from.

    What passes from one to the other is only the states. TensorFlow left to itself would pass on all that it came
    across, and where XLA already compiles the caller, shapes among it would become constants to compile for at each call.

    Args:
        function: (differentiable tensors, other tensors or None, known states or None) → (outputs, states), two lists. With
            known states it must return the same outputs, without running through time.

    Returns:
        (differentiable, others) → outputs.
    """
    # AutoGraph, which would rewrite all Python code on the way, takes longer than everything else here.
    as_program = functools.partial(tf.function, jit_compile=True, autograph=False)
    program = as_program(lambda tensors, others: function(tensors, others, None))

    @as_program
    def gradient_program(tensors, others, states, upstream):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs, _ = function(tensors, others, states)
        return tape.gradient(outputs, tensors, upstream)

    def run(tensors: Sequence[tf.Tensor], others: Sequence[tf.Tensor | None] = ()) -> list[tf.Tensor]:
        @tf.custom_gradient
        def with_gradient(*tensors):
            # An eager tape also watches inside of custom gradients, unless it is told to stop.
            outputs, states = program([tf.stop_gradient(tensor) for tensor in tensors], list(others))
            return outputs, lambda *upstream: gradient_program(list(tensors), list(others), states, list(upstream))

        return with_gradient(*tensors)

    return run


def product(values: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Multiply the values at all steps [T, ..., B, i] by a kernel [..., i, j] at once [T, ..., B, j].

    `@` would repeat the kernel for each step, and sum its gradient over as many matrices.
    """
    return tf.einsum("t...bi,...ij->t...bj", values, kernel)


def scan(
    inputs: tf.Tensor,
    kernel: tf.Tensor | None,
    initial: tf.Tensor,
    activation: Activation = keras.activations.tanh,
    *,
    fires: tf.Tensor | None = None,
    keep: tf.Tensor | None = None,
    known: tf.Tensor | None = None,
) -> tf.Tensor:
    """Run h_t = f(z_t + h_{t−1} W) through time; where `fires` is false h_t = h_{t−1}.

    Args:
        inputs: z [T, ..., B, n].
        kernel: W [..., n, n]; None is 0, and then nothing is carried.
        initial: h_{−1} [..., B, n].
        activation: f, an elementwise function.
        fires: boolean, of a shape that broadcasts to the inputs' (the same rank, T first), or None for all true.
        keep: h_{t−1} W becomes (keep ⊙ h_{t−1}) W [..., B, n]; None is 1.
        known: the states, if only their gradient is wanted.

    Returns:
        The states h_0 … h_{T−1} [T, ..., B, n]. Their gradient is exact; `fires` and `keep` get none.
    """
    if kernel is None and fires is None:
        return activation(inputs)
    if inputs.shape[0] == 0:
        return inputs
    if kernel is None:
        kernel = tf.zeros([initial.shape[-1], initial.shape[-1]], initial.dtype)
    states = _scan(inputs, kernel, initial, activation, fires, keep, known)
    states.set_shape(inputs.shape)
    return states


def _scan(
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    initial: tf.Tensor,
    activation: Activation,
    fires: tf.Tensor | None,
    keep: tf.Tensor | None,
    known: tf.Tensor | None,
) -> tf.Tensor:
    heeded = (lambda h: h) if keep is None else (lambda h: keep * h)
    slope_of_state = SLOPES.get(activation)

    @tf.custom_gradient
    def run(inputs: tf.Tensor, kernel: tf.Tensor, initial: tf.Tensor):
        steps = size(inputs, 0)

        def through_time() -> tf.Tensor:
            drive = _read_in_time(inputs)
            awake = None if fires is None else _read_in_time(fires)

            def forward(t, h, states):
                new = activation(drive.read(t) + heeded(h) @ kernel)
                new = new if awake is None else tf.where(awake.read(t), new, h)
                return t + 1, new, states.write(t, new)

            start = (0, initial, _write_in_time(initial.shape, initial.dtype, steps))
            return tf.while_loop(lambda t, *_: t < steps, forward, start)[2].stack()

        states = through_time() if known is None else known
        before = heeded(tf.concat([initial[None], states[:-1]], 0))  # [T, ..., B, n]

        def gradient(upstream: tf.Tensor):
            errors = _read_in_time(upstream)
            slope = _read_in_time(states if slope_of_state else _slope(activation, inputs + product(before, kernel)))
            awake = None if fires is None else _read_in_time(fires)
            back = tf.linalg.matrix_transpose(kernel)

            def backward(t, error, deltas):
                error += errors.read(t)
                delta = error * (slope_of_state(slope.read(t)) if slope_of_state else slope.read(t))
                if awake is None:
                    return t - 1, heeded(delta @ back), deltas.write(t, delta)
                fired, zero = awake.read(t), tf.zeros_like(delta)
                delta, held = tf.where(fired, delta, zero), tf.where(fired, zero, error)
                return t - 1, held + heeded(delta @ back), deltas.write(t, delta)

            start = (steps - 1, tf.zeros_like(initial), _write_in_time(initial.shape, initial.dtype, steps))
            _, d_initial, deltas = tf.while_loop(lambda t, *_: t >= 0, backward, start)
            deltas = deltas.stack()  # [T, ..., B, n]
            d_kernel = tf.einsum("t...bi,t...bj->...ij", before, deltas)  # [..., n, n]
            return deltas, d_kernel, d_initial

        return states, gradient

    return run(inputs, kernel, initial)


def lstm_scan(
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    peepholes: tf.Tensor,
    initial: Sequence[tf.Tensor],
    known: Sequence[tf.Tensor] | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Run a long short-term memory through time (Hochreiter and Schmidhuber 1997; Gers et al. 2002 for peepholes).

    i, f, g, o = z_t + h_{t−1} U;  i = σ(i + p_i c_{t−1}),  f = σ(f + p_f c_{t−1}),  c_t = f c_{t−1} + i tanh(g),
    o = σ(o + p_o c_t),  h_t = o tanh(c_t).

    Args:
        inputs: z, the four gates beside each other in the order i, f, g, o (Keras's) [T, ..., B, 4n].
        kernel: U [..., n, 4n].
        peepholes: p_i, p_f, p_o [..., 3, n]; zeros make an LSTM without.
        initial: h_{−1} and c_{−1} [..., B, n].
        known: the gates and cells, if only the gradient is wanted.

    Returns:
        The outputs h_0 … h_{T−1} [T, ..., B, n], whose gradient is exact; and [gates [T, ..., B, 4n], cells [T, ..., B, n]],
        which have none.
    """

    @tf.custom_gradient
    def run(inputs, kernel, peepholes, h, c):
        steps = size(inputs, 0)
        p_i, p_f, p_o = of_gates = [peepholes[..., k : k + 1, :] for k in range(3)]  # [..., 1, n]

        def through_time() -> tuple[tf.Tensor, tf.Tensor]:
            drive = _read_in_time(inputs)

            def forward(t, h, c, gates, cells):
                now, h, c = lstm_step(drive.read(t) + h @ kernel, c, of_gates)
                return t + 1, h, c, gates.write(t, now), cells.write(t, c)

            room = [_write_in_time(like, c.dtype, steps) for like in (inputs.shape[1:], c.shape)]
            *_, gates, cells = tf.while_loop(lambda t, *_: t < steps, forward, (0, h, c, *room))
            return gates.stack(), cells.stack()

        gates, cells = through_time() if known is None else known
        outputs = gates[..., -c.shape[-1] :] * tf.tanh(cells)  # [T, ..., B, n]
        cells_before = tf.concat([c[None], cells[:-1]], 0)

        def gradient(upstream: tf.Tensor):
            errors, gate, cell, cell_before = map(_read_in_time, (upstream, gates, cells, cells_before))
            back = tf.linalg.matrix_transpose(kernel)

            def backward(t, dh, dc, deltas):
                i, f, g, o = tf.split(gate.read(t), 4, axis=-1)
                squashed = tf.tanh(cell.read(t))
                dh += errors.read(t)
                do = dh * squashed * o * (1 - o)
                dc += dh * o * (1 - squashed**2) + do * p_o
                di = dc * g * i * (1 - i)
                df = dc * cell_before.read(t) * f * (1 - f)
                dg = dc * i * (1 - g**2)
                delta = tf.concat([di, df, dg, do], -1)
                return t - 1, delta @ back, dc * f + di * p_i + df * p_f, deltas.write(t, delta)

            zero = tf.zeros_like(c)
            start = (steps - 1, zero, zero, _write_in_time(inputs.shape[1:], inputs.dtype, steps))
            _, dh, dc, deltas = tf.while_loop(lambda t, *_: t >= 0, backward, start)
            deltas = deltas.stack()  # [T, ..., B, 4n]
            before = tf.concat([h[None], outputs[:-1]], 0)
            d_kernel = tf.einsum("t...bi,t...bj->...ij", before, deltas)  # [..., n, 4n]
            di, df, _, do = tf.split(deltas, 4, axis=-1)
            seen = tf.stack([di * cells_before, df * cells_before, do * cells], -2)  # [T, ..., B, 3, n]
            d_peepholes = tf.reduce_sum(seen, [0, -3])  # [..., 3, n]
            return deltas, d_kernel, d_peepholes, dh, dc

        kept.extend((gates, cells))
        return outputs, gradient

    kept: list[tf.Tensor] = []
    outputs = run(inputs, kernel, peepholes, *initial)
    outputs.set_shape([*inputs.shape[:-1], kernel.shape[-2]])
    return outputs, kept


def lstm_step(drive: tf.Tensor, c: tf.Tensor, peepholes: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Make one step of the equations in `lstm_scan`.

    Args:
        drive: z_t + h_{t−1} U [..., B, 4n].
        c: c_{t−1} [..., B, n].
        peepholes: p_i, p_f and p_o, each [..., 1, n].

    Returns:
        The gates i, f, g, o [..., B, 4n], h_t and c_t.
    """
    p_i, p_f, p_o = peepholes
    i, f, g, o = tf.split(drive, 4, axis=-1)
    i, f, g = tf.sigmoid(i + p_i * c), tf.sigmoid(f + p_f * c), tf.tanh(g)
    c = f * c + i * g
    o = tf.sigmoid(o + p_o * c)
    return tf.concat([i, f, g, o], -1), o * tf.tanh(c), c


def _slope(activation: Activation, drives: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(drives)
        states = activation(drives)
    return tape.gradient(states, drives)


def _read_in_time(values: tf.Tensor) -> tf.TensorArray:
    return tf.TensorArray(values.dtype, size(values, 0), element_shape=values.shape[1:]).unstack(values)


def _write_in_time(shape: tf.TensorShape, dtype: tf.DType, steps: Size) -> tf.TensorArray:
    return tf.TensorArray(dtype, steps, element_shape=shape)


def size(tensor: tf.Tensor, axis: int) -> Size:
    """Return the length of an axis as a number if it is known, so that XLA and slices see constants."""
    known = tensor.shape[axis]
    return tf.shape(tensor)[axis] if known is None else known
