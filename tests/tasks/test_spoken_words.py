"""The spoken-word task: what a batch holds, how errors are counted, when it stops, and what a trained run hears."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import soundfile

import main
from running.train import train
from runs import Run
from tasks.spoken_words import SpokenWords, error


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two words that are easy to tell apart: tones that rise and tones that fall, with noise."""
    folder, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    for word, ends in (("rise", (300, 3000)), ("fall", (3000, 300))):
        (folder / word).mkdir()
        for take in range(10):
            samples = int(rng.integers(3000, 6000))
            phase = np.cumsum(np.linspace(*ends, samples) * rng.uniform(0.9, 1.1)) * 2 * np.pi / 16000
            soundfile.write(folder / word / f"{take}.wav", 0.3 * np.sin(phase) + rng.normal(0, 0.01, samples), 16000)
    return folder


@pytest.fixture
def settings(corpus, tmp_path):
    return replace(
        main.MODERN_WORDS,
        corpus=str(corpus),
        units=14,
        batch_size=8,
        epochs=25,
        cache_dir=tmp_path / "cache",
        name="a",
        results_dir=tmp_path / "results",
        log_dir=tmp_path / "log",
    )


def test_an_epoch_is_each_training_clip_once_in_an_order_of_its_own(settings):
    task = SpokenWords(replace(settings, batch_size=4))
    assert (len(task.training), len(task.testing)) == (16, 4)
    epochs = [list(task.epoch().as_numpy_iterator()) for _ in range(1)]
    both = list(task.epoch().repeat(2).as_numpy_iterator())
    first, second = ([inputs for inputs, _ in half] for half in (both[:4], both[4:]))
    assert len(epochs[0]) == 4 and first[0].shape == (4, task.steps, 13)
    expected = sorted(task.features.padded([place], task.steps).sum() for place in task.training)
    for epoch in (first, second):
        np.testing.assert_allclose(sorted(np.concatenate(epoch).sum(axis=(1, 2))), expected, rtol=1e-5)
    assert any((one != other).any() for one, other in zip(first, second))


def test_normalisation_is_that_of_the_training_frames(settings):
    task = SpokenWords(settings)
    frames = np.concatenate([task.features.padded([p], task.features.lengths[p])[0] for p in task.training])
    mean, variance = task.statistics
    np.testing.assert_allclose(mean, frames.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(variance, frames.var(axis=0), rtol=1e-4)


def test_padding_changes_nothing(settings):
    task = SpokenWords(settings)
    network, place = task.network(), task.training[np.argmin(task.features.lengths[task.training])]
    alone = network(task.features.padded([place], task.features.lengths[place]))
    np.testing.assert_allclose(network(task.features.padded([place], task.steps + 9)), alone, atol=1e-5)
    np.testing.assert_allclose(task.probabilities(network, np.array([place])), keras.ops.softmax(alone), atol=1e-5)


def test_error_is_the_share_of_wrong_answers():
    outputs = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    assert float(error(np.array([0, 1, 1, 1], "int32"), outputs)) == 50.0


def test_training_stops_when_the_training_error_has_not_fallen(settings):
    """Koutník et al. 2014, section 4.2: after five epochs."""
    task = SpokenWords(replace(settings, patience=5))
    falling = [{"train_error": value} for value in (50, 40, 30, 31, 32, 30, 33)]
    assert [task.finished(falling[:count]) for count in range(1, 8)] == [False] * 7
    assert task.finished([*falling, {"train_error": 30}])  # as low again is not lower
    assert not SpokenWords(settings).finished([{"train_error": 1}] * 100)


def test_it_learns_and_a_trained_run_says_the_words(settings, corpus, capsys):
    task = SpokenWords(settings)
    metrics = train(task, settings, Run("words", settings))
    folder = settings.results_dir / "words" / "a"
    assert metrics["test_error"] == 0 and metrics["epochs"] == 25 and metrics["words"] == ["fall", "rise"]
    assert {"confusion.png", "epochs.png", "states.png", "training.png"} <= {path.name for path in folder.iterdir()}
    assert len(list(folder.glob("*_heard_as_*.wav"))) >= 1
    capsys.readouterr()
    files = (str(corpus / "rise" / "0.wav"), str(corpus / "fall" / "0.wav"))
    SpokenWords.use(replace(settings, classify=files, run="a"), folder)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1].split()[0] for line in lines] == ["rise", "fall"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 17}, "`batch_size` must be from 1 to the 16 training clips. Received: 17"),
        ({"input_noise": -1.0}, "`input_noise` must be at least 0. Received: -1.0"),
        ({"patience": -1}, "`patience` must be at least 0. Received: -1"),
        ({"timit": "x"}, "`timit` must not come with `corpus`"),
        ({"classify": ("a.wav",)}, "`classify` needs `run`"),
    ],
)
def test_refuses(settings, changes, message):
    with pytest.raises(ValueError) as refusal:
        SpokenWords(replace(settings, **changes))
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "`run` needs `classify`"),
        (("nowhere.wav",), "`classify` must name files that exist. Received: nowhere.wav"),
        ((__file__,), "`classify` must name sounds that can be used. Received: "),
    ],
)
def test_refuses_to_classify(settings, files, message, tmp_path):
    (tmp_path / "metrics.json").write_text('{"words": ["a", "b"]}')
    with pytest.raises(ValueError) as refusal:
        SpokenWords.use(replace(settings, classify=files, run="a"), tmp_path)
    assert message in str(refusal.value)
