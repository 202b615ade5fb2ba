"""The Clockwork RNN as a cascade: group after group of a plan, each over its own ticks only, and back.

Connections run from slow to fast, so the slow modules can be taken through the whole sequence before the faster ones start.
A group's way has three steps: drive (what comes in from the input and from earlier groups), scan (its own ticks) and say
(what it tells later groups). All but the scan are matrix products outside any loop, taken at the ticks of the slower of the
two, since what a slow module says stays the same until it fires again. Axes as in `linear`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from .blocks import (
    Block,
    Weights,
    input_rows,
    join_state,
    make_blocks,
    make_blocks_back,
    split_state,
    to_first_rows,
    to_input_rows,
)
from .cells import Cell, Own, State, heeded
from .clocks import fires
from .linear import (
    Size,
    Trace,
    at,
    at_back,
    hold,
    hold_back,
    kernel_gradient,
    product,
    product_back,
    size,
    values_back,
)
from .plan import Group, Plan, Ticks
from .scan import Passage, scan, scan_back

EVERY_STEP = Ticks(1, 1)  # the state after a step is what is held at the next one


class Inputs(NamedTuple):
    """What a network computes with; gradients have the same form.

    Args:
        sequences: [T, ..., B, features], with any number of features, also none; or a tuple of one for each module.
        state: before the first step, tensors [..., B, n]; None is zeros, without replica axes.
        weights: see `blocks.Weights`.
    """

    sequences: tf.Tensor | tuple[tf.Tensor, ...]
    state: State | None
    weights: Weights


class Conditions(NamedTuple):
    """What a network computes under; none of it has a gradient.

    Args:
        clock: the number of the first step, int32 [B]; None is 0. It needs a plan that serves it.
        keep: what each listener's view of the states is multiplied by [..., B, n] (recurrent dropout); None is 1.
        periods: of each unit, int32 [..., n], where replicas have periods of their own; None is those of the modules. They
            need `plan.make_joint_plan`.
        needed: how many steps count, an int32 scalar; loops end there, and nothing may depend on what is behind. None is all.
        exported: whether the network is on its way into a file for another runtime; see `scan.scan`.
    """

    clock: tf.Tensor | None = None
    keep: tf.Tensor | None = None
    periods: tf.Tensor | None = None
    needed: tf.Tensor | None = None
    exported: bool = False


class Cascade:
    """A network of one plan and one kind of cell, given what it computes with; `forward`, then perhaps `backward`.

    `recurrent` are the recurrent weights of each group, as `blocks.make_blocks` takes them.
    """

    def __init__(
        self,
        plan: Plan,
        cell: Cell,
        inputs: Inputs,
        conditions: Conditions = Conditions(),  # noqa: B008
        recurrent: Sequence[tuple[tf.Tensor | None, ...]] | None = None,
    ):
        self.plan = plan
        self.cell = cell
        self.inputs = inputs
        self.conditions = conditions
        sequences = inputs.sequences[0] if isinstance(inputs.sequences, tuple) else inputs.sequences
        self.steps = size(sequences, 0)
        state = inputs.state
        if state is None:
            state = [tf.zeros([size(sequences, 1), plan.modules.units], sequences.dtype) for _ in cell.states]
        self.starts = list(zip(*(split_state(plan, part) for part in state), strict=True))
        keeps = split_state(plan, conditions.keep)
        self.blocks = make_blocks(plan, cell, inputs.weights, recurrent)
        self.owns = [Own(b.own, b.peepholes, keep) for b, keep in zip(self.blocks, keeps, strict=True)]

    def forward(self) -> list[Passage]:
        """Run through time.

        h_i(t) = f(Σ_j W_ij h_j(t−1) + W_i x(t) + b_i) where module i fires, h_i(t−1) elsewhere (Koutník et al. 2014,
        section 3), for the simple cell; others have their own equations.

        Returns:
            Each group's states before and after all of its ticks [1 + ticks, ..., B, k], and what its cells kept.
        """
        passages: list[Passage] = []
        stream = None  # what the groups so far say to each of the later ones that tick as often or more often, summed
        for place, group in enumerate(self.plan.groups):
            told = None
            if stream is not None:
                stream, told = tf.split(stream, [-1, group.width], -1)
            drive = self._drive(place, passages, told)
            given = (drive, self.starts[place], self.owns[place], self._fires(group), self._made(group))
            passages.append(scan(self.cell, *given, append=self.conditions.exported))
            stream = self._say(place, passages[place].states[0], stream)
        return passages

    def backward(
        self, passages: Sequence[Passage], errors: Sequence[Sequence[tf.Tensor | None]], last: State
    ) -> Inputs:
        """Run back through time.

        Args:
            passages: what `forward` returned.
            errors: for each group and part of its state, the errors of the states [1 + ticks, ..., B, k], or None.
            last: errors of the state after the last step besides [..., B, n].

        Returns:
            The gradients of the inputs.
        """
        plan, count = self.plan, len(self.plan.groups)
        errors, last = (
            [list(parts) for parts in errors],
            list(zip(*(split_state(plan, part) for part in last), strict=True)),
        )
        starts, gradients, later = [None] * count, [None] * count, [None] * count
        sequences, stream = None, None
        for place in reversed(range(count)):
            group = plan.groups[place]
            said, told_later, stream = self._say_back(place, passages[place].states[0], stream)
            errors[place][0], later[place] = _sum(errors[place][0], said), _sum(later[place], told_later)
            given = (self.owns[place], self._fires(group), self._made(group))
            deltas, starts[place], own = scan_back(
                self.cell, passages[place], tuple(errors[place]), last[place], *given
            )
            block, seen = self._see_back(place, deltas)
            gradients[place] = block._replace(own=own.kernel, later=later[place], peepholes=own.peepholes)
            sequences = seen if sequences is None else [_sum(*pair) for pair in zip(sequences, seen, strict=True)]
            deltas = deltas[..., : self.cell.gates, :]  # of what modules said
            for source in group.samples:
                sampled, part = self._sample_back(place, source, passages[source].states[0], deltas)
                errors[source][0], later[source] = _sum(errors[source][0], sampled), _sum(later[source], part)
            if group.stream_before is not None:
                told = hold_back(deltas, group.stream_before, group.ticks, self._changes(group.stream_before))
                stream = told if stream is None else tf.concat([stream, told], -1)
        state = self.inputs.state and tuple(join_state(plan, parts) for parts in zip(*starts, strict=True))
        given = self.inputs.sequences if isinstance(self.inputs.sequences, tuple) else (self.inputs.sequences,)
        sequences = tuple(tf.zeros_like(x) if e is None else e for x, e in zip(given, sequences, strict=True))
        weights = make_blocks_back(plan, self.cell, gradients, self.inputs.weights)
        return Inputs(sequences if isinstance(self.inputs.sequences, tuple) else sequences[0], state, weights)

    def _drive(self, place: int, passages: Sequence[Passage], told: tf.Tensor | None) -> tf.Tensor:
        """Return what comes in at a group's ticks from the input and from earlier groups [ticks, ..., B, rows, k]."""
        group, block = self.plan.groups[place], self.blocks[place]
        ticks, start = group.ticks.count(self.steps), self.starts[place][0]
        batch = [size(start, axis) for axis in range(start.shape.rank - 1)]
        drive = tf.zeros([ticks, *batch, self.cell.rows, group.width], start.dtype)
        if block.bias is not None:
            drive += block.bias[..., None, :, :]
        if (seen := self._see(group, block)) is not None:
            drive += to_input_rows(self.cell, seen)
        said = None if told is None else hold(Trace(told, group.stream_before), group.ticks, ticks)
        for source in group.samples:
            sampled = self._sample(place, source, passages[source].states[0])
            said = _sum(said, product(sampled, self.blocks[source].later[..., group.columns]))
        return drive if said is None else drive + to_first_rows(self.cell, said)

    def _see(self, group: Group, block: Block) -> tf.Tensor | None:
        """Return what the input says to a group at its ticks [ticks, ..., B, gates, k]."""
        if block.input is None:
            return None
        if not isinstance(self.inputs.sequences, tuple):
            return product(at(self.inputs.sequences, group.ticks), block.input)
        parts = tf.split(block.input, [self.plan.modules.sizes[m] for m in group.members], -1)
        pairs = zip(group.members, parts, strict=True)
        return tf.concat([product(at(self.inputs.sequences[m], group.ticks), part) for m, part in pairs], -1)

    def _see_back(self, place: int, deltas: tf.Tensor) -> tuple[Block, list[tf.Tensor | None]]:
        """Return the gradients of input weights and bias, and the errors of each of the sequences [T, ..., B, features]."""
        group, block = self.plan.groups[place], self.blocks[place]
        several = isinstance(self.inputs.sequences, tuple)
        sequences = list(self.inputs.sequences) if several else [self.inputs.sequences]
        errors = [None] * len(sequences)
        if block.input is None:
            bias = None if block.bias is None else tf.reduce_sum(deltas, [0, -3])  # [..., rows, k]
            return Block(None, None, None, bias, None), errors
        sizes = [self.plan.modules.sizes[m] for m in group.members] if several else [group.width]
        deltas, kernels, gradients = tf.split(deltas, sizes, -1), tf.split(block.input, sizes, -1), []
        for source, delta, kernel in zip(group.members if several else [0], deltas, kernels, strict=True):
            seen = at(sequences[source], group.ticks)
            # The bias is the weight of an input that is always 1, so that one product gives both gradients.
            gradients.append(kernel_gradient(tf.concat([seen, tf.ones_like(seen[..., :1])], -1), delta))
            by_input = values_back(input_rows(self.cell, delta), kernel)
            shared = range(1, 1 + by_input.shape.rank - seen.shape.rank)  # replicas that see the same
            errors[source] = at_back(tf.reduce_sum(by_input, list(shared)), group.ticks, self.steps)
        gradient = tf.concat(gradients, -1)  # [..., features + 1, rows, k]
        bias = None if block.bias is None else gradient[..., -1, :, :]
        return Block(input_rows(self.cell, gradient[..., :-1, :, :]), None, None, bias, None), errors

    def _sample(self, place: int, source: int, h: tf.Tensor) -> tf.Tensor:
        """Return what a group hears at its ticks of an earlier one that ticks more often [ticks, ..., B, k of the source]."""
        group, trace = self.plan.groups[place], Trace(heeded(h, self.owns[source]), self.plan.groups[source].ticks)
        return hold(trace, group.ticks, group.ticks.count(self.steps))

    def _sample_back(self, place: int, source: int, h: tf.Tensor, deltas: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the errors of the source's states, and the gradient of all that it says to later groups."""
        group, ticks, later = self.plan.groups[place], self.plan.groups[source].ticks, self.blocks[source].later
        errors, part = product_back(deltas, self._sample(place, source, h), later[..., group.columns])
        errors = heeded(hold_back(errors, ticks, group.ticks, self._changes(ticks)), self.owns[source])
        around = [group.columns.start, later.shape[-1] - group.columns.stop]
        return errors, tf.pad(part, [[0, 0]] * (part.shape.rank - 1) + [around])

    def _say(self, place: int, h: tf.Tensor, stream: tf.Tensor | None) -> tf.Tensor | None:
        """Add what a group says at its ticks to the stream [1 + changes, ..., B, gates, units of later groups]."""
        group = self.plan.groups[place]
        if not group.told:
            return stream
        said = product(heeded(h, self.owns[place]), self._told(place, self.blocks[place].later))
        if stream is None:
            return said
        after = group.stream_after
        parts = (Trace(stream, group.stream_before), Trace(said, group.ticks))
        return tf.add_n([hold(part, after, self._changes(after)) for part in parts])

    def _say_back(self, place: int, h: tf.Tensor, stream: tf.Tensor | None):
        """Return the errors of the group's states, the gradient of what it says with, and the errors of the stream before."""
        group, before = self.plan.groups[place], None
        if not group.told:
            return None, None, stream
        said = hold_back(stream, group.ticks, group.stream_after, self._changes(group.ticks))
        if group.stream_before is not None:
            before = hold_back(stream, group.stream_before, group.stream_after, self._changes(group.stream_before))
        later = self._told(place, self.blocks[place].later)
        errors, gradient = product_back(said, heeded(h, self.owns[place]), later)
        return heeded(errors, self.owns[place]), self._told(place, gradient), before

    def _told(self, place: int, later: tf.Tensor) -> tf.Tensor:
        """Return the weights to later groups, zero but for those who hear through the stream."""
        told = np.array(self.plan.groups[place].told)
        return later if told.all() else later * tf.constant(told, later.dtype)

    def _changes(self, ticks: Ticks) -> Size:
        """Return how many values something has that changes at ticks."""
        return 1 + ticks.count(self.steps)

    def _made(self, group: Group) -> Size | None:
        """Return how many of a group's ticks are made, None if all are."""
        return None if self.conditions.needed is None else group.ticks.count(self.conditions.needed)

    def _fires(self, group: Group) -> tf.Tensor | None:
        """Return which units fire at a group's ticks, boolean [ticks, ..., B or 1, k]; None if all do."""
        if not group.gated:
            return None
        modules, clock, periods = self.plan.modules, self.conditions.clock, self.conditions.periods
        sizes = [modules.sizes[m] for m in group.members]
        phases = tf.constant(np.repeat([modules.phases[m] for m in group.members], sizes), tf.int32)
        if periods is None:
            periods = tf.constant(np.repeat([modules.periods[m] for m in group.members], sizes), tf.int32)
        ticks, replicas = group.ticks.count(self.steps), self.starts[0][0].shape.rank - 2
        steps = tf.range(ticks) * group.ticks.period + group.ticks.phase  # [ticks]
        steps = tf.reshape(steps, [ticks, *[1] * (replicas + 2)])  # [ticks, ..., 1, 1]
        if clock is not None:  # count from the first step, whose number added to others might pass 2³¹ − 1
            phases = (phases - clock[:, None]) % periods[..., None, :]  # [..., B, k]
        return fires(steps, periods[..., None, :], phases)  # [ticks, ..., 1 or B, k]


def all_steps(plan: Plan, parts: Sequence[tf.Tensor], steps: Size) -> tf.Tensor:
    """Return one part of the state after each step [T, ..., B, n], from that of each group [1 + ticks, ..., B, k]."""
    pairs = zip(parts, plan.groups, strict=True)
    return join_state(plan, [hold(Trace(part, group.ticks), EVERY_STEP, steps) for part, group in pairs])


def all_steps_back(plan: Plan, errors: tf.Tensor, steps: Size) -> list[tf.Tensor]:
    """Return the errors of each group's states [1 + ticks, ..., B, k], from those after each step [T, ..., B, n]."""
    return [
        hold_back(part, group.ticks, EVERY_STEP, 1 + group.ticks.count(steps))
        for part, group in zip(split_state(plan, errors), plan.groups, strict=True)
    ]


def _sum(one: tf.Tensor | None, other: tf.Tensor | None) -> tf.Tensor | None:
    """Add two tensors of which each may be missing."""
    return other if one is None else one if other is None else one + other
