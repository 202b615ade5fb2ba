"""Networks of equal size: the number of hidden units that gives a wiring as many parameters as another one has."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from models.clocks import make_modules
from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN
from tasks.network_settings import MODELS, NetworkSettings, clock, is_clocked

# Cell → its gates, and biases of each of them.
CELLS = {ClockworkRNN: (1, 1), ClockworkLSTM: (4, 1), ClockworkGRU: (3, 2)}


def parameters(
    settings: NetworkSettings, inputs: int, outputs: int, sizes: Sequence[int] | None = None, directions: int = 1
) -> int:
    """Return the parameters of a network with a dense output layer, without periods and peepholes.

    Module i of k_i units has k_i · (units it hears + inputs it sees + biases) of them for each gate and direction, the output
    layer (directions · n + 1) · outputs.

    Args:
        settings: of the network.
        inputs: features of the input.
        outputs: units of the output layer.
        sizes: units of each module; None splits them evenly.
        directions: in which the sequences are read, each by a hidden layer.
    """
    gates, biases = CELLS[MODELS[settings.model]]
    periods, phases = clock(settings) if is_clocked(settings.model) else ((1,), (0,))
    modules = make_modules(sizes or settings.units, periods, phases, settings.connections, settings.input_modules)
    own = np.array(modules.hears) @ np.array(modules.sizes) + inputs * np.array(modules.sees_input) + biases
    return directions * int(gates * np.array(modules.sizes) @ own) + (directions * modules.units + 1) * outputs


def with_parameters(
    settings: NetworkSettings,
    count: int,
    inputs: int,
    outputs: int,
    split: Callable[[int], Sequence[int] | None] = lambda units: None,
) -> NetworkSettings:
    """Return the settings with the number of units that brings `parameters` closest to `count`; at least one a module.

    Args:
        settings: of the network.
        count: the parameters wanted.
        inputs, outputs: as in `parameters`.
        split: from a number of units to the sizes of the modules, where they are not even.
    """
    return with_size(settings, count, lambda own: parameters(own, inputs, outputs, split(own.units)))


def with_size(settings: NetworkSettings, count: int, size: Callable[[NetworkSettings], int]) -> NetworkSettings:
    """Return the settings with the number of units that brings their size closest to `count`; at least one a module."""
    own = replace(settings, units=len(clock(settings)[0]))
    while size(larger := replace(own, units=own.units + 1)) <= count:
        own = larger
    return min((own, larger), key=lambda near: abs(size(near) - count))
