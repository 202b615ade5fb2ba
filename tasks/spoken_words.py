"""Say which word was spoken, at the last frame of its features (Koutník et al. 2014, section 4.2)."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf

from data import mfcc
from data.features import load_features, read_features
from data.sounds import read_samples
from data.spoken_words import SHIPPED, Clip, Split, load_folder, load_timit
from tasks.flag import Flag
from tasks.network import Network
from tasks.network_settings import NetworkSettings, check, check_noise
from tasks.readout import counted
from tasks.report import Quantity, Report, Sound
from tasks.task import Task, compiled, first, in_blocks, layer_modules
from tasks.trained_model import load_json, load_model

BLOCK = 64  # clips evaluated at once
CHOICES = "test_list", "test_speakers", "test_share"
SHARE = 0.2  # of each word's clips
SOUNDS = 3  # test clips to listen to


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings):
    help_group = "data"

    corpus: str | None
    """Folder with a folder of sound files for each word; without it, the words that ship."""
    timit: str | None
    """Folder of the TIMIT corpus, from which the paper's words are cut, instead of `corpus`."""
    test_list: str | None
    """File that names the test clips, relative to the corpus; without it, test.txt of the corpus if there is one."""
    test_speakers: tuple[str, ...]
    """Speakers to test on, where files are named SPEAKER_….wav."""
    test_share: float | None
    """Share of each word's clips to test on, drawn by the seed before those are left out that cannot be used; without it, nor a
    list or speakers, a fifth."""
    longest: float
    """Longest clip, in seconds; longer ones are skipped."""
    cache_dir: Path
    """Folder that keeps the features of a corpus."""
    input_noise: Annotated[float, Flag("training")]
    """Standard deviation of Gaussian noise on the normalised features in training."""
    batch_size: Annotated[int, Flag("training")]
    """Clips of one update."""
    patience: Annotated[int, Flag("training")]
    """Stop when the error on the training clips, without noise, has not fallen for so many epochs; 0 never stops."""
    classify: Annotated[tuple[str, ...], Flag("trained run", also=("predict",))]
    """Sound files to say the words of, with a trained run."""


@dataclasses.dataclass(frozen=True)
class Frames:
    """Frames of features, normalised, with noise; frames of zeros at the end are padding, and do not count.

    Args:
        mean, variance: of each feature, for each replica [R, 13].
        noise: its standard deviation.
    """

    mean: np.ndarray
    variance: np.ndarray
    noise: float
    features: int = mfcc.CHANNELS

    def seen(self, inputs, add_noise):
        std = np.maximum(np.sqrt(self.variance), keras.config.epsilon())
        mean, std = (values[0] if (values == values[0]).all() else values[:, None, None] for values in (self.mean, std))
        return add_noise((inputs - mean) / std, 3), counted(inputs)

    def in_keras(self, replica):
        inputs = keras.Input((None, self.features))
        frames = keras.layers.Masking()(inputs)
        frames = keras.layers.Normalization(mean=self.mean[replica], variance=self.variance[replica])(frames)
        return inputs, keras.layers.GaussianNoise(self.noise)(frames)


