"""What the output of a network sees of its hidden states: all, or what sums up those of the steps that count."""

from typing import Literal

import keras
import tensorflow as tf

Readout = Literal["every", "last", "mean", "max"]


def read_out(states: tf.Tensor, steps: tf.Tensor | None, readout: Readout) -> tf.Tensor:
    """Return what the output sees.

    Args:
        states: [T, R, B, n].
        steps: how many of them count [R, B]; None is all.
        readout: every state, the last one, their mean or their maximum.

    Returns:
        [T, R, B, n], or where one state is left of all [1, R, B, n].
    """
    if readout == "every":
        return states
    if readout == "last":
        if steps is None:
            return states[-1:]
        return tf.gather(tf.transpose(states, [1, 2, 0, 3]), steps - 1, batch_dims=2)[None]
    if readout == "max":
        if steps is not None:
            counts = tf.sequence_mask(steps, states.shape[0])  # [R, B, T]
            states = tf.where(tf.transpose(counts, [2, 0, 1])[..., None], states, states.dtype.min)
        return tf.reduce_max(states, axis=0, keepdims=True)
    if steps is None:
        return tf.reduce_mean(states, axis=0, keepdims=True)
    counts = tf.sequence_mask(steps, states.shape[0], states.dtype)  # [R, B, T]
    return tf.einsum("trbn,rbt->rbn", states, counts)[None] / tf.cast(steps, states.dtype)[..., None]


def counted(sequences: tf.Tensor) -> tf.Tensor:
    """Return how many steps of sequences [..., T, features] count, int32 [...]: those of zeros are padding behind their ends."""
    return tf.reduce_sum(tf.cast(tf.reduce_any(sequences != 0, -1), tf.int32), -1)


def in_keras(values: keras.KerasTensor, readout: Readout) -> keras.KerasTensor:
    """Return the same of a Keras layer's output: its states, or with "last" its last one."""
    if readout == "mean":
        return keras.layers.GlobalAveragePooling1D()(values)
    if readout == "max":
        return keras.ops.max(values, axis=1)  # also over masked steps, at which the layer holds its state
    return values
