"""From the arrays that a layer keeps to the matrices that each group of a plan multiplies by, and back for their gradients."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from .cells import Cell
from .plan import Plan


class Weights(NamedTuple):
    """The weights of a network, with any leading replica axes; module i has k_i units, columns gate after gate.

    Args:
        kernel: from the input to the units of the modules that see it [..., inputs, gates · their units], or None.
        recurrent: for each module [..., units it hears, gates · k_i], fastest heard module first, None where it hears none.
        bias: [..., gates · n], or [..., 2, gates · n] for the input and for what modules say, or None.
        peepholes: [..., 3, n], or None.
    """

    kernel: tf.Tensor | None
    recurrent: tuple[tf.Tensor | None, ...]
    bias: tf.Tensor | None = None
    peepholes: tf.Tensor | None = None


class Block(NamedTuple):
    """The weights of one group of k units.

    Args:
        input: [..., inputs, gates, k], zero for modules that do not see it; None if none does.
        own: from its units to themselves [..., k, gates, k], zero where nothing connects; None if nothing does.
        later: from its units to those of later groups [..., k, gates, their units], zero where nothing connects; None if nothing does.
        bias: of each row of the drive [..., rows, k], or None.
        peepholes: [..., 3, k], or None.
    """

    input: tf.Tensor | None
    own: tf.Tensor | None
    later: tf.Tensor | None
    bias: tf.Tensor | None
    peepholes: tf.Tensor | None


def split_state(plan: Plan, tensor: tf.Tensor | None) -> list[tf.Tensor | None]:
    """Return each group's part of a tensor whose last axis has the units of the hidden state."""
    if tensor is not None and list(plan.order) != sorted(plan.order):
        parts = tf.split(tensor, plan.modules.sizes, -1)
        tensor = tf.concat([parts[m] for m in plan.order], -1)
    return _split_groups(plan, tensor, -1)


