"""Predict the next sample of speech from the last ones and the phone; then speak without hearing anything but oneself.

After a research diary of 2014: a recurrent network sees a sliding window of the last k samples and the phone of the sample
to predict, and is trained on a single utterance. Fed the truth it should predict well; the question is what becomes of it
when its own output is all that it hears.
"""

import dataclasses
import functools
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import soundfile
import tensorflow as tf
from scipy import signal

import figures
from data.speech import PHONES, RATE, find_utterance, load_times, load_utterance, phones_at_samples
from runs import write_whole
from tasks.task import (
    NetworkSettings,
    Report,
    Task,
    mean_squared_error,
    output_layer,
    penalise_weights,
    recurrent_layer,
    reset_where,
)

WITHIN = 0.1  # NMSE up to which speech counts as given back
FIRST = RATE // 4  # samples of the beginning that are judged by themselves


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings):
    utterance: str | None
    """Sound file with a .PHN file of phones beside it; without it, an utterance that ships."""
    timit: str | None
    """Folder of the TIMIT corpus; utterance then names one in it (DR1/FCJF0/SA1), or it is the first."""
    seconds: float
    """How much of the utterance to use, from its start; 0 is all of it."""
    window: int
    """Samples that the network sees, those before the one to predict."""
    chunk: int
    """Samples of one update; state and clock are carried to the next one, errors are not carried back."""
    input_noise: float
    """Standard deviation of Gaussian noise on the normalised samples of the window in training."""
    weight_penalty: float
    """The sum of the squared weights times this is added to the loss."""
    own_output: float
    """Share of the network's own output in its window at the end of training: 0 is the truth only, 1 its own only (but for
    the first window of each chunk)."""
    own_output_from: float
    """Share of the training after which the own output begins to come in."""
    own_output_until: float
    """Share of the training after which it is fully in; between the two it rises linearly."""
    generate: bool
    """Speak with a trained run."""
    phones: str | None
    """File of phones (.PHN) to speak."""


@keras.saving.register_keras_serializable(package="clockwork_rnn")
class WindowAndPhone(keras.layers.Layer):
    """What the network sees before each sample: the last k samples, and the phone of the sample as one of many.

    Call arguments:
        samples: [B, k + T − 1], the last T − 1 of which are also to be predicted.
        phones: index of the phone of each sample to predict [B, T].

    Returns:
        [B, T, k + phones].
    """

    def __init__(self, window: int, phones: int, **kwargs):
        super().__init__(**kwargs)
        self.window = window
        self.phones = phones

    def call(self, samples, phones):
        windows = tf.signal.frame(samples, self.window, 1)  # [B, T, k]
        return tf.concat([windows, tf.one_hot(phones, self.phones, dtype=windows.dtype)], -1)

    def compute_output_shape(self, samples_shape, phones_shape):
        return (*phones_shape, self.window + self.phones)

    def get_config(self):
        return super().get_config() | {"window": self.window, "phones": self.phones}


