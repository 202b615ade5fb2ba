"""A group's own way through time and back: the only loops there are.

Differentiating a loop step by step stores and multiplies far too much, so the way back is written by hand: it carries only the
errors of the state, and the gradient of the weights is one product of stacked states and stacked errors after the loop.
"""

from typing import NamedTuple

import tensorflow as tf

from .blocks import flat
from .cells import Cell, Moment, Own, State, heeded
from .linear import size


class Passage(NamedTuple):
    """A group's way through its ticks.

    Args:
        states: before the first tick, and after each [1 + ticks, ..., B, k].
        kept: what the cell kept of each tick [ticks, ..., B, kept rows, k], or None.
    """

    states: State
    kept: tf.Tensor | None


def scan(cell: Cell, drive: tf.Tensor, start: State, own: Own, fires: tf.Tensor | None) -> Passage:
    """Carry a group's state through its ticks.

    Args:
        cell: what it does at a tick.
        drive: what comes in but from the group itself [ticks, ..., B, rows, k].
        start: the state before the first tick, tensors [..., B, k].
        own: the group's own weights.
        fires: where a unit is updated, boolean [ticks, ..., B or 1, k]; elsewhere it keeps its state. None is everywhere.
    """
    ticks = size(drive, 0)
    incoming, awake = _read(drive), None if fires is None else _read(fires)

    def forward(t, state, states, kept):
        total = _with_own(cell, incoming.read(t), state[0], own)
        after, now = cell.step(total, state, own)
        if awake is not None:
            fired = awake.read(t)
            after = tuple(tf.where(fired, new, old) for new, old in zip(after, state, strict=True))
        states = tuple(array.write(t, part) for array, part in zip(states, after, strict=True))
        return t + 1, after, states, tuple(array.write(t, now) for array in kept)

    states = tuple(_write(part.shape, part.dtype, ticks) for part in start)
    rows = [*drive.shape[1:-2], cell.kept_rows, drive.shape[-1]]
    kept = (_write(rows, drive.dtype, ticks),) if cell.kept_rows else ()
    loop = tf.while_loop(lambda t, *_: t < ticks, forward, (0, start, states, kept))
    states = tuple(tf.concat([first[None], array.stack()], 0) for first, array in zip(start, loop[2], strict=True))
    return Passage(states, loop[3][0].stack() if kept else None)


def scan_back(
    cell: Cell, passage: Passage, errors: tuple[tf.Tensor | None, ...], last: State, own: Own, fires: tf.Tensor | None
) -> tuple[tf.Tensor, State, Own]:
    """Carry the errors of a group's states back through its ticks.

    Args:
        cell, own, fires: as in `scan`.
        passage: what `scan` returned.
        errors: of the states [1 + ticks, ..., B, k], None where there are none.
        last: errors of the state after the last tick besides [..., B, k].

    Returns:
        The errors of the drive [ticks, ..., B, rows, k] and of the start [..., B, k], and the gradients of the own weights.
    """
    ticks = size(passage.states[0], 0) - 1
    states, kept = [_read(part) for part in passage.states], None if passage.kept is None else _read(passage.kept)
    outer = [None if part is None else _read(part) for part in errors]
    awake = None if fires is None else _read(fires)

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
        delta, state = cell.step_back(moment, state, own)
        state = (state[0] + _with_own_back(cell, delta, own), *state[1:])
        if awake is not None:
            state = tuple(a + b for a, b in zip(state, held, strict=True))
        return t - 1, state, deltas.write(t, delta)

    h = passage.states[0]
    deltas = _write([*h.shape[1:-1], cell.rows, h.shape[-1]], h.dtype, ticks)
    _, start, deltas = tf.while_loop(lambda t, *_: t >= 0, backward, (ticks - 1, last, deltas))
    deltas = deltas.stack()
    before, after = (tuple(part[place] for part in passage.states) for place in (slice(-1), slice(1, None)))
    return deltas, from_outside(0, start), cell.own_back(Moment(before, after, passage.kept), deltas, own)


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


def _read(values: tf.Tensor) -> tf.TensorArray:
    array = tf.TensorArray(values.dtype, size(values, 0), element_shape=values.shape[1:], clear_after_read=False)
    return array.unstack(values)


def _write(shape, dtype: tf.DType, length) -> tf.TensorArray:
    return tf.TensorArray(dtype, length, element_shape=shape)
