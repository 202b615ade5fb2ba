"""Networks of equal size, against the networks themselves."""

import pytest

from experiments.equal_parameters import parameters, with_parameters
from main import recipe
from tasks.sequence_generation import SequenceGeneration
from tasks.spoken_words import SpokenWords

OTHERS = [
    {"connections": "full"},
    {"connections": "none", "input_modules": "fastest"},
    {"clock_series": "fibonacci", "modules": 5, "input_modules": (1, 3)},
    {"turns": 2, "connections": "hierarchical"},
    {"model": "simple_rnn", "periods": ()},
    {"model": "lstm", "periods": (), "peepholes": False},
    {"model": "gru", "periods": ()},
    {"model": "clockwork_lstm"},
    {"model": "clockwork_gru", "connections": "full"},
]


@pytest.mark.parametrize("changes", OTHERS)
def test_parameters_are_those_of_the_network(changes):
    settings = recipe("words", units=40, **changes)
    assert parameters(settings, 13, 25) == SpokenWords(settings).network.size


def test_parameters_of_uneven_modules_are_those_of_the_network():
    task = SequenceGeneration(recipe("generation", sizes="spectrum"))
    sizes = task.network.hidden.modules.sizes
    assert len(set(sizes)) > 1
    assert parameters(task.settings, 0, 1, sizes) == task.network.size


def test_36_units_have_793_parameters():
    # 802 with the nine periods (Koutník et al. 2014, Table 1's rule): 9 modules of 4 units, 16 · (9 + 8 + … + 1) recurrent
    # weights, 36 biases, 37 of the output unit.
    assert parameters(recipe("generation"), 0, 1) == 802 - 9


def test_units_bring_the_parameters_closest():
    settings = recipe("generation", connections="full")
    sized = with_parameters(settings, 793, 0, 1)
    counts = {units: units * units + units + units + 1 for units in range(9, 60)}  # all hear all
    assert sized.units == min(counts, key=lambda units: abs(counts[units] - 793))
    assert with_parameters(settings, 1, 0, 1).units == 9  # one a module at least
