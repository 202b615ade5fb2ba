"""Answers about sequences: scaled by training alone, the same from Keras and over replicas, and what simple methods say beside them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from networks import save_run

from main import recipe
from running.export import _without_state
from running.trained import train_silently
from tasks import series
from tasks.answers import Answers, Columns

RNG = np.random.default_rng(0)
SMALL = {"units": 8, "periods": (1, 2, 4), "horizon": 0, "epochs": 1, "batch_size": 8}


def archive(path, count=60, answers=None):
    """Sequences of 12 steps, of which the first so many count: a class has a wave in one of two features; one cell is missing."""
    kinds = np.arange(count) % 3
    x = 0.3 * RNG.normal(size=(count, 12, 2))
    wave = np.sin(np.arange(12))
    x[kinds == 1, :, 0] += wave
    x[kinds == 2, :, 1] += wave
    x[3, 4, 1] = np.nan
    y = np.array(["none", "left", "right"])[kinds] if answers is None else answers(x, kinds)
    np.savez(path, x=x, y=y, lengths=12 - np.arange(count) % 5)
    return path


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    return archive(tmp_path_factory.mktemp("answers") / "labels.npz")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    path = tmp_path_factory.mktemp("answers") / "numbers.npz"
    return archive(path, answers=lambda x, kinds: np.stack([np.nanmean(x[:, :6, 0], axis=1), 100.0 + kinds], axis=1))


def task(path, **changes):
    return series.SeriesTask(recipe("series", data=str(path), **SMALL | changes))


def trained(own):
    return train_silently(own, own.settings).weights


def test_a_column_of_which_training_has_no_value_is_refused(labels, tmp_path):
    own = task(labels)
    with np.load(labels) as held:
        x = held["x"].copy()
        x[own.training, :, 1] = np.nan
        np.savez(tmp_path / "lacking.npz", **dict(held) | {"x": x})
    with pytest.raises(
        ValueError, match="`data` must have values of each column in training. Received: none of column 2"
    ):
        task(tmp_path / "lacking.npz")


def test_what_is_learned_of_columns_is_of_training(labels):
    own = task(labels)
    assert type(own) is Answers and list(own.classes) == ["left", "none", "right"]
    assert len(own.training) == 48 and not set(own.training) & set(own.testing)
    values = [own.sequences.values[place] for place in own.training]
    seen = np.concatenate(values)
    np.testing.assert_allclose(own.columns.mean, np.nanmean(seen, axis=0))
    np.testing.assert_allclose(own.columns.deviation, np.nanstd(seen, axis=0))
    inputs, targets = own.data
    assert inputs.shape == (60, 12, 2 + own.columns.gaps.sum() + 1)
    place = own.training[0]
    steps = len(own.sequences.values[place])
    whole = (own.sequences.values[place] - own.columns.mean) / own.columns.deviation
    np.testing.assert_allclose(
        inputs[place, :steps, :2], np.where(np.isnan(whole), inputs[place, :steps, :2], whole), rtol=1e-5
    )
    assert not inputs[place, steps:].any() and (inputs[place, :steps, -1] == 1).all()
    assert own.classes[targets[place]] == own.truth[place]


def test_every_sequence_is_seen_once_before_one_is_seen_twice(labels):
    own = task(labels, replicas=2)
    places = own.places()
    first = places(0, 12)  # two passes over 48 sequences, 8 at a time
    assert first.shape == (12, 2, 8)
    for replica in range(2):
        for half in (first[:6], first[6:]):
            assert sorted(half[:, replica].ravel()) == sorted(own.training)
    np.testing.assert_array_equal(places(5, 3), first[5:8])  # whatever was asked before
    np.testing.assert_array_equal(first[:, 1], task(labels, seed=1).places()(0, 12)[:, 0])


READOUTS = ["last", "mean", "max", "every"]


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("model", ["clockwork_rnn", "lstm"])
def test_outputs_are_those_of_the_keras_model_at_each_length(labels, readout, model):
    own = task(labels, readout=readout, model=model, periods=SMALL["periods"] if model == "clockwork_rnn" else ())
    weights = np.stack([own.network.start(seed).weights for seed in (0, 1)])
    found = own.outputs(weights)
    network = own.network.keras_model(weights[1])
    if readout != "every":
        np.testing.assert_allclose(found[1], network(own.data[0]), atol=1e-5)
    place = 4  # the shortest
    steps = len(own.sequences.values[place])
    assert steps == 8
    alone = network(own.data[0][place, None, :steps])[0]
    if readout == "every":  # the mean of the probabilities after each step
        chances = np.exp(alone) / np.exp(alone).sum(-1, keepdims=True)
        alone = np.log(chances.mean(axis=0))
    np.testing.assert_allclose(found[1, place], alone, atol=1e-5)
    # What is exported is a copy of the model.
    np.testing.assert_array_equal(_without_state(network)(own.data[0]), network(own.data[0]))


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("model", ["clockwork_gru", "lstm"])
def test_what_is_read_out_is_of_the_steps_that_count(labels, readout, model):
    """Of the states that the network gives after each step, taken one sequence and one step at a time."""
    own = task(labels, readout=readout, model=model, periods=SMALL["periods"] if model == "clockwork_gru" else ())
    network, weights = own.network, own.network.start(0).weights
    arrays = network.split(weights[None])
    states = network.states_and_outputs(list(map(tf.constant, arrays)), own.data[0])[0][0].numpy()  # [N, T, n]
    kernel, bias = (array[0] for array in arrays[-2:])
    for place, values in enumerate(own.sequences.values):
        counted = states[place, : len(values)]
        if readout == "every":
            chances = np.exp(counted @ kernel + bias)
            wanted = np.log((chances / chances.sum(-1, keepdims=True)).mean(axis=0))
        else:
            read = {"last": counted[-1], "mean": counted.mean(axis=0), "max": counted.max(axis=0)}[readout]
            wanted = read @ kernel + bias
        np.testing.assert_allclose(own.outputs(weights[None])[0, place], wanted, atol=1e-5)
        if place == 8:  # two of each length
            return


@pytest.mark.parametrize("readout", ["last", "every"])
def test_a_model_answers_step_by_step(labels, readout):
    own = task(labels, readout=readout)
    model, values = own.network.keras_model(own.network.start(0).weights), own.sequences.values[0]
    hidden, output = model.get_layer("hidden"), model.get_layer("output")
    step, state, said = hidden.stepper(), hidden.get_initial_state(1), []
    for row in values:
        state = step(own.columns.inputs([row[None]], 1)[:, 0], state)
        said.append(output(state[0])[0])
    at_once = model(own.columns.inputs([values], len(values)))[0]
    np.testing.assert_allclose(said if readout == "every" else said[-1], at_once, atol=1e-6)


def test_the_loss_after_every_step_is_the_mean_of_those_that_count(labels, numbers):
    for path, outputs in [(labels, 3), (numbers, 2)]:
        own = task(path, readout="every", replicas=2)
        inputs, (targets, _) = own.data
        places = np.array([[0, 4, 3], [1, 2, 9]])  # of two replicas
        found = RNG.normal(size=(2, 3, 12, outputs)).astype(np.float32)
        losses = np.zeros((2, 3))
        for r, b in np.ndindex(2, 3):
            each = []
            for step in found[r, b, : len(own.sequences.values[places[r, b]])]:
                target = targets[places[r, b]]
                if path == labels:
                    each.append(np.log(np.exp(step).sum()) - step[target])
                else:
                    each.append(np.mean((step - target) ** 2))
            losses[r, b] = np.mean(each)
        drawn = [tf.constant(own_part[places]) for own_part in own.data[1]]
        np.testing.assert_allclose(own.loss(drawn, tf.constant(found)), losses.mean(axis=1), rtol=1e-5)
        shared = [tf.constant(own_part[places[0]]) for own_part in own.data[1]]
        np.testing.assert_allclose(own.loss(shared, tf.constant(found[:1])), losses.mean(axis=1)[:1], rtol=1e-5)


def test_a_replica_is_the_network_of_its_seed_alone(labels):
    changes = {"input_noise": 0.1, "dropout": 0.1}
    together = trained(task(labels, replicas=2, **changes))
    np.testing.assert_allclose(together[1], trained(task(labels, seed=1, **changes))[0], atol=2e-5)


def test_losses_are_cross_entropy_and_squared_error(labels, numbers):
    outputs, places = RNG.normal(size=(1, 5, 3)), [0, 2, 1, 1, 0]
    chances = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
    found = task(labels).loss(tf.constant(places), tf.constant(outputs, tf.float32))
    assert found.numpy() == pytest.approx([-np.log(chances[0, range(5), places]).mean()], rel=1e-5)
    targets, outputs = RNG.normal(size=(2, 1, 5, 2))
    found = task(numbers).loss(tf.constant(targets[0], tf.float32), tf.constant(outputs, tf.float32))
    assert found.numpy() == pytest.approx([np.mean((targets - outputs) ** 2)], rel=1e-5)


@pytest.fixture(scope="module")
def run(labels, tmp_path_factory):
    """A trained run's folder, what it reached, and the task."""
    own = task(labels, units=24, epochs=10, learning_rate=1e-2)
    return kept(own, trained(own), tmp_path_factory.mktemp("run"))


