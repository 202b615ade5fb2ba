"""The table of 2016: its networks, in two settings, and that rows, curves, times and signals belong together."""

import numpy as np
import pandas as pd
import pytest
from committed import RESULTS

from experiments import tensorflow_2016
from experiments.grid import ROOT
from experiments.store import Store
from experiments.training import generation
from main import recipe

UNITS = {"clockwork_rnn": (9, 27, 36), "lstm": (3, 10, 13)}


@pytest.fixture(scope="module")
def store():
    return Store(RESULTS)


def rows(frame, setting, method, units):
    return frame[(frame.setting == setting) & (frame.method == method) & (frame.units == units)]


def test_networks_are_those_of_the_recipes_in_six_sizes():
    options = tensorflow_2016.Flags()
    made = [(key["setting"], own) for key, own in tensorflow_2016.networks(options)]
    sizes = [(method, units) for method, own in UNITS.items() for units in own]
    assert [(setting, own.model, own.units) for setting, own in made] == [
        (setting, *size) for setting in ("tensorflow-2016", "modern") for size in sizes
    ]
    assert {setting: own.optimizer for setting, own in made} == {"tensorflow-2016": "rmsprop", "modern": "adam"}
    for setting, own in made:
        assert own.learning_rate == recipe("generation", recipe=setting, model=own.model).learning_rate
        assert own.epochs == options.epochs == recipe("generation", recipe=setting).epochs


def test_committed_rows_are_the_whole_experiment(store):
    assert len(store["tensorflow_2016"]) == 2 * 6 * 100  # settings, networks, seeds
    assert len(store["tensorflow_2016_alone"]) == 2 * 6 * 5
    assert len(store["tensorflow_2016_curves"]) == 2 * 6 * 100  # a point every tenth of 1000 updates
    assert len(store["tensorflow_2016_signals"]) == 2 * 6 * 320


def test_the_table_has_mean_and_deviation_of_the_rows(store):
    own = rows(store["tensorflow_2016"], "tensorflow-2016", "lstm", 10)
    errors, lost = own.mse.to_numpy(), own.diverged.sum()
    line = f"| LSTM | 10 | 491 | {np.mean(errors):.2g} ± {np.std(errors, ddof=1):.1g} | {lost} of 100 | 0.082 |"
    assert line in tensorflow_2016.tables(store)["tensorflow-2016"]


def test_drawn_signals_are_those_of_the_first_networks_trained_alone(store):
    target = next(iter(generation.load_targets(tensorflow_2016.Flags().targets).values()))
    alone = store["tensorflow_2016_alone"]
    for (setting, method, units), own in store["tensorflow_2016_signals"].groupby(["setting", "method", "units"]):
        first = rows(alone[alone.seed == 0], setting, method, units)
        assert ((own.output - own.wanted) ** 2).mean() == pytest.approx(first.mse.item(), rel=1e-3)
        np.testing.assert_allclose(own.wanted, target.values, rtol=1e-5)


def test_the_sentence_on_time_has_the_ratios_of_the_rows(store):
    """Products a step, counted by hand: 9 modules of 4 units, and 13 units with 4 gates and one input; one output."""
    modules = sum(4 * 4 * (9 - i) / 2**i for i in range(9)) + 36
    lstm = 4 * (13 * 13 + 13) + 13
    alone, together = (
        np.median(rows(store[name], "tensorflow-2016", "lstm", 13).seconds)
        / np.median(rows(store[name], "tensorflow-2016", "clockwork_rnn", 36).seconds)
        for name in ("tensorflow_2016_alone", "tensorflow_2016")
    )
    said = tensorflow_2016.tables(store)["tensorflow-2016-times"].splitlines()[-1]
    assert f"takes {lstm / modules:.1f} times the products" in said
    assert f"and {alone:.1f} times its time trained alone, {together:.1f} times as one of 100." in said


def test_sentences_say_what_was_measured(store):
    page = (ROOT / "docs" / "results" / "tensorflow-2016.md").read_text(encoding="utf-8").replace("\n", " ")
    mse = store["tensorflow_2016"].groupby(["setting", "method", "units"]).mse.median()
    apart = [mse["modern", "lstm", r] / mse["modern", "clockwork_rnn", u] for u, r in zip(*UNITS.values(), strict=True)]
    assert "{2:.0f} times with 800 parameters, {1:.0f} with 480, {0:.0f} with 70".format(*apart) in page
    curves = store["tensorflow_2016_curves"]
    for setting in tensorflow_2016.SETTINGS:
        for sizes in zip(*UNITS.values(), strict=True):
            own, lstm = (
                rows(curves, setting, method, units).set_index("update")["median"]
                for method, units in zip(UNITS, sizes, strict=True)
            )
            assert (own < lstm)[1:].all()
    factors = tensorflow_2016.ratios(store).loc["tensorflow-2016"]
    small, large = factors.loc[9, 3], factors.loc[36, 13]
    assert f"{large.computed:.1f} times fewer as computed, a sixth of the time" in page and 5.5 < large.alone < 6.5
    assert f"and {small.alone:.1f} times its time" in page and small.computed < 1


def test_runs_small(tmp_path, monkeypatch):
    def trained(function, cells, *_):
        """Stand in for training: what is written of a result is tested, not the result."""
        for cell in cells:
            assert function is generation.train_networks
            count = len(cell.arguments["seeds"])
            losses = np.linspace(1, 0.5, 2)[:, None, None] * np.ones((1, 1, count))
            mse = np.arange(1.0, 1 + count)[None] * cell.arguments["settings"].units
            yield {"mse": mse, "diverged": np.isinf(mse), "curve": losses, "best": np.zeros((1, 320))} | dict.fromkeys(
                ("seconds", "compile_seconds", "parameters", "parameters_with_periods"), np.array(count)
            )

    monkeypatch.setattr(tensorflow_2016, "compute", lambda *given: list(trained(*given)))
    tensorflow_2016.run(tensorflow_2016.Flags(seeds=2, epochs=20), store := Store(tmp_path))
    assert rows(store["tensorflow_2016"], "modern", "lstm", 10).mse.tolist() == [10.0, 20.0]
    curve = rows(store["tensorflow_2016_curves"], "modern", "lstm", 10)
    assert curve["update"].tolist() == [0, 10] and curve["median"].tolist() == [1.0, 0.5]
    assert curve.seconds.tolist() == [0, 0.5]  # of the second that a network trained alone took
    costs = tensorflow_2016.costs(store)
    assert set(costs.alone) == {1} and set(costs.together) == {2}  # a network in its own program, two in one
    assert costs.loc["modern", "lstm", 13].equations == 4 * 13**2 + 13  # here without the constant input
    assert "as one of 2." in tensorflow_2016.tables(store)["tensorflow-2016-times"]
    store.write("tensorflow_2016", pd.concat([store["tensorflow_2016"]] * 75), tensorflow_2016.COLUMNS)  # of 150 seeds
    assert "one of 100 in one program" in tensorflow_2016.tables(store)["tensorflow-2016-times"]
    assert set(tensorflow_2016.pictures(store)) == {"tensorflow_2016_curves", "tensorflow_2016_signals"}
