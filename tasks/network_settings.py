"""The settings of the recurrent layer, which all tasks share, and which of them cannot be."""

import dataclasses
import math
from typing import Annotated, Literal

from models.clocks import SERIES, TURNS_OF, WIRINGS, make_periods, take_turns
from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN
from tasks.flag import Flag

# The last three are the same layers with one module that fires at every step.
MODELS = {
    "clockwork_rnn": ClockworkRNN,
    "clockwork_lstm": ClockworkLSTM,
    "clockwork_gru": ClockworkGRU,
    "simple_rnn": ClockworkRNN,
    "lstm": ClockworkLSTM,
    "gru": ClockworkGRU,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The recurrent layer; a task adds what it needs."""

    help_group = "network"

    model: Annotated[Literal[tuple(MODELS)], Flag(first=2, also=("layer", "cell"))]
    """The recurrent layer."""
    units: Annotated[int, Flag(first=3, also=("hidden", "hidden_units", "hidden_size", "neurons", "size"))]
    """Hidden units, split evenly among the modules."""
    periods: Annotated[tuple[int, ...], Flag(first=4, also=("clock_periods",))]
    """Clock period of each module, in steps (clockwork models only; none for the others)."""
    clock_series: Annotated[Literal[("given", *SERIES)], Flag("clock")]
    """Clock periods as given, or instead those of a series (clockwork models only)."""
    modules: Annotated[int, Flag("clock")]
    """Modules of the series; not used for periods as given."""
    series_base: Annotated[float, Flag("clock")]
    """Base of the exponential, logarithmic, symmetric and random series; not used for others."""
    lowest_period: Annotated[int, Flag("clock")]
    """What all periods of the series are multiplied by, in steps; not used for periods as given."""
    turns: Annotated[int, Flag("clock")]
    """Replace each module by so many that take turns, each as many times as slow: 2 makes odd-even pairs (clockwork models only)."""
    turns_of: Annotated[Literal[TURNS_OF], Flag("clock")]
    """Which modules `turns` replaces: all, or the fastest alone (clockwork models only)."""
    connections: Annotated[Literal[tuple(WIRINGS)], Flag("clock", also=("wiring",))]
    """Which modules hear which: the paper's slow_to_fast, or another wiring (clockwork models only)."""
    input_modules: Annotated[Literal["all", "fastest"] | tuple[int, ...], Flag("clock")]
    """Which modules see the input; numbers count from 0 in order of the periods (clockwork models only)."""
    input_mean: Annotated[bool, Flag("clock")]
    """Let a module see the mean of the inputs over its last period, not the one at its tick (clockwork models only)."""
    recurrent_init: Literal["normal", "fan_in", "orthogonal"]
    """Recurrent weights start from a normal distribution, the same over the square root of the units, or an orthogonal matrix."""
    recurrent_scale: float
    """Standard deviation of `recurrent_init`, or what multiplies the orthogonal matrix."""
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


def check(settings: NetworkSettings, features: int, stateful: bool) -> None:
    """Raise a ValueError that names the first setting that no network can have, for inputs of so many features."""
    defaults = {"periods": (), "clock_series": "given", "turns": 1, "turns_of": "all"}
    defaults |= {"connections": "slow_to_fast", "input_modules": "all", "input_mean": False}
    for name, default in defaults.items():
        value = getattr(settings, name)
        if not is_clocked(settings.model) and value != default:
            raise ValueError(f"`{name}` is for the clockwork models. Received: {value} for {settings.model}")
    if settings.peepholes and MODELS[settings.model] is not ClockworkLSTM:
        raise ValueError(f"`peepholes` is for the models lstm and clockwork_lstm. Received: True for {settings.model}")
    if settings.input_mean and not features:
        raise ValueError("`input_mean` is for networks with an input. Received: True")
    if settings.units < 1:
        raise ValueError(f"`units` must be at least 1. Received: {settings.units}")
    for name in ("recurrent_scale", "weight_std", "bias_std"):
        if not 0 <= getattr(settings, name) < math.inf:
            raise ValueError(f"`{name}` must be at least 0. Received: {getattr(settings, name)}")
    if settings.learned_initial_state and stateful:
        raise ValueError("`learned_initial_state` is for tasks that carry no state from batch to batch. Received: True")
    if not 0 <= settings.dropout < 1:
        raise ValueError(f"`dropout` must be at least 0 and below 1. Received: {settings.dropout}")


def check_noise(deviation: float) -> None:
    """Raise a ValueError where `keras.layers.GaussianNoise`, of which the model that is kept has one, takes no such noise."""
    if not 0 <= deviation <= 1:
        raise ValueError(f"`input_noise` must be from 0 to 1. Received: {deviation}")


def clock(settings: NetworkSettings) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the period and the phase of each module that the settings describe; none where there are no modules."""
    if not is_clocked(settings.model):
        return (), ()
    periods = settings.periods
    if settings.clock_series != "given":
        numbers = {name: getattr(settings, name) for name in ("series_base", "lowest_period", "seed")}
        periods = make_periods(settings.clock_series, settings.modules, **numbers)
    return take_turns(periods, settings.turns, settings.turns_of)


def is_clocked(model: str) -> bool:
    """Return whether a model has modules with clocks of their own."""
    return model.startswith("clockwork")