def kept(own, weights, folder):
    return folder, save_run(own, weights, folder), own, weights


def test_learns_classes_and_says_what_simple_methods_reach(run):
    _, found, own, weights = run
    assert found["test_error"][0] <= 20 and found["accuracy"][0] == 100 - found["test_error"][0]
    assert found["macro_f1"][0] > 75 and found["train_error"][0] <= 10
    assert found["baselines"]["most frequent class"]["test_error"] == pytest.approx(100 * 2 / 3, abs=1)
    assert own.remark({"test_error": 50.0}).startswith("A simple answer is better: nearest neighbour")
    assert own.remark({"test_error": 50.0}).endswith(" %.") and own.remark({"test_error": 0.0}) == ""
    for figure in own.report(weights).figures.values():
        figure.canvas.draw()


@pytest.mark.parametrize("readout, wanted", [("max", "labels"), ("every", "labels"), ("every", "numbers")])
def test_each_readout_learns_and_answers_a_file(request, readout, wanted, tmp_path):
    path = request.getfixturevalue(wanted)
    own = task(path, units=24, epochs=10, learning_rate=1e-2, input_noise=0.0, dropout=0.0, readout=readout)
    folder, found, _, weights = kept(own, trained(own), tmp_path)
    said, outputs = series.predict(folder, path), own.outputs(weights)[0]
    assert len(said) == 60
    if wanted == "labels":
        assert found["test_error"][0] <= 35
        assert list(said.answer) == list(own.said(outputs))
        np.testing.assert_allclose(said[list(own.classes)].sum(axis=1), 1.0, rtol=1e-5)
    else:
        assert found["rmse"][0] < found["baselines"]["mean"]["rmse"]
        squares = (own.truth[own.testing] - own.said(outputs)[own.testing]) ** 2  # [N, 2]
        assert found["rmse"][0] == pytest.approx(np.sqrt(squares.mean(axis=0)).mean(), rel=1e-5)
        np.testing.assert_allclose(said[["answer_0", "answer_1"]], own.said(outputs), rtol=1e-4)


