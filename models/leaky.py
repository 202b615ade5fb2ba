"""A Clockwork RNN whose modules move by shares that need not be 0 or 1, so that when they move can be learned by gradient.

No module skips a step here, so these layers are slower than `ClockworkRNN`. They are for learning alone: they carry no state,
take no masks and are not saved.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from . import arguments
from .cells import Activation, Simple
from .clocks import Modules
from .linear import size

# (t, what is heard of h_{t−1}, voice) → by which share each unit moves, and the voice after the step
Gates = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def leaky_scan(
    drive: tf.Tensor,
    kernel: tf.Tensor,
    initial: tf.Tensor,
    voice: tf.Tensor,
    gates: Gates,
    activation: Activation,
    needed: tf.Tensor | None = None,
) -> tf.Tensor:
    """Run h_t = p_t f(z_t + s_{t−1} W) + (1 − p_t) h_{t−1} and s_t = v_t h_t through time.

    Args:
        drive: z [T, ..., B, n], T known.
        kernel: W [..., n, n].
        initial: h_{−1} [..., B, n].
        voice: v_{−1}, with the shape that the gates return.
        gates: t, s_{t−1} and v_{t−1} → p_t and v_t, which broadcast to the shape of h.
        activation: f, elementwise.
        needed: how many steps count, an int32 scalar; no more are made. None is all.

    Returns:
        What is heard, s_0 … s_{T−1} [T, ..., B, n], 0 after steps that are not made.
    """
    steps = drive.shape[0]
    made = steps if needed is None else needed

    def step(t, h, voice, said):
        heard = voice * h
        share, voice = gates(t, heard, voice)
        h += share * (activation(drive[t] + heard @ kernel) - h)
        return t + 1, h, voice, said.write(t, voice * h)

    said = tf.TensorArray(drive.dtype, steps, element_shape=initial.shape)
    loop = tf.while_loop(lambda t, *_: t < made, step, (0, initial, voice, said), maximum_iterations=steps)
    return loop[3].stack()


class LeakyRNN(keras.layers.Layer):
    """A recurrent layer of modules, of which a subclass says how far each moves at a step: `build_gates` and `gates`.

    Args:
        modules: sizes, wiring, and in some layers the clock.
        activation: f, elementwise.
        kernel_initializer, recurrent_initializer, bias_initializer: for W_i, W_i· and b.
        return_sequences: return what is heard after every step, instead of after the last.

    Call arguments:
        sequences: [B, T, features], T known, with any number of features, also none.

    Returns:
        [B, T, n] with `return_sequences`, otherwise [B, n].

    Raises:
        ValueError: names the argument, what was expected and what came.
    """

    def __init__(
        self,
        modules: Modules,
        *,
        activation="tanh",
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        return_sequences: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        arguments.floating_point("dtype", self.compute_dtype)
        self.modules, self.units = modules, modules.units
        self.activation = arguments.elementwise("activation", activation)
        self.cell = Simple(self.activation)
        self.kernel_initializer = arguments.initializer("kernel_initializer", kernel_initializer)
        self.recurrent_initializer = arguments.initializer("recurrent_initializer", recurrent_initializer)
        self.bias_initializer = arguments.initializer("bias_initializer", bias_initializer)
        self.return_sequences = arguments.switch("return_sequences", return_sequences)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, sequences_shape):
        _, steps, features = sequences_shape
        if steps is None or features is None:
            raise ValueError(f"`sequences` must have known steps and features. Received: shape {sequences_shape}")
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})
        # A matrix product over no features would abort the process on a CPU (oneDNN, TensorFlow 2.21).
        self.kernel = None
        if features:
            self.kernel = self.add_weight([features, self.units], self.kernel_initializer, name="kernel")
        self.recurrent_kernel = self.add_weight([self.units] * 2, self.recurrent_initializer, name="recurrent_kernel")
        self.bias = self.add_weight([self.units], self.bias_initializer, name="bias")
        gates = self.build_gates(features)
        # In this order also where some are frozen, which are then among no `trainable_variables`.
        self.in_order = [own for own in (self.kernel, self.recurrent_kernel, self.bias, *gates) if own is not None]

    def build_gates(self, features: int) -> list[keras.Variable | None]:
        """Add and return the weights that say how far modules move, which come after those of all recurrent layers."""
        raise NotImplementedError

    def gates(self, weights: Sequence[tf.Tensor], sequences: tf.Tensor) -> Gates:
        """Return how far each unit moves at a step [..., 1 or B, n], and its voice, from the weights of `build_gates`.

        Args:
            weights: those, each with the replica axes in front.
            sequences: [T, ..., B, features].
        """
        raise NotImplementedError

    def first_voice(self, initial: tf.Tensor) -> tf.Tensor:
        """Return the voice before step 0 for an initial state [..., B, n]: here all units are heard as they are."""
        return tf.ones([], initial.dtype)

    def call(self, sequences):
        weights = [tf.convert_to_tensor(variable) for variable in self.in_order]
        initial = tf.zeros([tf.shape(sequences)[0], self.units], self.compute_dtype)
        states = self.through_time(tf.transpose(sequences, [1, 0, 2]), weights, [initial])  # [T, B, n]
        states = tf.transpose(states, [1, 0, 2])
        return states if self.return_sequences else states[:, -1]

    def through_time(
        self,
        sequences: tf.Tensor,
        weights: Sequence[tf.Tensor],
        initial_state: Sequence[tf.Tensor],
        needed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Run from step 0 as a pure function of time-major tensors, for any number of networks at once.

        Args:
            sequences: [T, ..., B, features], where the leading axes of all arguments are replicas of the network.
            weights: in the order of `in_order`, each with the replica axes in front.
            initial_state: [h], with h [..., B, n].
            needed: how many steps count, an int32 scalar; no more are made, and no loss may depend on the others. None is all.

        Returns:
            What is heard after all steps [T, ..., B, n].
        """
        seen = self.kernel is not None
        recurrent, bias, *own = weights[seen:]
        initial = initial_state[0]
        shape = [sequences.shape[0], *(size(initial, axis) for axis in range(initial.shape.rank))]
        drive = tf.zeros(shape, bias.dtype) + bias[..., None, :]
        if seen:
            drive += tf.einsum("t...bi,...ij->t...bj", sequences, weights[0])  # [T, ..., B, n]
        heard = recurrent * tf.constant(self.wired, recurrent.dtype)
        gates = self.gates(own, sequences)
        return leaky_scan(drive, heard, initial, self.first_voice(initial), gates, self.activation, needed)

    @property
    def heard_by_module(self) -> np.ndarray:
        """Which unit (row) is heard by which module (column) [n, g]."""
        return np.repeat(self.modules.hears, self.modules.sizes, 1).T

    @property
    def wired(self) -> np.ndarray:
        """Which unit (row) is heard by which (column) [n, n]."""
        return np.repeat(self.heard_by_module, self.modules.sizes, 1)

    def of_units(self, values: tf.Tensor) -> tf.Tensor:
        """Return for each unit the value of its module [..., g] → [..., n]."""
        # `tf.repeat` has no gradient within XLA's loops.
        units = np.repeat(np.eye(len(self.modules.sizes)), self.modules.sizes, axis=1)  # [g, n]
        return values @ tf.constant(units, values.dtype)
