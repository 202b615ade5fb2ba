"""The cells: what a module does at its tick with what comes in, and back.

A cell gets its drive, one row a gate, and its state, and makes the next state. All that is sent from elsewhere is in the
drive before the cell looks at it: W x + b, and what its own and other modules said one step before. So a cell works on each
unit by itself, and everything else (clocks, wirings, time) is the same for all cells.

Axes: any leading replica axes, batch B, rows of the drive, units k. The weights have `gates` columns a unit, in Keras's order.
A new cell needs `gates` and `new_state`; its backward step is then TensorFlow's, until `step` and `step_back` are written.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from .linear import einsum, kernel_gradient

Activation = Callable[[tf.Tensor], tf.Tensor]
State = tuple[tf.Tensor, ...]

# The slope of an activation as a function of its value, which spares a cell from keeping what it was applied to.
SLOPES = {
    keras.activations.tanh: lambda y: 1 - y**2,
    keras.activations.sigmoid: lambda y: y * (1 - y),
    keras.activations.relu: lambda y: tf.cast(y > 0, y.dtype),
    keras.activations.linear: tf.ones_like,
}


class Own(NamedTuple):
    """What the units of a group have to themselves.

    Args:
        kernel: from them to them [..., k, gates, k]; None where none hears another.
        peepholes: [..., 3, k], or None.
        keep: what their view of the states is multiplied by (recurrent dropout) [..., B, k]; None is 1.
    """

    kernel: tf.Tensor | None
    peepholes: tf.Tensor | None = None
    keep: tf.Tensor | None = None


class Moment(NamedTuple):
    """One step as the backward step finds it; with a time axis in front, all steps of a sequence.

    Args:
        before, after: the states [..., B, k].
        kept: what `step` kept [..., B, kept rows, k], or None.
    """

    before: State
    after: State
    kept: tf.Tensor | None


class Cell:
    """What all cells have; the equations are in `new_state`.

    Attributes:
        gates: columns a unit in the input and recurrent weights.
        rows: of the drive. What modules say goes into the first `gates` of them.
        input_rows: which rows W x + b goes into, one a gate.
        biases: sets of biases: one, for the input rows, or also one for what modules say.
        states: names of the parts of the state; the first is what other modules hear.
        peepholes: rows of weights with which gates see the cell.
        kept_rows: of what `step` keeps for `step_back`; 0 is nothing.
    """

    gates = 1
    biases = 1
    states: tuple[str, ...] = ("h",)
    peepholes = 0

    def __eq__(self, other) -> bool:
        """Say whether the other cell does the same, so that layers of equal cells share what is compiled."""
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    @property
    def rows(self) -> int:
        return self.gates

    @property
    def input_rows(self) -> tuple[int, ...]:
        return tuple(range(self.gates))

    @property
    def kept_rows(self) -> int:
        return self.rows

    def new_state(self, drive: tf.Tensor, state: State, own: Own) -> State:
        """Return the state after a step, from its drive [..., B, rows, k] and the state before [..., B, k]."""
        raise NotImplementedError

    def step(self, drive: tf.Tensor, state: State, own: Own) -> tuple[State, tf.Tensor | None]:
        """Return the state after a step, and what the backward step needs to know besides the states."""
        return self.new_state(drive, state, own), drive

    def step_back(self, moment: Moment, errors: State, own: Own) -> tuple[tf.Tensor, State]:
        """Return the errors of the drive and of the state before, but for what it said, from those of the state after."""
        with tf.GradientTape() as tape:
            sources = [moment.kept, *moment.before]
            tape.watch(sources)
            after = self.new_state(moment.kept, moment.before, own)
        delta, *before = tape.gradient(after, sources, list(errors), unconnected_gradients="zero")
        return delta, tuple(before)

    def own_back(self, moments: Moment, deltas: tf.Tensor, own: Own) -> Own:
        """Return the gradients of kernel and peepholes over all steps, from the errors of the drives [T, ..., B, rows, k]."""
        if own.kernel is None:
            return Own(None)
        return Own(kernel_gradient(heeded(moments.before[0], own), deltas[..., : self.gates, :]))


def heeded(h: tf.Tensor, own: Own) -> tf.Tensor:
    """Return what listeners see of a group's states."""
    return h if own.keep is None else own.keep * h


class Simple(Cell):
    """h(t) = f(z(t)), with the drive z (Koutník et al. 2014, section 3, eq. 1)."""

    def __init__(self, activation: Activation):
        self.activation = activation
        self.slope = SLOPES.get(activation)

    @property
    def kept_rows(self) -> int:
        return 0 if self.slope else 1

    def new_state(self, drive, state, own):
        return (self.activation(drive[..., 0, :]),)

    def step(self, drive, state, own):
        return self.new_state(drive, state, own), None if self.slope else drive

    def step_back(self, moment, errors, own):
        if not self.slope:
            return super().step_back(moment, errors, own)
        delta = errors[0] * self.slope(moment.after[0])
        return delta[..., None, :], (tf.zeros_like(delta),)


