"""The speech task: windows and chunks, speaking sample by sample against plain loops, and what is measured."""

import json
from dataclasses import replace

import keras
import layers
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from networks import fresh

import main
from data.speech import PHONES
from running.runs import Run
from running.train import train
from tasks.network import Draws
from tasks.speech_prediction import SpeechPrediction, speak
from tasks.task import Moment

MODELS = {
    "clockwork_rnn": {"units": 10, "periods": (1, 2, 8, 64)},
    "simple_rnn": {"units": 6, "periods": ()},
    "lstm": {"units": 4, "periods": ()},
}


@pytest.fixture
def make(tmp_path):
    def settings(model="clockwork_rnn", **changes):
        (recipe,) = [s for s in main.TASKS["speech"][1] if (s.recipe, s.model) == ("modern", model)]
        small = {"window": 7, "chunk": 32, "seconds": 0.01, "epochs": 3, "weight_std": 0.5}
        small |= {"input_noise": 0.0}
        where = {"name": "a", "results_dir": tmp_path / "results", "log_dir": tmp_path / "log"}
        return replace(recipe, **(MODELS[model] | small | where | changes))

    return settings


def test_chunks_hold_each_sample_its_past_and_its_phone(make):
    task = SpeechPrediction(make())
    samples = task.utterance.samples[:160]  # 0.01 s
    signal, phones = (samples - samples.mean()) / samples.std(), task.utterance.phones
    batches = [((samples, phones), targets) for samples, phones, targets in zip(*task.data[0], task.data[1])]
    assert len(batches) == 5  # 153 samples after the first window
    for number, ((heard, said), targets) in enumerate(batches):
        first = 7 + 32 * number
        real = min(32, 160 - first)
        np.testing.assert_allclose(targets[0, :real, 0], signal[first : first + real], atol=1e-5)
        np.testing.assert_allclose(heard[0, : real + 6], signal[first - 7 : first + real - 1], atol=1e-5)
        np.testing.assert_array_equal(said[0, :real], phones[first : first + real])
        assert not targets[0, real:].any()  # the rest of the last chunk is silence
    seen = fresh(task)[1].get_layer("seen")(*batches[1][0]).numpy()[0]
    for t in range(32):
        np.testing.assert_array_equal(seen[t, :7], batches[1][0][0][0, t : t + 7])
        np.testing.assert_array_equal(seen[t, 7:], np.arange(len(PHONES)) == batches[1][0][1][0, t])


