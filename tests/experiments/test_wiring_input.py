"""Wirings with inputs: fifteen cells of equal size, and interactions that say what the rows say."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from experiments import wiring_input
from experiments.equal_parameters import parameters
from experiments.store import Store
from experiments.training import wiring_input as training
from models.clocks import WIRINGS

SIZES = {"words": (13, 25), "text": (103, 103)}  # inputs and outputs
INPUTS = ("to all", "to the fastest", "mean over the period")


@pytest.mark.parametrize("task", SIZES)
def test_fifteen_cells_of_equal_parameters(task):
    base, found = training.BASES[task], {}
    for key, cell in training.make_cells(task, 2, None):
        settings = cell.arguments["settings"]
        assert parameters(settings, *SIZES[task]) == pytest.approx(parameters(base, *SIZES[task]), rel=0.01)
        same = {name: getattr(settings, name) for name in ("units", "connections", "input_modules", "input_mean")}
        assert replace(base, **same) == settings
        found[key["question"], key["variant"]] = (settings.connections, settings.input_modules, settings.input_mean)
    wanted = {"to all": ("all", False), "to the fastest": ("fastest", False), "mean over the period": ("all", True)}
    assert found == {(wiring, name): (wiring, *wanted[name]) for wiring, name in product(WIRINGS, INPUTS)}


def test_interactions_are_differences_of_differences():
    """Every change is of equal size but under `full`, where it goes the other way in all ten seeds."""
    rng = np.random.default_rng(0)
    rows = []
    for wiring, name, seed in product(WIRINGS, INPUTS, range(10)):
        shift = {"to all": 0, "to the fastest": 50, "mean over the period": 0}[name]
        score = 100 + rng.uniform(-1, 1) + (-shift if wiring == "full" else shift)
        rows.append({"task": "words", "wiring": wiring, "input": name, "seed": seed, "score": score})
    found = wiring_input.effects(pd.DataFrame(rows)).set_index(["wiring", "input"])
    least = 2 / 184756  # of all ways to deal twenty ranks, the two farthest
    assert found.p["none", "to the fastest"] == pytest.approx(10 * least)  # the family: ten changes
    assert found.p_differs["full", "to the fastest"] == pytest.approx(8 * least)  # and eight interactions
    assert found.differs["full", "to the fastest"] == pytest.approx(-100, abs=3)
    assert found.drop(("full", "to the fastest")).p_differs.dropna().min() > 0.05
    assert found.p_differs["slow_to_fast"].isna().all() and len(found) == 10


def test_runs_small(tmp_path, monkeypatch):
    def trained(_, cells, *__):
        """Stand in for training: what is written of a result is tested, not the result."""
        for place in range(len(cells)):
            yield {"score": np.array([[place, place + 1.0]]), "parameters": np.array(9), "seconds": np.array(2.0)}

    monkeypatch.setattr(wiring_input, "compute", lambda *given: list(trained(*given)))
    store = Store(tmp_path)
    wiring_input.run(wiring_input.Flags(seeds=2), store)
    tables = wiring_input.tables(store)
    assert "| text: bits per character | full | 21.5 (21.2–21.8) | 22.5" in tables["wiring-input"]
    assert "| spoken words | none | to the fastest | +1 |" in tables["wiring-input-effects"]
    assert "| spoken words | 30 | 0 | 9–9 | 2–2 |" in tables["wiring-input-networks"]
    assert set(wiring_input.pictures(store)) == {"wiring_input"}