class SpeechPrediction(Task):
    """Predict an utterance sample by sample; one epoch is one pass over it, chunk after chunk.

    Raises:
        ValueError: the utterance cannot be had, or the network cannot be built; names the argument or file, what was
            expected and what came.
    """

    name = "speech"

    def __init__(self, settings: Settings):
        self.settings = settings
        self.metrics = {"mse": mean_squared_error}
        _check(settings)
        self.utterance = load_utterance(find_utterance(settings.utterance, settings.timit))
        count = len(self.utterance.samples)
        used = min(count, round(settings.seconds * RATE)) if settings.seconds else count
        if used <= settings.window:
            raise ValueError(f"`window` must be below the {used} samples of the utterance. Received: {settings.window}")
        samples = self.utterance.samples[:used]
        self.mean, self.std = float(samples.mean()), float(samples.std())
        if not self.std:
            raise ValueError(f"`utterance` must not be silent. Received: only {self.mean} in {self.utterance.name}")
        self.signal = (samples - self.mean) / self.std  # [N]
        self.phones = self.utterance.phones[settings.window : used]  # [N − k]
        self.chunks = -(-len(self.phones) // settings.chunk)
        self.network()  # so that settings it refuses are refused before anything is written

    def epoch(self) -> tf.data.Dataset:
        window, chunk = self.settings.window, self.settings.chunk
        behind = (0, self.chunks * chunk - len(self.phones))  # what fills the last chunk: the mean, in the last phone
        values, phones = np.pad(self.signal, behind), np.pad(self.phones, behind, mode="edge")
        starts = range(0, self.chunks * chunk, chunk)
        samples = np.stack([values[start : start + window + chunk - 1] for start in starts])  # [chunks, k + T − 1]
        targets = values[window:].reshape(self.chunks, chunk, 1)
        inputs = (samples, phones.reshape(self.chunks, chunk))
        return tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(1, drop_remainder=True)

    def network(self) -> keras.Model:
        settings = self.settings
        samples = keras.Input((settings.window + settings.chunk - 1,), batch_size=1)
        phones = keras.Input((settings.chunk,), batch_size=1, dtype="int32")
        noisy = keras.layers.GaussianNoise(settings.input_noise)(samples)
        seen = WindowAndPhone(settings.window, len(PHONES), name="seen")(noisy, phones)
        hidden = recurrent_layer(settings, seen, stateful=True)
        network = keras.Model([samples, phones], output_layer(settings, hidden, 1, "linear"))
        penalise_weights(network, settings.weight_penalty)
        return network

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return mean_squared_error(targets, outputs)

    def outputs(self, network: keras.Model, inputs: Sequence[tf.Tensor], update: tf.Tensor, updates: int) -> tf.Tensor:
        """Return the predictions [1, T, 1] from a window into which the network's own output has been mixed."""
        settings, hidden = self.settings, network.get_layer("hidden")
        samples, phones = inputs
        reset_where(hidden, update % self.chunks == 0)  # the utterance begins again
        if settings.own_output:
            rise = max(settings.own_output_until - settings.own_output_from, 1e-9)
            risen = (tf.cast(update, tf.float32) / updates - settings.own_output_from) / rise
            share = settings.own_output * tf.clip_by_value(risen, 0, 1)
            state = [tf.convert_to_tensor(value) for value in hidden.states]
            samples = tf.cond(share > 0, lambda: mixed(network, samples, phones, share, state), lambda: samples)
        return network((samples, phones), training=True)

    def evaluate(self, network: keras.Model) -> dict:
        truth = self.signal[self.settings.window :]
        metrics = {"signal_mean": self.mean, "signal_std": self.std}
        for name, said in self.said(network).items():
            metrics |= {f"{name}_{quantity}": value for quantity, value in compare(truth, said).items()}
        return metrics

    def report(self, network: keras.Model) -> Report:
        versions = {"original": self.signal[self.settings.window :]} | self.said(network)
        window, end = self.settings.window, len(self.signal)
        times = [(max(first, window), min(last, end), phone) for first, last, phone in self.utterance.times]
        times = [(first - window, last - window, phone) for first, last, phone in times if first < last]
        drawn = figures.speech_figure(versions, times, RATE)
        return Report({"speech": drawn}, {name: (self._sound(values), RATE) for name, values in versions.items()})

    def said(self, network: keras.Model) -> dict[str, np.ndarray]:
        """Return what the network says, teacher-forced and free-running, on the normalised signal [N − k]."""
        return {
            name: speak(network, self.signal, self.phones, share)
            for name, share in (("teacher_forced", 0.0), ("free_running", 1.0))
        }

    def _sound(self, values: np.ndarray) -> np.ndarray:
        return (values * self.std + self.mean).clip(-1, 1)

    @classmethod
    def use(cls, settings: Settings, folder: Path) -> None:
        """Let a trained run speak a file of phones, from silence on, and write the sound into its folder."""
        if not settings.generate or settings.phones is None:
            raise ValueError("`run` needs `generate` and `phones`, a .PHN file to speak. Received: not both")
        path = Path(settings.phones)
        phones = phones_at_samples(load_times(path))
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        network = keras.models.load_model(folder / "model.keras")
        silence = np.zeros(network.get_layer("seen").window, np.float32)
        sound = folder / f"spoken_{path.stem}.wav"
        if sound.exists() and not settings.overwrite:
            raise ValueError(
                f"`phones` must have a name that is new, or come with `overwrite`. Received: {path}, for {sound}"
            )
        values = speak(network, silence, phones, 1.0) * metrics["signal_std"] + metrics["signal_mean"]
        with write_whole(sound, suffix=".wav") as part:
            soundfile.write(part, values.clip(-1, 1), RATE)
        print(f"{len(phones) / RATE:.2f} s of speech are in {sound}")


def speak(network: keras.Model, heard: np.ndarray, phones: np.ndarray, share: float) -> np.ndarray:
    """Run a network sample by sample from step 0.

    Args:
        network: of `SpeechPrediction`.
        heard: normalised samples; the first k fill the first window [k], the others are what it hears [k + T].
        phones: of each sample to say [T].
        share: of the network's own output in its window; 1 is its own only.

    Returns:
        What it says [T].
    """
    window = network.get_layer("seen").window
    samples = np.pad(heard, (0, max(0, window + len(phones) - len(heard))))[None]
    return _compiled(network)(samples, phones[None], tf.constant(share)).numpy()


@functools.lru_cache(maxsize=1)
def _compiled(network: keras.Model):
    def run(samples, phones, share):
        return free_run(network, samples, phones, share, network.get_layer("hidden").get_initial_state(1))

    return tf.function(run, jit_compile=True, autograph=False)


def free_run(
    network: keras.Model, samples: tf.Tensor, phones: tf.Tensor, share: tf.Tensor, state: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Run a network sample by sample, its own output mixed into its window: share · own + (1 − share) · truth.

    Args:
        network: of `SpeechPrediction`.
        samples: the truth, [1, k + T − 1] or longer.
        phones: of each sample to say [1, T].
        share: of the own output.
        state: of the hidden layer, before the first step.

    Returns:
        The outputs [T].
    """
    seen, output = network.get_layer("seen"), network.get_layer("output")
    step, steps = network.get_layer("hidden").stepper(), phones.shape[1]
    kernel, bias = (tf.convert_to_tensor(weights) for weights in (output.kernel, output.bias))
    truth = tf.pad(samples, [[0, 0], [0, 1]])

    def say(t, window, state, said):
        state = step(seen(window, phones[:, t][:, None])[:, 0], state)
        own = state[0] @ kernel + bias  # [1, 1]
        heard = share * own + (1 - share) * truth[:, t + seen.window][:, None]
        return t + 1, tf.concat([window[:, 1:], heard], 1), state, said.write(t, own[0, 0])

    said = tf.TensorArray(samples.dtype, steps, element_shape=[])
    *_, said = tf.while_loop(lambda t, *_: t < steps, say, (0, samples[:, : seen.window], list(state), said))
    return said.stack()


def mixed(
    network: keras.Model, samples: tf.Tensor, phones: tf.Tensor, share: tf.Tensor, state: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Return the samples [1, k + T − 1] with the network's own output, as in `free_run`, mixed in behind the first k."""
    window = network.get_layer("seen").window
    own = free_run(network, samples, phones, share, state)[None, :-1]
    return tf.stop_gradient(tf.concat([samples[:, :window], share * own + (1 - share) * samples[:, window:]], 1))


def compare(truth: np.ndarray, said: np.ndarray) -> dict[str, float | None]:
    """Measure speech [T] against the truth [T], both normalised.

    Returns:
        mse, and nmse = MSE / variance of the truth; first_nmse: the same of the first quarter of a second alone, None if
        that is silence; seconds: of the longest beginning whose mean squared error is within a tenth of the truth's variance;
        log_spectral_distance: the mean over frames (25 ms every 10 ms) of the root mean squared difference of log
        spectra, in dB, where what lies 60 dB below the truth's strongest component counts as so much.
    """
    squares = (said.astype(float) - truth) ** 2
    so_far = np.cumsum(squares) / np.arange(1, len(truth) + 1)
    within = np.flatnonzero(so_far <= WITHIN * np.var(truth))
    window = signal.windows.hann(min(RATE // 40, len(truth)))
    frames = signal.ShortTimeFFT(window, RATE // 100, RATE)
    powers = [frames.spectrogram(values) for values in (truth, said)]
    levels = [10 * np.log10(np.maximum(power, 1e-6 * powers[0].max())) for power in powers]  # dB
    return {
        "mse": float(squares.mean()),
        "nmse": float(squares.mean() / np.var(truth)),
        "first_nmse": float(squares[:FIRST].mean() / np.var(truth[:FIRST])) if truth[:FIRST].std() else None,
        "seconds": float((within[-1] + 1 if len(within) else 0) / RATE),
        "log_spectral_distance": float(np.sqrt(((levels[1] - levels[0]) ** 2).mean(axis=0)).mean()),
    }


def _check(settings: Settings) -> None:
    for name in ("seconds", "weight_penalty"):
        if not 0 <= getattr(settings, name) < float("inf"):
            raise ValueError(f"`{name}` must be at least 0. Received: {getattr(settings, name)}")
    for name in ("window", "chunk"):
        if getattr(settings, name) < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {getattr(settings, name)}")
    for name in ("input_noise", "own_output", "own_output_from", "own_output_until"):
        if not 0 <= getattr(settings, name) <= 1:
            raise ValueError(f"`{name}` must be from 0 to 1. Received: {getattr(settings, name)}")
    if settings.own_output_from > settings.own_output_until:
        came = settings.own_output_from
        raise ValueError(
            f"`own_output_from` must be at most `own_output_until`, {settings.own_output_until}. Received: {came}"
        )
    for name in ("generate", "phones"):
        if getattr(settings, name):
            raise ValueError(f"`{name}` needs `run`, the name of a trained run. Received: none")