def test_a_run_answers_a_file_without_answers(run, labels, tmp_path):
    folder, _, own, weights = run
    with np.load(labels) as saved:
        np.savez(tmp_path / "new.npz", x=saved["x"][:7], lengths=saved["lengths"][:7])
    found = series.predict(folder, tmp_path / "new.npz")
    outputs = own.outputs(weights)[0, :7]
    assert list(found.answer) == list(own.said(outputs)) and list(found.sequence) == list("1234567")
    chances = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
    np.testing.assert_allclose(found[["left", "none", "right"]], chances, atol=1e-5)


def test_numbers_are_learned_and_told_in_their_units(numbers, tmp_path):
    own = task(numbers, units=24, epochs=20, learning_rate=1e-2, dropout=0.0, input_noise=0.0)
    folder, found, _, weights = kept(own, trained(own), tmp_path)
    assert found["r2"][0] > 0 and found["rmse"][0] < found["baselines"]["mean"]["rmse"]
    said = series.predict(folder, numbers)
    np.testing.assert_allclose(said[["answer_0", "answer_1"]], own.said(own.outputs(weights))[0], rtol=1e-4)
    own.report(weights).figures["answers"].canvas.draw()
    named = task(numbers, target=("y",), units=24)  # one name for both
    folder, *_ = kept(named, weights, tmp_path)
    pd.testing.assert_frame_equal(series.predict(folder, numbers), said)


