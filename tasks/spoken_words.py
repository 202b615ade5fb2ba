"""Say which word was spoken, at the last frame of its features (Koutník et al. 2014, section 4.2)."""

import dataclasses
import functools
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import figures
from data import mfcc
from data.features import load_features, read_features, read_samples
from data.spoken_words import SHIPPED, Clip, Split, load_folder, load_timit
from tasks.task import NetworkSettings, Report, Task, layer_modules, output_layer, recurrent_layer

BLOCK = 64  # clips evaluated at once
SOUNDS = 3  # test clips to listen to


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings):
    corpus: str | None
    """Folder with a folder of sound files for each word; without it, the words that ship."""
    timit: str | None
    """Folder of the TIMIT corpus, from which the paper's words are cut, instead of corpus."""
    test_list: str | None
    """File that names the test clips, relative to the corpus; without it, test.txt of the corpus if there is one."""
    test_speakers: tuple[str, ...]
    """Speakers to test on, where files are named SPEAKER_….wav."""
    test_share: float
    """Share of each word's clips to test on, drawn by the seed, where neither a list nor speakers are given."""
    longest: float
    """Seconds; longer clips are skipped."""
    cache_dir: Path
    """Folder that keeps the features of a corpus."""
    input_noise: float
    """Standard deviation of Gaussian noise on the normalised features in training."""
    batch_size: int
    """Clips of one update."""
    patience: int
    """Stop when the error on the training clips, without noise, has not fallen for so many epochs; 0 never stops."""
    classify: tuple[str, ...]
    """Sound files to say the words of, with a trained run."""


