"""A state before the first step that is learned."""

import keras
import tensorflow as tf

from .clocks import whole_numbers
from .linear import size


@keras.saving.register_keras_serializable(package="clockwork_rnn")
class InitialState(keras.layers.Layer):
    """A state that is learned: one vector of n weights, the same for every sequence of the batch.

    Args:
        units: n.
        initializer: where the weights start from.

    Call arguments:
        sequences: any tensor [B, ...], for its batch size.

    Returns:
        [B, n].
    """

    def __init__(self, units: int, initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        (self.units,) = whole_numbers("units", [units], lowest=1)
        self.initializer = keras.initializers.get(initializer)

    def build(self, sequences_shape):
        self.state = self.add_weight((self.units,), self.initializer, name="state")

    def call(self, sequences):
        return tf.broadcast_to(tf.convert_to_tensor(self.state), [size(sequences, 0), self.units])

    def compute_mask(self, sequences, mask=None):
        return None  # it has no steps

    def compute_output_shape(self, sequences_shape):
        return (sequences_shape[0], self.units)

    def get_config(self):
        initializer = keras.initializers.serialize(self.initializer)
        return super().get_config() | {"units": self.units, "initializer": initializer}
