"""Clock periods that are learned by gradient: a Clockwork RNN whose modules fire by chance, and what it is in the end.

No module skips a step while it learns. Its period is a Gaussian on a log scale; narrowed more and more, it comes to stand on
one whole number, and the network becomes an ordinary `ClockworkRNN`, which does skip. Or the network itself says the Gaussians
at each step, and stays what it is.
"""

from collections.abc import Callable, Sequence

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


def jumps(steps: int, longest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the chance of firing at each step rises and falls along the logarithm of the period.

    With d(P) = 1 where the period P divides step t, otherwise 0, the sum of `firing_chances` is

        p(t) = d(longest) + Σ (d(P) − d(P + 1)) Φ((log(P + ½) − μ) / σ)

    for P = 1 … longest − 1, in which only those count where d changes: few, while a step has few divisors.

    Args:
        steps: T, the number of steps from 0 on.
        longest: the longest period in steps.

    Returns:
        edges: log(P + ½) of those [T, K]; rows with fewer are filled up.
        signs: d(P) − d(P + 1) at each, 0 where filled up [T, K].
        last: d(longest) [T].
    """
    divides = np.arange(steps)[:, None] % np.arange(1, longest + 1) == 0  # [T, longest]
    changes = -np.diff(divides.astype(int), axis=1)  # [T, longest - 1]
    most = np.count_nonzero(changes, axis=1).max(initial=0)
    places = np.argsort(changes == 0, axis=1, kind="stable")[:, :most]  # [T, K]
    return np.log(places + 1.5), np.take_along_axis(changes, places, axis=1), divides[:, -1]


def leaky_scan(
    drive: tf.Tensor,
    kernel: tf.Tensor,
    initial: tf.Tensor,
    share: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    activation: Activation,
) -> tf.Tensor:
    """Run h_t = p_t f(z_t + h_{t−1} W) + (1 − p_t) h_{t−1} through time.

    Args:
        drive: z [T, ..., B, n], T known.
        kernel: W [..., n, n].
        initial: h_{−1} [..., B, n].
        share: (t, h_{t−1}) → p_t, of a shape that broadcasts to that of h.
        activation: f, elementwise.

    Returns:
        The states h_0 … h_{T−1} [T, ..., B, n].
    """
    steps = drive.shape[0]

    def step(t, h, states):
        h += share(t, h) * (activation(drive[t] + h @ kernel) - h)
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

    of_periods = 1  # how many of the last trainable variables say the periods

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
        *kernel, recurrent, bias = weights[: len(weights) - self.of_periods]
        share = self._share(weights[-self.of_periods :], sequences.shape[0])
        initial = initial_state[0]
        shape = [sequences.shape[0], *(size(initial, axis) for axis in range(initial.shape.rank))]
        drive = tf.zeros(shape, bias.dtype) + bias[..., None, :]
        if kernel:
            drive += tf.einsum("t...bi,...ij->t...bj", sequences, kernel[0])  # [T, ..., B, n]
        heard = recurrent * tf.constant(self._wired, recurrent.dtype)
        return leaky_scan(drive, heard, initial, share, self.activation)

    def _share(self, weights: Sequence[tf.Tensor], steps: int) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """Return (t, h_{t−1}) → by which share each unit moves at step t [..., 1 or B, n], from the weights of the periods."""
        chances = firing_chances(weights[0], tf.convert_to_tensor(self.width), steps, self.longest)
        shares = tf.repeat(chances, self.modules.sizes, axis=-1)[..., None, :]  # [T, ..., 1, n]
        return lambda t, h: shares[t]

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


class EmittedPeriodsRNN(LearnedPeriodsRNN):
    """A Clockwork RNN that itself emits, at each step, mean and variance of the period of each module.

        μ_i(t) = m_i + Σ_j e_ij h_j(t−1)
        log σ_i(t)² = log σ² + Σ_j v_ij h_j(t−1)

    where j runs over the modules that i hears; p_i(t) is that of `firing_chances` with these means and widths of its own. The
    m_i are the log periods of `LearnedPeriodsRNN`, σ its width, and with all e and v 0, as they start, it is that layer. As
    σ goes to 0 a module fires where the whole number nearest to its emitted mean period, from 1 to `longest`, divides the step.
    So its firing follows no clock that is known in advance, no step can be skipped, and there is nothing to snap.

    Arguments and calls are as of `LearnedPeriodsRNN`.
    """

    of_periods = 2

    def build(self, sequences_shape):
        super().build(sequences_shape)
        self.emission = self._weight("emission", [self.units, 2 * len(self.initial_periods)], "zeros")

    def emitted(self, states: tf.Tensor, log_periods: tf.Tensor, emission: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the means and widths for the next step.

        Args:
            states: h [..., B, n].
            log_periods: m [..., g].
            emission: e beside v [..., n, 2 g].

        Returns:
            μ and σ [..., B, g].
        """
        modules = self.modules
        heard = np.tile(np.repeat(modules.hears, modules.sizes, 1).T, 2)  # [n, 2 g]
        shifts, narrower = tf.split(states @ (emission * tf.constant(heard, emission.dtype)), 2, axis=-1)
        return log_periods[..., None, :] + shifts, tf.convert_to_tensor(self.width) * tf.exp(0.5 * narrower)

    def _share(self, weights, steps):
        sizes = self.modules.sizes
        of_units = np.repeat(
            np.eye(len(sizes)), sizes, axis=1
        )  # [g, n]; `tf.repeat` has no gradient within XLA's loops
        found = *jumps(steps, min(self.longest, max(steps, 1))), of_units
        edges, signs, last, of_units = (tf.constant(part, weights[0].dtype) for part in found)

        def share(t, h):
            means, widths = (part[..., None] for part in self.emitted(h, *weights))
            below = 0.5 + 0.5 * tf.math.erf((edges[t] - means) / (widths * 2**0.5))  # [..., B, g, K]
            return (last[t] + tf.einsum("k,...gk->...g", signs[t], below)) @ of_units  # [..., B, n]

        return share

    def snapped(self):
        """Raise a TypeError: periods that are emitted are not known in advance."""
        raise TypeError("`snapped` is for periods that stay; those of EmittedPeriodsRNN are emitted at each step")
