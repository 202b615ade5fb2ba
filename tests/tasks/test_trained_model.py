"""What a trained run has left, read back: whatever is wrong with it, one line names the file."""

import errno
import io
import json
import os
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from networks import fresh

from main import recipe
from tasks.expected import Expectation
from tasks.sequence_generation import SequenceGeneration
from tasks.trained_model import check_step, learned_numbers, load_json, load_learned, load_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    file = tmp_path_factory.mktemp("run") / "model.keras"
    fresh(SequenceGeneration(recipe("generation", units=9, length=5)))[1].save(file)
    return file.read_bytes()


def test_a_model_comes_back(whole, tmp_path):
    (tmp_path / "model.keras").write_bytes(whole)
    model = load_model(tmp_path, features=0, outputs=1)
    assert model(np.zeros((1, 7, 0), "float32")).shape == (1, 7, 1)


def test_a_model_that_cannot_be_read_is_not_called_damaged(whole, tmp_path, monkeypatch):
    """Who runs this may be allowed to read everything, so that the system is told to refuse."""
    (tmp_path / "model.keras").write_bytes(whole)

    def refuse(path, *others):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionError, match="model.keras"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "damage", [lambda whole: b"", lambda whole: whole[: len(whole) // 2], lambda whole: bytes(range(256)) * 40]
)
def test_a_damaged_model_is_named(damage, whole, tmp_path):
    (tmp_path / "model.keras").write_bytes(damage(whole))
    message = "^`run` must have a model that can be loaded, .*model.keras. Received: a damaged file$"
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)


def test_a_model_with_a_damaged_part_is_named(whole, tmp_path):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(tmp_path / "model.keras", "w") as damaged:
        for name in archive.namelist():
            damaged.writestr(name, archive.read(name)[:50])
    with pytest.raises(ValueError, match="^`run` must have a model that can be loaded, .*keras. Received: .") as seen:
        load_model(tmp_path)
    assert "\n" not in str(seen.value)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ValueError, match="`run` must have a model that can be loaded, .*model.keras. Received: "):
        load_model(tmp_path)


def test_models_of_other_networks_are_named(whole, tmp_path):
    (tmp_path / "model.keras").write_bytes(whole)
    with pytest.raises(ValueError, match="`run` must have a model of 13 features and 7 outputs, .* Received: 0 and 1"):
        load_model(tmp_path, 13, 7)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="hidden"), keras.layers.Dense(1)])
    other.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="`run` must have a model that can be loaded"):
        load_model(tmp_path)
    other = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="hidden"), keras.layers.Dense(1, name="output")]
    )
    other.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="Received: a hidden layer of the kind Dense"):
        load_model(tmp_path)


def test_weights_of_other_shapes_are_named(whole, tmp_path):
    """The configuration of one network around the weights of another."""
    fresh(SequenceGeneration(recipe("generation", units=18, length=5)))[1].save(tmp_path / "larger.keras")
    (tmp_path / "own.keras").write_bytes(whole)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as mixed:
        for name, source in (("metadata.json", "own"), ("config.json", "own"), ("model.weights.h5", "larger")):
            with zipfile.ZipFile(tmp_path / f"{source}.keras") as archive:
                mixed.writestr(name, archive.read(name))
    with pytest.raises(ValueError, match="`run` must have a model that can be loaded"):
        load_model(tmp_path)


def test_code_in_a_model_is_not_executed(tmp_path):
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x, output_shape=(3,))(inputs)).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="Received: .*`Lambda` layer"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        ({"length": 3}, None),
        ({"length": "3"}, "must have length of type int. Received: 3"),
        ({}, "must be a JSON object with length. Received: {}"),
        ([], "must be a JSON object with length. Received: \\[\\]"),
    ],
)
def test_values_are_of_their_type_or_refused(content, message, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(content))
    if message is None:
        assert load_json(file, length=int) == [3]
    else:
        with pytest.raises(ValueError, match=f"{file} {message}"):
            load_json(file, length=int)


def test_what_was_learned_has_all_that_is_needed_or_is_named(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps({"learned": {"window": 3}}))
    assert load_learned(tmp_path, "window") == {"window": 3}
    message = "metrics.json must have scales in what was learned, as this version saves it. Received: none"
    with pytest.raises(ValueError, match=message):
        load_learned(tmp_path, "window", "scales")


@pytest.mark.parametrize("learned", [{}, {"units": None}, {"units": [10**400]}, {"units": ["x"]}, {"units": [1, 2]}])
def test_numbers_that_were_learned_are_numbers_or_are_named(learned, tmp_path):
    with pytest.raises(
        ValueError, match="metrics.json must have units in what was learned, as it was saved. Received: "
    ):
        learned_numbers(tmp_path, learned, "units", (1,))


@pytest.mark.parametrize(
    "changes",
    [{"season": 10**30}, {"season": True}, {"horizon": 3.0}, {"scale": 10**400}, {"scale": 0.0}, {"cycles": 0}],
)
def test_expectations_that_are_none_are_told(changes):
    whole = Expectation(season=12, horizon=3, fading=0.5, scale=1.0)
    assert whole.is_of(3) and not whole._replace(**changes).is_of(3)


@pytest.mark.parametrize(
    "learned, step, message",
    [
        ({}, 5.0, None),  # of a run that did not say it
        ({"step": None}, 5.0, None),
        ({"step": 60}, None, None),
        ({"step": 30.5 * 86400}, 28 * 86400.0, None),  # months
        ({"step": 3600.0}, 86400.0, "own.csv must have steps of 3600, as the run was trained on. Received: 86400"),
        ({"step": 3600.0}, 900.0, "own.csv must have steps of 3600, as the run was trained on. Received: 900"),
        ({"step": 0}, 1.0, "metrics.json must have step in what was learned, as it was saved. Received: 0"),
        ({"step": "1h"}, 1.0, "metrics.json must have step in what was learned, as it was saved. Received: 1h"),
    ],
)
def test_times_go_on_in_the_step_of_training(learned, step, message):
    if message is None:
        check_step(Path(), learned, Path("own.csv"), step)
    else:
        with pytest.raises(ValueError, match=message):
            check_step(Path(), learned, Path("own.csv"), step)
