"""The scans that carry hidden states through time: pure TensorFlow functions with gradients of their own.

Axes, in order: time T, any leading replica axes (several networks at once), batch B, units n. Weights have the same
replica axes in front. Differentiating a loop step by step stores and multiplies far too much, so each scan says its own
gradient: the backward loop carries only the error of the state, and the gradient of the weights is one product of
stacked states and stacked errors after the loop.
"""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

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
    """Return the function compiled with XLA, wherever it is called from.

    Inside a function that XLA already compiles it is called as it is: differentiated as a function within a function,
    it would make XLA take every input for a compile-time constant and compile again at each call (TensorFlow 2.21,
    which has no public way to ask whether it traces for XLA).
    """
    with_xla = tf.function(function, jit_compile=True)

    @functools.wraps(function)
    def run(*arguments):
        inside = control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
        return function(*arguments) if inside else with_xla(*arguments)

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
) -> tf.Tensor:
    """Run h_t = f(z_t + h_{t−1} W) through time; where `fires` is false h_t = h_{t−1}.

    Args:
        inputs: z [T, ..., B, n].
        kernel: W [..., n, n]; None is 0, and then nothing is carried.
        initial: h_{−1} [..., B, n].
        activation: f, an elementwise function.
        fires: boolean, of a shape that broadcasts to the inputs' (the same rank, T first), or None for all true.
        keep: h_{t−1} W becomes (keep ⊙ h_{t−1}) W [..., B, n]; None is 1.

    Returns:
        The states h_0 … h_{T−1} [T, ..., B, n]. Their gradient is exact; `fires` and `keep` get none.
    """
    if kernel is None and fires is None:
        return activation(inputs)
    if inputs.shape[0] == 0:
        return inputs
    if kernel is None:
        kernel = tf.zeros([initial.shape[-1], initial.shape[-1]], initial.dtype)
    states = _scan(inputs, kernel, initial, activation, fires, keep)
    states.set_shape(inputs.shape)
    return states


def _scan(
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    initial: tf.Tensor,
    activation: Activation,
    fires: tf.Tensor | None,
    keep: tf.Tensor | None,
) -> tf.Tensor:
    heeded = (lambda h: h) if keep is None else (lambda h: keep * h)
    slope_of_state = SLOPES.get(activation)

    @tf.custom_gradient
    def run(inputs: tf.Tensor, kernel: tf.Tensor, initial: tf.Tensor):
        steps = size(inputs, 0)
        drive = _read_in_time(inputs)
        awake = None if fires is None else _read_in_time(fires)

        def forward(t, h, states, *totals):
            total = drive.read(t) + heeded(h) @ kernel
            new = activation(total) if awake is None else tf.where(awake.read(t), activation(total), h)
            return t + 1, new, states.write(t, new), *(array.write(t, total) for array in totals)

        room = [_write_in_time(initial.shape, initial.dtype, steps) for _ in range(1 if slope_of_state else 2)]
        _, _, states, *totals = tf.while_loop(lambda t, *_: t < steps, forward, (0, initial, *room))
        states = states.stack()
        slopes = None if slope_of_state else _slope(activation, totals[0].stack())

        def gradient(upstream: tf.Tensor):
            errors = _read_in_time(upstream)
            slope = _read_in_time(states if slope_of_state else slopes)
            woke = None if fires is None else _read_in_time(fires)  # lists cannot pass from one XLA program to another
            back = tf.linalg.matrix_transpose(kernel)

            def backward(t, error, deltas):
                error += errors.read(t)
                delta = error * (slope_of_state(slope.read(t)) if slope_of_state else slope.read(t))
                if woke is None:
                    return t - 1, heeded(delta @ back), deltas.write(t, delta)
                fired, zero = woke.read(t), tf.zeros_like(delta)
                delta, held = tf.where(fired, delta, zero), tf.where(fired, zero, error)
                return t - 1, held + heeded(delta @ back), deltas.write(t, delta)

            start = (steps - 1, tf.zeros_like(initial), _write_in_time(initial.shape, initial.dtype, steps))
            _, d_initial, deltas = tf.while_loop(lambda t, *_: t >= 0, backward, start)
            deltas = deltas.stack()  # [T, ..., B, n]
            before = heeded(tf.concat([initial[None], states[:-1]], 0))  # [T, ..., B, n]
            d_kernel = tf.einsum("t...bi,t...bj->...ij", before, deltas)  # [..., n, n]
            return deltas, d_kernel, d_initial

        return states, gradient

    return run(inputs, kernel, initial)


def lstm_scan(
    inputs: tf.Tensor, kernel: tf.Tensor, peepholes: tf.Tensor, initial: tuple[tf.Tensor, tf.Tensor]
) -> tf.Tensor:
    """Run a long short-term memory through time (Hochreiter and Schmidhuber 1997; Gers et al. 2002 for peepholes).

    i, f, g, o = z_t + h_{t−1} U;  i = σ(i + p_i c_{t−1}),  f = σ(f + p_f c_{t−1}),  c_t = f c_{t−1} + i tanh(g),
    o = σ(o + p_o c_t),  h_t = o tanh(c_t).

    Args:
        inputs: z, the four gates beside each other in the order i, f, g, o (Keras's) [T, ..., B, 4n].
        kernel: U [..., n, 4n].
        peepholes: p_i, p_f, p_o [..., 3, n]; zeros make an LSTM without.
        initial: h_{−1} and c_{−1} [..., B, n].

    Returns:
        The outputs h_0 … h_{T−1} [T, ..., B, n]. Their gradient is exact.
    """

    @tf.custom_gradient
    def run(inputs, kernel, peepholes, h, c):
        steps = size(inputs, 0)
        drive = _read_in_time(inputs)
        p_i, p_f, p_o = (peepholes[..., k : k + 1, :] for k in range(3))  # [..., 1, n]

        def forward(t, h, c, gates, cells):
            i, f, g, o = tf.split(drive.read(t) + h @ kernel, 4, axis=-1)
            i, f, g = tf.sigmoid(i + p_i * c), tf.sigmoid(f + p_f * c), tf.tanh(g)
            c = f * c + i * g
            o = tf.sigmoid(o + p_o * c)
            gates, cells = gates.write(t, tf.concat([i, f, g, o], -1)), cells.write(t, c)
            return t + 1, o * tf.tanh(c), c, gates, cells

        start = (
            0,
            h,
            c,
            _write_in_time(inputs.shape[1:], inputs.dtype, steps),
            _write_in_time(c.shape, c.dtype, steps),
        )
        *_, gates, cells = tf.while_loop(lambda t, *_: t < steps, forward, start)
        gates, cells = gates.stack(), cells.stack()
        outputs = gates[..., -c.shape[-1] :] * tf.tanh(cells)  # [T, ..., B, n]
        cells_before = tf.concat([c[None], cells[:-1]], 0)

        def gradient(upstream):
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

        return outputs, gradient

    outputs = run(inputs, kernel, peepholes, *initial)
    outputs.set_shape([*inputs.shape[:-1], kernel.shape[-2]])
    return outputs


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
