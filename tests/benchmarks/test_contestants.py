"""The benchmark times what it says: the same computation, counted rightly."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import contest, contestants, layers, sizes, timing
from benchmarks.contest import Spec
from models.clocks import make_modules

ROOT = Path(__file__).parents[2]


def test_the_masked_network_computes_the_same():
    ours = contestants.clockwork(8, 4)
    masked = contestants.LAYERS["masked_clockwork_rnn"](8, ours.periods)
    x = np.random.default_rng(0).normal(size=(2, 11, 1)).astype("float32")
    ours(x), masked(x)
    masked.set_weights(ours.dense_weights())
    np.testing.assert_allclose(ours(x), masked(x), atol=1e-6)


@pytest.mark.parametrize("xla", [False, True])
def test_an_update_moves_the_weights_and_a_forward_pass_does_not(xla):
    layer = contestants.clockwork(4, 2)
    contestant = contestants.with_keras(layer, 6, 2, xla)
    before = layer.get_weights()
    contestant.forward()
    assert all((one == other).all() for one, other in zip(before, layer.get_weights()))
    contestant.update()
    assert any((one != other).any() for one, other in zip(before, layer.get_weights()))
    assert contestant.parameters == sum(array.size for array in before)


def test_many_updates_in_one_program_are_the_same_updates():
    one, other = contestants.clockwork(4, 2), contestants.clockwork(4, 2)
    single = contestants.with_keras(one, 6, 2, xla=True)
    many = contestants.with_keras(other, 6, 2, xla=True, updates=3)
    other.set_weights(one.get_weights())
    many.update()
    for _ in range(3):
        single.update()
    assert (single.updates, many.updates) == (1, 3)
    for array, expected in zip(other.get_weights(), one.get_weights()):
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("cell, gates, layer", [("simple_rnn", 1, "RNN"), ("lstm", 4, "LSTM"), ("gru", 3, "GRU")])
def test_torch_runs_where_it_is_installed(cell, gates, layer):
    torch = pytest.importorskip("torch")
    from benchmarks import with_torch

    contestant = with_torch.make(Spec("torch", cell, 3, 6, 2))
    contestant.update()
    contestant.forward()
    assert with_torch.LAYERS[cell] is getattr(torch.nn, layer)
    assert contestant.parameters == gates * (3 + 9 + 3 + 3)  # PyTorch has two biases


@pytest.mark.parametrize("cell", [*sizes.CELLS, *sizes.OURS, "masked_clockwork_rnn"])
def test_parameters_are_counted_without_building(cell):
    ours = "clockwork" in cell
    made = contestants.make(Spec("keras-tensorflow", cell, 8, 2, 1, features=5, periods=(1, 2, 4, 8) if ours else (1,)))
    kind = sizes.OURS.get(cell, "simple_rnn" if "masked" in cell else cell)
    assert made.parameters == sizes.parameters(kind, 8, 5, modules=4 if cell in sizes.OURS else 1)


def test_equal_parameters_are_nearly_equal():
    ours = sizes.parameters("simple_rnn", 72, modules=9)
    assert ours == 72 * 72 // 2 + 72 * 8 // 2 + 72 + 144 - 72 == 3024
    units = {"simple_rnn": 54, "lstm": 27, "gru": 30}
    assert {cell: sizes.equal_units(cell, ours) for cell in sizes.CELLS} == units
    counted = {"simple_rnn": 54 * 56, "lstm": 4 * 27 * 29, "gru": 3 * 30 * 33}  # gates · n · (n + 1 + biases)
    assert {cell: sizes.parameters(cell, n) for cell, n in units.items()} == counted
    assert counted == {"simple_rnn": 3024, "lstm": 3132, "gru": 2970}


def test_who_is_compared_with_whom():
    rivals = ("simple_rnn", 36), [("simple_rnn", 27), ("lstm", 13), ("gru", 15)]
    assert sizes.opponents("clockwork_rnn", 36, 9) == rivals
    assert sizes.opponents("clockwork_gru", 1152, 9) == (("gru", 1152), [("gru", 859)])


def test_the_largest_gated_layers_are_left_out_under_xla(monkeypatch):
    monkeypatch.setattr(contest, "rivals", lambda: ["keras-tensorflow", "keras-tensorflow-xla"])
    simple, lstm = (
        layers.against(Spec(contest.OURS, cell, 1152, 512, 16, periods=contestants.exponential(9)))
        for cell in ("clockwork_rnn", "clockwork_lstm")
    )
    plain = [("simple_rnn", 1152), ("simple_rnn", 859), ("lstm", 429), ("gru", 495)]
    assert [(rival.cell, rival.units) for rival in simple] == plain * 2
    assert [rival.network for rival in lstm] == ["keras-tensorflow lstm"] * 2


def test_the_floor_counts_what_the_equations_need():
    """For one sequence, by going through all steps and adding up the products of the modules that fire."""
    modules = make_modules(12, [1, 2, 4])
    fires = modules.fires(np.arange(64))
    said = sum(16 * fires[:, j].sum() for i in range(3) for j in range(i + 1, 3))  # once a tick of the slower
    own = 16 * fires.sum()
    inputs, output = 4 * fires.sum(), 12 * 64
    assert sizes.multiply_adds(12, 3, 64, batch=1) == said + own + inputs + output


def test_quartiles_and_turns():
    calls = []
    times = timing.in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, seconds=0, least=3)
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3}
    order = "".join(name for name, other in zip(calls, ["", *calls]) if name != other)
    assert order == "ababab"
    assert timing.quartiles(np.array([1.0, 2, 3, 4, 5])) == (2, 3, 4)


def test_who_takes_long_has_fewer_turns():
    times = timing.rounds({"short": lambda: 0.1, "long": lambda: 0.9}, seconds=0, least=7, long=0.5)
    assert {name: list(values) for name, values in times.items()} == {"short": [0.1] * 7, "long": [0.9] * 3}


def test_memory_is_measured():
    command = [sys.executable, "-m", "benchmarks.memory", "64", "4", "2000", "16"]
    mib = float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert 64 * 2000 * 16 * 4 / 2**20 < mib < 500  # at least the states, which are 7.8 MiB


def test_nearest_units_finds_the_published_sizes():
    """Table 1 of Koutník et al. 2014: simple RNNs of 100, 250 and 1000 parameters."""
    assert [sizes.nearest_units(budget, lambda n: (n + 1) ** 2) for budget in (100, 250, 1000)] == [9, 15, 31]
    assert sizes.nearest_units(1, lambda n: n * n) == 1
    assert sizes.nearest_units(5, lambda n: 2 * n) == 2  # 4 and 6 are as near: the smaller