def test_tables_with_groups_and_folders_of_classes(tmp_path):
    steps = np.arange(10)
    rows = [
        pd.DataFrame(
            {"id": f"s{one}", "person": f"p{one % 6}", "kind": kind, "v": np.sin(steps * (1 + (kind == "fast")))}
        )
        for one in range(24)
        for kind in [("slow", "fast")[one % 2]]
    ]
    pd.concat(rows).to_csv(tmp_path / "all.csv", index=False)
    own = task(tmp_path / "all.csv", label="kind", group="id", test_groups="person")
    persons = [{own.sequences.groups[place] for place in part} for part in (own.training, own.testing)]
    assert own.sequences.columns == ("v",) and not persons[0] & persons[1] and len(own.testing) >= 4
    for one, row in enumerate(rows):
        folder = tmp_path / "classes" / row.kind[0]
        folder.mkdir(parents=True, exist_ok=True)
        row[["v"]].to_csv(folder / f"{one}.csv", index=False)
    assert list(task(tmp_path / "classes").classes) == ["fast", "slow"]


def test_a_table_that_was_trained_on_is_answered_whatever_stands_beside_it(tmp_path):
    """Labels that are numbers, persons, another order, and a class named as the column of answers."""
    steps = np.arange(10)
    rows = [
        pd.DataFrame(
            {"id": one, "person": f"p{one % 6}", "kind": one % 2, "v": np.sin(steps * (1 + one % 2)), "w": one}
        )
        for one in range(24)
    ]
    whole, path = pd.concat(rows), tmp_path / "all.csv"
    whole.to_csv(path, index=False)
    own = task(path, label="kind", group="id", test_groups="person")
    folder, *_ = kept(own, own.network.start(0).weights[None], tmp_path)
    said = series.predict(folder, path)
    assert list(said) == ["sequence", "answer", "0", "1"] and len(said) == 24
    whole[["w", "id", "v"]].to_csv(path, index=False)
    pd.testing.assert_frame_equal(series.predict(folder, path), said)
    whole.replace({"kind": {0: "answer", 1: "question"}}).to_csv(path, index=False)
    own = task(path, label="kind", group="id")
    folder, *_ = kept(own, own.network.start(0).weights[None], tmp_path)
    said = series.predict(folder, path)
    assert list(said) == ["sequence", "answer", "answer (column)", "question"]
    assert set(said.answer) <= {"answer", "question"}


def test_a_run_of_a_folder_answers_a_single_file(tmp_path):
    for one in range(12):
        folder = tmp_path / "classes" / ("up", "down")[one % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"v": np.arange(9.0) * (-1) ** one + one}).to_csv(folder / f"{one}.csv", index=False)
    own = task(tmp_path / "classes")
    folder, *_ = kept(own, own.network.start(0).weights[None], tmp_path)
    said = series.predict(folder, tmp_path / "classes")
    (alone,) = series.predict(folder, tmp_path / "classes" / "up" / "4.csv").itertuples(index=False)
    wanted = said[said.sequence == "up/4.csv"]
    assert alone[0] == "4.csv" and alone[1] == wanted.answer.item()
    np.testing.assert_allclose(alone[2:], wanted.iloc[0, 2:].astype(float), rtol=1e-5)


def test_test_data_may_be_of_one_class_and_training_not(labels, tmp_path):
    with np.load(labels) as file:
        left = file["y"] == "left"
        arrays = {name: file[name][left] for name in file}
    np.savez(tmp_path / "left.npz", **arrays)
    own = task(labels, test_data=str(tmp_path / "left.npz"))
    assert len(own.testing) == 20 and set(own.truth[own.testing]) == {"left"}
    with pytest.raises(ValueError, match="left.npz must hold sequences of at least two classes. Received: all of left"):
        task(tmp_path / "left.npz")


def test_a_file_of_other_features_is_refused(run, tmp_path):
    np.savez(tmp_path / "wide.npz", x=RNG.normal(size=(2, 4, 3)))
    with pytest.raises(ValueError, match="wide.npz must have the columns .* trained on, 1, 2. Received: 1, 2, 3"):
        series.predict(run[0], tmp_path / "wide.npz")


def test_values_in_other_units_are_refused(run, labels, tmp_path):
    """A column's median is some hundred times a deviation away; of a few sequences it may be, as of an outlier."""
    path = tmp_path / "own.npz"
    with np.load(labels) as saved:
        x, lengths = saved["x"].copy(), saved["lengths"]
    x[:5, :, 1] *= 1000.0
    np.savez(path, x=x, lengths=lengths)
    series.predict(run[0], path)
    x[5:, :, 1] *= 1000.0
    np.savez(path, x=x, lengths=lengths)
    with pytest.raises(ValueError, match="own.npz must hold values in the units of training. Received: 2, .* its mean"):
        series.predict(run[0], path)


