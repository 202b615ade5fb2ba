"""Masked steps do not exist: sequences are compacted before a scan, and states held across the gaps after it."""

import tensorflow as tf


def unmasked_first(sequences: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Move what is masked behind the rest, as zeros.

    Args:
        sequences: [B, T, features].
        mask: boolean, false where a step does not exist [B, T].
    """
    order = tf.argsort(tf.cast(~mask, tf.int32), axis=1, stable=True)  # [B, T]
    sequences = tf.where(mask[..., None], sequences, tf.zeros_like(sequences))
    return tf.gather(sequences, order, batch_dims=1)  # [B, T, features]


def held(states: tf.Tensor, initial: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Return the state after each step of the masked sequences [B, T, n]: a masked step leaves it as it is.

    Args:
        states: after each step of the compacted sequences [B, T, n].
        initial: before the first step [B, n].
        mask: as in `unmasked_first`.
    """
    states = tf.concat([initial[:, None], states], 1)  # [B, 1 + T, n]
    done = tf.cumsum(tf.cast(mask, tf.int32), axis=1)  # [B, T]
    return tf.gather(states, done, batch_dims=1)  # [B, T, n]
