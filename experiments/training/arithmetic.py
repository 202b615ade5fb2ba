"""Clockwork RNNs of one size and any number of groups, timed in turn."""

from collections.abc import Sequence

import numpy as np

from benchmarks import contestants, timing
from experiments.grid import Arrays


def time_networks(units: int, groups: Sequence[int], steps: int, batch: int, timings: int) -> Arrays:
    """Time networks with one input feature and one linear output, each pass one compiled program.

    Args:
        units: hidden units of each network.
        groups: modules of each, with periods 1, 2, 4, …; one of period 1 is a simple RNN.
        steps, batch: of the sequences.
        timings: rounds, in which the networks take turns.

    Returns:
        forward, update [groups, timings]: seconds of a forward pass with its loss, and of one with its gradient and a step of
            plain gradient descent.
    """
    layers = [contestants.clockwork(units, count) for count in groups]
    networks = [contestants.with_keras(layer, steps, batch, xla=True) for layer in layers]
    found = {}
    for name in ("forward", "update"):
        passes = {count: getattr(network, name) for count, network in zip(groups, networks, strict=True)}
        for compiled in passes.values():
            compiled()
        found[name] = np.array(list(timing.in_turn(passes, 0, least=timings).values()))
    return found
