"""The Clockwork RNN as a cascade: group after group, each over its own ticks only.

Connections run from slow to fast, so the slow modules can be taken through the whole sequence before the faster ones
start. All that one group says to another is then a matrix product outside any loop, taken at the ticks of the slower of
the two, since what a slow module says stays the same until it fires again. Axes as in `models.recurrence`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from models.clocks import Clock, Group, Modules
from models.recurrence import Activation, Size, product, scan, size

Inputs = tf.Tensor | list[tf.Tensor]  # the same for all modules, or one a module


class Weights(NamedTuple):
    """The weights of a Clockwork RNN, the recurrent ones one array a block row; module i has k_i units.

    Args:
        kernel: from the input to the units of the modules that see it [..., inputs, their units], or None.
        recurrent: for each module [..., units it hears, k_i], fastest heard module first, or None where it hears none.
        bias: [..., n], or None.
    """

    kernel: tf.Tensor | None
    recurrent: Sequence[tf.Tensor | None]
    bias: tf.Tensor | None


class Trace(NamedTuple):
    """Values that change at the ticks of a clock only: the first before any tick, then one after each tick.

    Args:
        values: [1 + ticks, ..., B, units].
        clock: when they change.
    """

    values: tf.Tensor
    clock: Clock


def clockwork_scan(
    sequences: Inputs,
    weights: Weights,
    initial: tf.Tensor,
    modules: Modules,
    groups: Sequence[Group],
    activation: Activation,
    *,
    clock: tf.Tensor | None = None,
    keep: tf.Tensor | None = None,
    known: Sequence[tf.Tensor] | None = None,
    periods: tf.Tensor | None = None,
) -> list[Trace]:
    """Run a Clockwork RNN over whole sequences.

    h_i(t) = f(Σ_j W_ij h_j(t−1) + W_i x(t) + b_i) where module i fires, h_i(t−1) elsewhere (Koutník et al. 2014,
    section 3).

    Args:
        sequences: inputs [T, ..., B, features], or a list of one a module; no features are allowed.
        weights: see `Weights`.
        initial: the state before the first step [..., B, n].
        modules: who fires when and who hears whom.
        groups: all modules, once each, such that each group hears only itself and earlier ones.
        activation: an elementwise function.
        clock: the number of the first step, int32 [B]; None is 0. Needs groups that serve it, those of
            `Modules.groups_from` a number that divides it, or `Modules.every_step` alone.
        keep: what each listener's view of the states is multiplied by [..., B, n] (recurrent dropout); None is 1.
        known: each group's states after its ticks [ticks, ..., B, k], if only their gradient is wanted.
        periods: of each unit, int32 [..., n], where replicas have periods of their own; None is those of the modules.
            Needs a single group that looks at every step.

    Returns:
        The states of each group.
    """
    steps = _steps(sequences)
    layout = Layout(modules, groups)
    kernels = layout.split(_input_kernel(weights, layout))
    strips = layout.split(_recurrent_kernel(weights, layout, initial), axis=-2)
    biases, starts, keeps = (layout.split(layout.arrange(tensor)) for tensor in (weights.bias, initial, keep))
    traces: list[Trace] = []
    stream = None  # what the groups so far say to each of the later ones that are as fast or faster, summed
    for index, group in enumerate(groups):
        ticks = group.clock.ticks(steps)
        start, strip = starts[index], strips[index]
        drive = _input_drive(sequences, kernels[index], biases[index], start, modules, group, ticks)
        if stream is not None:
            rest, now = tf.split(stream.values, [-1, layout.widths[index]], axis=-1)
            drive += heard(Trace(now, stream.clock), group.clock, ticks)
            stream = Trace(rest, stream.clock)
        for source in layout.faster_sources(index):
            block = strips[source][..., layout.slices[index]]
            drive += product(heard(_heeded(traces[source], keeps[source]), group.clock, ticks), block)
        later, own, _ = tf.split(strip, [layout.slices[index].start, layout.widths[index], -1], axis=-1)
        states = scan(
            drive,
            own if layout.connected(group, group) else None,
            start,
            activation,
            fires=_fires(modules, group, ticks, clock, periods, start),
            keep=keeps[index],
            known=None if known is None else known[index],
        )
        traces.append(Trace(tf.concat([start[None], states], 0), group.clock))  # [1 + ticks, ..., B, k]
        listening = layout.listening(index)
        if listening.any():
            block = later if listening.all() else later * tf.constant(listening, later.dtype)
            said = _heeded(traces[-1], keeps[index])
            stream = _sum(stream, Trace(product(said.values, block), group.clock), steps)
    return traces


def hidden_states(
    sequences: Inputs,
    weights: Weights,
    initial: tf.Tensor,
    modules: Modules,
    activation: Activation,
    clock: tf.Tensor | None,
    keep: tf.Tensor | None,
    every_step: bool,
    known: Sequence[tf.Tensor] | None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Run a Clockwork RNN in the groups that serve its clock best.

    Args:
        sequences, weights, initial, modules, activation, clock, keep: as in `clockwork_scan`, without replica axes.
        every_step: whether all hidden states are asked for, or the last.
        known: what this function returned besides the hidden states, if only the gradient is wanted.

    Returns:
        The hidden states [T, B, n], or the last [B, n]; and the states from which they follow.
    """
    steps = _steps(sequences)
    unknown_length = not isinstance(steps, int)

    def run(groups, clock=None, known=None):
        return clockwork_scan(
            sequences, weights, initial, modules, groups, activation, clock=clock, keep=keep, known=known
        )

    # A loop that may have no step at all, for a first tick behind the end, does not compile.
    may_be_short = unknown_length and any(modules.phases)
    if clock is None and not may_be_short:
        traces = run(modules.groups, known=known)
        known = [trace.values[1:] for trace in traces]
        if every_step:
            return all_steps(traces, modules, modules.groups, steps), known
        return last_step(traces, modules, modules.groups), known

    def in_groups(groups, clock=None):
        values = at_ticks(known[0], modules, groups) if known else None
        return all_steps(run(groups, clock, values), modules, groups, steps)

    every = (modules.every_step,)
    if may_be_short:
        states = in_groups(every, clock)
    else:  # chunks of one length, fed one after another, start at its multiples
        start = math.gcd(modules.hyperperiod, 0 if unknown_length else steps)
        at_multiple = tf.reduce_all(clock % min(start, tf.int32.max) == 0)
        groups = modules.groups_from(start)
        states = tf.cond(at_multiple, lambda: in_groups(groups, clock), lambda: in_groups(every, clock))
    return states if every_step else states[-1], [states]