def join_state(plan: Plan, parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return one tensor whose last axis has the units of the hidden state, from each group's part."""
    joint = parts[0] if len(parts) == 1 else tf.concat(parts[::-1], -1)
    if list(plan.order) == sorted(plan.order):
        return joint
    parts = tf.split(joint, [plan.modules.sizes[m] for m in plan.order], -1)
    return tf.concat([parts[place] for place in np.argsort(plan.order)], -1)


def _split_groups(plan: Plan, tensor: tf.Tensor | None, axis: int) -> list[tf.Tensor | None]:
    """Return each group's part of a tensor whose axis has the units in the order of the plan."""
    if tensor is None:
        return [None] * len(plan.groups)
    if len(plan.groups) == 1:
        return [tensor]
    return tf.split(tensor, [group.width for group in reversed(plan.groups)], axis)[::-1]


def make_blocks(
    plan: Plan, cell: Cell, weights: Weights, recurrent: Sequence[tuple[tf.Tensor | None, ...]] | None = None
) -> list[Block]:
    """Return the weights of each group; `recurrent` are the `own` and `later` of each, where they have been made before."""
    inputs = split_state(plan, _input_kernel(plan, cell, weights.kernel))
    biases = split_state(plan, None if weights.bias is None else bias_rows(cell, weights.bias))
    peepholes = split_state(plan, weights.peepholes)
    recurrent = _recurrent_blocks(plan, cell, weights) if recurrent is None else recurrent
    blocks = []
    for place, (group, (own, later)) in enumerate(zip(plan.groups, recurrent, strict=True)):
        sees = any(plan.modules.sees_input[m] for m in group.members)
        blocks.append(Block(inputs[place] if sees else None, own, later, biases[place], peepholes[place]))
    return blocks


def _recurrent_blocks(plan: Plan, cell: Cell, weights: Weights) -> list[tuple[tf.Tensor | None, ...]]:
    strips = _split_groups(plan, _recurrent_kernel(plan, cell, weights.recurrent), -3)
    pairs = []
    for group, strip in zip(plan.groups, strips, strict=True):
        first, last = group.columns.start, group.columns.stop
        own = strip[..., first:last] if group.hears_itself else None
        pairs.append((own, strip[..., :first] if strip is not None and first else None))
    return pairs


def make_blocks_back(plan: Plan, cell: Cell, gradients: Sequence[Block], weights: Weights) -> Weights:
    """Return the gradients of the weights from those of the blocks."""
    kernel = weights.kernel
    if kernel is not None:
        parts = [
            tf.zeros([*kernel.shape[:-1], cell.gates, group.width], kernel.dtype) if part.input is None else part.input
            for part, group in zip(gradients, plan.groups, strict=True)
        ]
        kernel = _input_kernel_back(plan, join_state(plan, parts))
    recurrent = tuple(
        None if array is None else _recurrent_kernel_back(plan, gradients, module)
        for module, array in enumerate(weights.recurrent)
    )
    bias = peepholes = None
    if weights.bias is not None:
        bias = _bias_rows_back(cell, join_state(plan, [part.bias for part in gradients]))
    if weights.peepholes is not None:
        peepholes = join_state(plan, [part.peepholes for part in gradients])
    return Weights(kernel, recurrent, bias, peepholes)


def by_gate(kernel: tf.Tensor, gates: int) -> tf.Tensor:
    """Return columns [..., gates · k] as [..., gates, k]."""
    return tf.reshape(kernel, [*kernel.shape[:-1], gates, kernel.shape[-1] // gates])


def flat(kernel: tf.Tensor) -> tf.Tensor:
    """Return [..., gates, k] as columns [..., gates · k]."""
    return tf.reshape(kernel, [*kernel.shape[:-2], kernel.shape[-2] * kernel.shape[-1]])


def _input_kernel(plan: Plan, cell: Cell, kernel: tf.Tensor | None) -> tf.Tensor | None:
    """Return the input weights of all units [..., inputs, gates, n]."""
    modules = plan.modules
    if kernel is None:
        return None
    kernel = by_gate(kernel, cell.gates)
    if all(modules.sees_input):
        return kernel
    seeing = iter(tf.split(kernel, modules.seeing_sizes, -1))
    parts = [
        next(seeing) if sees else tf.zeros([*kernel.shape[:-1], size], kernel.dtype)
        for sees, size in zip(modules.sees_input, modules.sizes, strict=True)
    ]
    return tf.concat(parts, -1)


def _input_kernel_back(plan: Plan, gradient: tf.Tensor) -> tf.Tensor:
    modules = plan.modules
    if not all(modules.sees_input):
        parts = tf.split(gradient, modules.sizes, -1)
        gradient = tf.concat([part for part, sees in zip(parts, modules.sees_input, strict=True) if sees], -1)
    return flat(gradient)


def bias_rows(cell: Cell, bias: tf.Tensor) -> tf.Tensor:
    """Return the bias of each row of the drive [..., rows, n]."""
    bias = by_gate(bias, cell.gates)
    if cell.biases == 1:
        return to_input_rows(cell, bias)
    by_input, by_modules = tf.unstack(bias, axis=-3)
    return to_input_rows(cell, by_input) + to_first_rows(cell, by_modules)


def _bias_rows_back(cell: Cell, gradient: tf.Tensor) -> tf.Tensor:
    by_input = flat(input_rows(cell, gradient))
    return by_input if cell.biases == 1 else tf.stack([by_input, flat(gradient[..., : cell.gates, :])], -2)


def to_input_rows(cell: Cell, seen: tf.Tensor) -> tf.Tensor:
    """Put what the input says [..., gates, k] into its rows of the drive [..., rows, k]."""
    if cell.rows == cell.gates:
        return seen
    gates = iter(tf.unstack(seen, axis=-2))
    rows = [next(gates) if row in cell.input_rows else tf.zeros_like(seen[..., 0, :]) for row in range(cell.rows)]
    return tf.stack(rows, -2)


def input_rows(cell: Cell, drive: tf.Tensor) -> tf.Tensor:
    """Take the rows of the input [..., gates, k] out of those of the drive [..., rows, k]."""
    return drive if cell.rows == cell.gates else tf.gather(drive, cell.input_rows, axis=-2)


def to_first_rows(cell: Cell, said: tf.Tensor) -> tf.Tensor:
    """Put what modules say [..., gates, k] into its rows of the drive [..., rows, k]."""
    more = cell.rows - cell.gates
    return tf.pad(said, [[0, 0]] * (said.shape.rank - 2) + [[0, more], [0, 0]]) if more else said


def _recurrent_kernel(plan: Plan, cell: Cell, recurrent: Sequence[tf.Tensor | None]) -> tf.Tensor | None:
    """Return the recurrent weights of all units, in the order of the plan [..., n, gates, n], zero where nothing connects."""
    modules = plan.modules
    like = next((kernel for kernel in recurrent if kernel is not None), None)
    if like is None:
        return None

    def zeros(listener: int, sources: Sequence[int]) -> tf.Tensor:
        rows = sum(modules.sizes[j] for j in sources)
        return tf.zeros([*like.shape[:-2], rows, cell.gates, modules.sizes[listener]], like.dtype)

    columns = []
    for i in plan.order:
        kernel, heard = recurrent[i], modules.heard_by(i)
        absent = len(modules.sizes) - len(heard)
        if not heard:
            columns.append(zeros(i, plan.order))
            continue
        kernel = by_gate(kernel, cell.gates)
        if plan.order[absent:] == heard:  # the paper's wiring: all from some module on
            parts = ([zeros(i, plan.order[:absent])] if absent else []) + [kernel]
        else:
            rows = dict(zip(heard, tf.split(kernel, [modules.sizes[j] for j in heard], -3), strict=True))
            parts = [rows[j] if j in rows else zeros(i, [j]) for j in plan.order]
        columns.append(parts[0] if len(parts) == 1 else tf.concat(parts, -3))  # [..., n, gates, k_i]
    return columns[0] if len(columns) == 1 else tf.concat(columns, -1)


def _recurrent_kernel_back(plan: Plan, gradients: Sequence[Block], module: int) -> tf.Tensor:
    """Return the gradient of one module's recurrent weights [..., units it hears, gates · k_i]."""
    modules, heard = plan.modules, plan.modules.heard_by(module)
    place = next(place for place, group in enumerate(plan.groups) if module in group.members)
    before = sum(modules.sizes[m] for m in plan.order[: plan.order.index(module)])
    columns = slice(before, before + modules.sizes[module])
    within = slice(columns.start - plan.groups[place].columns.start, columns.stop - plan.groups[place].columns.start)
    rows, sources = [], []  # of the groups that may be heard: its own and the earlier ones, the latest first
    for source in reversed(range(place + 1)):
        members = plan.groups[source].members
        if not set(members).isdisjoint(heard):
            block = gradients[source]
            rows.append(block.own[..., within] if source == place else block.later[..., columns])
            sources += members
    gradient = rows[0] if len(rows) == 1 else tf.concat(rows, -3)
    absent = len(sources) - len(heard)
    if tuple(sources[absent:]) == heard:  # the paper's wiring
        gradient = gradient[..., sum(modules.sizes[j] for j in sources[:absent]) :, :, :]
    else:
        parts = dict(zip(sources, tf.split(gradient, [modules.sizes[j] for j in sources], -3), strict=True))
        gradient = tf.concat([parts[j] for j in heard], -3)
    return flat(gradient)
