"""Six sets of series: equal parameters and searches, windows without a subject on both sides, and what is said of the rows."""

import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from committed import RESULTS

from data.series import Roles, load
from experiments import __main__ as command
from experiments import series, series_sets
from experiments.store import Store
from experiments.training import convolutions
from experiments.training import series as training
from main import recipe
from tasks.series import SeriesTask


@pytest.fixture
def archive(tmp_path):
    """Two classes that differ in their level, sequences of unequal lengths, as settings of the task."""
    rng = np.random.default_rng(0)
    lengths, labels = rng.integers(4, 9, size=24), np.arange(24) % 2
    x = rng.normal(0, 0.1, size=(24, 8, 3)) + 4.0 * labels[:, None, None]
    for part in ("data", "test_data"):
        np.savez(tmp_path / f"{part}.npz", x=x, lengths=lengths, y=labels.astype(str))
    return {part: str(tmp_path / f"{part}.npz") for part in ("data", "test_data")}


@pytest.fixture
def waves(tmp_path):
    """A sine wave to forecast, as settings of the task."""
    values = np.sin(np.arange(240) / 3) + np.random.default_rng(0).normal(0, 0.1, 240)
    pd.DataFrame({"value": values}).to_csv(tmp_path / "waves.csv", index=False)
    return {"data": str(tmp_path / "waves.csv"), "target": ("value",), "horizon": 12, "chunk": 16}


@pytest.mark.parametrize("learner", series.LEARNERS)
def test_every_network_has_12000_parameters_within_two_percent(learner, archive, waves):
    for own in (archive, waves):
        settings = training.make_settings(learner, **own)
        assert training.make_task(learner, settings, (0,)).network.size == pytest.approx(12_000, rel=0.02)


@pytest.mark.parametrize("inputs, outputs, units", [(1, 10, 5), (6, 60, 3)])
def test_parameters_of_convolutions_are_those_of_keras(inputs, outputs, units):
    values = keras.Input((None, inputs))
    model = keras.Model(values, keras.layers.Dense(outputs)(convolutions.TemporalConvolutions(units)(values)))
    assert convolutions.parameters(units, inputs, outputs) == model.count_params()


def test_convolutions_of_several_networks_are_those_of_keras(archive, without_xla):
    """Each replica gives what the Keras layers give with its weights; a mean is of the steps that count."""
    settings = training.make_settings("tcn", readout="mean", **archive)
    task = training.make_task("tcn", settings, (3, 5))
    weights = np.stack([task.network.start(seed).weights for seed in task.seeds])
    found, inputs = task.outputs(weights), task.data[0]
    for seed, own, outputs in zip(task.seeds, weights, found):
        *hidden, kernel, bias = task.network.split(own)
        layer = convolutions.TemporalConvolutions(settings.units)
        layer.build(inputs.shape)
        layer.set_weights(hidden)
        states = layer(inputs).numpy()  # [N, T, n]
        there = inputs[..., -1:]
        means = (states * there).sum(axis=1) / there.sum(axis=1)
        np.testing.assert_allclose(outputs, means @ kernel + bias, rtol=1e-4, atol=1e-5)
        assert not np.array_equal(own, task.network.start(seed + 1).weights)


def test_convolutions_see_no_step_that_comes_later_and_none_too_long_ago():
    layer = convolutions.TemporalConvolutions(4)
    inputs = np.random.default_rng(0).normal(size=(1, 400, 2)).astype(np.float32)
    changed = inputs.copy()
    changed[0, 100] += 1
    moved = np.flatnonzero(np.abs(layer(inputs).numpy() - layer(changed).numpy()).max(axis=-1)[0] > 0)
    assert moved[0] == 100 and moved[-1] <= 100 + 124


@pytest.mark.parametrize("learner", ["clockwork_rnn", "tcn"])
def test_search_and_training_learn_two_levels(learner, archive, without_xla):
    settings = training.make_settings(learner, epochs=1, batch_size=8, input_noise=0.0, **archive)
    choices = ({"readout": "last"}, {"readout": "mean"})
    found = training.search_and_train(learner, settings, choices, (1e-6, 1e-2), (7,), (0, 1))
    assert found["tried_error"].shape == (2, 2, 1) and found["error"].shape == (2,)
    assert int(found["rate"]) == 1  # with the other nothing is learned
    assert (found["error"] == 0).all() and (found["tried_error"][:, 1] == 0).all()


