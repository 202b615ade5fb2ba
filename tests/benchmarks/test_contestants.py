"""The benchmark times what it says: the same computation, counted rightly, and its table is that of the results."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import contestants, figure, gated, layers, timing
from models.clocks import make_modules

ROOT = Path(__file__).parents[2]


def test_the_masked_network_computes_the_same():
    ours, masked = contestants.clockwork(8, 4), contestants.masked_clockwork(8, 4)
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


@pytest.mark.parametrize("kind, gates", [("RNN", 1), ("LSTM", 4)])
def test_torch_runs_where_it_is_installed(kind, gates):
    pytest.importorskip("torch")
    contestant = contestants.with_torch(kind, 3, 6, 2)
    contestant.update()
    contestant.forward()
    assert contestant.parameters == gates * (3 + 9 + 3 + 3)  # PyTorch has two biases


def test_equal_parameters_are_nearly_equal():
    ours = contestants.with_keras(contestants.clockwork(72), 2, 1, xla=False).parameters
    units = contestants.units_for(contestants.lstm, ours)
    assert units == 27  # 4·27·(27 + 1 + 1) = 3132, and 4·28·30 = 3360; ours are 3096
    assert ours == 72 * 72 // 2 + 72 * 8 // 2 + 72 + 144 - 72


def test_the_floor_counts_what_the_equations_need():
    """For one sequence, by going through all steps and adding up the products of the modules that fire."""
    modules = make_modules(12, [1, 2, 4])
    fires = modules.fires(np.arange(64))
    said = sum(16 * fires[:, j].sum() for i in range(3) for j in range(i + 1, 3))  # once a tick of the slower
    own = 16 * fires.sum()
    inputs, output = 4 * fires.sum(), 12 * 64
    assert contestants.multiply_adds(12, 3, 64, batch=1) == said + own + inputs + output


def test_quartiles_and_turns():
    calls = []
    times = timing.in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, seconds=0, least=3)
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3}
    order = "".join(name for name, other in zip(calls, ["", *calls]) if name != other)
    assert order == "ababab"
    assert timing.quartiles(np.array([1.0, 2, 3, 4, 5])) == (2, 3, 4)


def test_memory_is_measured():
    command = [sys.executable, "-m", "benchmarks.memory", "64", "4", "2000", "16"]
    mib = float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert 64 * 2000 * 16 * 4 / 2**20 < mib < 500  # at least the states, which are 7.8 MiB


def committed():
    with open(layers.CSV, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_readme_has_the_tables_of_the_committed_results():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert layers.table(committed()) in readme
    assert layers.summary(committed()) in readme


def test_the_picture_has_all_axes():
    drawn = figure.scaling_figure(committed(), list(layers.SCALING))
    assert [axis.get_xlabel() for axis in drawn.axes] == ["time steps", "batch", "hidden units", "modules of 64 units"]
    for axis in drawn.axes:
        assert all(len(container.lines[0].get_xdata()) > 3 for container in axis.containers)


def test_nearest_units_finds_the_published_sizes():
    """Table 1 of Koutník et al. 2014: simple RNNs of 100, 250 and 1000 parameters."""
    assert [contestants.nearest_units(budget, lambda n: (n + 1) ** 2) for budget in (100, 250, 1000)] == [9, 15, 31]
    assert contestants.nearest_units(1, lambda n: n * n) == 1
    assert contestants.nearest_units(5, lambda n: 2 * n) == 2  # 4 and 6 are as near: the smaller


def test_the_readme_has_the_committed_gated_benchmark():
    with open(gated.RESULTS, newline="", encoding="utf-8") as file:
        rows = [gated.Row(**{name: read(row[name]) for name in gated.COLUMNS}) for row in csv.DictReader(file)]
    assert gated.summary(rows) in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def read(text):
    """Return a cell of a CSV as a number where it is one."""
    try:
        return float(text) if "." in text or "e" in text else int(text)
    except ValueError:
        return text
