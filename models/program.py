"""A network as a pure function of its inputs, with its gradient: two programs, through time and back.

What passes from one to the other is the states and little else. TensorFlow left to itself would pass on all that it came
across, and where XLA already compiles the caller, shapes among it would become constants to compile for at each call.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from .blocks import join_state
from .cascade import Cascade, Conditions, Inputs, all_steps, all_steps_back
from .cells import Cell
from .clocks import LARGEST, Modules
from .linear import size
from .plan import Plan, make_joint_plan, make_plan
from .scan import Passage

# AutoGraph, which would rewrite all Python code on the way, takes longer than everything else here.
_compiled = functools.partial(tf.function, jit_compile=True, autograph=False)


class Way(NamedTuple):
    """What the way back needs to know of the way through one plan.

    Args:
        recurrent: the recurrent weights of each group, as `blocks.make_blocks` takes them.
        passages: of each group.
    """

    recurrent: list[tuple[tf.Tensor | None, ...]]
    passages: list[Passage]


class Program:
    """Whole sequences through a network, differentiable by inputs, state and weights.

    Args:
        modules: of the network.
        cell: of all of its units.
        sequences: how many parts of the state are returned after every step: 0, 1 for h alone, or all.
        batch_first: whether sequences are [B, T, ...] instead of [T, ..., B, ...].

    Call arguments:
        inputs, conditions: see `cascade`.
        jit_compile: run both programs through XLA, wherever they are called from.

    Returns:
        Those parts of the state after each step [T, ..., B, n], then all parts after the last step [..., B, n].
    """

    def __init__(self, modules: Modules, cell: Cell, sequences: int, batch_first: bool = False):
        self.modules = modules
        self.cell = cell
        self.sequences = sequences
        self.batch_first = batch_first
        self._compiled_forward = _compiled(lambda *given: self.forward(*given))
        self._compiled_backward = _compiled(lambda *given: self.backward(*given))
        self._backward_again = tf.function(lambda *given: self.backward_again(*given), autograph=False)

    def __call__(self, inputs: Inputs, conditions: Conditions, jit_compile: bool = False) -> list[tf.Tensor]:
        forward, backward = self.forward, self.backward
        if jit_compile:
            forward, backward = self._compiled_forward, self._compiled_backward
        leaves = tf.nest.flatten(inputs)
        places = [place for place, leaf in enumerate(leaves) if leaf is not None]

        def packed(tensors: Sequence[tf.Tensor]) -> Inputs:
            given = dict(zip(places, tensors, strict=True))
            return tf.nest.pack_sequence_as(inputs, [given.get(place) for place in range(len(leaves))])

        @tf.custom_gradient
        def run(*tensors: tf.Tensor):
            # An eager tape also watches inside of custom gradients, unless it is told to stop.
            outputs, ways = forward(packed([tf.stop_gradient(tensor) for tensor in tensors]), conditions)

            @tf.custom_gradient
            def back(*given: tf.Tensor):
                known = [tf.stop_gradient(tensor) for tensor in given]
                found = backward(packed(known[: len(places)]), conditions, ways, known[len(places) :])
                gradients = tf.nest.flatten(found)

                def again(*upstream: tf.Tensor) -> list[tf.Tensor]:
                    tensors, errors = list(given[: len(places)]), list(given[len(places) :])
                    return self._backward_again(packed(tensors), conditions, errors, list(upstream))

                return [gradients[place] for place in places], again

            return outputs, lambda *errors: back(*tensors, *errors)

        return run(*(leaves[place] for place in places))

    def forward(self, inputs: Inputs, conditions: Conditions) -> tuple[list[tf.Tensor], list[Way]]:
        """Return what the call returns, and the way through each plan that may be followed."""
        cascades, followed = self._cascades(self._swap_sequences(inputs), conditions)

        def follow(chosen: int) -> tuple[list[tf.Tensor], list[list[Passage]]]:
            passages = [None if other == chosen else _untrodden(c) for other, c in enumerate(cascades)]
            cascade = cascades[chosen]
            passages[chosen] = cascade.forward()
            parts = list(zip(*(passage.states for passage in passages[chosen]), strict=True))
            sequences = [all_steps(cascade.plan, part, cascade.steps) for part in parts[: self.sequences]]
            last = [_last_step(cascade.plan, part) for part in parts]
            return [*map(self._swap, sequences), *last], passages

        outputs, passages = followed(follow)
        recurrent = ([(block.own, block.later) for block in cascade.blocks] for cascade in cascades)
        return outputs, [Way(*both) for both in zip(recurrent, passages, strict=True)]

    def backward(self, inputs: Inputs, conditions: Conditions, ways: list[Way], errors: list[tf.Tensor]) -> Inputs:
        """Return the gradients of the inputs from the errors of what the call returns."""
        cascades, followed = self._cascades(self._swap_sequences(inputs), conditions, [way.recurrent for way in ways])
        sequences, last = errors[: self.sequences], tuple(errors[self.sequences :])

        def follow(chosen: int) -> Inputs:
            cascade = cascades[chosen]
            parts = [all_steps_back(cascade.plan, self._swap(e), cascade.steps) for e in sequences]
            parts += [[None] * len(cascade.plan.groups)] * (len(last) - len(parts))
            return cascade.backward(ways[chosen].passages, list(zip(*parts, strict=True)), last)

        return self._swap_sequences(followed(follow))

    def backward_again(
        self, inputs: Inputs, conditions: Conditions, errors: list[tf.Tensor], upstream: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Return the gradients of what `backward` returns, by inputs and by errors: second ones, which TensorFlow works out."""
        tensors = [leaf for leaf in tf.nest.flatten(inputs) if leaf is not None]
        outputs, _ = self.forward(inputs, conditions)
        gradients = tf.gradients(outputs, tensors, errors, unconnected_gradients="zero")
        return tf.gradients(gradients, [*tensors, *errors], upstream, unconnected_gradients="zero")

    def _cascades(
        self, inputs: Inputs, conditions: Conditions, recurrent: list | None = None
    ) -> tuple[list[Cascade], Callable]:
        """Return the cascades that serve the clock, and a function that follows the one whose turn it is.

        Chunks of one length, fed one after another, start at its multiples, and so do their slow modules' ticks. A clock
        that starts anywhere else needs the plan that looks at every step who fires.
        """
        sequences = inputs.sequences[0] if isinstance(inputs.sequences, tuple) else inputs.sequences
        steps, clock = sequences.shape[0], conditions.clock
        start = math.gcd(self.modules.hyperperiod, steps or 0)
        if conditions.periods is not None:
            plans = [make_joint_plan(self.modules, steps)]
        elif clock is not None:
            plans = [make_plan(self.modules, steps, start), make_joint_plan(self.modules, steps)]
            if all(group.ticks.period == 1 for group in plans[0].groups):
                plans = plans[1:]
        else:
            plans = [make_plan(self.modules, steps)]
        recurrent = recurrent or [None] * len(plans)
        cascades = [
            Cascade(plan, self.cell, inputs, conditions, own) for plan, own in zip(plans, recurrent, strict=True)
        ]
        if len(cascades) == 1:
            return cascades, lambda follow: follow(0)
        at_multiple = tf.reduce_all((clock % start if start <= LARGEST else clock) == 0)
        return cascades, lambda follow: tf.cond(at_multiple, lambda: follow(0), lambda: follow(1))

    def _swap_sequences(self, inputs: Inputs) -> Inputs:
        return inputs._replace(sequences=tf.nest.map_structure(self._swap, inputs.sequences))

    def _swap(self, values: tf.Tensor) -> tf.Tensor:
        """Swap time and batch, where the batch comes first outside; its own inverse."""
        return tf.transpose(values, [1, 0, 2]) if self.batch_first else values


def _last_step(plan: Plan, parts: Sequence[tf.Tensor]) -> tf.Tensor:
    return join_state(plan, [part[-1] for part in parts])


def _untrodden(cascade: Cascade) -> list[Passage]:
    """Return passages of zeros, in place of those of a plan that is not followed."""
    passages = []
    for group, start in zip(cascade.plan.groups, cascade.starts, strict=True):
        ticks, like = group.ticks.count(cascade.steps), start[0]
        shape = [size(like, axis) for axis in range(like.shape.rank)]
        states = tuple(tf.zeros([1 + ticks, *shape], part.dtype) for part in start)
        rows = cascade.cell.kept_rows
        kept = tf.zeros([ticks, *shape[:-1], rows, shape[-1]], like.dtype) if rows else None
        passages.append(Passage(states, kept))
    return passages


@functools.lru_cache(maxsize=64)
def shared_program(modules: Modules, cell: Cell, sequences: int) -> Program:
    """Return the program of batch-major layers: the same for equal ones, such as both directions, to compile it once."""
    return Program(modules, cell, sequences, batch_first=True)