def test_a_sequence_without_any_value_of_a_feature_is_named_or_has_its_mean(run, tmp_path):
    """It is named if no value was missing in training; of the second feature one was."""
    x, path = RNG.normal(size=(2, 12, 2)), tmp_path / "lacking.npz"
    x[1, :, 0] = np.nan
    np.savez(path, x=x)
    with pytest.raises(ValueError, match="lacking.npz must have values of 1. Received: none in 2"):
        series.predict(run[0], path)
    columns = Columns(mean=np.array([5.0, 7.0]), deviation=np.array([2.0, 3.0]), gaps=np.array([False, True]))
    x[1, :, 1], x[1, :, 0] = np.nan, 5.0
    np.testing.assert_array_equal(columns.scaled(x[1]), np.zeros((12, 2)))
    np.savez(path, x=x)
    assert len(series.predict(run[0], path)) == 2


def test_columns_and_answers_that_are_all_the_same_have_deviation_1(tmp_path):
    """That of 0.1, whose mean is rounded, is not quite 0."""
    assert Columns.learn([np.full((5, 1), 0.1), np.full((3, 1), 0.1)]).deviation == [1]
    path = archive(tmp_path / "constant.npz", answers=lambda x, kinds: np.stack([kinds, np.full(len(kinds), 0.1)], 1))
    own = task(path)
    assert own.units[1][1] == 1
    own.simple = {"mean": {"rmse": 1.0, "r2": 0.0}}
    assert own.quantities()["training_loss"].naive == pytest.approx(0.5)  # of one of two that varies


def test_test_data_have_the_steps_of_time_of_training(tmp_path):
    for name, every in (("hours", "1h"), ("days", "1D")):
        (tmp_path / name).mkdir()
        for number in range(8):
            times = pd.date_range("2024-01-01", periods=12, freq=every)
            table = pd.DataFrame({"time": times, "x": RNG.normal(size=12), "kind": "ab"[number % 2]})
            table.to_csv(tmp_path / name / f"{number}.csv", index=False)
    roles = {"label": "kind", "time": "time"}
    shutil.copytree(tmp_path / "hours", tmp_path / "more")
    assert task(tmp_path / "hours", test_data=str(tmp_path / "more"), **roles).classes.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="`test_data` must have steps of 3600, as `data` has. Received: 86400"):
        task(tmp_path / "hours", test_data=str(tmp_path / "days"), **roles)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"test_data": "more.npz"}, "`test_data` must hold classes that are in training. Received: also other"),
        (
            {"test_data": "wide.npz"},
            r"`test_data` must have the features and answers of `data`, \('1', '2'\) and classes. Received: \('1', '2', '3'\) and classes",
        ),
        ({"test_data": "more.npz", "test_share": 0.3}, "`test_share` must not come with `test_data`. Received: 0.3"),
        (
            {"test_data": "same.npz"},
            "`test_data` must not be `data`, which is trained on. Received: .*same.npz, the same",
        ),
        ({"known": ("1",)}, "`known` is for forecasts. Received: 1"),
        ({"test_share": 0.7}, "`test_share` must be between 0 and 0.5. Received: 0.7"),
    ],
)
def test_refuses(labels, tmp_path, changes, message):
    np.savez(tmp_path / "more.npz", x=np.zeros((2, 4, 2)) + RNG.normal(size=(2, 4, 2)), y=["left", "other"])
    np.savez(tmp_path / "wide.npz", x=RNG.normal(size=(2, 4, 3)), y=["left", "none"])
    (tmp_path / "same.npz").symlink_to(labels)
    if "test_data" in changes:
        changes = changes | {"test_data": str(tmp_path / changes["test_data"])}
    with pytest.raises(ValueError, match=message):
        task(labels, **changes)


@pytest.mark.parametrize(
    "name, value",
    [("mean", "x"), ("mean", [1]), ("deviation", [0, 1]), ("gaps", None), ("names", [1, 2]), ("classes", 3)],
)
def test_what_was_learned_is_not_believed_where_it_is_damaged(run, labels, tmp_path, name, value):
    shutil.copytree(run[0], tmp_path, dirs_exist_ok=True)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    metrics["learned"][name] = value
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(
        ValueError, match=f"metrics.json must have {name} in what was learned, as it was saved. Received"
    ):
        series.predict(tmp_path, labels)
