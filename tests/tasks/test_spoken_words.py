"""The spoken-word task: what a batch holds, how errors are counted, when it stops, and what a trained run hears."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
from networks import fresh

from data.features import read_features
from data.spoken_words import Clip
from main import recipe
from running.runs import Run
from running.train import train
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
    return recipe(
        "words",
        corpus=str(corpus),
        units=14,
        batch_size=8,
        epochs=25,
        cache_dir=tmp_path / "cache",
        name="a",
        results_dir=tmp_path / "results",
        log_dir=tmp_path / "log",
    )


def test_settings_are_checked_before_features_are_computed(settings, monkeypatch):
    monkeypatch.setattr("tasks.spoken_words.load_features", None)
    with pytest.raises(ValueError, match="`units` must be at least 1. Received: 0"):
        SpokenWords(replace(settings, units=0))


def test_an_epoch_is_each_training_clip_once_in_an_order_of_its_own(settings):
    task = SpokenWords(replace(settings, batch_size=4), seeds=(0, 1))
    assert (task.training.shape, task.testing.shape) == ((2, 16), (2, 4))
    find = task.places()
    first, second = find(0, 4), find(4, 4)
    assert first.shape == (4, 2, 4)  # updates, networks, clips
    for epoch in (first, second):
        for network, clips in enumerate(task.training):  # whose split is drawn by its seed
            np.testing.assert_array_equal(np.sort(epoch[:, network].ravel()), clips)
    assert (first != second).any() and (task.training[0] != task.training[1]).any()
    later = task.places()
    np.testing.assert_array_equal(later(3, 5)[:, 0], np.concatenate([first[3:], second])[:, 0])


def test_normalisation_is_that_of_the_training_frames(settings):
    task = SpokenWords(settings)
    frames = np.concatenate([task.features.padded([p], task.features.lengths[p])[0] for p in task.training[0]])
    front = task.network.front
    np.testing.assert_allclose(front.mean, frames.mean(axis=0)[None], rtol=1e-4)
    np.testing.assert_allclose(front.variance, frames.var(axis=0)[None], rtol=1e-4)


def test_padding_changes_nothing(settings):
    task = SpokenWords(settings)
    (weights, network), place = fresh(task), task.training[0, np.argmin(task.features.lengths[task.training[0]])]
    alone = network(task.features.padded([place], task.features.lengths[place]))
    np.testing.assert_allclose(network(task.features.padded([place], task.steps + 9)), alone, atol=1e-5)
    assert task.heard(weights)[0, place] == np.argmax(alone)


def test_error_is_the_share_of_wrong_answers():
    outputs = np.eye(3, dtype="float32")[[[0, 1, 2, 0], [0, 1, 1, 1]]]
    np.testing.assert_array_equal(error(np.array([0, 1, 1, 1], "int32"), outputs), [50, 0])


def test_what_is_left_of_several_networks_is_that_of_the_first_on_its_own_test_clips(settings):
    """Each has another draw of test clips; one that has diverged does not disturb it, unless it is the first."""
    alone, several = SpokenWords(settings), SpokenWords(replace(settings, replicas=3))
    assert (several.testing[0] != several.testing[1]).any()
    weights = np.stack([several.network.start(seed).weights for seed in range(3)])
    weights[1] = np.nan
    report, wanted = several.report(weights), alone.report(weights[:1])
    assert list(report.tables["predictions"]["clip"]) == list(wanted.tables["predictions"]["clip"])
    for name in ("answer", "truth"):
        assert list(report.tables["predictions"][name]) == list(wanted.tables["predictions"][name])
    np.testing.assert_allclose(
        report.tables["predictions"]["probability"], wanted.tables["predictions"]["probability"], rtol=1e-4
    )
    with pytest.raises(ValueError, match="the first network, of which all would be, diverged"):
        several.report(weights[1:2])


def test_clips_of_any_size_are_heard_whole(settings, monkeypatch):
    """As of a file of floats that holds whole numbers."""
    loud = lambda path, span=None: (np.array([3000.0, -1500.0, 0.0]), 16000)  # noqa: E731
    task = SpokenWords(settings)
    monkeypatch.setattr("tasks.spoken_words.read_samples", loud)
    for sound in task.report(task.network.start(0).weights[None]).sounds.values():
        np.testing.assert_allclose(sound.samples, [1, -0.5, 0])


def test_it_learns_and_a_trained_run_says_the_words(settings, corpus, capsys):
    task = SpokenWords(settings)
    metrics = train(task, settings, Run("words", settings))
    folder = settings.results_dir / "words" / "a"
    assert metrics["test_error"] == 0 and metrics["epochs"] == 25 and metrics["words"] == ["fall", "rise"]
    assert {"confusion.png", "epochs.png", "states.png", "training.png"} <= {path.name for path in folder.iterdir()}
    assert {f"test_clip_{number}.wav" for number in (1, 2, 3)} <= {path.name for path in folder.iterdir()}
    table, network = np.load(folder / "predictions.npz"), keras.models.load_model(folder / "model.keras")
    for path, truth, answer, probability in zip(*(table[n] for n in ("clip", "truth", "answer", "probability"))):
        assert Path(path).parent.name == truth
        chances = keras.ops.softmax(network(read_features(Clip(Path(path), ""), 3.0)[None])).numpy()[0]
        assert answer == metrics["words"][chances.argmax()] and probability == pytest.approx(chances.max(), abs=1e-5)
    assert len(table["clip"]) == metrics["test_clips"] == 4
    assert task.quantities()["test_error"].naive == 50  # two clips of each of two words
    capsys.readouterr()
    files = (str(corpus / "rise" / "0.wav"), str(corpus / "fall" / "0.wav"))
    SpokenWords.use(replace(settings, classify=files, run="a"), folder)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1].split()[0] for line in lines] == ["rise", "fall"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 17}, "`batch_size` must be from 1 to the 16 training clips. Received: 17"),
        ({"input_noise": -1.0}, "`input_noise` must be from 0 to 1. Received: -1.0"),
        ({"input_noise": 2.0}, "`input_noise` must be from 0 to 1. Received: 2.0"),
        ({"patience": -1}, "`patience` must be at least 0. Received: -1"),
        ({"timit": "x"}, "`timit` must not come with `corpus`"),
        ({"timit": "x", "test_speakers": ("a",)}, "`test_speakers` must not come with `timit`. Received: both"),
        ({"classify": ("a.wav",)}, "`classify` needs `run`"),
    ],
)
def test_refuses(settings, changes, message):
    with pytest.raises(ValueError) as refusal:
        SpokenWords(replace(settings, **changes))
    assert message in str(refusal.value)


def test_refuses_a_silent_timit_by_the_name_of_its_flag(settings, tmp_path):
    for speaker in ("a", "b"):
        (tmp_path / speaker).mkdir()
        soundfile.write(tmp_path / speaker / "SA1.WAV", np.zeros(16000), 16000, format="NIST")
        (tmp_path / speaker / "SA1.WRD").write_text("0 8000 making\n8000 16000 subway\n")
    with pytest.raises(ValueError, match="`timit` must not be silent. Received: nothing else in 4 clips"):
        SpokenWords(replace(settings, corpus=None, timit=str(tmp_path)))


def test_refuses_a_corpus_of_which_one_word_can_be_used(settings, tmp_path):
    for name in ("rise", "fall"):
        (tmp_path / name).mkdir()
        for take in range(3):
            samples = np.full(3000, np.nan) if name == "fall" else np.random.default_rng(take).normal(0, 0.1, 3000)
            soundfile.write(tmp_path / name / f"{take}.wav", samples, 16000, subtype="FLOAT")
    with pytest.raises(
        ValueError, match="`corpus` must hold sounds of two words that can be used. Received: only rise"
    ):
        SpokenWords(replace(settings, corpus=str(tmp_path)))


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
