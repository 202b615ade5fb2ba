"""Networks as pure functions: they begin where Keras's layers would, and the Keras model of a replica computes the same."""

import json
import random
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from networks import fresh

import main
from main import recipe
from tasks.character_model import CharacterModel
from tasks.network import Draws, Network, Silence, initializers
from tasks.network_settings import clock
from tasks.sequence_generation import SequenceGeneration
from tasks.speech_prediction import SpeechPrediction
from tasks.spoken_words import SpokenWords

# Shape, sum, first and last number of each array, after `keras.utils.set_random_seed(3)` and building the Keras model.
INITIAL = json.loads(Path(__file__).with_name("initial_weights.json").read_text())
FEW = {"handwriting": {"lines": 1, "batch_size": 1}}  # so that a program need not write thousands first
RECIPES = {
    f"{name} {s.recipe} {s.model}": (task, replace(s, **FEW.get(name, {})))
    for name, (task, all_) in main.TASKS.items()
    for s in all_
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_initial_weights_are_those_of_keras(recipe):
    task_class, settings = RECIPES[recipe]
    network = task_class(settings).network
    random.seed(9)  # what others drew before means nothing
    arrays = network.split(network.start(3).weights)
    assert [list(array.shape) for array in arrays] == [known[0] for known in INITIAL[recipe]]
    found = [[array.sum(dtype=float), array.flat[0], array.flat[-1]] for array in arrays]
    np.testing.assert_allclose(found, [known[1:] for known in INITIAL[recipe]], rtol=1e-6, atol=1e-6)


def test_initial_weights_take_a_few_milliseconds():
    network = SequenceGeneration(recipe("generation")).network
    network.start(0)
    began = time.perf_counter()
    for seed in range(20):
        network.start(seed)
    assert time.perf_counter() - began < 20 * 0.02


GENERATION = {"units": 9, "length": 20, "weight_std": 0.5}
MODELS = [s.model for s in main.TASKS["generation"][1][:6]]


def of_model(task, model, **changes):
    (settings,) = [s for s in main.TASKS[task][1] if (s.recipe, s.model) == ("modern", model)]
    if settings.periods:
        changes |= {"periods": (1, 2, 8)}
    return replace(settings, **changes)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("changes", [{"learned_initial_state": True}, {"constant_input": True, "dropout": 0.5}])
def test_a_generating_model_computes_the_same(model, changes):
    task = SequenceGeneration(of_model("generation", model, **GENERATION, **changes), seeds=(0, 1))
    weights = np.stack([task.network.start(seed).weights for seed in task.seeds])
    for replica, own in enumerate(weights):
        keras_model = task.network.keras_model(own, replica)
        np.testing.assert_allclose(task.outputs(weights)[replica], keras_model(task.inputs)[0, :, 0], atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_classifying_model_computes_the_same(model, features):
    """With padding, which no step of a network sees, also where its first state is learned."""
    changes = {"units": 12, "weight_std": 0.3, "learned_initial_state": True, "cache_dir": features}
    task = SpokenWords(of_model("words", model, **changes))
    weights, keras_model = fresh(task)
    clips = task.data[0][:5]
    found = task.network.apply(task.network.split(tf.constant(weights)), clips)[0]
    np.testing.assert_allclose(found, keras_model(clips), atol=2e-6)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("means", [False, True])
@pytest.mark.parametrize("chunk", [16, 15])  # a multiple of all periods, and not
def test_models_that_read_on_compute_the_same(model, means, chunk):
    changes = {"units": 12, "window": 5, "chunk": chunk, "seconds": 0.005, "weight_std": 0.3, "input_noise": 0.0}
    settings = of_model("speech", model, **changes)
    if means and not settings.periods:
        pytest.skip("has no periods")
    task = SpeechPrediction(replace(settings, input_mean=means))
    weights, keras_model = fresh(task)
    arrays, carried = task.network.split(tf.constant(weights)), task.carried()
    for samples, phones in zip(*task.data[0]):
        found, state = task.network.go_on(arrays, (samples, phones), *carried)
        carried = carried._replace(state=state, clock=carried.clock + chunk)
        np.testing.assert_allclose(found[0], keras_model([samples, phones]), atol=2e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_writing_model_computes_the_same(model, tmp_path):
    (tmp_path / "text.txt").write_text("the slow clock keeps what the fast one forgets. " * 20)
    changes = {"units": 12, "streams": 2, "chunk": 12, "text": str(tmp_path / "text.txt"), "prime": "the "}
    task = CharacterModel(of_model("text", model, weight_std=0.3, **changes))
    weights, keras_model = fresh(task)
    arrays, carried = task.network.split(tf.constant(weights)), task.carried()
    for read in task.data[0][:3]:
        found, state = task.network.go_on(arrays, read, *carried)
        carried = carried._replace(state=state, clock=carried.clock + 12)
        np.testing.assert_allclose(found[0], keras_model(read), atol=2e-6)


def test_noise_and_dropout_are_each_replicas_own_and_for_training_alone():
    settings = recipe("words", units=14, dropout=0.5)
    network = Network(settings, Silence(3), 2)
    weights = network.split(tf.constant(np.stack([network.start(0).weights] * 3)))
    inputs = np.random.default_rng(0).normal(size=(1, 6, 3)).astype("float32")
    seeds = tf.constant([[[1, 5], [2, 5]], [[1, 5], [2, 5]], [[1, 5], [3, 5]]])
    one, same, other = network.apply(weights, inputs, Draws(seeds))
    np.testing.assert_array_equal(one, same)
    assert (one != other).numpy().any()
    np.testing.assert_array_equal(*network.apply(weights, inputs)[:2])


def test_dropout_keeps_the_mean_of_what_it_drops():
    """E[o] is that without dropout; dropping unit j with p adds p / (1 − p) (h_j w_j)² to the variance."""
    task = SequenceGeneration(recipe("generation", units=18, length=5, dropout=0.3))
    weights = task.network.split(tf.repeat(fresh(task)[0], 2000, 0))
    seeds = tf.stack([tf.zeros([2000, 2], tf.int32), tf.range(4000)[:2000, None] + [[0, 1]]], -1)
    outputs = task.network.apply(weights, task.inputs, Draws(seeds))[:, 0, -1, 0].numpy()
    clean = task.outputs(fresh(task)[0])[0, -1]
    h = task.network.states_and_outputs([array[:1] for array in weights], task.inputs)[0][0, 0, -1].numpy()
    variance = 0.3 / 0.7 * ((h * weights[-2][0, :, 0].numpy()) ** 2).sum()
    assert outputs.mean() == pytest.approx(clean, abs=4 * float(variance / 2000) ** 0.5)
    assert outputs.var() == pytest.approx(variance, rel=0.15)


def test_random_periods_are_drawn_by_the_seed():
    settings = recipe("generation", clock_series="random", modules=4)
    assert clock(settings)[0] != clock(replace(settings, seed=1))[0]
    with pytest.raises(ValueError, match="`clock_series` must not be random for networks of several seeds"):
        SequenceGeneration(settings, seeds=(0, 1))


def test_initializers_draw_only_for_what_is_random():
    drawn = []
    initializers(recipe("generation", weight_std=0.0), lambda: drawn.append(1) or 1)
    assert len(drawn) == 1  # the recurrent weights; the others are zeros
