"""A group's own way through time and back: the only loops there are.

Differentiating a loop step by step stores and multiplies far too much, so the way back is written by hand: it carries only the
errors of the state, and the gradient of the weights is one product of stacked states and stacked errors after the loop.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from .blocks import flat
from .cells import Cell, Moment, Own, State, heeded
from .linear import Size, size


class Passage(NamedTuple):
    """A group's way through its ticks.

    Args:
        states: before the first tick, and after each [1 + ticks, ..., B, k].
        kept: what the cell kept of each tick [ticks, ..., B, kept rows, k], or None.
    """

    states: State
    kept: tf.Tensor | None


def scan(
    cell: Cell,
    drive: tf.Tensor,
    start: State,
    own: Own,
    fires: tf.Tensor | None,
    made: Size | None = None,
    append: bool = False,
) -> Passage:
    """Carry a group's state through its ticks.

    Args:
        cell: what it does at a tick.
        drive: what comes in but from the group itself [ticks, ..., B, rows, k].
        start: the state before the first tick, tensors [..., B, k].
        own: the group's own weights.
        fires: where a unit is updated, boolean [ticks, ..., B or 1, k]; elsewhere it keeps its state. None is everywhere.
        made: how many ticks are made, behind which there are zeros; None is all.
        append: let the loop do nothing but append to its arrays, as exporters want it; the start is put in front behind it,
            for which XLA would copy all states.
    """
    ticks, shape = size(drive, 0), _shape(start[0])
    incoming, awake = _read(drive), None if fires is None else _read_flat(fires, shape)

    def forward(t, state, states, kept):
        before = tuple(tf.reshape(part, shape) for part in state)
        after, now = cell.step(_with_own(cell, incoming.read(t), before[0], own), before, own)
        after = tuple(map(_along_one_axis, after))
        if awake is not None:
            fired = awake.read(t)
            after = tuple(tf.where(fired, new, old) for new, old in zip(after, state, strict=True))
        states = tuple(array.write(t + first, part) for array, part in zip(states, after, strict=True))
        return t + 1, after, states, tuple(array.write(t, now) for array in kept)

    flat_start, first = tuple(map(_along_one_axis, start)), 0 if append else 1
    states = tuple(_write(part.shape, part.dtype, ticks + first) for part in flat_start)
    if not append:
        states = tuple(array.write(0, part) for array, part in zip(states, flat_start, strict=True))
    rows = [*drive.shape[1:-2], cell.kept_rows, drive.shape[-1]]
    kept = (_write(rows, drive.dtype, ticks),) if cell.kept_rows else ()
    made = ticks if made is None else made
    loop = tf.while_loop(lambda t, *_: t < made, forward, (0, flat_start, states, kept))
    states = [array.stack() for array in loop[2]]
    if append:
        states = [tf.concat([part[None], after], 0) for part, after in zip(flat_start, states, strict=True)]
    states = tuple(tf.reshape(part, [ticks + 1, *shape]) for part in states)
    return Passage(states, loop[3][0].stack() if kept else None)


def scan_back(
    cell: Cell,
    passage: Passage,
    errors: tuple[tf.Tensor | None, ...],
    last: State,
    own: Own,
    fires: tf.Tensor | None,
    made: Size | None = None,
) -> tuple[tf.Tensor, State, Own]:
    """Carry the errors of a group's states back through its ticks.

    Args:
        cell, own, fires, made: as in `scan`.
        passage: what `scan` returned.
        errors: of the states [1 + ticks, ..., B, k], None where there are none.
        last: errors of the state after the last tick that is made besides [..., B, k].

    Returns:
        The errors of the drive [ticks, ..., B, rows, k] and of the start [..., B, k], and the gradients of the own weights.
    """
    ticks, shape = size(passage.states[0], 0) - 1, _shape(last[0])
    states, kept = [_read(part) for part in passage.states], None if passage.kept is None else _read(passage.kept)
    outer = [None if part is None else _read_flat(part, shape) for part in errors]
    awake = None if fires is None else _read_flat(fires, shape)

    def from_outside(t, state):
        return tuple(part if array is None else part + array.read(t) for part, array in zip(state, outer, strict=True))

    def backward(t, state, deltas):
        state = from_outside(t + 1, state)
        held = tuple(map(tf.zeros_like, state))
        if awake is not None:
            fired = awake.read(t)
            held = tuple(tf.where(fired, zero, part) for zero, part in zip(held, state, strict=True))
            state = tuple(tf.where(fired, part, tf.zeros_like(part)) for part in state)
        before, after = (tuple(part.read(place) for part in states) for place in (t, t + 1))
        moment = Moment(before, after, None if kept is None else kept.read(t))
        delta, state = cell.step_back(moment, tuple(tf.reshape(part, shape) for part in state), own)
        state = tuple(map(_along_one_axis, (state[0] + _with_own_back(cell, delta, own), *state[1:])))
        if awake is not None:
            state = tuple(a + b for a, b in zip(state, held, strict=True))
        return t - 1, state, deltas.write(t, delta)

    h = passage.states[0]
    deltas = _write([*h.shape[1:-1], cell.rows, h.shape[-1]], h.dtype, ticks)
    made = ticks if made is None else made
    loop = tf.while_loop(lambda t, *_: t >= 0, backward, (made - 1, tuple(map(_along_one_axis, last)), deltas))
    start = tuple(tf.reshape(part, shape) for part in from_outside(0, loop[1]))
    deltas = loop[2].stack()
    before, after = (tuple(part[place] for part in passage.states) for place in (slice(-1), slice(1, None)))
    return deltas, start, cell.own_back(Moment(before, after, passage.kept), deltas, own)


def _with_own(cell: Cell, drive: tf.Tensor, h: tf.Tensor, own: Own) -> tf.Tensor:
    """Add what the group says to itself to its drive [..., B, rows, k]."""
    if own.kernel is None:
        return drive
    said = heeded(h, own) @ flat(own.kernel)  # [..., B, gates · k]
    said = tf.reshape(said, [*(size(h, axis) for axis in range(h.shape.rank - 1)), cell.gates, h.shape[-1]])
    if cell.rows == cell.gates:
        return drive + said
    return tf.concat([drive[..., : cell.gates, :] + said, drive[..., cell.gates :, :]], -2)


def _with_own_back(cell: Cell, delta: tf.Tensor, own: Own) -> tf.Tensor | float:
    """Return the errors of the states before [..., B, k] for what the group said to itself."""
    if own.kernel is None:
        return 0.0
    delta = delta[..., : cell.gates, :] if cell.rows > cell.gates else delta
    batch = [size(delta, axis) for axis in range(delta.shape.rank - 2)]
    delta = tf.reshape(delta, [*batch, cell.gates * delta.shape[-1]])
    return heeded(tf.linalg.matmul(delta, flat(own.kernel), transpose_b=True), own)


def _along_one_axis(part: tf.Tensor) -> tf.Tensor:
    """Return a state, or another tensor of its shape, along a single axis.

    What passes from step to step is kept so: the loops that XLA makes over one long axis are shorter and faster, and
    compile sooner, than those over [B, k].
    """
    return tf.reshape(part, [-1])


def _shape(state: tf.Tensor) -> list[Size]:
    return [size(state, axis) for axis in range(state.shape.rank)]


def _read_flat(values: tf.Tensor, shape: list[Size]) -> tf.TensorArray:
    """Return an array that gives at each tick a tensor of the state's shape, or what is broadcast to it, along one axis."""
    values = tf.broadcast_to(values, [size(values, 0), *shape])
    return _read(tf.reshape(values, [size(values, 0), math.prod(shape)]))


def _read(values: tf.Tensor) -> tf.TensorArray:
    array = tf.TensorArray(values.dtype, size(values, 0), element_shape=values.shape[1:], clear_after_read=False)
    return array.unstack(values)


def _write(shape, dtype: tf.DType, length) -> tf.TensorArray:
    return tf.TensorArray(dtype, length, element_shape=shape)