def single_step(
    inputs: Inputs, h: tf.Tensor, clock: tf.Tensor, weights: Weights, modules: Modules, activation: Activation
) -> tf.Tensor:
    """Return the hidden state after one step [B, n]; only the modules that fire are computed.

    Args:
        inputs: [B, features], or a list of one a module.
        h: the state before [B, n].
        clock: the number of the step, an int32 scalar.
        weights, modules, activation: as in `clockwork_scan`, without replica axes.
    """
    kernels, before = _input_kernels(weights, modules), tf.split(h, modules.sizes, axis=-1)
    biases = [0.0] * len(before) if weights.bias is None else tf.split(weights.bias, modules.sizes)

    def fired(module: int) -> tf.Tensor:
        drive = tf.zeros_like(before[module]) + biases[module]
        if kernels[module] is not None:
            drive += (inputs[module] if isinstance(inputs, list) else inputs) @ kernels[module]
        if weights.recurrent[module] is not None:
            drive += tf.concat([before[j] for j in modules.heard_by(module)], -1) @ weights.recurrent[module]
        return activation(drive)

    clocks = enumerate(zip(modules.periods, modules.phases, strict=True))
    return tf.concat(
        [
            tf.cond((clock - phase) % period == 0, lambda m=m: fired(m), lambda m=m: before[m])
            for m, (period, phase) in clocks
        ],
        -1,
    )


