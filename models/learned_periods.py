"""Clock periods that are learned by gradient: a Clockwork RNN whose modules fire by chance, and what it is in the end.

No module skips a step while it learns. Its period is a Gaussian on a log scale; narrowed more and more, it comes to stand on
one whole number, and the network becomes an ordinary `ClockworkRNN`, which does skip. Or the network itself says the Gaussians
at each step, and stays what it is.
"""

from collections.abc import Sequence
from numbers import Real

import keras
import numpy as np
import tensorflow as tf

from .clocks import make_modules, whole_numbers
from .clockwork_rnn import ClockworkRNN
from .leaky import LeakyRNN


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


class LearnedPeriodsRNN(LeakyRNN):
    """A Clockwork RNN whose modules move at every step, by the chance p_i(t) that they would fire.

        h_i(t) = p_i(t) f(Σ_j W_ij h_j(t−1) + W_i x(t) + b_i) + (1 − p_i(t)) h_i(t−1)

    where j runs over i and the modules after it, as in Koutník et al. 2014, section 3, where these are the slower ones; for
    p see `firing_chances`. The means of the log periods are trained with the weights; the width, the variable `width`, is
    for the training loop to narrow. With all p 0 or 1 this is the paper's network, which `snapped` returns.

    Args:
        units: total number of hidden units n, or one number a module; see `ClockworkRNN`.
        periods: where the periods start, in steps: one number from 1 for each module, whole or not, in any order.
        longest: the longest period that a module can have, in steps.
        width: at the start, in units of log periods: 1 is a factor of e.
        kwargs: as of `LeakyRNN`, for the rest and for how it is called.

    Raises:
        ValueError: names the argument, what was expected and what came.
    """

    def __init__(
        self, units: int | Sequence[int], periods: Sequence[float], *, longest: int, width: float = 1.0, **kwargs
    ):
        whole_numbers("longest", [longest], lowest=1)
        starts = np.asarray(periods, object)
        right = (isinstance(period, Real) and 1 <= period <= longest for period in starts.flat)
        if starts.ndim != 1 or not len(starts) or not all(right):
            raise ValueError(f"`periods` must be numbers from 1 to `longest`, {longest}. Received: {periods!r}")
        if not isinstance(width, Real) or not width > 0:
            raise ValueError(f"`width` must be above 0. Received: {width!r}")
        modules = make_modules(units, range(1, len(periods) + 1))  # sizes and wiring, which go by the index here
        super().__init__(modules, **kwargs)
        self.initial_periods = tuple(map(float, periods))
        self.longest = longest
        self.initial_width = width

    def build_gates(self, features):
        start = keras.initializers.Constant(np.log(self.initial_periods))
        self.log_periods = self.add_weight([len(self.initial_periods)], start, name="log_periods")
        # Keras makes 32 bits of Python's floats.
        start = keras.initializers.Constant(np.float64(self.initial_width))
        self.width = self.add_weight((), start, trainable=False, name="width")
        return [self.log_periods]

    def gates(self, weights, sequences):
        chances = firing_chances(weights[0], tf.convert_to_tensor(self.width), sequences.shape[0], self.longest)
        shares = tf.repeat(chances, self.modules.sizes, axis=-1)[..., None, :]  # [T, ..., 1, n]
        return lambda t, heard, voice: (shares[t], voice)

    def snapped(self) -> tuple[ClockworkRNN, np.ndarray]:
        """Return the built layer with the nearest whole-number periods as an ordinary `ClockworkRNN`, which skips.

        Returns:
            layer: with the very same weights and wiring, its modules in order of increasing period.
            order: which unit of this layer each unit of the other is [n].

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                "`snapped` is of a layer that is built, whose periods have values. Received: one that is not"
            )
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
        recurrent = (self.recurrent_kernel.numpy() * self.wired)[np.ix_(order, order)]
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

    def build_gates(self, features):
        before = super().build_gates(features)
        self.emission = self.add_weight([self.units, 2 * len(self.initial_periods)], "zeros", name="emission")
        return [*before, self.emission]

    def emitted(self, states: tf.Tensor, log_periods: tf.Tensor, emission: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the means and widths for the next step.

        Args:
            states: h [..., B, n].
            log_periods: m [..., g].
            emission: e beside v [..., n, 2 g].

        Returns:
            μ and σ [..., B, g].
        """
        heard = np.tile(self.heard_by_module, 2)  # [n, 2 g]
        shifts, narrower = tf.split(states @ (emission * tf.constant(heard, emission.dtype)), 2, axis=-1)
        return log_periods[..., None, :] + shifts, tf.convert_to_tensor(self.width) * tf.exp(0.5 * narrower)

    def gates(self, weights, sequences):
        steps = sequences.shape[0]
        found = jumps(steps, min(self.longest, max(steps, 1)))
        edges, signs, last = (tf.constant(part, weights[0].dtype) for part in found)

        def gates(t, heard, voice):
            means, widths = (part[..., None] for part in self.emitted(heard, *weights))
            below = 0.5 + 0.5 * tf.math.erf((edges[t] - means) / (widths * 2**0.5))  # [..., B, g, K]
            return self.of_units(last[t] + tf.einsum("k,...gk->...g", signs[t], below)), voice  # [..., B, n]

        return gates

    def snapped(self):
        """Raise a TypeError: periods that are emitted are not known in advance."""
        raise TypeError("`snapped` is for periods that stay; those of EmittedPeriodsRNN are emitted at each step")
