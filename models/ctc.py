"""Connectionist temporal classification (Graves et al. 2006): the loss of sequences that say their labels one after another, at times
that nobody gives.

Axes: sequences N (of all replicas), time T, classes C (the last one is the blank), labels L.

The probabilities of a line's beginnings fall below what any number holds; elsewhere they are added as logarithms. Here they are doubles
with an exponent of their own beside them: exact to rounding whatever the length, and without an exponential or a logarithm in the loop.
"""

import functools
import math
from typing import NamedTuple

import tensorflow as tf

from .linear import size

UNREACHED = -(2**40)  # exponent of a probability of 0
LEAST = 1e-37  # probability that any class is thought to have, so that a loss is finite and its gradient leads out
BITS, BIAS = 52, 1023  # of a double: those of its fraction, and what is added to its exponent


@tf.autograph.experimental.do_not_convert  # which takes seconds, and changes nothing
def ctc_loss(logits: tf.Tensor, labels: tf.Tensor, counts: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return −ln of the probability that a sequence says its labels, at whichever times.

    Args:
        logits: [..., B, T, C]; class C − 1 is the blank. Half precision is computed with in single.
        labels: of each sequence, integers [B, L] or [..., B, L], below C − 1; those that do not count may be any.
        counts: how many of them count, integers [B] or [..., B].
        steps: how many steps of each sequence count, likewise.

    Returns:
        [..., B], where no class counts as less probable than 1e-37 at a step; infinite, with a gradient of 0, where a
        sequence is too short to say its labels, with blanks between equal ones.

    Raises:
        ValueError: logits are no such numbers; labels, counts or steps are out of range. In a graph, which cannot raise the
            latter, the loss is not a number there.

    Source: Graves et al. 2006, section 4.1; the gradient is its equation 15.
    """
    logits = _checked_logits(logits)
    labels, counts, steps, usable = _checked(logits, labels, counts, steps)
    shape = [size(logits, axis) for axis in range(logits.shape.rank - 2)]
    labels = tf.reshape(tf.broadcast_to(labels, [*shape, size(labels, -1)]), [-1, size(labels, -1)])  # [N, L]
    counts, steps = (tf.reshape(tf.broadcast_to(values, shape), [-1]) for values in (counts, steps))  # [N]

    @tf.custom_gradient
    def loss(flat):
        wide = tf.cast(flat, tf.float64 if flat.dtype == tf.float64 else tf.float32)
        found = _losses_and_gradients(wide, labels, counts, steps)
        losses, gradients = (tf.cast(part, flat.dtype) for part in found)
        return losses, lambda upstream: upstream[:, None, None] * gradients

    flat = tf.reshape(logits, [-1, size(logits, -2), logits.shape[-1]])  # [N, T, C]
    return tf.where(usable, tf.reshape(loss(flat), shape), tf.constant(math.nan, logits.dtype))


def best_path(logits: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return the labels of the most likely class at every step, at the step at which each begins.

    Args:
        logits: [..., B, T, C]; class C − 1 is the blank.
        steps: how many steps of each sequence count, integers [B] or [..., B].

    Returns:
        int32 [..., B, T]; −1 where no label begins.

    Raises:
        ValueError: logits are no such numbers; steps are out of range, but for a graph.

    Source: Graves et al. 2006, section 3.2.
    """
    logits = _checked_logits(logits)
    steps, length = tf.cast(_of_sequences("steps", steps, logits), tf.int64), size(logits, -2)
    _check_range("steps", steps, (steps >= 0) & (steps <= tf.cast(length, tf.int64)), f"at most {length}")
    classes = tf.argmax(logits, -1, tf.int32)
    before = tf.concat([tf.fill(tf.shape(classes[..., :1]), -1), classes[..., :-1]], -1)
    begins = (classes != before) & (classes != logits.shape[-1] - 1) & tf.sequence_mask(steps, length)
    return tf.where(begins, classes, -1)


def _checked_logits(logits) -> tf.Tensor:
    """Return logits as a tensor; raises a ValueError where they are none."""
    logits = tf.convert_to_tensor(logits)
    if not logits.dtype.is_floating or logits.shape.rank < 3 or logits.shape[-1] == 0:
        came = f"{logits.dtype.name} of shape {logits.shape}"
        raise ValueError(f"`logits` must be floating-point numbers [..., B, T, C]. Received: {came}")
    return logits


def _of_sequences(name: str, values, logits: tf.Tensor) -> tf.Tensor:
    """Return whole numbers of each sequence, labels as a last axis, as a tensor; raises a ValueError where they are none."""
    values = tf.convert_to_tensor(values)
    if not values.dtype.is_integer:
        raise ValueError(f"`{name}` must be whole numbers. Received: {values.dtype.name}")
    own, batch = values.shape[:-1] if name == "labels" else values.shape, logits.shape[:-2]
    if not (own.rank and own.is_compatible_with(batch[-own.rank :])):
        raise ValueError(f"`{name}` must be of the sequences {batch}. Received: those of {own}")
    return values


def _check_range(name: str, values: tf.Tensor, good: tf.Tensor, wanted: str) -> None:
    """Raise a ValueError, where that is possible, if not all values are good."""
    if tf.executing_eagerly() and not tf.reduce_all(good):
        raise ValueError(f"`{name}` must be from 0 and {wanted}. Received: {values.numpy().tolist()}")


def _checked(logits, labels, counts, steps) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return labels, counts and steps as int32 and in range, and where they were [..., B]; raises what `ctc_loss` says."""
    given = {"labels": labels, "counts": counts, "steps": steps}
    given = {name: _of_sequences(name, values, logits) for name, values in given.items()}
    labels, counts, steps = (tf.cast(values, tf.int64) for values in given.values())  # in which none wraps
    blank, count, length = (tf.cast(size(*axis), tf.int64) for axis in ((logits, -1), (labels, -1), (logits, -2)))
    blank -= 1
    if labels.shape[-1] == 0:  # nobody says anything, which one label that does not count says too
        labels = tf.zeros([*labels.shape[:-1], 1], tf.int64)
    counting, known = tf.sequence_mask(counts, size(labels, -1)), (labels >= 0) & (labels < blank)
    good = {
        "counts": ((counts >= 0) & (counts <= count), f"at most {count}"),
        "labels": (tf.reduce_all(known | ~counting, -1), f"below {blank}, the blank"),
        "steps": ((steps >= 0) & (steps <= length), f"at most {length}"),
    }
    for name, (where, wanted) in good.items():
        _check_range(name, given[name], where, wanted)
    usable = functools.reduce(tf.logical_and, (where for where, _ in good.values()))
    parts = (
        tf.where(counting & known, labels, 0),
        tf.clip_by_value(counts, 0, count),
        tf.clip_by_value(steps, 0, length),
    )
    return *(tf.cast(values, tf.int32) for values in parts), usable


def _losses_and_gradients(logits, labels, counts, steps) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the losses [N] of logits [N, T, C], and their gradients [N, T, C]."""
    probabilities, real = tf.maximum(tf.nn.softmax(logits), LEAST), tf.sequence_mask(steps, size(logits, 1))
    label = tf.where(real[..., None], tf.gather(probabilities, labels, axis=2, batch_dims=1), 0)  # [N, T, L]
    blank = tf.where(real, probabilities[..., -1], 1)  # [N, T]
    begun, left, whole, exponent = _both_ways(label, blank, labels, counts, tf.reduce_max(steps))
    losses = -tf.math.log(whole) - tf.cast(exponent, whole.dtype) * math.log(2)
    losses = tf.where(whole == 0, tf.constant(math.inf, whole.dtype), losses)  # what is not a number stays so

    # Of all ways to say the labels, the share that is at one of them at a step.
    shares = begun.at * left.at * _power_of_2(begun.exponents + left.exponents - exponent[:, None])
    shares = tf.math.divide_no_nan(shares, tf.cast(tf.transpose(label, [1, 0, 2]), shares.dtype) * whole[:, None])
    shares = tf.where(tf.sequence_mask(counts, size(labels, 1)), tf.cast(shares, logits.dtype), 0)  # [T, N, L]
    classes = logits.shape[-1]
    expected = tf.transpose(shares, [1, 0, 2]) @ tf.one_hot(labels, classes, dtype=logits.dtype)  # [N, T, C]
    silent = 1 - tf.transpose(tf.reduce_sum(shares, -1))[..., None]  # [N, T, 1]
    expected += silent * tf.one_hot(classes - 1, classes, dtype=logits.dtype)
    gradients = tf.where((real & (whole > 0)[:, None])[..., None], probabilities - expected, 0)
    return losses, gradients


class Chances(NamedTuple):
    """How likely it is to be at each label after each step, having said those before it: at · 2 to the power of the exponents.

    Args:
        at: doubles [T, N, L].
        exponents: int64, likewise.
    """

    at: tf.Tensor
    exponents: tf.Tensor


def _both_ways(label, blank, labels, counts, needed) -> tuple[Chances, Chances, tf.Tensor, tf.Tensor]:
    """Go through time, and back through it and through the labels, what is left to say being what would be said backwards.

    Args:
        label: probability of each label at each step [N, T, L], 0 behind the end.
        blank: that of the blank [N, T], 1 behind the end, so that steps there leave all as it is.
        labels: int32 [N, L].
        counts: how many of them count [N].
        needed: how many steps are of any sequence; behind them there are zeros.

    Returns:
        The chances of having begun the labels up to one, and of what is left from it on; the probability of all of them [N]
        and its exponent.
    """
    count, steps = size(labels, 1), size(blank, 1)
    ways = [
        _in_time(tf.pad(one, [[0, 0], [0, 0], [0, 1]])) for one in (label, label[..., ::-1])
    ]  # after all, none to say
    other = tf.concat([labels[:, 1:] != labels[:, :-1], labels[:, :0:-1] != labels[:, -2::-1]], 0)
    other = tf.cast(tf.pad(other, [[0, 0], [1, 1]]), tf.float64)  # [2N, L + 1]: equal ones need a blank between them
    blank = _in_time(blank[..., None])

    def step(t, silent, at, exponents, forth, back):
        places = t, needed - 1 - t
        spoken, silence = (
            tf.concat([one.read(place) for one, place in zip(both, places, strict=True)], 0)
            for both in (ways, (blank, blank))
        )  # [2N, L + 1], [2N, 1]
        silent, at, exponents = _scaled(*_say(silent, at, exponents, silence, spoken, other))
        found = zip(tf.split(at[:, :-1], 2), tf.split(exponents[:, :-1], 2), strict=True)
        forth, back = (
            [array.write(place, part) for array, part in zip(arrays, parts, strict=True)]
            for arrays, place, parts in zip((forth, back), places, found, strict=True)
        )
        return t + 1, silent, at, exponents, forth, back

    said = tf.concat([tf.zeros_like(counts), count - counts], 0)  # backwards, those that do not count have been
    silent = tf.one_hot(said, count + 1, dtype=tf.float64)  # [2N, L + 1]
    exponents = tf.where(silent > 0, tf.constant(0, tf.int64), UNREACHED)
    arrays = [
        [tf.TensorArray(kind, steps, element_shape=labels.shape) for kind in (tf.float64, tf.int64)] for _ in "fb"
    ]
    start = (0, silent, tf.zeros_like(silent), exponents, *arrays)
    _, *state, forth, back = tf.while_loop(lambda t, *_: t < needed, step, start)
    whole, _, exponents = _say(*state, 1.0, 0.0, 0.0)  # one more blank
    begun, left = (Chances(*(array.stack() for array in arrays)) for arrays in (forth, back))
    left = Chances(*(part[..., ::-1] for part in left))
    whole, exponents = (tf.gather(tf.split(part, 2)[0], counts, batch_dims=1) for part in (whole, exponents))
    return begun, left, whole, exponents


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


def _in_time(values: tf.Tensor) -> tf.TensorArray:
    """Return values [N, T, …] as an array of doubles [N, …], one for each step.

    An index into a tensor that depends on how long sequences are would have XLA compile for each length.
    """
    array = tf.TensorArray(
        tf.float64, size(values, 1), element_shape=values.shape[:1] + values.shape[2:], clear_after_read=False
    )
    return array.unstack(tf.cast(tf.transpose(values, [1, 0, 2]), tf.float64))
