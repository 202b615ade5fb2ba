"""The linear pieces of the network, each with its way back: products with weights, and values held from tick to tick.

Axes, in order: time T, any leading replica axes (several networks at once), batch B, gates, units. Weights have the same
replica axes in front.
"""

from typing import NamedTuple

import tensorflow as tf

from .plan import Ticks

Size = int | tf.Tensor  # known when the graph is built, or only when it runs


class Trace(NamedTuple):
    """Values that change at ticks only: the first before any tick, then one after each.

    Args:
        values: [1 + ticks, ..., B, units].
        ticks: when they change.
    """

    values: tf.Tensor
    ticks: Ticks


def size(tensor: tf.Tensor, axis: int) -> Size:
    """Return the length of an axis as a number if it is known, so that XLA and slices see constants."""
    known = tensor.shape[axis]
    return tf.shape(tensor)[axis] if known is None else known


def product(values: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Multiply the values at all steps [T, ..., B, i] by a kernel [..., i, gates, j] at once [T, ..., B, gates, j].

    `@` would repeat the kernel for each step, and sum its gradient over as many matrices.
    """
    if kernel.shape.rank > 3 or values.shape.rank > 3:
        return einsum("t*bi,*igj->t*bgj", values, kernel)
    said = tf.reshape(values, [-1, values.shape[-1]]) @ _columns(kernel)
    return tf.reshape(said, [size(values, 0), size(values, 1), *kernel.shape[-2:]])


def product_back(errors: tf.Tensor, values: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the errors of the values and the gradient of the kernel, from the errors of the product."""
    return values_back(errors, kernel), kernel_gradient(values, errors)


def values_back(errors: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return the errors of what was multiplied by a kernel [T, ..., B, i], from the errors of the product."""
    inputs = kernel.shape[-3]
    if inputs == 1:  # a product of a matrix and a vector, for which XLA's code is long
        return tf.reduce_sum(errors * kernel[..., 0, None, :, :], [-2, -1])[..., None]
    if kernel.shape.rank > 3 or errors.shape.rank > 4:
        return einsum("t*bgj,*igj->t*bi", errors, kernel)
    return tf.reshape(
        tf.linalg.matmul(_columns(errors), _columns(kernel), transpose_b=True),
        [size(errors, 0), size(errors, 1), inputs],
    )


def kernel_gradient(values: tf.Tensor, errors: tf.Tensor) -> tf.Tensor:
    """Return the gradient of a kernel [..., i, gates, j] from what it was multiplied by and the errors of the product."""
    if values.shape.rank > 3 or errors.shape.rank > 4:
        return einsum("t*bi,t*bgj->*igj", values, errors)
    gradient = tf.linalg.matmul(tf.reshape(values, [-1, values.shape[-1]]), _columns(errors), transpose_a=True)
    return tf.reshape(gradient, [values.shape[-1], *errors.shape[-2:]])


def _columns(values: tf.Tensor) -> tf.Tensor:
    """Return [..., gates, j] as a matrix [-1, gates · j].

    Without replicas products of such matrices read their arguments as they lie; for an einsum XLA would first turn some round.
    """
    return tf.reshape(values, [-1, values.shape[-2] * values.shape[-1]])


def einsum(equation: str, *tensors: tf.Tensor) -> tf.Tensor:
    """Sum products as the equation says, where * stands for the replica axes (which not all exporters know as `...`)."""
    terms = equation.split("->")[0].split(",")
    axes = ["RSUV"[: tensor.shape.rank - len(term) + 1] for term, tensor in zip(terms, tensors, strict=True)]
    most = max(axes, key=len)
    inputs = (term.replace("*", most[len(most) - len(own) :]) for term, own in zip(terms, axes, strict=True))
    return tf.einsum(",".join(inputs) + "->" + equation.split("->")[1].replace("*", most), *tensors)


def hold(source: Trace, listener: Ticks, count: Size) -> tf.Tensor:
    """Return the source's value one step before each of so many ticks of the listener [count, ...].

    At step t that is the one after the source's update number floor((t − 1 − phase) / period), or the first value before
    any. Each value is repeated so often that the result changes at the common ticks, from which the listener's are taken.
    """
    values = source.values
    repeats, places = _places(source.ticks, listener, count)
    if not _is(repeats, 1):
        rest = [size(values, axis) for axis in range(1, values.shape.rank)]
        values = tf.broadcast_to(values[:, None], [size(values, 0), repeats, *rest])  # [1 + ticks, repeats, ...]
        values = tf.reshape(values, [-1, *rest])  # [(1 + ticks) · repeats, ...]
    return at(values, places)[:count]


def hold_back(errors: tf.Tensor, source: Ticks, listener: Ticks, length: Size) -> tf.Tensor:
    """Return the errors of the source's values [length, ...], from those of what was held [count, ...]."""
    repeats, places = _places(source, listener, size(errors, 0))
    errors = at_back(errors, places, length * repeats)
    if not _is(repeats, 1):
        rest = [size(errors, axis) for axis in range(1, errors.shape.rank)]
        errors = tf.reduce_sum(tf.reshape(errors, [length, repeats, *rest]), 1)
    return errors


def at(values: tf.Tensor, ticks: Ticks) -> tf.Tensor:
    """Return the values at ticks [ticks, ...], of those at all steps [T, ...]."""
    return values if ticks.period == 1 and _is(ticks.phase, 0) else values[ticks.phase :: ticks.period]


def at_back(errors: tf.Tensor, ticks: Ticks, steps: Size) -> tf.Tensor:
    """Return the errors at all steps [T, ...], from those at ticks, or at the first of them."""
    none = [[0, 0]] * (errors.shape.rank - 1)
    before = _smaller(ticks.phase, steps)  # a first tick may lie behind the end
    if ticks.period > 1:
        rest = [size(errors, axis) for axis in range(1, errors.shape.rank)]
        held = _smaller(ticks.period - 1, steps)  # steps behind each tick; ticks that are further apart are one
        errors = tf.pad(errors[:, None], [[0, 0], [0, held], *none])
        errors = tf.reshape(errors, [-1, *rest])[: steps - before]  # [ticks · period or less, ...]
    behind = steps - before - size(errors, 0)
    return errors if _is(before, 0) and _is(behind, 0) else tf.pad(errors, [[before, behind], *none])


def _places(source: Ticks, listener: Ticks, count: Size) -> tuple[Size, Ticks]:
    """Return how often each of the source's values is repeated, and which of the repeated ones are held.

    No more than the listener's ticks reach over, so that memory does not depend on the periods.
    """
    common = source.common(listener).period
    repeats, stride = source.period // common, listener.period // common
    ahead = (listener.phase - source.phase) // common  # of the source's first tick, in common ticks
    if repeats > 1:
        reach = stride * (count - 1)
        ahead = -_smaller(-ahead, reach)
        repeats = _smaller(repeats, 1 + reach - _smaller(-ahead, 0))
    return repeats, Ticks(stride, repeats - 1 + ahead)


def _smaller(one: Size, other: Size) -> Size:
    return min(one, other) if isinstance(one, int) and isinstance(other, int) else tf.minimum(one, other)


def _is(length: Size, number: int) -> bool:
    """Return whether a length is known to be a number."""
    return isinstance(length, int) and length == number