@pytest.mark.parametrize("model", MODELS)
def test_speaking_step_by_step_from_the_truth_equals_the_network_on_chunks(model, make):
    task = SpeechPrediction(make(model))
    weights, network = fresh(task)
    chunks = [network(list(inputs), training=False)[0, :, 0] for inputs in zip(*task.data[0])]
    said = speak(network, task.signal, task.phones, 0.0)
    np.testing.assert_allclose(said, np.concatenate(chunks)[: len(said)], atol=1e-4)
    np.testing.assert_allclose(task.said(weights)["teacher_forced"][0], said, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_speaking_equals_a_numpy_loop(share, make):
    task = SpeechPrediction(make())
    _, network = fresh(task)
    layer, output = network.get_layer("hidden"), network.get_layer("output")
    window, h, expected = list(task.signal[:7]), np.zeros((1, 10)), []
    for t, phone in enumerate(task.phones):
        x = np.concatenate([window, np.arange(len(PHONES)) == phone])[None, None]
        states, _ = layers.expected(layer, x, h=h, clock=[t])
        h = states[:, 0]
        own = float((h @ output.kernel.numpy() + output.bias.numpy())[0, 0])
        expected.append(own)
        window = [*window[1:], share * own + (1 - share) * task.signal[7 + t]]
    np.testing.assert_allclose(speak(network, task.signal, task.phones, share), expected, atol=1e-3)


def test_own_output_comes_into_the_window_as_scheduled(make):
    task = SpeechPrediction(make(own_output=0.8, own_output_from=0.2, own_output_until=0.6))
    (weights, network), seeds = fresh(task), tf.zeros([1, 2, 2], tf.int32)
    samples, phones = (values[0] for values in task.data[0])
    arrays = task.network.split(tf.constant(weights))
    forward, mix = (tf.function(own, autograph=False) for own in (task.forward, task.mixed))
    for update, share in ((10, 0.0), (40, 0.4), (90, 0.8)):  # of 100, 5 an epoch: each begins one, from a state of 0
        moment = Moment(tf.constant(update), 100, Draws(seeds), None)
        outputs = forward(arrays, (samples, phones), task.carried(), moment)[0][0]
        own = speak(network, task.signal[: 7 + 32], task.phones[:32], share)
        heard = np.concatenate([samples[0, :7], share * own[:-1] + (1 - share) * samples[0, 7:]])
        mixed = mix(arrays, (samples, phones), tf.constant(share), task.carried())
        np.testing.assert_allclose(mixed[0, 0], heard, atol=1e-4)
        network.get_layer("hidden").reset_state()
        heard = tf.constant(heard[None], tf.float32)
        expected = network([heard, tf.constant(phones)], training=False)
        np.testing.assert_allclose(outputs, expected, atol=1e-4)


def test_a_forgotten_chunk_is_read_like_the_first_of_a_new_utterance(make):
    """With a state of 0 and a clock of 0, by which the slow modules fire; every other chunk goes on."""
    task = SpeechPrediction(make(forget_every=2))
    weights, network = fresh(task)
    arrays, carried, begun = task.network.split(tf.constant(weights)), task.carried(), []
    forward, layer = tf.function(task.forward, autograph=False), network.get_layer("hidden")
    for update, inputs in enumerate(zip(*task.data[0])):
        moment = Moment(tf.constant(update), 5, Draws(tf.zeros([1, 2, 2], tf.int32)), None)
        outputs, carried = forward(arrays, inputs, carried, moment)
        if update % 2 == 0:
            layer.reset_state()
        np.testing.assert_allclose(outputs[0], network(list(inputs), training=False), atol=1e-4)
        begun.append(int(carried.clock))
    assert begun == [32, 64, 32, 64, 32]


def test_weight_penalty_is_on_matrices_only(make):
    task = SpeechPrediction(make(weight_penalty=0.5))
    weights, network = fresh(task)
    matrices = [variable.numpy() for variable in network.trainable_variables if len(variable.shape) == 2]
    assert len(matrices) == 1 + 4 + 1  # input, block rows, output; not the two biases
    both = np.concatenate([weights, 2 * weights])
    squares = 0.5 * sum((m**2).sum() for m in matrices)
    np.testing.assert_allclose(task.penalty(task.network.split(tf.constant(both))), [squares, 4 * squares], rtol=1e-5)


def test_training_lowers_the_error_and_leaves_sounds_and_pictures(make):
    settings = make(epochs=40, learning_rate=1e-2, own_output=0.5)
    task = SpeechPrediction(settings)
    run = Run("speech", settings)
    metrics = train(task, settings, run)
    assert metrics["teacher_forced_nmse"] < 0.5 and (metrics["epochs"], metrics["updates"]) == (40, 200)
    quantities = ["mse", "nmse", "first_nmse", "seconds", "log_spectral_distance"]
    assert {f"{kind}_{q}" for kind in ("teacher_forced", "free_running") for q in quantities} <= set(metrics)
    for name in ("original", "teacher_forced", "free_running"):
        samples, rate = soundfile.read(run.results / f"{name}.wav")
        assert (len(samples), rate) == (153, 16000)
    assert (run.results / "speech.png").exists()
    loaded = keras.models.load_model(run.results / "model.keras")
    said = speak(loaded, task.signal, task.phones, 1.0)
    table = np.genfromtxt(run.results / "speech.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    np.testing.assert_allclose(table["seconds"], np.arange(7, 160) / 16000)
    np.testing.assert_allclose(table["original"], task.utterance.samples[7:160], atol=1e-6)
    np.testing.assert_allclose(table["free_running"], said * task.std + task.mean, atol=1e-5)
    assert [PHONES.index(phone) for phone in table["phone"]] == task.phones.tolist()
    naive = task.quantities()["teacher_forced_nmse"].naive
    copied = np.mean((task.signal[7:] - task.signal[6:-1]) ** 2) / np.var(task.signal[7:])
    assert naive == pytest.approx(copied, rel=1e-5)
    mse = json.loads((run.results / "metrics.json").read_text())["free_running_mse"]
    assert np.mean((said - task.signal[7:]) ** 2) == pytest.approx(mse, rel=1e-3)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"window": 160}, "`seconds` must be more than the 160 samples of `window`, 0.01 s. Received: 0.01"),
        ({"window": 158}, "`window` must leave 3 samples or more. Received: 158 of 160"),
        ({"window": 0}, "`window` must be at least 1. Received: 0"),
        ({"chunk": 0}, "`chunk` must be at least 1. Received: 0"),
        ({"seconds": -1.0}, "`seconds` must be at least 0. Received: -1.0"),
        ({"own_output": 1.5}, "`own_output` must be from 0 to 1. Received: 1.5"),
        ({"own_output_from": 0.9}, "`own_output_from` must be at most `own_output_until`, 0.5. Received: 0.9"),
        ({"forget_every": -1}, "`forget_every` must be at least 0. Received: -1"),
        ({"forget_growth": float("nan")}, "`forget_growth` must be at least 1. Received: nan"),
        ({"forget_growth": 2.0}, "`forget_growth` above 1 needs `forget_every`. Received: 2.0"),
        ({"phones": "a.PHN"}, "`phones` needs `run`, the name of a trained run"),
        ({"generate": True}, "`generate` needs `run`, the name of a trained run"),
    ],
)
def test_refuses(changes, message, make):
    with pytest.raises(ValueError, match=message):
        SpeechPrediction(make(**changes))


def test_refuses_silence(make, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), 16000)
    (tmp_path / "a.PHN").write_text("0 1600 h#\n")
    with pytest.raises(ValueError, match="`utterance` must not be silent"):
        SpeechPrediction(make(utterance=str(tmp_path / "a.wav")))
