"""Several modules at one speed, of which a learned, blurred choice says at each tick who listens or who speaks."""

from collections.abc import Sequence
from numbers import Real
from typing import Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from .clocks import MOST_MODULES, make_modules, whole_numbers
from .leaky import LeakyRNN

Act = Literal["listens", "speaks"]
COLDEST = 1e-9  # the temperature at which one module alone is chosen


class ChosenModulesRNN(LeakyRNN):
    """A Clockwork RNN with K modules of each period, among which the network chooses at every tick of that period.

    With logits of the same form as the sums of the modules, module k of period i has at its tick the weight

        a_ik(t) = softmax_k(c_ik(t) / τ),  c_ik(t) = Σ_j C_ikj s_j(t−1) + D_ik x(t) + d_ik

    where j runs over the units that module k hears. Where the choice says who listens, a module moves by its weight and all
    are heard as they are, s = h:

        h_ik(t) = a_ik(t) f(Σ_j W_ikj s_j(t−1) + W_ik x(t) + b_ik) + (1 − a_ik(t)) h_ik(t−1)

    Where it says who speaks, all modules of the period move at its ticks, as in Koutník et al. 2014, section 3, and until the
    next one are heard by others and by the output as s_ik = K a_ik h_ik. Then a choice of equal weights is the paper's network.
    The temperature τ, the variable `temperature`, is for the training loop to lower; as it goes to 0 one module alone is chosen.

    Args:
        units: total number of hidden units n, or one number a module, the K of the first period first.
        periods: in steps, each for K modules.
        choices: K, at least 2.
        who: what is chosen, who "listens" or who "speaks".
        temperature: τ at the start, from 1e-9; infinite is no choice but equal weights.
        kwargs: as of `LeakyRNN`, for the rest and for how it is called. C, D and d start at 0.

    Raises:
        ValueError: names the argument, what was expected and what came.
    """

    def __init__(
        self,
        units: int | Sequence[int],
        periods: Sequence[int],
        *,
        choices: int = 2,
        who: Act = "listens",
        temperature: float = 1.0,
        **kwargs,
    ):
        periods = whole_numbers("periods", periods, lowest=1)
        whole_numbers("choices", [choices], lowest=2, most=max(MOST_MODULES // max(len(periods), 1), 2))
        if who not in get_args(Act):
            raise ValueError(f"`who` must be one of {', '.join(get_args(Act))}. Received: {who!r}")
        if not isinstance(temperature, Real) or not temperature >= COLDEST:
            raise ValueError(f"`temperature` must be at least {COLDEST}. Received: {temperature!r}")
        super().__init__(make_modules(units, np.repeat(periods, choices).tolist()), **kwargs)
        self.choices, self.who, self.initial_temperature = choices, who, temperature

    def build_gates(self, features):
        modules = len(self.modules.sizes)
        self.choice_kernel = self.add_weight([features, modules], "zeros", name="choice_kernel") if features else None
        self.choice_recurrent_kernel = self.add_weight([self.units, modules], "zeros", name="choice_recurrent_kernel")
        self.choice_bias = self.add_weight([modules], "zeros", name="choice_bias")
        # Keras makes 32 bits of Python's floats.
        start = keras.initializers.Constant(np.float64(self.initial_temperature))
        self.temperature = self.add_weight((), start, trainable=False, name="temperature")
        return [self.choice_kernel, self.choice_recurrent_kernel, self.choice_bias]

    def gates(self, weights, sequences):
        fires = np.repeat(self.modules.fires(np.arange(sequences.shape[0])), self.modules.sizes, axis=1)
        fires = tf.constant(fires, sequences.dtype)  # [T, n]

        def gates(t, heard, voice):
            chosen = self.of_units(self.chosen(sequences[t], heard, weights))  # [..., B, n]
            if self.who == "listens":
                return fires[t] * chosen, voice
            return fires[t], voice + fires[t] * (self.choices * chosen - voice)

        return gates

    def first_voice(self, initial):
        return super().first_voice(initial) if self.who == "listens" else tf.ones_like(initial)

    def chosen(self, seen: tf.Tensor, heard: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the weight a of each module, if it ticked at this step.

        Args:
            seen: x(t) [..., B, features].
            heard: s(t−1) [..., B, n].
            weights: D, if there are features, C and d, each with the replica axes in front.

        Returns:
            a [..., B, K g], in the order of the modules.
        """
        *kernel, recurrent, bias = weights
        logits = heard @ (recurrent * tf.constant(self.heard_by_module, recurrent.dtype)) + bias[..., None, :]
        if kernel:
            logits += seen @ kernel[0]
        shape = tf.shape(logits)
        among = tf.reshape(logits, tf.concat([shape[:-1], [-1, self.choices]], 0))  # [..., B, g, K]
        return tf.reshape(tf.nn.softmax(among / tf.convert_to_tensor(self.temperature)), shape)
