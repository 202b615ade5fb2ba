"""A task's network, described once: as a pure function of the weights of R replicas, and as the Keras model of one of them.

Axes: replicas R, batch B, time T, features or units n. The weights of all replicas are one array [R, P].
"""

import dataclasses
import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from models.clockwork_rnn import ClockworkLSTM, ClockworkRNN
from models.initial_state import InitialState
from models.layer import ClockworkLayer
from models.variables import drawn
from tasks.directions import backwards
from tasks.network_settings import MODELS, NetworkSettings, check, clock, is_clocked
from tasks.readout import Readout, in_keras, read_out

NOISE, DROPOUT = 0, 1  # what numbers are drawn for in training

State = list[tf.Tensor]


class Front(Protocol):
    """What is done to the inputs before the hidden layer sees them.

    Attributes:
        features: that the hidden layer sees.
        noise: standard deviation of the Gaussian noise in training.
    """

    features: int
    noise: float

    def seen(self, inputs: Any, add_noise: Callable[[tf.Tensor, int], tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return the sequences [B, T, features] or [R, B, T, features], and how many steps of each count, if not all.

        `add_noise` takes values and how many axes they have without that of the replicas.
        """

    def in_keras(self, replica: int) -> tuple[Any, keras.KerasTensor]:
        """Return the inputs of a replica's Keras model, and what the hidden layer sees of them."""


@dataclasses.dataclass(frozen=True)
class Silence:
    """Sequences of no features, or of zeros, taken as they are.

    Args:
        features: of each step, perhaps none.
    """

    features: int
    noise: float = 0.0

    def seen(self, inputs, add_noise):
        return inputs, None

    def in_keras(self, replica):
        inputs = keras.Input((None, self.features))
        return inputs, inputs


class Start(NamedTuple):
    """Where the training of one network begins.

    Args:
        weights: [P].
        seeds: of the numbers drawn in training, for each of their uses.
    """

    weights: np.ndarray
    seeds: tuple[int, int]


class Draws(NamedTuple):
    """What is drawn in an update, where perhaps only a part of its batch is seen.

    Args:
        seeds: of each replica and use, int32 [R, uses, 2].
        part: which part of the batch, an int32 scalar.
        parts: into how many equal ones it is split.
        steps: of whole sequences, where perhaps only the first are seen; 0 where all are.
    """

    seeds: tf.Tensor
    part: tf.Tensor | int = 0
    parts: int = 1
    steps: int = 0

    def each(self, use: int, draw: Callable[[Sequence[int], tf.Tensor], tf.Tensor], shape: Sequence[int]) -> tf.Tensor:
        """Return for each replica [R, *shape] what is drawn for the whole batch, of which the part is then taken.

        Args:
            use: `NOISE` or `DROPOUT`.
            draw: (shape, seed) → numbers.
            shape: of the part, the batch first, then the steps.
        """
        whole, seeds = [shape[0] * self.parts, self.steps or shape[1], *shape[2:]], self.seeds[:, use]

        def seen(seed: Sequence[int]) -> tf.Tensor:
            return self.cut(draw(whole, seed))[:, : shape[1]]

        if seeds.shape[0] == 1:
            return seen(seeds[0])[None]
        return tf.map_fn(seen, seeds, fn_output_signature=tf.float32)

    def cut(self, values: tf.Tensor, axis: int = 0) -> tf.Tensor:
        """Return the part of values of a whole batch, which lies along an axis."""
        if self.parts == 1:
            return values
        shape = [*values.shape[:axis], self.parts, values.shape[axis] // self.parts, *values.shape[axis + 1 :]]
        return tf.gather(tf.reshape(values, shape), self.part, axis=axis)


class Network:
    """One kind of network: what is done to the input, the hidden layer, dropout, and a dense output.

    Args:
        settings: of the hidden layer, the initial weights and the dropout.
        front: what is done to the input.
        outputs: units of the output.
        activation: of the output.
        readout: where there is an output: after every step, after the last one that counts, or of the mean or the maximum of the
            states of those that count.
        sizes: units of each module; None splits them evenly.
        streams: sequences that a stateful Keras model carries its state for; 0 is not stateful.
        bidirectional: with a second hidden layer that reads backwards; for outputs after every step.
        hidden: a built layer to take instead of the one that the settings describe.

    Attributes:
        shapes: of the weights of one replica: learned initial states, hidden layer, output.
        names: of these arrays.
        size: P, how many numbers they are.
        periods: how many clock periods a network has besides.

    Raises:
        ValueError: names the setting, what was expected and what came.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        front: Front,
        outputs: int,
        activation: str = "linear",
        *,
        readout: Readout = "every",
        sizes: Sequence[int] | None = None,
        streams: int = 0,
        bidirectional: bool = False,
        hidden: keras.layers.Layer | None = None,
    ):
        check(settings, front.features, streams > 0)
        if bidirectional and settings.learned_initial_state:
            raise ValueError("`learned_initial_state` is for tasks that read in one direction. Received: True")
        self.settings, self.front, self.outputs = settings, front, outputs
        self.activation = activation
        self.readout, self.sizes, self.streams = readout, sizes, streams
        self.directions = ("forward", "backward") if bidirectional else ("",)
        self.hidden = hidden or self._hidden()
        if not self.hidden.built:
            self.hidden.build((None, None, front.features))
        self.starts = len(self.hidden.cell.states) if settings.learned_initial_state else 0
        units = self.hidden.units
        arrays = [tuple(variable.shape) for variable in self.hidden.trainable_variables]
        output = [(units * len(self.directions), outputs), (outputs,)]
        self.shapes = [(units,)] * self.starts + arrays * len(self.directions) + output
        self.size = sum(map(math.prod, self.shapes))
        self.names = [f"initial_state_{i}" for i in range(self.starts)]
        paths = [variable.path for variable in self.hidden.trainable_variables]
        self.names += [f"{way}_{path}" if way else path for way in self.directions for path in paths]
        self.names += ["output/kernel", "output/bias"]
        self.periods = len(clock(settings)[0])

    def start(self, seed: int) -> Start:
        """Return where the network of a seed begins.

        The numbers are those that Keras would draw for its layers after `keras.utils.set_random_seed(seed)`: each initializer
        and each source of noise takes its own seed from Python's random numbers when it is made.
        """
        settings, numbers = self.settings, random.Random(seed)
        draw = lambda: numbers.randint(1, 10**9)  # noqa: E731
        noise = draw() if self.front.noise else 0
        own = initializers(settings, draw)
        states = [_normal(1.0, draw) for _ in range(self.starts)]
        hidden = self._drawn(own, draw)
        for _ in self.directions[1:]:
            hidden += self._drawn(initializers(settings, draw), draw)
        dropout = draw() if settings.dropout else 0
        output = [_normal(settings.weight_std, draw), _normal(settings.bias_std, draw)]
        around = [
            initializer(shape, "float32") for initializer, shape in zip(states + output, self._around, strict=True)
        ]
        arrays = [*around[: self.starts], *hidden, *around[self.starts :]]
        return Start(np.concatenate([np.asarray(array).reshape(-1) for array in arrays]), (noise, dropout))

    def _drawn(self, own: dict, draw: Callable[[], int]) -> list[np.ndarray]:
        """Return what a hidden layer starts from, given the initializers that are drawn first."""
        settings = self.settings
        if MODELS[settings.model] is ClockworkRNN:
            draw()  # for a dropout of the layer's own, which is not used; the others are given a seed
        if settings.peepholes:
            own["peepholes"] = _recurrent(settings, draw)
        arrays = drawn(self.hidden, own)
        if MODELS[settings.model] is ClockworkLSTM:
            bias = arrays[-1 - settings.peepholes].reshape(4, -1).copy()
            bias[1] = settings.forget_bias
            arrays[-1 - settings.peepholes] = bias
        return arrays

    @property
    def _around(self) -> list[tuple[int, ...]]:
        return self.shapes[: self.starts] + self.shapes[-2:]

    def split(self, weights: Any) -> list:
        """Return the arrays [..., *shape] that weights [..., P] consist of."""
        ends = list(itertools.accumulate(map(math.prod, self.shapes)))
        leading = list(weights.shape[:-1])
        return [
            (np.reshape if isinstance(weights, np.ndarray) else tf.reshape)(weights[..., begin:end], [*leading, *shape])
            for shape, begin, end in zip(self.shapes, [0, *ends], ends, strict=False)
        ]

    def apply(
        self,
        weights: Sequence[tf.Tensor],
        inputs: Any,
        draws: Draws | None = None,
        periods: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Run whole sequences from step 0.

        Args:
            weights: as `split` returns them for [R, P].
            inputs: what the front takes, the same for all replicas or with R in front.
            draws: noise and dropout; None is not in training.
            periods: of each module, int32 [R, g], where replicas have periods of their own.

        Returns:
            [R, B, T, outputs], or with one output a sequence [R, B, outputs].
        """
        states, steps = self._through_time(weights, inputs, draws, periods)
        return self._out(weights, read_out(states, steps, self.readout), draws)

    def states_and_outputs(
        self, weights: Sequence[tf.Tensor], inputs: Any, periods: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the hidden states after every step [R, B, T, n] of whole sequences, and what `apply` returns."""
        states, steps = self._through_time(weights, inputs, None, periods)
        return tf.transpose(states, [1, 2, 0, 3]), self._out(weights, read_out(states, steps, self.readout), None)

    def _through_time(self, weights, inputs, draws=None, periods=None) -> tuple[tf.Tensor, tf.Tensor | None]:
        replicas = weights[0].shape[0]
        sequences, steps = self._seen(inputs, draws, replicas)
        shape = [replicas, sequences.shape[-2], self.hidden.units]  # [R, B, n]
        state = [tf.broadcast_to(part[:, None], shape) for part in weights[: self.starts]]
        state = state or [tf.zeros(shape) for _ in self.hidden.cell.states]
        own = {} if periods is None else {"periods": periods}
        own |= {} if steps is None else {"needed": tf.reduce_max(steps)}
        forward, *backward = self._of_directions(weights)
        states = [self.hidden.through_time(sequences, forward, state, **own)]  # each [T, R, B, n]
        for arrays in backward:
            back = self.hidden.through_time(backwards(sequences, steps), arrays, state, **own)
            states.append(backwards(back, steps))
        return states[0] if not backward else tf.concat(states, -1), steps

    def go_on(
        self,
        weights: Sequence[tf.Tensor],
        inputs: Any,
        state: State,
        clock: tf.Tensor,
        draws: Draws | None = None,
    ) -> tuple[tf.Tensor, State]:
        """Run sequences on from a state; returns the outputs, as `apply`, and the state after them."""
        sequences, _ = self._seen(inputs, draws, weights[0].shape[0])
        if self.settings.input_mean and sequences.shape.rank == 3:
            sequences = tf.repeat(sequences[:, None], weights[0].shape[0], 1)  # the sums are each replica's own
        known = sequences.shape[0] % self.hidden.modules.hyperperiod == 0 and not self.settings.input_mean
        states, state = self.hidden.through_chunk(
            sequences, self._of_directions(weights)[0], state, None if known or not self.hidden.clocked else clock
        )
        return self._out(weights, states, draws), state

    def no_state(self, replicas: int) -> State:
        """Return the state of the streams before step 0: zeros [R, B, ...], without clock."""
        parts = len(self.hidden.cell.states)
        state = self.hidden.get_initial_state(self.streams)
        state = state[:parts] + state[parts + self.hidden.clocked :]
        return [tf.zeros([replicas, *part.shape]) for part in state]

    def _seen(self, inputs: Any, draws: Draws | None, replicas: int) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return what reaches the hidden layer [T, ..., B, features], and how many steps of it count [..., B]."""

        def add_noise(values: tf.Tensor, axes: int) -> tf.Tensor:
            if draws is None or not self.front.noise:
                return values
            values = values if values.shape.rank > axes else values[None]
            noise = lambda shape, seed: tf.random.stateless_normal(shape, seed, 0.0, self.front.noise)  # noqa: E731
            return values + draws.each(NOISE, noise, values.shape[1:])

        sequences, steps = self.front.seen(tf.nest.map_structure(tf.convert_to_tensor, inputs), add_noise)
        rank = sequences.shape.rank
        if steps is not None:
            steps = tf.broadcast_to(steps, [replicas, sequences.shape[-3]])
        return tf.transpose(sequences, [rank - 2, *range(rank - 2), rank - 1]), steps

    def _of_directions(self, weights: Sequence[tf.Tensor]) -> list[Sequence[tf.Tensor]]:
        """Return the weights of the hidden layer of each direction."""
        arrays = weights[self.starts : -2]
        each = len(arrays) // len(self.directions)
        return [arrays[place : place + each] for place in range(0, len(arrays), each)]

    def _out(self, weights: Sequence[tf.Tensor], states: tf.Tensor, draws: Draws | None) -> tf.Tensor:
        """Return the outputs of hidden states [T, R, B, n]."""
        if draws is not None and self.settings.dropout:
            steps, _, batch, units = states.shape
            shape = [batch, steps, units] if self.readout == "every" else [batch, units]
            kept = draws.each(DROPOUT, self._kept, shape)
            states *= tf.transpose(kept, [2, 0, 1, 3]) if self.readout == "every" else kept
        kernel, bias = weights[-2:]
        outputs = tf.einsum("trbi,rij->trbj", states, kernel) + bias[:, None]  # [T, R, B, m]
        outputs = keras.activations.get(self.activation)(tf.transpose(outputs, [1, 2, 0, 3]))
        return outputs if self.readout == "every" else outputs[:, :, 0]

    def _kept(self, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
        """Return what values are multiplied by of which a share is dropped."""
        return tf.nn.experimental.stateless_dropout(tf.ones(shape), self.settings.dropout, seed)

    def keras_model(self, weights: np.ndarray, replica: int = 0) -> keras.Model:
        """Return the model that a user keeps, with the weights [P] of a replica; stateful where it has streams."""
        settings = self.settings
        inputs, sequences = self.front.in_keras(replica)
        starts = [InitialState(self.hidden.units, _normal(1.0)) for _ in range(self.starts)]
        state = [start(sequences) for start in starts]
        hidden = self._hidden(return_sequences=self.readout != "last", stateful=self.streams > 0)
        if len(self.directions) > 1:
            hidden = keras.layers.Bidirectional(hidden, name="hidden")
        values = hidden(sequences, initial_state=state or None)
        values = in_keras(values, self.readout)
        if settings.dropout:
            values = keras.layers.Dropout(settings.dropout)(values)
        output = keras.layers.Dense(
            self.outputs,
            self.activation,
            kernel_initializer=_normal(settings.weight_std),
            bias_initializer=_normal(settings.bias_std),
            name="output",
        )
        model = keras.Model(inputs, output(values))
        variables = [v for layer in (*starts, hidden, output) for v in layer.trainable_variables]
        for variable, value in zip(variables, self.split(weights), strict=True):
            variable.assign(value)
        return model

    def _hidden(self, **kwargs) -> ClockworkLayer:
        """Return the recurrent layer that the settings describe, named "hidden"."""
        settings, kind = self.settings, MODELS[self.settings.model]
        if kind is not ClockworkRNN:
            kwargs["seed"] = settings.seed
        if kind is ClockworkLSTM:
            kwargs |= {"peepholes": settings.peepholes, "unit_forget_bias": False}
        periods, phases = clock(settings) if is_clocked(settings.model) else ((1,), 0)
        own = {f"{name}_initializer": value for name, value in initializers(settings).items()}
        own |= {name: getattr(settings, name) for name in ("connections", "input_modules", "input_mean")}
        return kind(self.sizes or settings.units, periods, phases=phases, name="hidden", **own, **kwargs)


def initializers(settings: NetworkSettings, draw: Callable[[], int | None] = lambda: None) -> dict:
    """Return the initializers of the hidden layer, each with a seed that is drawn for it, or none of its own."""
    return {
        "kernel": _normal(settings.weight_std, draw),
        "recurrent": _recurrent(settings, draw),
        "bias": _normal(settings.bias_std, draw),
    }


def _normal(std: float, draw: Callable[[], int | None] = lambda: None) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, std, seed=draw()) if std else keras.initializers.Zeros()


def _recurrent(settings: NetworkSettings, draw: Callable[[], int | None]) -> keras.initializers.Initializer:
    if settings.recurrent_init == "orthogonal":
        return keras.initializers.Orthogonal(settings.recurrent_scale, seed=draw())
    over = settings.units**0.5 if settings.recurrent_init == "fan_in" else 1.0
    return _normal(settings.recurrent_scale / over, draw)
