"""Wirings with inputs: fifteen cells of equal size, and interactions that say what the rows say."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from committed import ENDS, RESULTS

from experiments import wiring_input
from experiments.equal_parameters import parameters
from experiments.grid import ROOT
from experiments.store import Store
from experiments.training import wiring_input as training
from models.clocks import WIRINGS

INPUTS = ("to all", "to the fastest", "mean over the period")


@pytest.mark.parametrize("task", wiring_input.WITH_INPUT)
def test_fifteen_cells_of_equal_parameters(task):
    base, found = training.BASES[task], {}
    for key, cell in training.make_cells(task, 2, None):
        settings = cell.arguments["settings"]
        assert parameters(settings, *ENDS[task]) == pytest.approx(parameters(base, *ENDS[task]), rel=0.01)
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


def test_a_seed_that_diverged_with_both_inputs_changed_nothing():
    rows = [
        {"task": "words", "wiring": wiring, "input": name, "seed": seed, "score": 10.0 + seed}
        for wiring, name, seed in product(WIRINGS, INPUTS, range(3))
    ]
    rows = pd.DataFrame(rows)
    rows.loc[(rows.wiring == "full") & (rows.seed == 2), "score"] = np.inf
    rows.loc[(rows.wiring == "none") & (rows.seed == 2) & (rows.input == "to all"), "score"] = np.inf
    found = wiring_input.effects(rows).set_index(["wiring", "input"])
    assert (found.differs.dropna() == 0).all() and (found.p_differs.dropna() == 1).all()


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


def test_committed_rows_are_the_whole_experiment():
    rows = Store(RESULTS)["wiring_input"]
    assert (rows.groupby(wiring_input.KEYS).seed.nunique() == 10).all() and len(rows) == 2 * 15 * 10
    assert np.isfinite(rows.score).all()


def test_sentences_say_what_was_measured():
    page = (ROOT / "docs" / "results" / "wiring-input.md").read_text(encoding="utf-8").replace("\n", " ")
    rows = Store(RESULTS)["wiring_input"]
    found = wiring_input.effects(rows).set_index(["task", "wiring", "input"])
    words, text, medians = found.loc["words"], found.loc["text"], wiring_input.scores(rows).map(np.median)
    fastest, mean = (words.xs(name, level="input") for name in INPUTS[1:])
    deaf, hearing = ["slow_to_fast", "none"], ["fast_to_slow", "full", "hierarchical"]
    said = "{:+.0f} and {:+.0f} points under slow_to_fast and none, {:+.0f}, {:+.0f} and {:+.0f} under fast_to_slow, full and hierarchical"
    assert said.format(*fastest.change[deaf + hearing]) in page
    assert (fastest.p[deaf] < 0.05).all() and (fastest.p[hearing] > 0.05).all()
    assert f"all four interactions are (p = {fastest.p_differs.max():.1g} at most)" in page
    assert (
        f"{medians['words', 'none', INPUTS[1]]:.0f} %, where slow_to_fast has {medians['words', 'slow_to_fast', INPUTS[1]]:.0f} %"
        in page
    )
    assert medians["words"].idxmax() == ("slow_to_fast", INPUTS[1])
    assert f"from −{-mean.change.min():.0f} to {mean.change.max():+.0f} points" in page
    assert list(mean.index[mean.p < 0.05]) == ["fast_to_slow"] and mean.change.idxmin() == "fast_to_slow"
    assert f"(p = {mean.p.min():.1g}). But it interacts: against its {mean.change['slow_to_fast']:+.0f} in" in page
    better = -mean.differs[hearing]
    assert f"by {better.min():.0f} to {better.max():.0f} points in the three wirings" in page
    assert f"(p = {mean.p_differs[hearing].max():.1g} at most) | | 4" in page and mean.p_differs["none"] > 0.05
    whole = np.array([medians["text", wiring, INPUTS[0]] for wiring, _ in text.index])
    assert (text.change.abs() / whole).max() < 0.02
    none = text.loc["none", INPUTS[2]]
    assert (
        f"lowers none's bits by {-none.change:.3f} (p = {none.p:.1g}) and no other wiring's by a shown amount" in page
    )
    assert (text.p.xs(INPUTS[2], level="input").drop("none") > 0.05).all()
    own = [text.loc[wiring, INPUTS[1]] for wiring in ("none", "fast_to_slow")]
    assert "{:.3f} and {:.3f} under none and fast_to_slow".format(*(-row.change for row in own)) in page
    assert {f"{row.p:.1g}" for row in own} == {"0.0002"} and "fast_to_slow (p = 0.0002 each)" in page
    best = "full with the mean, {:.0f} %, before the paper's wiring with input to all, {:.0f} %"
    assert best.format(*medians["words"].nsmallest(2)) in page
    assert list(medians["words"].nsmallest(2).index) == [("full", INPUTS[2]), wiring_input.PAPER]
    assert medians["text"].idxmin() == ("none", INPUTS[1]) and f"only, {medians['text'].min():.2f} bits" in page
    units = rows[rows.task == "text"].groupby(["input", "wiring"], sort=False).units.first()
    for name in INPUTS:
        assert set(units[name].nsmallest(2).index) == {"full", "hierarchical"}
        assert set(medians["text"].xs(name, level="input").nlargest(2).index) == {"full", "hierarchical"}
