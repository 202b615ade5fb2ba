"""What a task is: the contract between one experiment and the training loop, and the network that tasks share."""

import abc
import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import figures
from models.clocks import SERIES, WIRINGS, make_periods, take_turns
from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN
from models.initial_state import InitialState
from models.layer import ClockworkLayer

# The last three are the same layers with one module that fires at every step.
MODELS = {
    "clockwork_rnn": ClockworkRNN,
    "clockwork_lstm": ClockworkLSTM,
    "clockwork_gru": ClockworkGRU,
    "simple_rnn": ClockworkRNN,
    "lstm": ClockworkLSTM,
    "gru": ClockworkGRU,
}
LONGEST_CLOCK = 128  # steps of the picture of who fires when; in more, single steps would not be seen


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The recurrent layer; a task adds what it needs."""

    model: Literal[tuple(MODELS)]
    """The recurrent layer."""
    units: int
    """Hidden units, split evenly among the modules."""
    periods: tuple[int, ...]
    """Clock period of each module, in steps (clockwork models only; none for the others)."""
    clock_series: Literal[("given", *SERIES)]
    """Clock periods as given, or instead those of a series (clockwork models only)."""
    modules: int
    """Modules of the series; not used for periods as given."""
    series_base: float
    """Base of the exponential, logarithmic, symmetric and random series; not used for others."""
    lowest_period: int
    """What all periods of the series are multiplied by; not used for periods as given."""
    turns: int
    """Replace each module by so many that take turns, each as many times as slow: 2 makes odd-even pairs (clockwork models only)."""
    connections: Literal[tuple(WIRINGS)]
    """Which modules hear which: the paper's slow_to_fast, or another wiring (clockwork models only)."""
    input_modules: Literal["all", "fastest"] | tuple[int, ...]
    """Which modules see the input: all, fastest, or their numbers from 0 in order of the periods (clockwork models only)."""
    input_mean: bool
    """Let a module see the mean of the inputs over its last period, not the one at its tick (clockwork models only)."""
    recurrent_init: Literal["normal", "fan_in", "orthogonal"]
    """Recurrent weights start from a normal distribution, the same over the square root of the units, or an orthogonal matrix."""
    recurrent_scale: float
    """Standard deviation of recurrent_init, or what multiplies the orthogonal matrix."""
    weight_std: float
    """Standard deviation of all other initial weights."""
    bias_std: float
    """Standard deviation of the initial biases; 0 starts them at 0."""
    learned_initial_state: bool
    """Learn the state before the first step, starting from N(0, 1), instead of 0."""
    forget_bias: float
    """Initial bias of the forget gate (LSTMs only)."""
    peepholes: bool
    """Let the gates see the cell (LSTMs only)."""
    dropout: float
    """Share of the hidden layer's outputs dropped in training, anew at every step."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What is left to see, hear and read of a run.

    Args:
        figures: name → figure.
        sounds: name → (samples [T] within [−1, 1], samples a second).
        texts: name → text.
    """

    figures: dict[str, Figure]
    sounds: dict[str, tuple[np.ndarray, int]] = dataclasses.field(default_factory=dict)
    texts: dict[str, str] = dataclasses.field(default_factory=dict)


