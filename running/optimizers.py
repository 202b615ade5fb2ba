"""The optimisers, as functions of the weights of all replicas [R, P], and how the learning rate falls."""

import math
from collections.abc import Sequence

import tensorflow as tf

from running.settings import TrainingSettings

Slots = tuple[tf.Tensor, ...]  # what an optimiser remembers, each [R, P]


def first_slots(settings: TrainingSettings, weights: tf.Tensor) -> Slots:
    """Return what the optimiser remembers before the first update."""
    if settings.optimizer == "adam":
        return tf.zeros_like(weights), tf.zeros_like(weights)
    if settings.optimizer == "sgd":
        return (tf.zeros_like(weights),) if settings.momentum else ()
    return (tf.ones_like(weights),)  # TensorFlow 0.12 starts the mean square at 1, Keras at 0


def apply(
    settings: TrainingSettings,
    weights: tf.Tensor,
    gradients: tf.Tensor,
    slots: Slots,
    rate: tf.Tensor,
    update: tf.Tensor,
) -> tuple[tf.Tensor, Slots]:
    """Make one update with Keras's Adam, SGD or RMSprop.

    Args:
        settings: which optimiser, and its numbers.
        weights, gradients: [R, P].
        slots: what the optimiser remembers.
        rate: learning rate, a scalar, or of each replica [R, 1] or weight [P].
        update: the number of the update, from 0.

    Returns:
        The weights and slots after it.
    """
    if settings.optimizer == "adam":
        mean, square = slots
        beta_1, beta_2, count = settings.momentum, settings.second_moment, tf.cast(update + 1, tf.float32)
        alpha = rate * tf.sqrt(1 - beta_2**count) / (1 - beta_1**count)
        mean += (gradients - mean) * (1 - beta_1)
        square += (gradients**2 - square) * (1 - beta_2)
        return weights - mean * alpha / (tf.sqrt(square) + settings.epsilon), (mean, square)
    step = rate * gradients
    if settings.optimizer == "sgd":
        if not settings.momentum:
            return weights - step, ()
        velocity = slots[0] * settings.momentum - step
        return weights + velocity * settings.momentum - step, (velocity,)
    square = settings.second_moment * slots[0] + (1 - settings.second_moment) * gradients**2
    return weights - step / tf.sqrt(square + settings.epsilon), (square,)


def norms(gradients: tf.Tensor) -> tf.Tensor:
    """Return the norm of each replica's gradients [R]."""
    return tf.sqrt(tf.reduce_sum(gradients**2, -1))


def clipped(settings: TrainingSettings, gradients: tf.Tensor, norm: tf.Tensor) -> tf.Tensor:
    """Return the gradients [R, P], those whose norm [R] is longer than allowed shortened to it."""
    if not settings.clip_norm:
        return gradients
    return gradients * (settings.clip_norm / tf.maximum(norm, settings.clip_norm))[:, None]


def learning_rate(settings: TrainingSettings, update: tf.Tensor | Sequence[int], updates: int) -> tf.Tensor:
    """Return the learning rate at an update of so many."""
    rate = settings.learning_rate
    if settings.decay == "cosine":
        share = tf.minimum(tf.cast(update, tf.float32), updates) / updates
        return rate * (0.5 * (1 + tf.cos(math.pi * share)))
    if settings.decay == "staircase":
        steps = tf.cast(update, tf.int32) // settings.decay_updates  # exact, which a quotient need not be
        return rate * settings.decay_factor ** tf.cast(steps, tf.float32)
    return rate + 0 * tf.cast(update, tf.float32)
