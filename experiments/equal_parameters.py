"""Networks of equal size: the number of hidden units that gives a wiring as many parameters as another one has."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from models.clocks import make_modules
from tasks.network_settings import NetworkSettings, clock


def parameters(settings: NetworkSettings, inputs: int, outputs: int, sizes: Sequence[int] | None = None) -> int:
    """Return the parameters of a Clockwork RNN with a dense output layer, without periods.

    Module i of k_i units has k_i · (units it hears + inputs it sees + 1) of them, the output layer (n + 1) · outputs.

    Args:
        settings: of the network.
        inputs: features of the input.
        outputs: units of the output layer.
        sizes: units of each module; None splits them evenly.
    """
    periods, phases = clock(settings)
    modules = make_modules(sizes or settings.units, periods, phases, settings.connections, settings.input_modules)
    own = np.array(modules.hears) @ np.array(modules.sizes) + inputs * np.array(modules.sees_input) + 1
    return int(np.array(modules.sizes) @ own) + (modules.units + 1) * outputs


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

    def size(units: int) -> int:
        return parameters(replace(settings, units=units), inputs, outputs, split(units))

    units = len(clock(settings)[0])
    while size(units + 1) <= count:
        units += 1
    return replace(settings, units=min((units, units + 1), key=lambda units: abs(size(units) - count)))
