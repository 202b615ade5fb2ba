"""A temporal convolutional network (Bai, Kolter and Koltun 2018) of plain Keras layers, in the place of the recurrent layer."""

import random
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tasks.network import Network, Start

BLOCKS = 5  # with dilations 1, 2, 4, 8, 16
KERNEL = 3  # taps of a convolution: with two a block, an output sees the last 125 steps
CHANNELS = 15  # between blocks; those within are what is chosen, in steps that are small enough for equal parameters


class TemporalConvolutions(keras.layers.Layer):
    """Residual blocks of two dilated causal convolutions, h ← relu(h + f(h)), without normalisation.

    Args:
        inner: channels within a block.

    Attributes:
        units: channels of the output.
    """

    def __init__(self, inner: int, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.units = inner, CHANNELS
        self.widen = keras.layers.Dense(CHANNELS)
        options = {"padding": "causal", "activation": "relu", "kernel_initializer": "he_normal"}
        self.pairs = [
            [keras.layers.Conv1D(own, KERNEL, dilation_rate=2**block, **options) for own in (inner, CHANNELS)]
            for block in range(BLOCKS)
        ]

    def build(self, shape):
        self.widen.build(shape)
        for first, second in self.pairs:
            first.build((*shape[:-1], CHANNELS))
            second.build((*shape[:-1], self.inner))

    def call(self, inputs):
        hidden = self.widen(inputs)  # [B, T, n]
        for first, second in self.pairs:
            hidden = keras.ops.relu(hidden + second(first(hidden)))
        return hidden


def parameters(inner: int, inputs: int, outputs: int) -> int:
    """Return the parameters of a network with so many channels within each block and a dense output layer."""
    of_block = 2 * KERNEL * CHANNELS * inner + inner + CHANNELS
    return (inputs + 1) * CHANNELS + BLOCKS * of_block + (CHANNELS + 1) * outputs


class ConvolutionalNetwork(Network):
    """A task's network with temporal convolutions where another one has its recurrent layer.

    Args:
        like: another network, whose settings, input and output it has; its units are the channels within a block.
    """

    def __init__(self, like: Network):
        hidden = TemporalConvolutions(like.settings.units)
        super().__init__(like.settings, like.front, like.outputs, readout=like.readout, hidden=hidden)

    def start(self, seed: int) -> Start:
        keras.utils.set_random_seed(seed)
        layers = TemporalConvolutions(self.hidden.inner), keras.layers.Dense(self.outputs)
        for layer, features in zip(layers, (self.front.features, self.hidden.units), strict=True):
            layer.build((None, None, features))
        arrays = [variable.numpy().ravel() for layer in layers for variable in layer.trainable_variables]
        numbers = random.Random(seed)
        return Start(np.concatenate(arrays), (numbers.randint(1, 10**9), numbers.randint(1, 10**9)))

    def _through_time(self, weights, inputs, draws=None, periods=None):
        sequences, steps = self._seen(inputs, draws, weights[0].shape[0])  # [T, B, F] or [T, R, B, F]
        rank = sequences.shape.rank
        sequences = tf.transpose(sequences, [*range(1, rank - 1), 0, rank - 1])  # [B, T, F] or [R, B, T, F]
        return tf.transpose(
            through_time(self._of_directions(weights)[0], sequences), [2, 0, 1, 3]
        ), steps  # [T, R, B, n]


def through_time(weights: Sequence[tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
    """Return what the layers of R replicas make of sequences [R, B, T, n], as matrix products, which XLA computes faster.

    Args:
        weights: as the layer has them, each with R in front.
        inputs: [B, T, F] or [R, B, T, F].
    """
    kernel, bias, *others = weights
    hidden = tf.einsum("bti,rij->rbtj" if inputs.shape.rank == 3 else "rbti,rij->rbtj", inputs, kernel)
    hidden += bias[:, None, None]
    for block in range(BLOCKS):
        first, second = others[4 * block :][:2], others[4 * block :][2:4]
        inner = _convolved(hidden, *first, 2**block)
        hidden = tf.nn.relu(hidden + _convolved(inner, *second, 2**block))
    return hidden


def _convolved(values: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, dilation: int) -> tf.Tensor:
    """Return relu(kernel * values + bias) [R, B, T, n] of a causal convolution with kernels [R, KERNEL, m, n]."""
    steps = values.shape[2]
    padded = tf.pad(values, [[0, 0], [0, 0], [(KERNEL - 1) * dilation, 0], [0, 0]])
    taps = [padded[:, :, tap * dilation : tap * dilation + steps] for tap in range(KERNEL)]
    joined = tf.reshape(kernel, [kernel.shape[0], -1, kernel.shape[-1]])  # [R, KERNEL m, n]
    return tf.nn.relu(tf.einsum("rbti,rij->rbtj", tf.concat(taps, -1), joined) + bias[:, None, None])