class LSTM(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2002 for the peepholes p).

    With the drive i, f, g, o:  i = σ(i + p_i c),  f = σ(f + p_f c),  c' = f c + i τ(g),  o = σ(o + p_o c'),  h' = o τ(c').
    """

    gates = 4
    states = ("h", "c")

    def __init__(self, activation: Activation, recurrent_activation: Activation, peepholes: bool = False):
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.peepholes = 3 if peepholes else 0
        self.slopes = SLOPES.get(recurrent_activation), SLOPES.get(activation)

    def new_state(self, drive, state, own):
        return self._gates_and_state(drive, state, own)[1]

    def step(self, drive, state, own):
        gates, after = self._gates_and_state(drive, state, own)
        return after, gates if all(self.slopes) else drive

    def _gates_and_state(self, drive, state, own):
        i, f, g, o = tf.unstack(drive, axis=-2)
        c = state[1]
        if own.peepholes is not None:
            p_i, p_f, p_o = tf.split(own.peepholes, 3, axis=-2)  # each [..., 1, k]
            i, f = i + p_i * c, f + p_f * c
        i, f, g = self.recurrent_activation(i), self.recurrent_activation(f), self.activation(g)
        c = f * c + i * g
        o = self.recurrent_activation(o if own.peepholes is None else o + p_o * c)
        return tf.stack([i, f, g, o], -2), (o * self.activation(c), c)

    def step_back(self, moment, errors, own):
        if not all(self.slopes):
            return super().step_back(moment, errors, own)
        gate_slope, slope = self.slopes
        i, f, g, o = tf.unstack(moment.kept, axis=-2)
        dh, dc = errors
        squashed = self.activation(moment.after[1])
        do = dh * squashed * gate_slope(o)
        dc += dh * o * slope(squashed)
        if own.peepholes is not None:
            p_i, p_f, p_o = tf.split(own.peepholes, 3, axis=-2)  # each [..., 1, k]
            dc += do * p_o
        di, df, dg = dc * g * gate_slope(i), dc * moment.before[1] * gate_slope(f), dc * i * slope(g)
        before = dc * f
        if own.peepholes is not None:
            before += di * p_i + df * p_f
        return tf.stack([di, df, dg, do], -2), (tf.zeros_like(dh), before)

    def own_back(self, moments, deltas, own):
        gradients = super().own_back(moments, deltas, own)
        if own.peepholes is None:
            return gradients
        di, df, _, do = tf.unstack(deltas, axis=-2)
        seen = tf.stack([di * moments.before[1], df * moments.before[1], do * moments.after[1]], -2)
        return gradients._replace(peepholes=tf.reduce_sum(seen, [0, -3]))  # [..., 3, k]


class GRU(Cell):
    """Gated recurrent unit whose reset gate multiplies what modules say (Cho et al. 2014; Keras's `reset_after=True`).

    With the drive z, r, u (what modules say to the candidate), v (what the input says):
    z = σ(z),  r = σ(r),  n = τ(v + r u),  h' = z h + (1 − z) n.
    """

    gates, rows, input_rows, biases = 3, 4, (0, 1, 3), 2

    def __init__(self, activation: Activation, recurrent_activation: Activation):
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.slopes = SLOPES.get(recurrent_activation), SLOPES.get(activation)

    def new_state(self, drive, state, own):
        return self._gates_and_state(drive, state)[1]

    def step(self, drive, state, own):
        gates, after = self._gates_and_state(drive, state)
        return after, gates if all(self.slopes) else drive

    def _gates_and_state(self, drive, state):
        z, r, u, v = tf.unstack(drive, axis=-2)
        z, r = self.recurrent_activation(z), self.recurrent_activation(r)
        n = self.activation(v + r * u)
        return tf.stack([z, r, u, n], -2), (z * state[0] + (1 - z) * n,)

    def step_back(self, moment, errors, own):
        if not all(self.slopes):
            return super().step_back(moment, errors, own)
        gate_slope, slope = self.slopes
        z, r, u, n = tf.unstack(moment.kept, axis=-2)
        dh = errors[0]
        dz = dh * (moment.before[0] - n) * gate_slope(z)
        dv = dh * (1 - z) * slope(n)
        return tf.stack([dz, dv * u * gate_slope(r), dv * r, dv], -2), (dh * z,)


class ResetBeforeGRU(GRU):
    """The same with n = τ(v + (r h) U): the reset gate multiplies the state, before the product (`reset_after=False`).

    That product lies between two of the cell's own equations, so it can only be with units of the same group.
    """

    biases = 1
    step, step_back, kept_rows = Cell.step, Cell.step_back, Cell.kept_rows

    def new_state(self, drive, state, own):
        z, r, _, v = tf.unstack(drive, axis=-2)
        z = self.recurrent_activation(z)
        n = self.activation(v + self._heard(r, state[0], own) @ own.kernel[..., 2, :])
        return (z * state[0] + (1 - z) * n,)

    def _heard(self, r, h, own):
        return self.recurrent_activation(r) * heeded(h, own)

    def own_back(self, moments, deltas, own):
        kernel = super().own_back(moments, deltas, own).kernel
        heard = self._heard(moments.kept[..., 1, :], moments.before[0], own)
        candidate = einsum("t*bi,t*bj->*ij", heard, deltas[..., 3, :])
        return Own(tf.concat([kernel[..., :2, :], candidate[..., None, :]], -2))
