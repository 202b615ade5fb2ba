"""The character model: streams and chunks, forgetting, bits a character and writing against plain loops."""

import math

import keras
import layers
import numpy as np
import pytest
import tensorflow as tf
from networks import fresh

from main import recipe
from running.runs import Run
from running.train import train
from tasks import character_model
from tasks.character_model import CharacterModel, write
from tasks.network import Draws
from tasks.task import Carried, Moment

SENTENCE = "the slow clock keeps what the fast one forgets. "


@pytest.fixture
def make(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(SENTENCE * 40, encoding="utf-8")

    def settings(**changes):
        small = {"units": 12, "periods": (1, 4, 32), "streams": 3, "chunk": 16, "epochs": 2, "text": str(path)}
        where = {"name": "a", "results_dir": tmp_path / "results", "log_dir": tmp_path / "log"}
        short = {"prime": "the ", "sample_length": 20}
        return recipe("text", **(small | where | short | changes))

    return settings


def test_streams_read_on_where_they_stopped(make):
    task = CharacterModel(make())
    text, count = task.text.indices, len(SENTENCE) * 40
    assert len(task.testing) == round(0.1 * count) and task.batches == (len(task.training) - 1) // 48
    batches = list(zip(*task.data))
    assert len(batches) == task.batches
    for stream in range(3):
        start = stream * task.batches * 16
        read = np.concatenate([inputs[stream] for inputs, _ in batches])
        wanted = np.concatenate([targets[stream] for _, targets in batches])
        np.testing.assert_array_equal(read, text[start : start + task.batches * 16])
        np.testing.assert_array_equal(wanted, text[start + 1 : start + 1 + task.batches * 16])


@pytest.mark.parametrize(
    "changes, expected",  # updates, of 5 epochs of `chunks` each, at whose start the state is 0
    [
        ({}, lambda chunks: [0, chunks, 2 * chunks]),
        ({"forget_every": 2}, lambda chunks: [u for u in range(3 * chunks) if u % chunks % 2 == 0]),
        (
            {"forget_every": 2, "forget_growth": 2.0},  # every 2, 4, 8 updates
            lambda chunks: [e * chunks + u for e in range(3) for u in range(0, chunks, 2 ** (e + 1))],
        ),
        ({"forget_every": 1000}, lambda chunks: [0, chunks, 2 * chunks]),
    ],
)
def test_state_is_forgotten_as_scheduled(changes, expected, make):
    task = CharacterModel(make(**changes))
    weights, inputs = task.network.split(tf.constant(fresh(task)[0])), task.data[0][0]
    seeds, begun = tf.zeros([1, 2, 2], tf.int32), []

    @tf.function(autograph=False)
    def outputs(update, clock):
        carried = Carried([tf.ones([1, 3, 12]) * tf.cast(clock, tf.float32)], clock)
        return task.forward(weights, inputs, carried, Moment(update, 1, Draws(seeds), None))[0]

    at_first = outputs(tf.constant(0), tf.constant(0))
    for update in range(3 * task.batches):
        if np.allclose(outputs(tf.constant(update), tf.constant(1)), at_first, atol=1e-6):
            begun.append(update)
    assert begun == expected(task.batches)


def loop(task, network, indices):
    """Return the logits after each character [N, V], by the NumPy loop."""
    layer, output = network.get_layer("hidden"), network.get_layer("output")
    x = np.eye(len(task.text.characters))[indices][None]
    states, _ = layers.expected(layer, x)
    return states[0] @ output.kernel.numpy() + output.bias.numpy()


def test_bits_are_those_of_the_numpy_loop(make):
    task = CharacterModel(make(weight_std=0.5))
    weights, network = fresh(task)
    logits = loop(task, network, task.testing[:-1])
    log_chances = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    bits = -log_chances[np.arange(len(logits)), task.testing[1:]].mean() / math.log(2)
    assert task.evaluate(weights)["bits_per_character"] == pytest.approx([bits], rel=1e-4)


@pytest.mark.parametrize("temperature", [1e-4, 1e-300])
def test_nearly_cold_writing_takes_the_most_probable_character_each_time(make, temperature):
    task = CharacterModel(make(weight_std=0.5))
    (_, network), characters = fresh(task), task.text.characters
    written = write(network, characters, "slow", 12, temperature, seed=0)
    indices = [characters.index(character) for character in "slow"]
    for _ in range(12):
        indices.append(int(loop(task, network, indices)[-1].argmax()))
    assert written == "".join(characters[index] for index in indices[4:])


def test_what_is_written_in_blocks_is_what_is_written_at_once(make, monkeypatch):
    """Also where the prime is longer than a block."""
    task = CharacterModel(make(weight_std=0.5))
    (_, network), characters = fresh(task), task.text.characters
    given = network, characters, "slow slow", 30, 0.8, 3
    written = write(*given)
    monkeypatch.setattr(character_model, "BLOCK", 7)
    assert write(*given) == written and len(written) == 30


def test_warm_writing_draws_with_the_predicted_chances(make):
    task = CharacterModel(make(weight_std=0.5))
    (_, network), characters = fresh(task), task.text.characters
    logits = loop(task, network, [characters.index("t")])[0] / 0.5
    chances = np.exp(logits) / np.exp(logits).sum()
    drawn = [characters.index(write(network, characters, "t", 1, 0.5, seed)) for seed in range(150)]
    best = int(chances.argmax())
    share = np.mean(np.array(drawn) == best)
    assert abs(share - chances[best]) < 4 * math.sqrt(chances[best] * (1 - chances[best]) / 150)


def test_training_learns_a_repeated_sentence_and_writes(make):
    settings = make(units=48, streams=6, epochs=40, learning_rate=1e-2, forget_every=4)
    task, run = CharacterModel(settings), Run("text", settings)
    metrics = train(task, settings, run)
    assert metrics["bits_per_character"] < 1.0  # guessing among its 20 characters takes 4.3
    assert len((run.results / "sample.txt").read_text()) == 24
    assert (run.results / "epochs.png").exists() and (run.results / "states.png").exists()
    table = np.load(run.results / "test_text.npz")
    assert "".join(table["character"]) == (SENTENCE * 40)[-len(task.testing) + 1 :]
    assert table["position"].tolist() == list(range(len(task.training) + 1, len(SENTENCE) * 40))
    assert table["bits"].mean() == pytest.approx(metrics["bits_per_character"], rel=1e-4)
    read = (SENTENCE * 40)[: len(task.training)]
    chances = {character: (read.count(character) + 1) / (len(read) + len(set(SENTENCE))) for character in SENTENCE}
    naive = -np.mean([math.log2(chances[character]) for character in table["character"]])  # of those that are told
    assert task.quantities()["bits_per_character"].naive == pytest.approx(naive)
    loaded = keras.models.load_model(run.results / "model.keras")
    assert write(loaded, metrics["characters"], "the ", 20, 0.7, 0) == (run.results / "sample.txt").read_text()[4:]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"streams": 0}, "`streams` must be at least 1. Received: 0"),
        ({"chunk": 2000}, "`text` must hold at least 6001 characters for training .* Received: 1728 and 192 in"),
        ({"test_share": 0.999}, "Received: 2 and 1918 in"),
        ({"prime": "The "}, "`prime` must be of characters that are in the text. Received: also \\['T'\\]"),
        ({"test_share": 0.0}, "`test_share` must be between 0 and 1. Received: 0.0"),
        ({"forget_every": -1}, "`forget_every` must be at least 0. Received: -1"),
        ({"forget_growth": 0.5}, "`forget_growth` must be at least 1. Received: 0.5"),
        ({"forget_growth": 1.5}, "`forget_growth` above 1 needs `forget_every`. Received: 1.5"),
        ({"prime": ""}, "`prime` must have at least one character"),
        ({"sample_length": 0}, "`sample_length` must be at least 1"),
        ({"temperature": 0.0}, "`temperature` must be above 0. Received: 0.0"),
        ({"sample": True}, "`sample` needs `run`, the name of a trained run"),
    ],
)
def test_refuses(changes, message, make):
    with pytest.raises(ValueError, match=message):
        CharacterModel(make(**changes))


def test_refuses_a_text_of_one_character(make, tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("\n" * 2000)
    with pytest.raises(ValueError, match=r"`text` must hold different characters. Received: only '\\n'"):
        CharacterModel(make(text=str(text)))