def test_forecasts_are_searched_by_the_part_before_the_test(waves, without_xla):
    settings = training.make_settings("simple_rnn", epochs=2, **waves)
    found = training.search_and_train("simple_rnn", settings, ({"dropout": 0.0},), (1e-3, 3e-3), (7,), (0, 1))
    simple = training.answer_simply(settings)
    errors = dict(zip(simple["names"], simple["error"]))
    assert (found["tried_error"] == found["tried_loss"]).all() and np.isfinite(found["error"]).all()
    task = SeriesTask(settings, (0,))
    assert errors[training.EXPECTED] == pytest.approx(
        task.evaluate(np.zeros((1, task.network.size), np.float32))["mase"][0]
    )
    assert errors["naive"] == pytest.approx(task.simple["naive"]["mase"])


def test_validation_is_a_part_of_training_and_keeps_groups_apart(tmp_path):
    rng = np.random.default_rng(0)
    recordings = [rng.normal(size=(420, 2)) for _ in range(12)]
    subjects = np.repeat(np.arange(6), 2)
    table = series_sets.windows(recordings, ["a", "b"] * 6, subjects)
    table.to_csv(tmp_path / "exercises.csv", index=False)
    asked = {"label": "exercise", "group": "window", "test_groups": "subject", "test_share": 0.3}
    task = SeriesTask(training.make_settings("lstm", data=str(tmp_path / "exercises.csv"), **asked), (0,))
    training_part, tested = task.training, task.testing
    with training.validating(task):
        groups = [set(task.sequences.groups[places]) for places in (task.training, task.testing, tested)]
        assert sorted([*task.training, *task.testing]) == sorted(training_part)
    assert not groups[0] & groups[1] and not (groups[0] | groups[1]) & groups[2] and all(groups)
    assert task.training is training_part and task.testing is tested


def test_windows_are_means_of_four_samples():
    values = np.arange(2 * 403.0).reshape(403, 2)
    table = series_sets.windows([values, values[:399]], ["a", "b"], [1, 2])
    assert list(table.groupby("window").size()) == [50, 50, 50] and list(table.exercise.unique()) == ["a", "b"]
    second = table[table.window == 1][["sensor_0", "sensor_1"]].to_numpy()
    np.testing.assert_allclose(second[0], values[200:204].mean(axis=0))
    assert set(table[table.exercise == "b"].subject) == {2}


def test_best_has_the_least_error_and_of_equal_ones_the_least_loss():
    errors = np.array([[[2.0, 4.0], [1.0, 1.0]], [[1.0, 1.0], [np.inf, 0.0]]])
    assert training.best(errors, np.array([[[0, 0], [3, 3]], [[2, 3], [0, 0]]])) == (1, 0)
    assert training.best(errors, np.array([[[0, 0], [1, 2]], [[2, 3], [0, 0]]])) == (0, 1)


def test_every_learner_is_searched_alike():
    def settings(learner, **own):
        return training.recipe("series", model=learner.replace("tcn", "simple_rnn"))

    options = series.Flags(seeds=6)
    cells = list(series.network_cells(options, dict.fromkeys(series_sets.SETS, {}), settings))
    assert [own[:2] for own in cells] == list(product(series_sets.SETS, series.LEARNERS))
    for name in series_sets.SETS:
        own = [cell.arguments for found, _, cell in cells if found == name]
        for role in ("choices", "rates", "search_seeds", "seeds"):
            assert len({repr(arguments[role]) for arguments in own}) == 1
        assert len(own[0]["choices"]) * len(own[0]["rates"]) == 6
        assert not set(own[0]["search_seeds"]) & set(own[0]["seeds"])


def made_rows():
    """Errors of which all that is said follows by counting: each learner is by its place worse, without any overlap."""
    learners = [*series.LEARNERS]
    for name in series_sets.SETS:
        for place, learner in enumerate(learners):
            about = {"set": name, "learner": learner, "choice": "readout last", "learning_rate": 0.01, "units": 9}
            for seed in range(6):
                yield about | {"parameters": 12_000, "seed": seed, "error": 10.0 * place + seed, "seconds": 1.0}
        if name in series_sets.CLASSES:
            yield from (
                {"set": name, "learner": "MiniRocket", "seed": s, "error": -9.0 + s, "seconds": 2.0} for s in range(6)
            )
        else:
            yield {"set": name, "learner": "exponential smoothing", "error": 1000.0}


