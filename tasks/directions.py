"""Reading sequences in both directions: the way back is one more replica of the network, with weights of its own.

So one loop serves both directions, and takes little longer than one.
"""

import tensorflow as tf


def both_ways(sequences: tf.Tensor, steps: tf.Tensor | None, replicas: int) -> tf.Tensor:
    """Return sequences forwards and backwards.

    Args:
        sequences: [T, B, features] or [T, R, B, features].
        steps: how many steps of each count [R, B], or None, which is all; the others stay behind.
        replicas: R.

    Returns:
        [T, 2R, B, features], forwards first.
    """
    if sequences.shape.rank == 3:
        sequences = tf.repeat(sequences[:, None], replicas, 1)  # [T, R, B, features]
    return tf.concat([sequences, _backwards(sequences, steps)], 1)


def side_by_side(states: tf.Tensor, steps: tf.Tensor | None) -> tf.Tensor:
    """Return the states of both directions [T, 2R, B, n] at the same steps of the sequences [T, R, B, 2n]."""
    forwards, backwards = tf.split(states, 2, 1)
    return tf.concat([forwards, _backwards(backwards, steps)], -1)


def _backwards(values: tf.Tensor, steps: tf.Tensor | None) -> tf.Tensor:
    if steps is None:
        return tf.reverse(values, [0])
    time, _, _, width = values.shape
    flat = tf.reshape(values, [time, -1, width])  # [T, R · B, …]
    return tf.reshape(tf.reverse_sequence(flat, tf.reshape(steps, [-1]), 0, 1), values.shape)