class SpokenWords(Task):
    """Classify words of varying length; one epoch is one pass over the training clips in random order.

    Args:
        settings, seeds: as for any task.
        folds: each seed trains so many networks: of each word's training clips every so-many-th is left out and tested on,
            by another network each, and the test clips are not touched. 0 is one network a seed, tested on the test clips.

    Attributes:
        training, testing: which clips each replica is trained and tested on [R, clips].

    Raises:
        ValueError: the corpus cannot be had, or the network cannot be built; names the argument or file, what was
            expected and what came.
    """

    name = "words"
    example = "--model lstm --epochs 30"
    of_data = ("corpus", "timit", "test_list", "test_speakers", "test_share")
    epoch_quantity = "error (%)"
    watched = "train_error"
    lengths = ("batch_size",)

    def __init__(self, settings: Settings, seeds: Sequence[int] | None = None, folds: int = 0):
        super().__init__(settings, seeds)
        self.metrics = {"cross_entropy": self.loss, "error": error}
        if not settings.longest > 0:
            raise ValueError(f"`longest` must be above 0. Received: {settings.longest}")
        if settings.patience < 0:
            raise ValueError(f"`patience` must be at least 0. Received: {settings.patience}")
        check_noise(settings.input_noise)
        if settings.classify:
            raise ValueError("`classify` needs `run`, the name of a trained run. Received: none")
        check(
            settings, mfcc.CHANNELS, stateful=False
        )  # before features are computed, which takes minutes of a large corpus
        drawn = {seed: load_clips(dataclasses.replace(settings, seed=seed)) for seed in dict.fromkeys(self.seeds)}
        every = {(clip.path, clip.span): clip for clips in drawn.values() for clip in clips}
        self.corpus = "corpus" if settings.timit is None else "timit"
        self.features = load_features(list(every.values()), settings.cache_dir, settings.longest, self.corpus)
        clips = self.features.clips
        self.words = sorted({clip.word for clip in clips})
        if len(self.words) < 2:
            raise ValueError(
                f"`{self.corpus}` must hold sounds of two words that can be used. Received: only {self.words[0]}"
            )
        self.labels = np.array([self.words.index(clip.word) for clip in clips], np.int32)  # [N]
        splits = {seed: self._split(own) for seed, own in drawn.items()}
        statistics = [self._statistics(splits[seed][0]) for seed in self.seeds for _ in range(max(folds, 1))]
        if folds:
            self.seeds = tuple(seed for seed in self.seeds for _ in range(folds))
            pairs = [self._fold(splits[seed][0], place % folds, folds) for place, seed in enumerate(self.seeds)]
        else:
            pairs = [splits[seed] for seed in self.seeds]
        if len({(len(training), len(testing)) for training, testing in pairs}) > 1:
            raise ValueError("`replicas` must have equally many clips each. Received: seeds that draw unequal numbers")
        self.training, self.testing = (np.array(chosen) for chosen in zip(*pairs, strict=True))  # [R, clips]
        most = self.training.shape[1]
        if not 1 <= settings.batch_size <= most:
            raise ValueError(
                f"`batch_size` must be from 1 to the {most} training clips. Received: {settings.batch_size}"
            )
        self.patience, self.sequences_of_update = settings.patience, settings.batch_size
        self.steps_of_update = max(settings.batch_size, BLOCK) * int(self.features.lengths.max())
        self.batches = most // settings.batch_size
        self.steps = int(self.features.lengths.max())  # one length for all, so that one program serves all batches
        self.data = self.features.padded(range(len(clips)), self.steps), self.labels  # [N, T, 13], [N]
        mean, variance = (np.stack(values) for values in zip(*statistics, strict=True))  # [R, 13]
        front = Frames(mean, variance, settings.input_noise)
        self.network = Network(settings, front, len(self.words), readout="last")

    def _split(self, drawn: Sequence[Clip]) -> tuple[np.ndarray, np.ndarray]:
        """Return which of all clips to train on, and which to test on."""
        test = {(clip.path, clip.span): clip.test for clip in drawn}
        known = [test.get((clip.path, clip.span)) for clip in self.features.clips]
        training, testing = (
            np.array([i for i, test in enumerate(known) if test is kind], int) for kind in (False, True)
        )
        for kind, chosen in (("training", training), ("testing", testing)):
            if not len(chosen):
                raise ValueError(f"`{self.corpus}` must leave clips for {kind} that can be read. Received: none")
        if unheard := set(range(len(self.words))) - set(self.labels[training].tolist()):
            raise ValueError(
                f"`{self.corpus}` must leave clips of each word for training that can be read. "
                f"Received: none of {self.words[min(unheard)]}"
            )
        return training, testing

    def _fold(self, training: np.ndarray, fold: int, folds: int) -> tuple[np.ndarray, np.ndarray]:
        """Split training clips once more: every so many-th of each word is left out."""
        labels = self.labels[training]
        number = np.array([(labels[:place] == label).sum() for place, label in enumerate(labels)])  # within its word
        return training[number % folds != fold], training[number % folds == fold]

    def _statistics(self, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of each channel over the training clips, of folds over those left out, too."""
        total, squares, count = np.zeros(mfcc.CHANNELS), np.zeros(mfcc.CHANNELS), 0
        for place in training:
            frames = self.features.padded([place], self.features.lengths[place])[0].astype(float)
            total, squares, count = total + frames.sum(0), squares + (frames**2).sum(0), count + len(frames)
        mean = total / count
        return mean.astype(np.float32), np.maximum(squares / count - mean**2, 0).astype(np.float32)

    @property
    def kept(self) -> tuple:
        return self.data, self.training, self.testing

    def places(self) -> Callable[[int, int], np.ndarray]:
        """Return (first update, count) → the clips of those updates [count, R, B]; updates must come in order."""
        pairs = zip(self.seeds, self.training, strict=True)
        epochs = [orders(seed, chosen, self.settings.batch_size) for seed, chosen in pairs]
        drawn = np.zeros((0, self.replicas, self.settings.batch_size), np.int32)  # from update `begin` on
        begin = 0

        def find(first: int, count: int) -> np.ndarray:
            nonlocal drawn, begin
            while begin + len(drawn) < first + count:
                drawn, begin = drawn[max(first - begin, 0) :], min(max(first, begin), begin + len(drawn))
                drawn = np.concatenate([drawn, np.stack([next(epoch) for epoch in epochs], axis=1)])
            return drawn[first - begin : first - begin + count]

        return find

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the mean cross-entropy over the clips [..., B]."""
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        return tf.reduce_mean(losses, axis=-1)

    def after_epoch(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        wrong = self.heard(weights) != self.labels  # [R, N]
        chosen = {"train_error": self.training, "test_error": self.testing}
        return {name: 100 * np.take_along_axis(wrong, clips, axis=1).mean(axis=1) for name, clips in chosen.items()}

    def evaluate(self, weights: np.ndarray) -> dict:
        counts = {"training_clips": self.training.shape[1], "test_clips": self.testing.shape[1]}
        counts["skipped_files"] = len(self.features.skipped)
        return self.after_epoch(weights) | counts | {"words": self.words}

    def quantities(self) -> dict[str, Quantity]:
        training, testing = (self.labels[clips[0]] for clips in (self.training, self.testing))
        frequent = np.bincount(training).argmax()
        what = "the most frequent word for every clip"
        return {
            "test_error": Quantity("test error", "%", float(100 * (testing != frequent).mean()), what),
            "train_error": Quantity("training error", "%", float(100 * (training != frequent).mean()), what),
            "cross_entropy": Quantity(
                "cross-entropy in training", "nats", math.log(len(self.words)), "all words alike"
            ),
            "error": Quantity("error of an update's clips", "%"),
        }

    def report(self, weights: np.ndarray) -> Report:
        from tasks import figures

        first(weights)  # is used, but with all: each replica may have clips of its own for testing
        testing = self.testing[0]
        clips = [self.features.clips[place] for place in testing]
        answers, chances = (found[0, testing] for found in self.answers(weights))
        truth, given = ([self.words[label] for label in labels] for labels in (self.labels[testing], answers))
        counts = np.zeros((len(self.words), len(self.words)), int)
        np.add.at(counts, (self.labels[testing], answers), 1)
        modules, rate = layer_modules(self.network.hidden), mfcc.RATE // mfcc.HOP
        frames = self.features.padded([testing[0]], self.features.lengths[testing[0]])
        states = self.network.states_and_outputs(self.network.split(tf.constant(weights)), frames)[0][0, 0].numpy()
        drawn = {
            "confusion": figures.confusion_figure(
                counts, self.words, "said", "heard", "share of the word's test clips"
            ),
            "states": figures.states_figure(states, modules, rate, title=f"{truth[0]}, heard as {given[0]}"),
        }
        sounds = {}
        chosen = np.linspace(0, len(testing) - 1, min(len(testing), SOUNDS), dtype=int)
        for number, place in enumerate(chosen, start=1):
            samples, sampled = read_samples(clips[place].path, clips[place].span)
            samples = samples / max(1, np.abs(samples).max())  # of a file of floats, which may be any
            sounds[f"test_clip_{number}"] = Sound(samples, sampled, f"{truth[place]}, heard as {given[place]}")
        names = [f"{clip.path}:{clip.span[0]}-{clip.span[1]}" if clip.span else str(clip.path) for clip in clips]
        predictions = {"clip": names, "truth": truth, "answer": given, "probability": chances}
        predictions = {name: np.array(values) for name, values in predictions.items()}
        return Report(drawn, sounds, tables={"predictions": predictions})

    def heard(self, weights: np.ndarray) -> np.ndarray:
        """Return the word that each network of weights [R, P] hears in each clip [R, N]."""
        return self.answers(weights)[0]

    def answers(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the word that each network of weights [R, P] hears in each clip, and its probability, [R, N]."""
        count = len(self.labels)
        found = self._hear(weights, self.data[0], in_blocks(np.arange(count), BLOCK))  # each [blocks, R, clips]
        return tuple(part.numpy().transpose(1, 0, 2).reshape(len(weights), -1)[:, :count] for part in found)

    @functools.cached_property
    def _hear(self):
        def hear(weights, clips, blocks):
            arrays = self.network.split(weights)

            def of_block(block):
                logits = self.network.apply(arrays, tf.gather(clips, block))
                return tf.argmax(logits, -1, tf.int32), tf.reduce_max(tf.nn.softmax(logits), -1)

            return tf.map_fn(of_block, blocks, fn_output_signature=(tf.int32, tf.float32))

        return compiled(hear)

    @classmethod
    def use(cls, settings: Settings, folder: Path) -> None:
        """Print the words that a trained run hears in the files to classify."""
        if not settings.classify:
            raise ValueError("`run` needs `classify`, sound files to say the words of. Received: none")
        (words,) = load_json(folder / "metrics.json", words=list)
        features = [_read(path, settings.longest) for path in settings.classify]
        network = load_model(folder, mfcc.CHANNELS, len(words))
        for path, frames in zip(settings.classify, features, strict=True):
            chances = keras.ops.softmax(network(frames[None])).numpy()[0]
            best = np.argsort(chances)[::-1][:3]
            print(f"{path}: " + ", ".join(f"{words[place]} {chances[place]:.1%}" for place in best))


def orders(seed: int, clips: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yield the clips of each batch [batches, B], for one epoch after another, in orders drawn by the seed."""
    options = tf.data.Options()
    options.autotune.enabled = False  # whose thread would sleep for seconds while the iterator is being destroyed
    tf.random.set_seed(seed)
    epochs = tf.data.Dataset.from_tensor_slices(clips.astype(np.int32)).shuffle(len(clips), seed=seed)
    epochs = epochs.batch(batch_size, drop_remainder=True).batch(len(clips) // batch_size).repeat()
    # The first two orders are not used: all results here are from a time when they went into compiling.
    return epochs.skip(2).with_options(options).as_numpy_iterator()


def error(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the share of clips [..., B] that are taken for another word, in percent."""
    wrong = tf.argmax(outputs, -1, targets.dtype) != targets
    return 100 * tf.reduce_mean(tf.cast(wrong, tf.float32), axis=-1)


def load_clips(settings: Settings) -> list[Clip]:
    """Return the clips that the settings name; raises a ValueError that says what is wrong with them."""
    given = [name for name in ("timit", *CHOICES) if getattr(settings, name) not in (None, ())]
    if len(given) > 1:
        raise ValueError(f"`{given[1]}` must not come with `{given[0]}`. Received: both")
    if settings.timit is not None:
        if settings.corpus is not None:
            raise ValueError(f"`timit` must not come with `corpus`. Received: {settings.timit} and {settings.corpus}")
        return load_timit(Path(settings.timit), settings.seed)
    folder = SHIPPED if settings.corpus is None else Path(settings.corpus)
    test_list = None if settings.test_list is None else Path(settings.test_list)
    if not given and (folder / "test.txt").is_file():
        test_list = folder / "test.txt"
    share = SHARE if settings.test_share is None else settings.test_share
    return load_folder(folder, Split(test_list, settings.test_speakers, share, settings.seed))


def _read(path: str, longest: float) -> np.ndarray:
    if not Path(path).is_file():
        raise ValueError(f"`classify` must name files that exist. Received: {path}")
    try:
        return read_features(Clip(Path(path), ""), longest)
    except ValueError as problem:
        raise ValueError(f"`classify` must name sounds that can be used. Received: {problem}") from None
