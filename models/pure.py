"""A layer's network as pure functions of its weights, for loops of one's own and for many networks at once."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from . import arguments, input_mean, step_count, variables
from .cascade import Conditions, Inputs
from .linear import Size
from .program import Program
from .stepping import single_step

State = list[tf.Tensor]


class PureNetwork:
    """What a layer can do without its own weights and state; see `layer.ClockworkLayer`."""

    def through_time(
        self,
        sequences: tf.Tensor,
        weights: Sequence[tf.Tensor],
        initial_state: Sequence[tf.Tensor],
        periods: tf.Tensor | None = None,
        needed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Run from step 0 as a pure function of time-major tensors, for any number of networks at once.

        Args:
            sequences: [T, ..., B, features], where the leading axes of all arguments are replicas of the network.
            weights: in the order of `trainable_variables`, each with the replica axes in front.
            initial_state: the parts of the cell's state [..., B, n], without clock.
            periods: of each module, int32 [..., g], where networks have periods of their own; the order of modules and who
                hears whom stay those of the layer. Every step is then looked at, which takes longer.
            needed: how many steps count, an int32 scalar; no more are made, and no loss may depend on the others. None is all.

        Returns:
            The hidden states after all steps [T, ..., B, n].

        Raises:
            ValueError: `periods` come with `input_mean=True`, whose means are over the periods of the layer.
        """
        if self.input_mean and periods is not None:
            raise ValueError(f"`periods` must be None with `input_mean=True`. Received: {periods}")
        if periods is not None:
            periods = tf.gather(periods, np.repeat(range(len(self.periods)), self.modules.sizes), axis=-1)  # [..., n]
        seen = tuple(input_mean.means(sequences, self.modules)) if self.input_mean else sequences
        inputs = Inputs(seen, tuple(initial_state), variables.as_weights(self, weights))
        return Program(self.modules, self.cell, sequences=1)(inputs, Conditions(periods=periods, needed=needed))[0]

    def through_chunk(
        self, sequences: tf.Tensor, weights: Sequence[tf.Tensor], state: State, clock: tf.Tensor | None
    ) -> tuple[tf.Tensor, State]:
        """Go on from a state as a pure function, for any number of networks at once.

        Args:
            sequences: [T, ..., B, features], as in `through_time`; with `input_mean` they have all replica axes.
            weights: as in `through_time`.
            state: the parts of the cell's state [..., B, n] and, with `input_mean`, the sums [..., B, g, features].
            clock: the number of the first step, an int32 scalar; None where it is known to be a multiple of all periods.

        Returns:
            The hidden states after all steps [T, ..., B, n], and the state after the last.
        """
        parts, batch = len(self.cell.states), state[0].shape[-2]
        clocks = None if clock is None else tf.repeat(clock, batch)  # [B]
        seen, sums = sequences, state[parts:]
        if sums:
            seen = tuple(input_mean.means(sequences, self.modules, clocks, *sums))
        inputs = Inputs(seen, tuple(state[:parts]), variables.as_weights(self, weights))
        states, *last = Program(self.modules, self.cell, sequences=1)(inputs, Conditions(clocks))
        states, *last = step_count.guarded(clock, (states, *last), self.modules, self.input_mean)
        if sums:
            shape = sums[0].shape
            flat = tf.reshape(sequences, [sequences.shape[0], -1, shape[-1]])  # [T, ... · B, features]
            after = tf.repeat(self.advance(0 if clock is None else clock, flat.shape[0]), flat.shape[1])
            before = tf.reshape(sums[0], [-1, *shape[-2:]])
            now = input_mean.since_ticks(tf.transpose(flat, [1, 0, 2]), before, after, self.modules)
            last.append(tf.reshape(now, shape))
        return states, last

    def advance(self, clock: tf.Tensor | int, steps: Size) -> tf.Tensor:
        """Return the clock of a state so many steps later; see `step_count`."""
        return step_count.advance(clock, steps, self.modules, self.input_mean)

    def stepper(self, weights: Sequence[tf.Tensor] | None = None) -> Callable[[tf.Tensor, State], State]:
        """Return a function that makes a single step, for loops in which the next input depends on the output.

        Args:
            weights: in the order of `trainable_variables`; None is the layer's own.

        Returns:
            (inputs [B, features], state) → the state after the step, both as in `initial_state`. The clock of the first
            sequence is that of all. Only the modules that fire are computed.

        Raises:
            ValueError: the layer reads backwards, or there are more or fewer weights; from the function, its inputs or its
                state are others.
        """
        self._must_be_built("stepper")
        if self.go_backwards:
            raise ValueError("`stepper` needs a layer that reads forwards. Received: go_backwards=True")
        parts = len(self.cell.states)
        cast = variables.tensors(self) if weights is None else [tf.cast(own, self.compute_dtype) for own in weights]
        weights = variables.as_weights(self, cast)
        zeros = self.get_initial_state(1)

        @tf.autograph.experimental.do_not_convert  # which takes seconds, and changes nothing
        def step(inputs: tf.Tensor, state: State) -> State:
            inputs, state = self._step_of(inputs, state, zeros)
            clock, sums = (state[parts], state[parts + 1 :]) if self.clocked else (None, state[parts:])
            now = 0 if clock is None else clock[0]
            if self.input_mean:
                inputs, *sums = input_mean.single_step(inputs, *sums, now, self.modules)
            after = single_step(self.modules, self.cell, Inputs(inputs, tuple(state[:parts]), weights), now)
            after = step_count.guarded(clock, after, self.modules, self.input_mean, given=True)
            return [*after, *([] if clock is None else [self.advance(clock, 1)]), *sums]

        return step

    def _step_of(self, inputs: tf.Tensor, state: State, zeros: State) -> tuple[tf.Tensor, State]:
        """Return what a single step reads, and a state of as many sequences; `zeros` is one of a single one."""
        inputs, features = tf.convert_to_tensor(inputs), self.input_spec.axes[-1]
        if not inputs.shape.is_compatible_with([None, features]):
            raise ValueError(f"`inputs` must be of shape (B, {features}). Received: {tuple(inputs.shape)}")
        if not isinstance(state, list | tuple) or len(state) != len(zeros):
            came = f"{len(state)} tensors" if isinstance(state, list | tuple) else type(state).__name__
            raise ValueError(f"`state` must be [{', '.join(self.state_names)}]. Received: {came}")
        checked = []
        for name, given, zero in zip(self.state_names, state, zeros, strict=True):
            given = tf.convert_to_tensor(given)
            given = step_count.checked(given) if name == "clock" else given
            checked.append(arguments.state("state", name, given, inputs.shape[0], zero))
        return tf.cast(inputs, self.compute_dtype), checked
