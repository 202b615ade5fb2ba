"""Clock periods that are learned by gradient: a Clockwork RNN whose modules fire by chance, and what it is in the end.

No module skips a step while it learns. Its period is a Gaussian on a log scale; narrowed more and more, it comes to stand on
one whole number, and the network becomes an ordinary `ClockworkRNN`, which does skip.
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from .cells import Activation, Simple
from .clocks import LARGEST, make_modules
from .clockwork_rnn import ClockworkRNN
from .linear import size


def period_chances(means: tf.Tensor, width: tf.Tensor, longest: int) -> tf.Tensor:
    """Return the probability of each whole-number period, where a period is a Gaussian on a log scale.

    With the normal distribution function Φ, a module with mean μ and width σ has period P with probability

        q(P) = Φ((log(P + ½) − μ) / σ) − Φ((log(P − ½) − μ) / σ)

    for P = 1 … longest, of which the first takes all below it and the last all above.

    Args:
        means: μ, logarithms of periods in steps [..., g].
        width: σ, a scalar above 0.
        longest: the longest period in steps.

    Returns:
        q [..., g, longest], which sums to 1.
    """
    edges = tf.constant(np.log(np.arange(1, longest) + 0.5), means.dtype)
    below = 0.5 + 0.5 * tf.math.erf((edges - means[..., None]) / (width * 2**0.5))  # [..., g, longest - 1]
    ends = tf.zeros_like(means)[..., None]
    return tf.concat([below, ends + 1], -1) - tf.concat([ends, below], -1)


def firing_chances(means: tf.Tensor, width: tf.Tensor, steps: int, longest: int) -> tf.Tensor:
    """Return the chance that a module fires at each step: p(t) = Σ q(P) over all periods P that divide t.

    So p(0) = 1: every clock starts at step 0, as in Koutník et al. 2014, section 3.

    Args:
        means, width, longest: as in `period_chances`, which has q.
        steps: T, the number of steps from 0 on.

    Returns:
        p [T, ..., g].
    """
    longest = min(longest, max(steps, 1))  # those that are longer than the sequence fire at step 0 alone, like this one
    divides = np.arange(steps)[:, None] % np.arange(1, longest + 1) == 0  # [T, longest]
    return tf.einsum("tp,...gp->t...g", tf.constant(divides, means.dtype), period_chances(means, width, longest))


def snapped_periods(means: np.ndarray, longest: int) -> np.ndarray:
    """Return the whole-number periods nearest to the means μ of log periods [..., g], from 1 to `longest`."""
    return np.rint(np.exp(means)).clip(1, longest).astype(int)


def leaky_scan(
    drive: tf.Tensor, kernel: tf.Tensor, initial: tf.Tensor, shares: tf.Tensor, activation: Activation
) -> tf.Tensor:
    """Run h_t = p_t f(z_t + h_{t−1} W) + (1 − p_t) h_{t−1} through time.

    Args:
        drive: z [T, ..., B, n], T known.
        kernel: W [..., n, n].
        initial: h_{−1} [..., B, n].
        shares: p, of a shape that broadcasts to that of the drive, T first.
        activation: f, elementwise.

    Returns:
        The states h_0 … h_{T−1} [T, ..., B, n].
    """
    steps = drive.shape[0]

    def step(t, h, states):
        h += shares[t] * (activation(drive[t] + h @ kernel) - h)
        return t + 1, h, states.write(t, h)

    states = tf.TensorArray(drive.dtype, steps, element_shape=initial.shape)
    loop = tf.while_loop(lambda t, *_: t < steps, step, (0, initial, states), maximum_iterations=steps)
    return loop[2].stack()


class LearnedPeriodsRNN(keras.layers.Layer):
    """A Clockwork RNN whose modules move at every step, by the chance p_i(t) that they would fire.

        h_i(t) = p_i(t) f(Σ_j W_ij h_j(t−1) + W_i x(t) + b_i) + (1 − p_i(t)) h_i(t−1)

    where j runs over i and the modules after it, as in Koutník et al. 2014, section 3, where these are the slower ones; for
    p see `firing_chances`. The means of the log periods are trained with the weights; the width, the variable `width`, is
    for the training loop to narrow. With all p 0 or 1 this is the paper's network, which `snapped` returns. A layer for
    learning alone: it carries no state, takes no masks and is not saved.

    Args:
        units: total number of hidden units n, or one number a module; see `ClockworkRNN`.
        periods: where the periods start, in steps: one number from 1 for each module, whole or not, in any order.
        longest: the longest period that a module can have, in steps.
        width: at the start, in units of log periods: 1 is a factor of e.
        activation: f, elementwise.
        kernel_initializer, recurrent_initializer, bias_initializer: for W_i, W_i· and b.
        return_sequences: return the hidden state after every step, instead of after the last.

    Call arguments:
        sequences: [B, T, features], T known, with any number of features, also none.

    Returns:
        [B, T, n] with `return_sequences`, otherwise [B, n].

    Raises:
        ValueError: names the argument, what was expected and what came.
    """

    def __init__(
        self,
        units: int | Sequence[int],
        periods: Sequence[float],
        *,
        longest: int,
        width: float = 1.0,
        activation="tanh",
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        return_sequences: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 1 <= longest <= LARGEST:
            raise ValueError(f"`longest` must be from 1 to {LARGEST}. Received: {longest}")
        if not len(periods) or not all(1 <= period <= longest for period in periods):
            raise ValueError(f"`periods` must be numbers from 1 to `longest`, {longest}. Received: {tuple(periods)}")
        if not width > 0:
            raise ValueError(f"`width` must be above 0. Received: {width}")
        self.modules = make_modules(units, range(1, len(periods) + 1))  # sizes and wiring, which go by the index here
        self.units = self.modules.units
        self.initial_periods = tuple(periods)
        self.longest = longest
        self.activation = keras.activations.get(activation)
        self.cell = Simple(self.activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.return_sequences = return_sequences
        self.initial_width = width
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, sequences_shape):
        _, steps, features = sequences_shape
        if steps is None or features is None:
            raise ValueError(f"`sequences` must have known steps and features. Received: shape {sequences_shape}")
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})
        # A matrix product over no features would abort the process on a CPU (oneDNN, TensorFlow 2.21).
        self.kernel = self._weight("kernel", [features, self.units], self.kernel_initializer) if features else None
        self.recurrent_kernel = self._weight("recurrent_kernel", [self.units] * 2, self.recurrent_initializer)
        self.bias = self._weight("bias", [self.units], self.bias_initializer)
        start = keras.initializers.Constant(np.log(self.initial_periods))
        self.log_periods = self._weight("log_periods", [len(self.initial_periods)], start)
        self.width = self.add_weight((), keras.initializers.Constant(self.initial_width), trainable=False, name="width")

    def _weight(self, name: str, shape: Sequence[int], initializer: keras.initializers.Initializer) -> keras.Variable:
        return self.add_weight(shape, initializer, name=name)

    def call(self, sequences):
        weights = [tf.convert_to_tensor(variable) for variable in self.trainable_variables]
        initial = tf.zeros([tf.shape(sequences)[0], self.units], self.compute_dtype)
        states = self.through_time(tf.transpose(sequences, [1, 0, 2]), weights, [initial])  # [T, B, n]
        states = tf.transpose(states, [1, 0, 2])
        return states if self.return_sequences else states[:, -1]

    def through_time(
        self, sequences: tf.Tensor, weights: Sequence[tf.Tensor], initial_state: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        """Run from step 0 as a pure function of time-major tensors, for any number of networks at once.

        Args:
            sequences: [T, ..., B, features], where the leading axes of all arguments are replicas of the network.
            weights: in the order of `trainable_variables`, each with the replica axes in front.
            initial_state: [h], with h [..., B, n].

        Returns:
            The hidden states after all steps [T, ..., B, n].
        """
        *kernel, recurrent, bias, means = weights
        chances = firing_chances(means, tf.convert_to_tensor(self.width), sequences.shape[0], self.longest)
        shares = tf.repeat(chances, self.modules.sizes, axis=-1)[..., None, :]  # [T, ..., 1, n]
        initial = initial_state[0]
        shape = [sequences.shape[0], *(size(initial, axis) for axis in range(initial.shape.rank))]
        drive = tf.zeros(shape, bias.dtype) + bias[..., None, :]
        if kernel:
            drive += tf.einsum("t...bi,...ij->t...bj", sequences, kernel[0])  # [T, ..., B, n]
        heard = recurrent * tf.constant(self._wired, recurrent.dtype)
        return leaky_scan(drive, heard, initial, shares, self.activation)

    @property
    def _wired(self) -> np.ndarray:
        """Which unit (row) is heard by which (column) [n, n]."""
        sizes = self.modules.sizes
        return np.repeat(np.repeat(self.modules.hears, sizes, 0), sizes, 1).T

    def snapped(self) -> tuple[ClockworkRNN, np.ndarray]:
        """Return the built layer with the nearest whole-number periods as an ordinary `ClockworkRNN`, which skips.

        Returns:
            layer: with the very same weights and wiring, its modules in order of increasing period.
            order: which unit of this layer each unit of the other is [n].
        """
        periods = snapped_periods(self.log_periods.numpy(), self.longest)
        modules = self.modules
        layer = ClockworkRNN(
            modules.sizes,
            periods.tolist(),
            connections=modules.hears,
            activation=self.activation,
            return_sequences=self.return_sequences,
            dtype=self.dtype_policy,
            name=self.name,
        )
        layer.build((None, None, self.input_spec.axes[-1]))
        order = np.concatenate([np.arange(self.units)[modules.slices[m]] for m in np.argsort(periods, kind="stable")])
        recurrent = (self.recurrent_kernel.numpy() * self._wired)[np.ix_(order, order)]
        blocks = [
            recurrent[np.repeat(hears, layer.modules.sizes), columns]
            for hears, columns in zip(layer.modules.hears, layer.modules.slices, strict=True)
        ]
        kernel = [] if self.kernel is None else [self.kernel.numpy()[:, order]]
        layer.set_weights([*kernel, *blocks, self.bias.numpy()[order]])
        return layer, order
