"""The clock of a state: the number of the next step, an int32 that never wraps unseen.

From 2³¹ − 1 on it goes back by whole hyperperiods, after which the same modules fire at the same steps. Where the hyperperiod
is too long for that it becomes negative, and whatever starts from a negative clock is not a number.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

from .clocks import LARGEST, Modules
from .linear import Size


def goes_back(modules: Modules, input_mean: bool) -> bool:
    """Return whether a clock can go back by hyperperiods; means of inputs need one that is behind the longest period."""
    return modules.hyperperiod + input_mean * (max(modules.periods) - 1) <= LARGEST


def advance(clock: tf.Tensor | int, steps: Size, modules: Modules, input_mean: bool) -> tf.Tensor:
    """Return the clock so many steps later.

    Args:
        clock: the number of the first step, int32.
        steps: how many, of a shape that broadcasts to that of the clock.
        modules: of the network.
        input_mean: whether they see means of inputs, which begin with the sequence.
    """
    after = clock + steps
    if not goes_back(modules, input_mean):
        return after  # if it is too large, the sum has wrapped to a negative number
    period = modules.hyperperiod
    early = (clock % period - (period - steps % period)) % period  # no number on the way is larger than 2³¹ − 1
    if input_mean:
        early = tf.where(early < max(modules.periods), early + period, early)
    return tf.where(clock > LARGEST - steps, early, after)


def checked(clock: tf.Tensor) -> tf.Tensor:
    """Return a clock of any type, −1 where it is no int32 from 0 on; raises a ValueError if that is known already."""
    wanted = f"the clock of a state must be whole numbers from 0 to {LARGEST}. Received:"
    if not (clock.dtype.is_floating or clock.dtype.is_integer):
        raise ValueError(f"{wanted} {clock.dtype.name}")
    if tf.executing_eagerly():
        if not _are_steps(clock.numpy().astype(float)).all():
            raise ValueError(f"{wanted} {clock.numpy().tolist()}")
        return clock
    if clock.dtype == tf.int32:  # as in loops, whose every step would take longer; `guarded` looks for negative ones
        return clock
    exact = tf.cast(clock, tf.float64)  # which every int32 is
    return tf.where(_are_steps(exact), exact, tf.constant(-1, tf.float64))


def _are_steps(numbers):
    return (numbers >= 0) & (numbers <= LARGEST) & (numbers % 1 == 0)


def guarded(
    clock: tf.Tensor | None, values: Sequence[tf.Tensor], modules: Modules, input_mean: bool, given: bool = False
) -> list[tf.Tensor]:
    """Return values [B, ...] that came from a clock, a scalar or [B], but not-a-number where it is negative.

    Only one that somebody else has given, or that cannot go back, can be that.
    """
    if clock is None or (goes_back(modules, input_mean) and not given):
        return list(values)
    wrong = [tf.reshape(clock < 0, [-1] + [1] * (value.shape.rank - 1)) for value in values]
    return [tf.where(own, tf.cast(math.nan, value.dtype), value) for own, value in zip(wrong, values, strict=True)]
