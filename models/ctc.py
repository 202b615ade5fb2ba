"""Connectionist temporal classification (Graves et al. 2006): the loss of sequences that say their labels one after another, at times
that nobody gives.

Axes: sequences N (of all replicas), time T, classes C (the last one is the blank), labels L.

The probabilities of a line's beginnings fall below what any number holds; elsewhere they are added as logarithms. Here they are doubles
with an exponent of their own beside them: exact to rounding whatever the length, and without an exponential or a logarithm in the loop.
"""

import math

import tensorflow as tf

from .linear import size

UNREACHED = -(2**40)  # exponent of a probability of 0
LEAST = 1e-37  # probability that any class is thought to have, so that a loss is finite and its gradient leads out
BITS, BIAS = 52, 1023  # of a double: those of its fraction, and what is added to its exponent


def ctc_loss(logits: tf.Tensor, labels: tf.Tensor, counts: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return −ln of the probability that a sequence says its labels, at whichever times.

    Args:
        logits: [..., B, T, C]; class C − 1 is the blank.
        labels: of each sequence, int32 [B, L] or [..., B, L], below C − 1.
        counts: how many of them count, int32 [B] or [..., B].
        steps: how many steps of each sequence count, likewise.

    Returns:
        [..., B]; infinite, with a gradient of 0, where a sequence is too short to say its labels, with blanks between equal ones.

    Source: Graves et al. 2006, section 4.1; the gradient is its equation 15.
    """
    shape = [size(logits, axis) for axis in range(logits.shape.rank - 2)]
    labels = tf.reshape(tf.broadcast_to(labels, [*shape, size(labels, -1)]), [-1, size(labels, -1)])  # [N, L]
    counts, steps = (tf.reshape(tf.broadcast_to(values, shape), [-1]) for values in (counts, steps))  # [N]

    @tf.custom_gradient
    def loss(flat):
        losses, gradients = _losses_and_gradients(flat, labels, counts, steps)
        return losses, lambda upstream: upstream[:, None, None] * gradients

    flat = tf.reshape(logits, [-1, size(logits, -2), logits.shape[-1]])  # [N, T, C]
    return tf.reshape(loss(flat), shape)


def best_path(logits: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return the labels of the most likely class at every step, at the step at which each begins.

    Args:
        logits: [..., B, T, C]; class C − 1 is the blank.
        steps: how many steps of each sequence count, int32 [B] or [..., B].

    Returns:
        int32 [..., B, T]; −1 where no label begins.

    Source: Graves et al. 2006, section 3.2.
    """
    classes = tf.argmax(logits, -1, tf.int32)
    before = tf.concat([tf.fill(tf.shape(classes[..., :1]), -1), classes[..., :-1]], -1)
    begins = (classes != before) & (classes != logits.shape[-1] - 1) & tf.sequence_mask(steps, size(classes, -1))
    return tf.where(begins, classes, -1)


def _losses_and_gradients(logits, labels, counts, steps) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the losses [N] of logits [N, T, C], and their gradients [N, T, C]."""
    probabilities, real = tf.maximum(tf.nn.softmax(logits), LEAST), tf.sequence_mask(steps, size(logits, 1))
    label = tf.where(real[..., None], tf.gather(probabilities, labels, axis=2, batch_dims=1), 0)  # [N, T, L]
    blank = tf.where(real, probabilities[..., -1], 1)  # [N, T]

    # What is left to say is what would be said backwards: both ways in one loop, as 2N sequences.
    back = lambda values: tf.reverse_sequence(tf.reverse_sequence(values, steps, 1), counts, 2)  # noqa: E731
    backwards = back(label), tf.reverse_sequence(blank, steps, 1), tf.reverse_sequence(labels, counts, 1)
    both = zip((label, blank, labels), backwards, strict=True)
    at, exponents, whole, whole_exponents = _through_time(*(tf.concat(pair, 0) for pair in both))
    whole, exponent = (
        tf.gather(tf.split(part, 2)[0], counts, batch_dims=1) for part in (whole, whole_exponents)
    )  # [N]
    losses = tf.where(whole > 0, -tf.math.log(whole) - tf.cast(exponent, whole.dtype) * math.log(2), math.inf)

    # Of all ways to say the labels, the share that is at one of them at a step.
    (begun, left), (begun_exponents, left_exponents) = (tf.split(part, 2) for part in (at, exponents))  # [N, T, L]
    shares = begun * back(left) * _power_of_2(begun_exponents + back(left_exponents) - exponent[:, None, None])
    shares = tf.math.divide_no_nan(shares, tf.cast(label, shares.dtype) * whole[:, None, None])
    shares = tf.cast(tf.where(tf.sequence_mask(counts, size(labels, 1))[:, None], shares, 0), logits.dtype)
    classes = logits.shape[-1]
    expected = shares @ tf.one_hot(labels, classes, dtype=logits.dtype)  # [N, T, C]
    expected += (1 - tf.reduce_sum(shares, -1, keepdims=True)) * tf.one_hot(classes - 1, classes, dtype=logits.dtype)
    gradients = tf.where((real & (whole > 0)[:, None])[..., None], probabilities - expected, 0)
    return tf.cast(losses, logits.dtype), gradients


def _through_time(label, blank, labels) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return how likely it is to have begun the labels so far.

    Args:
        label: probability of each label at each step [N, T, L].
        blank: that of the blank [N, T]; 1 after the end.
        labels: int32 [N, L].

    Returns:
        The probability of being at each label after each step [N, T, L] and its exponent, and in the end of having said the first 0,
        1, …, L labels [N, L + 1] and its exponent.
    """
    sequences, steps, count = (size(label, axis) for axis in range(3))
    label = _doubles(tf.pad(label, [[0, 0], [0, 0], [0, 1]]))  # [T, N, L + 1]: after all labels there is none to say
    blank = _doubles(blank[..., None])  # [T, N, 1]
    other = tf.pad(labels[:, 1:] != labels[:, :-1], [[0, 0], [1, 1]])  # equal ones need a blank between them
    other = tf.cast(other, tf.float64)  # [N, L + 1]

    def step(t, silent, at, exponents, all_at, all_exponents):
        silent, at, exponents = _scaled(*_say(silent, at, exponents, blank[t], label[t], other))
        return t + 1, silent, at, exponents, all_at.write(t, at[:, :-1]), all_exponents.write(t, exponents[:, :-1])

    silent = tf.one_hot(tf.zeros([sequences], tf.int32), count + 1, dtype=tf.float64)
    exponents = tf.where(silent > 0, tf.constant(0, tf.int64), UNREACHED)
    arrays = (tf.TensorArray(kind, steps, element_shape=labels.shape) for kind in (tf.float64, tf.int64))
    start = (0, silent, tf.zeros_like(silent), exponents, *arrays)
    _, *state, all_at, all_exponents = tf.while_loop(lambda t, *_: t < steps, step, start)
    whole, _, exponents = _say(*state, 1.0, 0.0, 0.0)  # one more blank
    return *(tf.transpose(array.stack(), [1, 0, 2]) for array in (all_at, all_exponents)), whole, exponents


def _say(silent, at, exponents, blank, label, other) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the probabilities after a step of what they were before it, each [N, L + 1], times 2 to the power of the exponents.

    Args:
        silent: of having said the first k labels, the last of them not going on.
        at: of being at label k.
        exponents: of both.
        blank, label: their probabilities at this step.
        other: 1 where a label is not the one before it.
    """
    at_last, exponents_last = tf.pad(at[:, :-1], [[0, 0], [1, 0]]), exponents[:, :-1]
    exponents_last = tf.pad(exponents_last, [[0, 0], [1, 0]], constant_values=UNREACHED)
    top = tf.maximum(exponents, exponents_last)
    here, last = _power_of_2(exponents - top), at_last * _power_of_2(exponents_last - top)
    return (silent * here + last) * blank, ((silent + at) * here + last * other) * label, top


def _scaled(silent, at, exponents) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the same, with a larger one of each pair from 1 to 2."""
    more = tf.bitwise.right_shift(tf.bitcast(tf.maximum(silent, at), tf.int64), tf.constant(BITS, tf.int64))
    factor = tf.bitcast(tf.bitwise.left_shift(2 * BIAS - more, tf.constant(BITS, tf.int64)), tf.float64)
    return silent * factor, at * factor, tf.where(more > 0, exponents + more - BIAS, UNREACHED)


def _power_of_2(exponents: tf.Tensor) -> tf.Tensor:
    """Return doubles from int64 exponents, at least the smallest normal one."""
    bits = tf.bitwise.left_shift(tf.clip_by_value(exponents, 1 - BIAS, BIAS) + BIAS, tf.constant(BITS, tf.int64))
    return tf.bitcast(bits, tf.float64)


def _doubles(values: tf.Tensor) -> tf.Tensor:
    """Return values [N, T, …] with time first."""
    return tf.cast(tf.transpose(values, [1, 0, 2]), tf.float64)