class Task(abc.ABC):
    """One experiment. The training loop asks it for everything that it does not know itself.

    Attributes:
        name: the word on the command line and the name of its folder in `results/` and `log/`.
        settings: the task's own settings.
        metrics: name → function of (targets, outputs); the first one is what the progress bar shows.
        epoch_quantity: what `after_epoch` notes after every epoch, for the axis of a picture; empty if it notes nothing.
    """

    epoch_quantity = ""

    name: str
    settings: NetworkSettings
    metrics: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]

    @abc.abstractmethod
    def epoch(self) -> tf.data.Dataset:
        """Return the batches (inputs, targets) of one epoch."""

    @abc.abstractmethod
    def network(self) -> keras.Model:
        """Return a fresh network."""

    @abc.abstractmethod
    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return what training makes small, a scalar; or [R] for a population's outputs [R, B, T, m]."""

    def outputs(self, network: keras.Model, inputs: tf.Tensor, update: tf.Tensor, updates: int) -> tf.Tensor:
        """Return what a network makes of a batch in training, at an update (int32, from 0) of so many."""
        return network(inputs, training=True)

    def after_epoch(self, network: keras.Model) -> dict[str, float]:
        """Return what to note after every epoch, by plain names."""
        return {}

    def finished(self, epochs: list[dict[str, float]]) -> bool:
        """Return whether training should stop, from what was noted after each epoch so far."""
        return False

    @abc.abstractmethod
    def evaluate(self, network: keras.Model) -> dict:
        """Return the metrics of a trained network by plain names."""

    @abc.abstractmethod
    def report(self, network: keras.Model) -> Report:
        """Return pictures and sounds of a trained network."""

    @classmethod
    def use(cls, settings: NetworkSettings, folder: Path) -> None:
        """Do what the settings ask of the trained run in a folder; raises a ValueError if they ask for nothing."""
        raise ValueError(f"`run` is for tasks that can use a trained run. Received: {folder.name} for {cls.name}")


