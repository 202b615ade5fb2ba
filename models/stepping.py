"""One step of a network, for loops in which the next input depends on the output; only the modules that fire are computed."""

import tensorflow as tf

from .blocks import bias_rows, by_gate, to_first_rows, to_input_rows
from .cascade import Inputs
from .cells import Cell, Own, State
from .clocks import Modules, fires
from .linear import size


def single_step(modules: Modules, cell: Cell, inputs: Inputs, clock: tf.Tensor | int) -> State:
    """Return the state after one step, tensors [B, n].

    Args:
        modules, cell: of the network.
        inputs: as in `cascade.Inputs`, but for sequences [B, features], or a tuple of one a module.
        clock: the number of the step, an int32 scalar.
    """
    before = list(zip(*(tf.split(part, modules.sizes, -1) for part in inputs.state), strict=True))  # one a module
    weights, parts = inputs.weights, []
    kernels = iter(
        () if weights.kernel is None else tf.split(by_gate(weights.kernel, cell.gates), modules.seeing_sizes, -1)
    )
    biases = _split(modules, None if weights.bias is None else bias_rows(cell, weights.bias))
    peepholes = _split(modules, weights.peepholes)
    for module, (period, phase) in enumerate(zip(modules.periods, modules.phases, strict=True)):
        kernel = next(kernels, None) if modules.sees_input[module] else None

        def fired(m=module, kernel=kernel):
            h, own = before[m][0], None
            drive = tf.zeros([size(h, 0), cell.rows, modules.sizes[m]], h.dtype)
            if biases[m] is not None:
                drive += biases[m]
            if kernel is not None:
                x = inputs.sequences[m] if isinstance(inputs.sequences, tuple | list) else inputs.sequences
                drive += to_input_rows(cell, tf.einsum("bf,fgk->bgk", x, kernel))
            if weights.recurrent[m] is not None:
                own = by_gate(weights.recurrent[m], cell.gates)
                heard = tf.concat([before[j][0] for j in modules.heard_by(m)], -1)
                drive += to_first_rows(cell, tf.einsum("bi,igk->bgk", heard, own))
            return cell.new_state(drive, before[m], Own(own, peepholes[m]))

        asleep = lambda m=module: before[m]  # noqa: E731
        parts.append(fired() if period == 1 else tf.cond(fires(clock, period, phase), fired, asleep))
    return tuple(tf.concat(values, -1) for values in zip(*parts, strict=True))


def _split(modules: Modules, values: tf.Tensor | None) -> list[tf.Tensor | None]:
    """Return each module's part of what has the units of the hidden state last."""
    return [None] * len(modules.sizes) if values is None else tf.split(values, modules.sizes, -1)
