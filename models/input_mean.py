"""What a module sees at its tick if not the input there: the mean of the inputs over its last period.

x̄_i(t) = 1/c Σ x(s) over s = t − c + 1 … t, with c = min(T_i, t + 1), so that the mean begins with the sequence.

At a tick these are the inputs since the tick before, so what goes from one stretch of a sequence to the next is a sum a
module. Axes as in `linear`.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from .clocks import Modules, fires
from .linear import size


def means(
    sequences: tf.Tensor, modules: Modules, clock: tf.Tensor | None = None, sums: tf.Tensor | None = None
) -> list[tf.Tensor]:
    """Return what each module sees if it fires, at every step [T, ..., B, features].

    Args:
        sequences: the inputs [T, ..., B, features].
        modules: g modules, with their periods.
        clock: the number of the first step, int32 [B]; None is 0.
        sums: of the inputs since each module's last tick [..., B, g, features], in whose type means are taken; None is 0.

    Returns:
        One tensor a module; where it does not fire, its values mean nothing.
    """
    exact = sequences if sums is None else tf.cast(sequences, sums.dtype)
    window_sums = _window_sums(exact)
    steps = tf.reshape(tf.range(size(exact, 0)), [-1] + [1] * (exact.shape.rank - 1))  # [T, ..., 1, 1]
    done = 0 if clock is None else clock[:, None]  # [B, 1]
    seen = []
    for module, period in enumerate(modules.periods):
        total = window_sums(min(period, exact.shape[0] or period))
        if sums is not None:  # the window of the first tick reaches back behind the first step, that of no later one
            before = sums[..., module, :]
            total += tf.where(steps < period, before, tf.zeros_like(before))
        missing = tf.maximum(tf.maximum(period - 1 - done, 0) - steps, 0)  # [T, ..., B or 1, 1]
        mean = total / tf.cast(period - missing, total.dtype)
        seen.append(tf.cast(mean, sequences.dtype))
    return seen


def _window_sums(sequences: tf.Tensor) -> Callable[[int], tf.Tensor]:
    """Return length → the sum of so many steps up to each one [T, ..., B, features]; before the first there are zeros.

    Windows are doubled until they are long enough. Unlike differences of cumulative sums that loses no digits, and the
    windows of periods 1, 2, 4, … are made of each other.
    """

    @functools.cache
    def window_sum(length: int) -> tf.Tensor:
        if length <= 1:
            return sequences
        half = length // 2
        even = window_sum(half) + _later(window_sum(half), half)
        return even if length % 2 == 0 else sequences + _later(even, 1)

    return window_sum


def _later(values: tf.Tensor, steps: int) -> tf.Tensor:
    return tf.concat([tf.zeros_like(values[:steps]), values[:-steps]], 0)


def since_ticks(
    sequences: tf.Tensor,
    sums: tf.Tensor,
    clock: tf.Tensor,
    modules: Modules,
    mask: tf.Tensor | None = None,
    backwards: bool = False,
) -> tf.Tensor:
    """Return the sums of the inputs since each module's last tick, after a stretch of a sequence [B, g, features].

    Args:
        sequences: the inputs [B, T, features].
        sums: before the first step [B, g, features].
        clock: the number of the step that comes after the last one, int32 [B].
        modules: g modules.
        mask: boolean, false where a step does not exist [B, T]; None is all true.
        backwards: whether the last step is the first in the sequences.
    """
    if mask is None:
        mask = tf.ones(tf.shape(sequences)[:2], bool)
    sequences = tf.where(mask[..., None], sequences, tf.zeros_like(sequences))
    steps = tf.cast(mask, tf.int32)
    to_come = tf.cumsum(steps, axis=1, exclusive=True, reverse=not backwards)  # [B, T]
    since = (clock[:, None] - 1 - modules.phases) % modules.periods  # steps since the tick [B, g]
    later = tf.cast(to_come[:, :, None] < since[:, None], sums.dtype)  # [B, T, g]
    none_fired = since > tf.reduce_sum(steps, 1)[:, None]  # [B, g]
    sums = tf.where(none_fired[..., None], sums, tf.zeros_like(sums))
    return sums + tf.einsum("btg,btf->bgf", later, tf.cast(sequences, sums.dtype))


def single_step(
    inputs: tf.Tensor, sums: tf.Tensor, clock: tf.Tensor, modules: Modules
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Return what each module sees if it fires [B, features], and the sums after the step [B, g, features].

    Args:
        inputs: [B, features].
        sums: of the inputs since each module's last tick [B, g, features].
        clock: the number of the step, an int32 scalar.
        modules: g modules.
    """
    sums += tf.cast(inputs, sums.dtype)[:, None]
    counts = tf.cast(1 + tf.minimum(clock, np.array(modules.periods) - 1), sums.dtype)  # [g]
    seen = tf.unstack(tf.cast(sums / counts[:, None], inputs.dtype), axis=1)
    fired = fires(clock, np.array(modules.periods), np.array(modules.phases))  # [g]
    return seen, tf.where(fired[:, None], tf.zeros_like(sums), sums)