def clock(settings: NetworkSettings) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the period and the phase of each module that the settings describe; none where there are no modules."""
    periods = settings.periods
    if settings.clock_series != "given":
        numbers = {name: getattr(settings, name) for name in ("series_base", "lowest_period", "seed")}
        periods = make_periods(settings.clock_series, settings.modules, **numbers)
    return take_turns(periods, settings.turns)


def recurrent_layer(
    settings: NetworkSettings,
    sequences: keras.KerasTensor,
    return_sequences: bool = True,
    stateful: bool = False,
    sizes: Sequence[int] | None = None,
) -> keras.KerasTensor:
    """Apply the recurrent layer that the settings describe to symbolic sequences [B, T, features]; named "hidden".

    Args:
        settings: of the layer.
        sequences: what it sees.
        return_sequences: whether all hidden states are returned.
        stateful: whether the state is carried from batch to batch.
        sizes: units of each module; None splits them evenly.

    Returns:
        The hidden states after all steps [B, T, units], or after the last one that is not masked [B, units].

    Raises:
        ValueError: names the setting, what was expected and what came.
    """
    defaults = {"periods": (), "clock_series": "given", "turns": 1}
    defaults |= {"connections": "slow_to_fast", "input_modules": "all", "input_mean": False}
    clocked, kind = is_clocked(settings.model), MODELS[settings.model]
    for name, default in defaults.items():
        value = getattr(settings, name)
        if not clocked and value != default:
            raise ValueError(f"`{name}` is for the clockwork models. Received: {value} for {settings.model}")
    if settings.peepholes and kind is not ClockworkLSTM:
        raise ValueError(f"`peepholes` is for the models lstm and clockwork_lstm. Received: True for {settings.model}")
    if settings.input_mean and not sequences.shape[-1]:
        raise ValueError("`input_mean` is for networks with an input. Received: True")
    if settings.units < 1:
        raise ValueError(f"`units` must be at least 1. Received: {settings.units}")
    for name in ("recurrent_scale", "weight_std", "bias_std"):
        if not 0 <= getattr(settings, name) < math.inf:
            raise ValueError(f"`{name}` must be at least 0. Received: {getattr(settings, name)}")
    common = {
        "kernel_initializer": _normal(settings.weight_std),
        "recurrent_initializer": _recurrent_initializer(settings),
        "bias_initializer": _normal(settings.bias_std),
        "return_sequences": return_sequences,
        "stateful": stateful,
        "name": "hidden",
    }
    if kind is not ClockworkRNN:
        # The layer's own dropout is not used here: a seed spares it a draw, which would move all later initial weights.
        common["seed"] = settings.seed
    if kind is ClockworkLSTM:
        common |= {"peepholes": settings.peepholes, "unit_forget_bias": False}
    initial_state = None
    if settings.learned_initial_state:
        if stateful:
            raise ValueError(
                "`learned_initial_state` is for tasks that carry no state from batch to batch. Received: True"
            )
        count = 2 if kind is ClockworkLSTM else 1
        initial_state = [InitialState(settings.units, _normal(1.0))(sequences) for _ in range(count)]
    periods, phases = clock(settings) if clocked else ((1,), 0)
    own = {name: getattr(settings, name) for name in ("connections", "input_modules", "input_mean")}
    layer = kind(sizes or settings.units, periods, phases=phases, **own, **common)
    hidden = layer(sequences, initial_state=initial_state)
    if kind is ClockworkLSTM:
        bias = layer.bias.numpy().reshape(4, -1)
        bias[1] = settings.forget_bias
        layer.bias.assign(bias.reshape(-1))
    return hidden


def is_clocked(model: str) -> bool:
    """Return whether a model has modules with clocks of their own."""
    return model.startswith("clockwork")


def layer_modules(layer: keras.layers.Layer) -> list[tuple[str, slice]]:
    """Return a label and the units of each module of a recurrent layer, for pictures of its states."""
    if not isinstance(layer, ClockworkLayer) or len(layer.periods) == 1:
        return [("all units", slice(None))]
    modules = layer.modules
    names = (f"period {p}" + f", phase {f}" * bool(f) for p, f in zip(modules.periods, modules.phases, strict=True))
    return list(zip(names, modules.slices, strict=True))


def clock_pictures(layer: keras.layers.Layer) -> dict[str, Figure]:
    """Return the picture of who fires when in a layer, or none where all modules fire at every step."""
    if not isinstance(layer, ClockworkLayer) or not layer.clocked:
        return {}
    steps = min(max(2 * max(layer.periods), 16), LONGEST_CLOCK)
    labels = [name for name, _ in layer_modules(layer)] if len(layer.periods) > 1 else [f"period {layer.periods[0]}"]
    return {"clock": figures.clock_figure(layer.modules.fires(np.arange(steps)), labels)}


def output_layer(
    settings: NetworkSettings, hidden: keras.KerasTensor, units: int, activation: str
) -> keras.KerasTensor:
    """Apply dropout, if any, and a dense layer of so many units to the hidden states; named "output"."""
    if not 0 <= settings.dropout < 1:
        raise ValueError(f"`dropout` must be at least 0 and below 1. Received: {settings.dropout}")
    if settings.dropout:
        hidden = keras.layers.Dropout(settings.dropout)(hidden)
    weights, biases = _normal(settings.weight_std), _normal(settings.bias_std)
    dense = keras.layers.Dense(units, activation, kernel_initializer=weights, bias_initializer=biases, name="output")
    return dense(hidden)


def reset_where(layer: keras.layers.Layer, when: tf.Tensor) -> None:
    """Set the state that a stateful layer carries to 0 where a boolean scalar is true."""
    for state in layer.states:
        state.assign(tf.where(when, tf.zeros_like(state.value), state.value))


def penalise_weights(network: keras.Model, penalty: float) -> None:
    """Add the sum of the squares of all weight matrices, not of biases, times the penalty to a network's losses."""
    if penalty:
        for variable in network.trainable_variables:
            if len(variable.shape) > 1:
                variable.regularizer = keras.regularizers.L2(penalty)


def mean_squared_error(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the mean over all but leading replica axes [..., B, T, m]."""
    return tf.reduce_mean((outputs - targets) ** 2, axis=[-3, -2, -1])


def _normal(std: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, std) if std else keras.initializers.Zeros()


def _recurrent_initializer(settings: NetworkSettings) -> keras.initializers.Initializer:
    if settings.recurrent_init == "orthogonal":
        return keras.initializers.Orthogonal(settings.recurrent_scale)
    over = settings.units**0.5 if settings.recurrent_init == "fan_in" else 1.0
    return _normal(settings.recurrent_scale / over)