def test_ranks_comparisons_and_documents_of_made_rows(tmp_path):
    store = Store(tmp_path)
    store.write("series", list(made_rows()), series.COLUMNS)
    rows = store["series"]
    placed = series.ranks(rows)
    assert dict(placed.loc[series.OTHERS]) == (
        dict.fromkeys(series_sets.CLASSES, 1) | dict.fromkeys(series_sets.FORECASTS, 8)
    )
    assert placed.loc["simple_rnn"].mean() == pytest.approx((4 * 2 + 2 * 1) / 6)
    found = series.comparisons(rows, series.families()["cells"])
    assert len(found) == 18 and np.allclose(found.p, 18 * 2 / 924)  # of all ways to deal twelve ranks, the two farthest
    assert (found.change > 0).all()
    others = series.comparisons(rows, series.families()["default"]).set_index(["set", "other"])
    assert others.p.isna().sum() == 2 and others.p["sea", "tcn"] == pytest.approx(10 * 2 / 924)
    tables = series.tables(store)
    assert "| simple RNN | 2.5 ± 1.9 |" in tables["series"] and "| MiniRocket | -6.5 ± 1.9 |" in tables["series"]
    assert "| nine speakers | Clockwork RNN | simple RNN | +30.0 points | 0.04 | worse |" in tables["series-cells"]
    assert (
        "| sunspots | Clockwork GRU | MiniRocket or exponential smoothing | -947.500 |  | not tested |"
        in (tables["series-default"])
    )
    said = {answer.question: answer for answer in series.answers(store)}
    assert (
        said["Public sets of series: does a clock help the LSTM?"].answer == "shown better on 0, worse on 6 of 6 sets"
    )
    (figure,) = series.pictures(store).values()
    assert len(figure.axes[0].get_yticklabels()) == 8


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--seeds", "4"], "--seeds must be a multiple of 6. Received: 4"),
        (["--python", "no/python"], "no/python, nothing there"),
        (["--python", sys.executable], "without"),
        (["--python", "/bin/false"], "/bin/false, which ends with status 1"),
        (["--series", "vowels"], "--series"),
    ],
)
def test_refuses_in_one_line(arguments, said, tmp_path, capsys):
    assert command.main(["series", *arguments, "--output-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error and len(error.splitlines()) == 1


def test_fewer_learners_and_sets_have_documents_too(tmp_path):
    store = Store(tmp_path)
    kept = [row for row in made_rows() if row["learner"] in ("clockwork_rnn", "simple_rnn") and row["set"] == "sea"]
    store.write("series", kept, series.COLUMNS)
    tables = series.tables(store)
    assert tables["series-cells"].count("| sea temperature |") == 1 and "sea" not in tables["series-default"]
    assert series.pictures(store)


def test_committed_rows_are_of_equal_networks_and_equal_searches():
    store = Store(RESULTS)
    rows, tried = store["series"], store["series_search"]
    trained = rows[rows.units.notna()]
    assert trained.parameters.between(0.98 * 12_000, 1.02 * 12_000).all()
    for name in rows.set.unique():
        own = trained[trained.set == name]
        assert list(own.groupby("learner").seed.nunique()) == [6] * 7 and len(own) == 42
        searched = tried[tried.set == name].fillna("").groupby("learner")
        settings = [sorted(set(zip(found.choice, found.learning_rate))) for _, found in searched]
        assert len(settings) == 7 and all(found == settings[0] and len(found) == 6 for found in settings)
        for learner, found in searched:  # what was trained is the best that was tried
            means = found.groupby(["choice", "learning_rate"]).error.mean()
            first = own[own.learner == learner].fillna("").iloc[0]
            assert means[first.choice, first.learning_rate] == means.min()


def test_another_program_that_dies_without_a_word_is_said_to_have_failed(archive, tmp_path):
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -9 $$")
    killed.chmod(0o755)
    with pytest.raises(ChildProcessError, match="minirocket.py failed: exit status -9"):
        training.minirocket(recipe("series", **archive), (0,), str(killed))


def test_a_run_writes_the_best_of_the_search_and_what_each_kind_of_set_is_compared_with(tmp_path, monkeypatch):
    """Training is stood in for: the second choice and the third rate are the best."""

    def computed(function, cells, *_):
        for cell in cells:
            if function is training.search_and_train:
                shape = tuple(len(cell.arguments[role]) for role in ("choices", "rates", "search_seeds"))
                found = {"tried_error": np.ones(shape), "tried_loss": np.ones(shape), "choice": shape[0] - 1, "rate": 2}
                found |= {"error": np.arange(6.0), "seconds": 3.0, "parameters": 12_000}
            elif function is training.minirocket:
                found = {"error": np.arange(6.0) / 2, "seconds": np.ones(6)}
            else:
                names = ["naive", "exponential smoothing"] if "sunspots" in cell.name else ["most frequent class"]
                found = {"names": np.array(names), "error": np.arange(len(names)) + 1.0}
            yield found

    monkeypatch.setattr(series, "compute", lambda *given: list(computed(*given)))
    monkeypatch.setattr(series_sets, "packages", lambda python: tmp_path)
    monkeypatch.setattr(series_sets, "settings_of", lambda name, *_: {})
    monkeypatch.setattr(training, "make_settings", lambda learner, **_: SimpleNamespace(units=9))
    store = Store(tmp_path)
    series.run(series.Flags(series=("speakers", "sunspots")), store)
    rows, tried = store["series"], store["series_search"]
    networks = rows[rows.units.notna()].groupby("set").first()
    assert networks.choice["speakers"] == "readout mean" and networks.learning_rate["speakers"] == 1e-2
    assert networks.learning_rate["sunspots"] == 2e-3 and networks.choice[["sunspots"]].isna().all()
    assert dict(tried.groupby("set").size()) == {"speakers": 2 * 3 * 2 * 7, "sunspots": 6 * 1 * 7}
    others = rows[rows.units.isna()].groupby(["set", "learner"]).size()
    assert dict(others) == {
        ("speakers", "MiniRocket"): 6,
        ("speakers", "most frequent class"): 1,
        ("sunspots", "exponential smoothing"): 1,
        ("sunspots", "naive"): 1,
    }
    tables = series.tables(store)
    chosen = "| Clockwork GRU | readout mean, rate 0.01, 9 units | rate 0.002, 9 units | 12,000–12,000 |"
    assert chosen in tables["series-chosen"]
    assert "| exponential smoothing |  | 2.000 | 1.0* |" in tables["series"]
    assert len(series.answers(store)) == 4 and series.pictures(store)


def test_series_of_statsmodels_are_of_the_years_that_its_pages_say(tmp_path):
    """Sunspots from 1700 to 2008, the temperature of the sea month by month from 1950 to 2010."""
    for name, count, first in (("sunspots", 2008 - 1700 + 1, 5.0), ("sea", 12 * (2010 - 1950 + 1), 23.11)):
        asked = series_sets.settings_of(name, tmp_path, tmp_path)
        values = pd.read_csv(asked["data"])
        assert len(values) == count and values.value[0] == first and asked["target"] == ("value",)


def test_gestures_are_written_as_means_of_four_samples(tmp_path):
    folder = tmp_path / "aeon" / "datasets" / "data" / "PickupGestureWiimoteZ"
    folder.mkdir(parents=True)
    for part in ("TRAIN", "TEST"):
        lines = ["@classLabel true a b", "@data", "1,2,3,4,5,6,7,8,100:a", "0,0,0,8:b"]
        (folder / f"PickupGestureWiimoteZ_{part}.ts").write_text("\n".join(lines) + "\n")
    asked = series_sets.settings_of("gestures", tmp_path, tmp_path)
    found = load(Path(asked["test_data"]), Roles())
    assert [values.ravel().tolist() for values in found.values] == [[2.5, 6.5], [2.0]] and list(found.answers) == [
        "a",
        "b",
    ]
    assert series_sets.settings_of("gestures", tmp_path, tmp_path) == asked


def test_what_the_page_and_the_readme_say_is_in_the_rows():
    rows = Store(RESULTS)["series"]
    errors = rows.groupby(["set", "learner"]).error.mean().unstack(0)
    ranks = series.ranks(rows).mean(axis=1).round(1)
    assert (ranks.index[0], ranks["gru"], ranks["tcn"]) == ("gru", 2.8, 3.1)
    assert (ranks["clockwork_rnn"], ranks["clockwork_gru"]) == (4.2, 5.2)
    shown = series.comparisons(rows, series.families()["cells"]).query("p <= 0.05")
    assert len(errors.columns) == 6 and shown[["set", "own"]].values.tolist() == [["exercises", "clockwork_gru"]]
    networks = errors.loc[list(series.LEARNERS)]
    least = {"speakers": (1.4, 1.8), "motions": (0, 0), "exercises": (14.0, 25.2), "gestures": (10.7, 27.3)}
    for name, (rocket, best) in least.items():
        assert (round(errors[name][series.ROCKET], 1), round(networks[name].min(), 1)) == (rocket, best)
    before = networks.exercises.sort_values().index
    assert list(before[:2]) == ["gru", "clockwork_rnn"] and before[-1] == "simple_rnn"
    assert networks.exercises.round(1)[["clockwork_gru", "clockwork_rnn", "simple_rnn"]].tolist() == [30.2, 26.7, 31.7]
    assert (networks.motions == 0).sum() == 4
    assert networks.gestures.round().agg(["min", "max"]).tolist() == [27, 38]
    assert networks.sunspots.round(2).agg(["min", "max"]).tolist() == [1.49, 1.83]
    assert networks.sea.round(2).agg(["min", "max"]).tolist() == [0.78, 0.88]
    assert errors.loc[series.SMOOTHING, ["sunspots", "sea"]].round(2).tolist() == [6.31, 0.84]
    assert round(errors.sea["expectation alone"], 2) == 0.73 < networks.sea.min()
    for gated in ("lstm", "clockwork_lstm"):
        assert (
            networks.loc[gated, ["speakers", "motions"]] > networks.loc["simple_rnn", ["speakers", "motions"]]
        ).all()