class Layout:
    """The order in which the cascade keeps units: the last group first, as fast modules are in the hidden state.

    So all that a group says to later ones is one run of columns, and with the paper's wiring nothing is reordered.
    """

    def __init__(self, modules: Modules, groups: Sequence[Group]):
        self.modules = modules
        self.groups = groups
        self.order = [m for group in reversed(groups) for m in group.members]
        self.widths = [modules.width(group) for group in groups]
        ends = np.cumsum(self.widths[::-1])[::-1].tolist()
        self.slices = [slice(end - width, end) for end, width in zip(ends, self.widths, strict=True)]

    def arrange(self, tensor: tf.Tensor | None) -> tf.Tensor | None:
        """Bring the last axis from the order of the hidden state into this one."""
        if tensor is None or self.order == sorted(self.order):
            return tensor
        parts = tf.split(tensor, self.modules.sizes, axis=-1)
        return tf.concat([parts[m] for m in self.order], -1)

    def restore(self, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """Bring one tensor a group [..., its units] into the order of the hidden state [..., n]."""
        joint = tf.concat(values[::-1], -1)
        if self.order == sorted(self.order):
            return joint
        parts = tf.split(joint, [self.modules.sizes[m] for m in self.order], axis=-1)
        return tf.concat([parts[place] for place in np.argsort(self.order)], -1)

    def split(self, tensor: tf.Tensor | None, axis: int = -1) -> list[tf.Tensor | None]:
        """Return each group's part."""
        return [None] * len(self.groups) if tensor is None else tf.split(tensor, self.widths[::-1], axis=axis)[::-1]

    def connected(self, listener: Group, source: Group) -> bool:
        return any(self.modules.hears[i][j] for i in listener.members for j in source.members)

    def listening(self, source: int) -> np.ndarray:
        """Return which units of later groups take what a group says from the stream, boolean [their units]."""
        said = [False]
        for group in reversed(self.groups[source + 1 :]):
            slower = group.clock.period > self.groups[source].clock.period
            said += [self.connected(group, self.groups[source]) and not slower] * self.modules.width(group)
        return np.array(said[1:], bool)

    def faster_sources(self, listener: int) -> list[int]:
        """Return the earlier groups that tick more often than a group that hears them."""
        group = self.groups[listener]
        return [
            index
            for index, source in enumerate(self.groups[:listener])
            if source.clock.period < group.clock.period and self.connected(group, source)
        ]


def all_steps(traces: Sequence[Trace], modules: Modules, groups: Sequence[Group], steps: Size) -> tf.Tensor:
    """Return the hidden state after each of the steps [T, ..., B, n]."""
    after = Clock(1, 1)  # the state after a step is what is heard at the next one
    return Layout(modules, groups).restore([heard(trace, after, steps) for trace in traces])


def at_ticks(states: tf.Tensor, modules: Modules, groups: Sequence[Group]) -> list[tf.Tensor]:
    """Return each group's states after its ticks [ticks, ..., B, k], from the hidden states after all steps."""
    layout = Layout(modules, groups)
    parts = layout.split(layout.arrange(states))
    return [part[group.clock.phase :: group.clock.period] for part, group in zip(parts, groups, strict=True)]


def last_step(traces: Sequence[Trace], modules: Modules, groups: Sequence[Group]) -> tf.Tensor:
    """Return the hidden state after the last step [..., B, n]."""
    return Layout(modules, groups).restore([trace.values[-1] for trace in traces])


def heard(source: Trace, listener: Clock, ticks: Size) -> tf.Tensor:
    """Return the source's value one step before each tick of the listener [ticks, ...].

    At step t that is the one after the source's update number floor((t − 1 − phase) / period), or the first value before
    any. Each value is repeated so often that the result ticks at the common clock, from which the listener's ticks are
    taken.
    """
    values, clock = source
    common = clock.common(listener).period
    repeats, stride = clock.period // common, listener.period // common
    if repeats > 1:
        rest = [size(values, axis) for axis in range(1, values.shape.rank)]
        values = tf.broadcast_to(values[:, None], [size(values, 0), repeats, *rest])  # [1 + ticks, repeats, ...]
        values = tf.reshape(values, [-1, *rest])  # [(1 + ticks) · repeats, ...]
    return values[repeats - 1 + (listener.phase - clock.phase) // common :: stride][:ticks]


def _sum(one: Trace | None, other: Trace, steps: Size) -> Trace:
    """Add two traces, at the clock that has the ticks of both."""
    if one is None:
        return other
    clock = one.clock.common(other.clock)
    changes = clock.ticks(steps) + 1
    return Trace(heard(one, clock, changes) + heard(other, clock, changes), clock)


def _heeded(trace: Trace, keep: tf.Tensor | None) -> Trace:
    return trace if keep is None else trace._replace(values=trace.values * keep)


def _input_kernel(weights: Weights, layout: Layout) -> tf.Tensor | None:
    """Return the input weights of all units [..., features, n], or None where there are none."""
    kernel, modules = weights.kernel, layout.modules
    if kernel is None or all(modules.sees_input):
        return layout.arrange(kernel)
    parts = [
        tf.zeros([*kernel.shape[:-1], size], kernel.dtype) if part is None else part
        for part, size in zip(_input_kernels(weights, modules), modules.sizes, strict=True)
    ]
    return layout.arrange(tf.concat(parts, -1))


def _input_kernels(weights: Weights, modules: Modules) -> list[tf.Tensor | None]:
    """Return the input weights of each module, None for one that has none."""
    if weights.kernel is None:
        return [None] * len(modules.sizes)
    seeing = [size for size, sees in zip(modules.sizes, modules.sees_input, strict=True) if sees]
    seen = iter(tf.split(weights.kernel, seeing, axis=-1))
    return [next(seen) if sees else None for sees in modules.sees_input]


def _steps(sequences: Inputs) -> Size:
    return size(sequences[0] if isinstance(sequences, list) else sequences, 0)


def _input_drive(
    sequences: Inputs,
    kernel: tf.Tensor | None,
    bias: tf.Tensor | None,
    start: tf.Tensor,
    modules: Modules,
    group: Group,
    ticks: Size,
) -> tf.Tensor:
    """Return W x(t) + b of a group at its ticks [ticks, ..., B, k]."""
    drive = tf.zeros([ticks, *(size(start, axis) for axis in range(start.shape.rank))], start.dtype)
    at_ticks = slice(group.clock.phase, None, group.clock.period)
    if kernel is not None and isinstance(sequences, list):
        parts = tf.split(kernel, [modules.sizes[m] for m in group.members], axis=-1)
        drives = [product(sequences[m][at_ticks], part) for m, part in zip(group.members, parts, strict=True)]
        drive += tf.concat(drives, -1)
    elif kernel is not None:
        drive += product(sequences[at_ticks], kernel)
    return drive if bias is None else drive + bias[..., None, :]


def _recurrent_kernel(weights: Weights, layout: Layout, like: tf.Tensor) -> tf.Tensor:
    """Return the recurrent weights of all units for `h @ W` [..., n, n], zero where nothing connects."""
    sizes = layout.modules.sizes

    def zeros(i: int, sources: Sequence[int]) -> tf.Tensor:
        return tf.zeros([*like.shape[:-2], sum(sizes[j] for j in sources), sizes[i]], like.dtype)

    columns = []
    for i in layout.order:
        kernel, heard_by = weights.recurrent[i], layout.modules.heard_by(i)
        absent = len(sizes) - len(heard_by)
        if layout.order[absent:] == list(heard_by):  # the paper's wiring: all from some module on
            parts = [zeros(i, layout.order[:absent])] + ([kernel] if heard_by else [])
        else:
            heard_from = dict(zip(heard_by, tf.split(kernel, [sizes[j] for j in heard_by], axis=-2), strict=True))
            parts = [heard_from.get(j, zeros(i, [j])) for j in layout.order]
        columns.append(tf.concat(parts, -2))  # [..., n, k_i]
    return tf.concat(columns, -1)


def _fires(
    modules: Modules,
    group: Group,
    ticks: Size,
    clock: tf.Tensor | None,
    periods: tf.Tensor | None,
    like: tf.Tensor,
) -> tf.Tensor | None:
    """Return which units fire at a group's ticks, boolean [ticks, ..., B or 1, k]; None if all do."""
    if not group.gated:
        return None
    sizes = [modules.sizes[m] for m in group.members]
    phases = tf.constant(np.repeat([modules.phases[m] for m in group.members], sizes), tf.int32)
    if periods is None:
        periods = tf.constant(np.repeat([modules.periods[m] for m in group.members], sizes), tf.int32)
    steps = tf.range(ticks)[:, None, None] * group.clock.period + group.clock.phase  # [ticks, 1, 1]
    if clock is not None:
        steps += clock[:, None]  # [ticks, B, 1]
    replicas = [1] * (like.shape.rank - 2)
    steps = tf.reshape(steps, [ticks, *replicas, size(steps, 1), 1])  # [ticks, ..., 1 or B, 1]
    return (steps - phases) % periods[..., None, :] == 0  # [ticks, ..., 1 or B, k]
