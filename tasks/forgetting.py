"""When the state that a task carries from update to update is set to 0: at first often, then less and less often."""

import dataclasses
from typing import Annotated

import tensorflow as tf

from tasks.flag import Flag
from tasks.task import Carried


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForgettingSettings:
    """Settings of tasks that carry a state from update to update."""

    help_group = "training"

    forget_every: Annotated[int, Flag("training")]
    """Set the carried state and clock to 0 every so many updates; 0 does so only where an epoch begins."""
    forget_growth: Annotated[float, Flag("training")]
    """What `forget_every` is multiplied by after each epoch."""


def check(settings: ForgettingSettings) -> None:
    """Raise a ValueError that names the first setting out of range."""
    if settings.forget_every < 0:
        raise ValueError(f"`forget_every` must be at least 0. Received: {settings.forget_every}")
    if not settings.forget_growth >= 1:
        raise ValueError(f"`forget_growth` must be at least 1. Received: {settings.forget_growth}")
    if settings.forget_growth > 1 and not settings.forget_every:
        raise ValueError(f"`forget_growth` above 1 needs `forget_every`. Received: {settings.forget_growth}")


def where_kept(carried: Carried, settings: ForgettingSettings, update: tf.Tensor, batches: int) -> Carried:
    """Return what is carried into an update: the same, or zeros where an epoch begins or it is time to forget.

    Args:
        carried: from the update before.
        settings: that say how often.
        update: its number, an int32 scalar.
        batches: updates of an epoch.
    """
    epoch, in_epoch, every = update // batches, update % batches, batches
    if settings.forget_every:
        grown = settings.forget_every * settings.forget_growth ** tf.cast(epoch, tf.float32)
        every = tf.cast(tf.round(tf.minimum(grown, float(batches))), tf.int32)
    return carried.where_kept(in_epoch % every != 0)
