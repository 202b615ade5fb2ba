"""Reading sequences backwards."""

import tensorflow as tf


def backwards(values: tf.Tensor, steps: tf.Tensor | None) -> tf.Tensor:
    """Return time-major sequences from their last step to their first.

    Args:
        values: [T, B, n] or [T, R, B, n].
        steps: how many steps of each count [R, B], or None, which is all; the others stay behind.

    Returns:
        [T, B, n], or [T, R, B, n] where replicas or steps have an axis.
    """
    if steps is None:
        return tf.reverse(values, [0])
    shape = [values.shape[0], *steps.shape, values.shape[-1]]
    if values.shape.rank == 3:
        values = tf.broadcast_to(values[:, None], shape)
    flat = tf.reshape(values, [shape[0], -1, shape[-1]])  # [T, R · B, n]
    return tf.reshape(tf.reverse_sequence(flat, tf.reshape(steps, [-1]), 0, 1), shape)