class SpokenWords(Task):
    """Classify words of varying length; one epoch is one pass over the training clips in random order.

    Raises:
        ValueError: the corpus cannot be had, or the network cannot be built; names the argument or file, what was
            expected and what came.
    """

    name = "words"
    epoch_quantity = "error (%)"

    def __init__(self, settings: Settings):
        self.settings = settings
        self.metrics = {"cross_entropy": self.loss, "error": error}
        for name in ("longest", "input_noise", "patience"):
            if not getattr(settings, name) >= 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {getattr(settings, name)}")
        if settings.classify:
            raise ValueError("`classify` needs `run`, the name of a trained run. Received: none")
        self.features = load_features(load_clips(settings), settings.cache_dir, settings.longest)
        clips = self.features.clips
        self.words = sorted({clip.word for clip in clips})
        self.labels = np.array([self.words.index(clip.word) for clip in clips], np.int32)  # [N]
        test = np.array([clip.test for clip in clips])
        self.training, self.testing = np.flatnonzero(~test), np.flatnonzero(test)
        for kind, chosen in (("training", self.training), ("testing", self.testing)):
            if not len(chosen):
                raise ValueError(f"`corpus` must leave clips for {kind} that can be read. Received: none")
        if not 1 <= settings.batch_size <= len(self.training):
            most = len(self.training)
            raise ValueError(
                f"`batch_size` must be from 1 to the {most} training clips. Received: {settings.batch_size}"
            )
        self.steps = int(self.features.lengths.max())  # one length for all, so that one program serves all batches
        self.network()  # so that settings it refuses are refused before anything is written

    def epoch(self) -> tf.data.Dataset:
        shapes = [(self.settings.batch_size, self.steps, mfcc.CHANNELS), (self.settings.batch_size,)]

        def load(places):
            inputs, labels = tf.numpy_function(
                lambda chosen: (self.features.padded(chosen, self.steps), self.labels[chosen]),
                [places],
                [tf.float32, tf.int32],
            )
            return tf.ensure_shape(inputs, shapes[0]), tf.ensure_shape(labels, shapes[1])

        places = tf.data.Dataset.from_tensor_slices(self.training)
        places = places.shuffle(len(self.training), seed=self.settings.seed)
        return places.batch(self.settings.batch_size, drop_remainder=True).map(load).prefetch(4)

    def network(self) -> keras.Model:
        return self._network(return_sequences=False)

    def _network(self, return_sequences: bool) -> keras.Model:
        mean, variance = self.statistics
        inputs = keras.Input((None, mfcc.CHANNELS))
        frames = keras.layers.Masking()(inputs)  # frames of zeros are padding
        frames = keras.layers.Normalization(mean=mean, variance=variance)(frames)
        frames = keras.layers.GaussianNoise(self.settings.input_noise)(frames)
        hidden = recurrent_layer(self.settings, frames, return_sequences)
        return keras.Model(inputs, output_layer(self.settings, hidden, len(self.words), "linear"))

    @functools.cached_property
    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each channel over the training clips."""
        total, squares, count = np.zeros(mfcc.CHANNELS), np.zeros(mfcc.CHANNELS), 0
        for place in self.training:
            frames = self.features.padded([place], self.features.lengths[place])[0].astype(float)
            total, squares, count = total + frames.sum(0), squares + (frames**2).sum(0), count + len(frames)
        mean = total / count
        return mean.astype(np.float32), (squares / count - mean**2).astype(np.float32)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the mean cross-entropy over the clips [..., B]."""
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        return tf.reduce_mean(losses, axis=-1)

    def after_epoch(self, network: keras.Model) -> dict[str, float]:
        return {
            f"{kind}_error": float(100 * np.mean(self.probabilities(network, chosen).argmax(1) != self.labels[chosen]))
            for kind, chosen in (("train", self.training), ("test", self.testing))
        }

    def finished(self, epochs: list[dict[str, float]]) -> bool:
        errors = [epoch["train_error"] for epoch in epochs]
        return bool(self.settings.patience) and len(errors) - 1 - int(np.argmin(errors)) >= self.settings.patience

    def evaluate(self, network: keras.Model) -> dict:
        counts = {"training_clips": len(self.training), "test_clips": len(self.testing)}
        counts["skipped_files"] = len(self.features.skipped)
        return self.after_epoch(network) | counts | {"words": self.words}

    def report(self, network: keras.Model) -> Report:
        heard = self.probabilities(network, self.testing).argmax(1)
        counts = np.zeros((len(self.words), len(self.words)), int)
        np.add.at(counts, (self.labels[self.testing], heard), 1)
        modules, rate = layer_modules(network.get_layer("hidden")), mfcc.RATE // mfcc.HOP
        drawn = {
            "confusion": figures.confusion_figure(counts, self.words),
            "states": figures.states_figure(self._states(network, self.testing[0]), modules, rate),
        }
        sounds = {}
        for place in np.linspace(0, len(self.testing) - 1, SOUNDS, dtype=int):
            clip = self.features.clips[self.testing[place]]
            sounds[f"{clip.word}_heard_as_{self.words[heard[place]]}"] = read_samples(clip.path, clip.span)
        return Report(drawn, sounds)

    def probabilities(self, network: keras.Model, chosen: np.ndarray) -> np.ndarray:
        """Return the probability of each word [clips, words] for the clips chosen."""
        parts = []
        for first in range(0, len(chosen), BLOCK):
            block = chosen[first : first + BLOCK]
            padded = np.resize(block, BLOCK)  # always as many, so that one program serves all
            logits = _compiled(network)(self.features.padded(padded, self.steps))
            parts.append(keras.ops.softmax(logits).numpy()[: len(block)])
        return np.concatenate(parts)

    def _states(self, network: keras.Model, place: int) -> np.ndarray:
        """Return the hidden states over the frames of one clip [T, n]."""
        every = self._network(return_sequences=True)
        every.set_weights(network.get_weights())
        hidden = keras.Model(every.input, every.get_layer("hidden").output)
        return hidden(self.features.padded([place], self.features.lengths[place])).numpy()[0]

    @classmethod
    def use(cls, settings: Settings, folder: Path) -> None:
        """Print the words that a trained run hears in the files to classify."""
        if not settings.classify:
            raise ValueError("`run` needs `classify`, sound files to say the words of. Received: none")
        words = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["words"]
        features = [_read(path, settings.longest) for path in settings.classify]
        network = keras.models.load_model(folder / "model.keras")
        for path, frames in zip(settings.classify, features, strict=True):
            chances = keras.ops.softmax(network(frames[None])).numpy()[0]
            best = np.argsort(chances)[::-1][:3]
            print(f"{path}: " + ", ".join(f"{words[place]} {chances[place]:.1%}" for place in best))


def error(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the share of clips [..., B] that are taken for another word, in percent."""
    wrong = tf.argmax(outputs, -1, targets.dtype) != targets
    return 100 * tf.reduce_mean(tf.cast(wrong, tf.float32), axis=-1)


def load_clips(settings: Settings) -> list[Clip]:
    """Return the clips that the settings name; raises a ValueError that says what is wrong with them."""
    if settings.timit is not None:
        if settings.corpus is not None:
            raise ValueError(f"`timit` must not come with `corpus`. Received: {settings.timit} and {settings.corpus}")
        return load_timit(Path(settings.timit), settings.seed)
    folder = SHIPPED if settings.corpus is None else Path(settings.corpus)
    test_list = None if settings.test_list is None else Path(settings.test_list)
    if test_list is None and not settings.test_speakers and (folder / "test.txt").is_file():
        test_list = folder / "test.txt"
    return load_folder(folder, Split(test_list, settings.test_speakers, settings.test_share, settings.seed))


def _read(path: str, longest: float) -> np.ndarray:
    if not Path(path).is_file():
        raise ValueError(f"`classify` must name files that exist. Received: {path}")
    try:
        return read_features(Clip(Path(path), ""), longest)
    except ValueError as problem:
        raise ValueError(f"`classify` must name sounds that can be used. Received: {problem}") from None


@functools.lru_cache(maxsize=1)
def _compiled(network: keras.Model):
    return tf.function(lambda inputs: network(inputs, training=False), jit_compile=True, autograph=False)
