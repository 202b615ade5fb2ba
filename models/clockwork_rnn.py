"""The Clockwork RNN as Keras layers (Koutník, Greff, Gomez, Schmidhuber: A Clockwork RNN, ICML 2014), with three cells."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from .arguments import elementwise, switch
from .cells import GRU, LSTM, ResetBeforeGRU, Simple
from .layer import ClockworkLayer

register = keras.saving.register_keras_serializable(package="clockwork_rnn")


@register
class ClockworkRNN(ClockworkLayer):
    """A simple RNN whose hidden units are split into modules, each updated only when its own clock fires.

    For module i with period T_i and phase φ_i, at step t of the clock (Koutník et al. 2014, section 3, eqs. 1 to 3):

        h_i(t) = f(Σ_j W_ij h_j(t−1) + W_i x(t) + b_i)   if (t − φ_i) mod T_i = 0
        h_i(t) = h_i(t−1)                                otherwise

    where j runs over the modules that i hears: in the paper its own and all slower ones. What does not
    fire is not computed, but in groups of modules that are computed together; see `plan.make_plan`.

    Modules are kept in order of increasing period, and the hidden state has the units of the fastest module first.
    With `periods=(1,)` this is `keras.layers.SimpleRNN`, number for number; only before the first step that a mask leaves it
    outputs the state that it was given, and Keras 0.

    Args:
        units: total number of hidden units n, or one number a module. A total is split evenly, with one unit more to each
            of the fastest modules where it does not divide.
        periods: steps between two updates of a module, one whole number from 1 for each; harmonic or not.
        phases: step at which a module first fires, 0 … period − 1; one for all or one a module.
        connections: "slow_to_fast", the paper's: a module hears those whose period is at least its own. "fast_to_slow",
            "full", "hierarchical" or "none"; see `clocks.make_modules`. Or a boolean matrix of modules: row hears column.
        input_modules: modules that see the input: "all", "fastest", or indices. Others have no input weights.
            Numbers a module, rows, columns and indices follow the order in which `periods` is given.
        input_mean: a module sees the mean of the inputs over its last period instead of x(t); see `input_mean`.
        activation: f, elementwise.
        use_bias: whether there is a b.
        kernel_initializer, recurrent_initializer, bias_initializer: for W_i, each block row W_i·, and b.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint, recurrent_constraint,
        bias_constraint: the same.
        dropout: share of the input features dropped, the same ones through the whole sequence.
        recurrent_dropout: share of the units that no listener hears, likewise. What a module holds stays untouched.
        seed: of the dropout.
        return_sequences: return the hidden state after every step, instead of after the last.
        return_state: return also the state: h, the clock and, with `input_mean`, the sums.
        go_backwards: read the sequence from its end; the clock starts there, and outputs come in the order of reading.
        stateful: carry the state from batch to batch.
        zero_output_for_mask: output 0 at masked steps, instead of what is held; with `return_sequences`.
        unroll, use_cudnn, implementation: accepted as Keras's layers have them; they change nothing.
        jit_compile: compile the recurrence with XLA, also where the model around it is not. It may be set at any time, and
            does not reach into exported files, which no XLA program could be in.

    Call arguments:
        sequences: [B, T, features], with any number of features, also none.
        initial_state: [h, clock] with h [B, n] and the number of the first step, int32 [B]; or h alone, for step 0. With
            `input_mean` [h, clock, sums], of the inputs since the last tick of each of g modules [B, g, features]. There is
            no clock where all periods are 1. A clock that would pass 2³¹ − 1 goes back by whole hyperperiods of the modules
            (the least common multiple of their periods), which changes nothing; where those are longer than 2³¹ − 1 (with
            `input_mean`, less the longest period) it cannot go on: the clock becomes negative, which no call takes, and
            what a stateful layer outputs from there is not a number.
        mask: boolean [B, T]. A masked step does not exist: neither state nor clock moves.
        training: whether dropout applies.

    Returns:
        [B, T, n] with `return_sequences`, otherwise [B, n]; with `return_state` then the state, as in `initial_state`.

    Raises:
        ValueError: names the argument, what was expected and what came.
    """

    def __init__(self, units: int | Sequence[int], periods: Sequence[int], *, activation="tanh", **kwargs):
        self.activation = elementwise("activation", activation)
        super().__init__(Simple(self.activation), units, periods, **kwargs)

    def get_config(self):
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}


class _Gated(ClockworkLayer):
    """A layer whose gates have an activation of their own."""

    def _set_activations(self, activation: str | Callable | None, recurrent_activation: str | Callable | None) -> tuple:
        self.activation = elementwise("activation", activation)
        self.recurrent_activation = elementwise("recurrent_activation", recurrent_activation)
        return self.activation, self.recurrent_activation

    def get_config(self):
        names = ("activation", "recurrent_activation")
        return super().get_config() | {name: keras.activations.serialize(getattr(self, name)) for name in names}


@register
class ClockworkLSTM(_Gated):
    """A long short-term memory whose units are split into modules, each updated only when its own clock fires.

    When module i fires, at step t, with the gates' activation σ and the activation τ (Hochreiter and Schmidhuber 1997; Gers
    et al. 2002 for the peepholes p, which are 0 without `peepholes`):

        i, f, g, o = Σ_j W_ij h_j(t−1) + W_i x(t) + b_i                     (four of each)
        c_i(t) = σ(f + p_f c_i(t−1)) c_i(t−1) + σ(i + p_i c_i(t−1)) τ(g)
        h_i(t) = σ(o + p_o c_i(t)) τ(c_i(t))

    and it holds both h_i and c_i otherwise. What other modules hear is h. With `periods=(1,)` this is `keras.layers.LSTM`,
    number for number.

    Args:
        units, periods, and all other arguments: as in `ClockworkRNN`. Weights have four columns a unit, in Keras's order of
            gates: i, f, g, o.
        activation, recurrent_activation: τ and σ, elementwise.
        unit_forget_bias: start the biases of f at 1.
        peepholes: whether the gates see the cell c, each unit its own: three weights a unit.

    Call arguments:
        initial_state: [h, c, clock], or [h, c] for step 0; all else as in `ClockworkRNN`.
    """

    def __init__(
        self,
        units: int | Sequence[int],
        periods: Sequence[int],
        *,
        activation="tanh",
        recurrent_activation="sigmoid",
        unit_forget_bias: bool = True,
        peepholes: bool = False,
        **kwargs,
    ):
        self.unit_forget_bias = switch("unit_forget_bias", unit_forget_bias)
        self.peepholes = switch("peepholes", peepholes)
        cell = LSTM(*self._set_activations(activation, recurrent_activation), self.peepholes)
        super().__init__(cell, units, periods, **kwargs)

    def initial_bias(self, shape, dtype):
        if not self.unit_forget_bias:
            return super().initial_bias(shape, dtype)
        n = self.units
        parts = [self.bias_initializer((n,), dtype), tf.ones((n,), dtype), self.bias_initializer((2 * n,), dtype)]
        return tf.concat([tf.convert_to_tensor(part) for part in parts], 0)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("unit_forget_bias", "peepholes")}
        return super().get_config() | own


@register
class ClockworkGRU(_Gated):
    """A gated recurrent unit whose units are split into modules, each updated only when its own clock fires.

    When module i fires, at step t, with the gates' activation σ and the activation τ (Cho et al. 2014, in Keras's form):

        z = σ(Σ_j W_ij h_j(t−1) + W_i x(t) + b_i)                           (r likewise)
        n = τ(W_i x(t) + b_i + r (Σ_j W_ij h_j(t−1) + b'_i))
        h_i(t) = z h_i(t−1) + (1 − z) n

    and it holds h_i otherwise. With `periods=(1,)` this is `keras.layers.GRU`, number for number.

    Args:
        units, periods, and all other arguments: as in `ClockworkRNN`. Weights have three columns a unit, in Keras's order of
            gates: z, r, n.
        activation, recurrent_activation: τ and σ, elementwise.
        reset_after: as above. False multiplies the states by r before their product with W; then no module can hear another.
    """

    def __init__(
        self,
        units: int | Sequence[int],
        periods: Sequence[int],
        *,
        activation="tanh",
        recurrent_activation="sigmoid",
        reset_after: bool = True,
        **kwargs,
    ):
        if "peepholes" in kwargs:
            raise ValueError(
                "`peepholes` are for ClockworkLSTM: a GRU has no cell to look at. Received: " + str(kwargs["peepholes"])
            )
        self.reset_after = switch("reset_after", reset_after)
        kind = GRU if self.reset_after else ResetBeforeGRU
        super().__init__(kind(*self._set_activations(activation, recurrent_activation)), units, periods, **kwargs)
        rows = enumerate(self.modules.hears)
        wrong = [(i, j) for i, row in rows for j, hears in enumerate(row) if hears != (i == j)]
        if not self.reset_after and wrong:
            (i, j), *_ = wrong
            raise ValueError(
                "`reset_after=False` needs modules that hear themselves and no others: their reset gates would multiply what "
                "slower modules say, which is computed before any gate is known. "
                f"Received: module {i} {'does not hear itself' if i == j else f'hears {j}'}"
            )

    def get_config(self):
        return super().get_config() | {"reset_after": self.reset_after}
