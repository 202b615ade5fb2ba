"""Predict the next sample of speech from the last ones and the phone; then speak without hearing anything but oneself.

After a research diary of 2014: a recurrent network sees a sliding window of the last k samples and the phone of the sample
to predict, and is trained on a single utterance. Fed the truth it should predict well; the question is what becomes of it
when its own output is all that it hears.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf

from data.files import write_about
from data.sounds import as_wav
from data.speech import PHONES, RATE, find_utterance, load_times, load_utterance, phones_at_samples
from models.layer import ClockworkLayer
from models.linear import size
from tasks import forgetting
from tasks.flag import Flag
from tasks.forgetting import ForgettingSettings
from tasks.network import Network
from tasks.network_settings import NetworkSettings, check_noise
from tasks.report import Quantity, Report, Sound
from tasks.speech_measures import LEAST, QUANTITIES, compare
from tasks.task import Carried, Moment, Task, compiled, first, mean_squared_error
from tasks.trained_model import load_json, load_model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(ForgettingSettings, NetworkSettings):
    help_group = "data"

    utterance: str | None
    """Sound file with a .PHN file of phones beside it; without it, an utterance that ships."""
    timit: str | None
    """Folder of the TIMIT corpus; `utterance` then names one in it (DR1/FCJF0/SA1), or it is the first."""
    seconds: float
    """Seconds of the utterance to use, from its start; 0 is all of it."""
    window: int
    """Samples that the network sees, those before the one to predict."""
    chunk: Annotated[int, Flag("training", also=("batch", "batch_size"))]
    """Samples of one update; state and clock are carried to the next one, errors are not carried back."""
    input_noise: Annotated[float, Flag("training")]
    """Standard deviation of Gaussian noise on the normalised samples of the window in training."""
    weight_penalty: Annotated[float, Flag("training", also=("weight_decay", "l2"))]
    """The sum of the squared weights times this is added to the loss."""
    own_output: Annotated[float, Flag("training")]
    """Share of the network's own output in its window at the end of training: 0 is the truth only, 1 its own only (but for
    the first window of each chunk)."""
    own_output_from: Annotated[float, Flag("training")]
    """Share of the training after which the own output begins to come in."""
    own_output_until: Annotated[float, Flag("training")]
    """Share of the training after which it is fully in; between the two it rises linearly."""
    generate: Annotated[bool, Flag("trained run", also=("speak",))]
    """Speak with a trained run."""
    phones: Annotated[str | None, Flag("trained run")]
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
        return window_and_phone(samples, phones, self.window, self.phones)

    def compute_output_shape(self, samples_shape, phones_shape):
        return (*phones_shape, self.window + self.phones)

    def get_config(self):
        return super().get_config() | {"window": self.window, "phones": self.phones}


def window_and_phone(samples: tf.Tensor, phones: tf.Tensor, window: int, count: int) -> tf.Tensor:
    """Return what `WindowAndPhone` returns, for samples with any leading axes more than the phones have."""
    windows = tf.signal.frame(samples, window, 1)  # [..., B, T, k]
    said = tf.one_hot(phones, count, dtype=windows.dtype)  # [B, T, phones]
    shape = [size(windows, axis) for axis in range(windows.shape.rank - 1)]
    return tf.concat([windows, tf.broadcast_to(said, [*shape, count])], -1)


@dataclasses.dataclass(frozen=True)
class Speech:
    """Samples, with noise, and phones: seen through a window.

    Args:
        window: k.
        steps: T.
        noise: its standard deviation.
    """

    window: int
    steps: int
    noise: float

    @property
    def features(self) -> int:
        return self.window + len(PHONES)

    def seen(self, inputs, add_noise):
        samples, phones = inputs
        return window_and_phone(add_noise(samples, 2), phones, self.window, len(PHONES)), None

    def in_keras(self, replica):
        samples = keras.Input((self.window + self.steps - 1,), batch_size=1)
        phones = keras.Input((self.steps,), batch_size=1, dtype="int32")
        noisy = keras.layers.GaussianNoise(self.noise)(samples)
        return [samples, phones], WindowAndPhone(self.window, len(PHONES), name="seen")(noisy, phones)


class SpeechPrediction(Task):
    """Predict an utterance sample by sample; one epoch is one pass over it, chunk after chunk.

    Raises:
        ValueError: the utterance cannot be had, or the network cannot be built; names the argument or file, what was
            expected and what came.
    """

    name = "speech"
    example = "--utterance data/speech/clock.WAV --epochs 200"
    fixed = ("window",)
    of_data = ("utterance", "timit")
    lengths = ("chunk",)
    best_at = {"teacher_forced_seconds": math.inf, "free_running_seconds": math.inf}

    def __init__(self, settings: Settings, seeds: Sequence[int] | None = None):
        super().__init__(settings, seeds)
        self.metrics = {"mse": mean_squared_error}
        _check(settings)
        self.utterance = load_utterance(find_utterance(settings.utterance, settings.timit))
        count, asked = len(self.utterance.samples), round(settings.seconds * RATE)
        if settings.seconds and asked <= settings.window:
            wanted = f"more than the {settings.window} samples of `window`, {settings.window / RATE:g} s"
            raise ValueError(f"`seconds` must be {wanted}. Received: {settings.seconds:g}")
        used = min(count, asked) if settings.seconds else count
        if used <= settings.window:
            raise ValueError(f"`window` must be below the {used} samples of the utterance. Received: {settings.window}")
        samples = self.utterance.samples[:used]
        self.mean, self.std = float(samples.mean()), float(samples.std())
        if not self.std:
            raise ValueError(f"`utterance` must not be silent. Received: only {self.mean} in {self.utterance.name}")
        self.signal = (samples - self.mean) / self.std  # [N]
        said = self.signal[settings.window :]
        if len(said) < LEAST:
            raise ValueError(f"`window` must leave {LEAST} samples or more. Received: {settings.window} of {used}")
        if (said == said[0]).all():
            raise ValueError(f"`window` must leave samples that vary. Received: {settings.window} of {used}")
        self.phones = self.utterance.phones[settings.window : used]  # [N − k]
        self.batches = -(-len(self.phones) // settings.chunk)
        self.steps_of_update = settings.chunk
        self.data = self._chunks()
        front = Speech(settings.window, settings.chunk, settings.input_noise)
        self.network = Network(settings, front, 1, streams=1)

    def _chunks(self) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Return samples [chunks, 1, k + T − 1] and phones [chunks, 1, T], and what is to be said [chunks, 1, T, 1]."""
        window, chunk = self.settings.window, self.settings.chunk
        behind = (0, self.batches * chunk - len(self.phones))  # what fills the last chunk: the mean, in the last phone
        values, phones = np.pad(self.signal, behind), np.pad(self.phones, behind, mode="edge")
        starts = range(0, self.batches * chunk, chunk)
        samples = np.stack([values[start : start + window + chunk - 1] for start in starts])
        inputs = (samples[:, None], phones.reshape(self.batches, 1, chunk))
        return inputs, values[window:].reshape(self.batches, 1, chunk, 1)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return mean_squared_error(targets, outputs)

    def penalty(self, weights: list[tf.Tensor]) -> tf.Tensor | float:
        """Return the sum of the squares of all weight matrices, not of biases, times the penalty [R]."""
        if not self.settings.weight_penalty:
            return 0.0
        matrices = [array for array in weights if array.shape.rank > 2]
        squares = [tf.reduce_sum(array**2, range(1, array.shape.rank)) for array in matrices]
        return self.settings.weight_penalty * tf.add_n(squares)

    def forward(self, weights: list[tf.Tensor], inputs: Sequence[tf.Tensor], carried: Carried, moment: Moment):
        """Predict [R, 1, T, 1] from a window into which the networks' own output has been mixed."""
        settings = self.settings
        carried = forgetting.where_kept(carried, settings, moment.update, self.batches)
        samples, phones = inputs
        if settings.own_output:
            rise = max(settings.own_output_until - settings.own_output_from, 1e-9)
            risen = (tf.cast(moment.update, tf.float32) / moment.updates - settings.own_output_from) / rise
            share = settings.own_output * tf.clip_by_value(risen, 0, 1)
            truth = tf.broadcast_to(samples, [self.replicas, *samples.shape])
            samples = tf.cond(share > 0, lambda: self.mixed(weights, inputs, share, carried), lambda: truth)
        return self.read_on(weights, (samples, phones), carried, moment)

    def mixed(
        self, weights: list[tf.Tensor], inputs: Sequence[tf.Tensor], share: tf.Tensor, carried: Carried
    ) -> tf.Tensor:
        """Return the samples [R, 1, k + T − 1] with a share of each network's own output behind the first k."""
        window, (samples, phones) = self.settings.window, inputs
        parts = len(self.network.hidden.cell.states)
        clock = [carried.clock[None]] * self.network.hidden.clocked

        def mix(own: list[tf.Tensor]) -> tf.Tensor:
            state = own[len(weights) :]
            state = [*state[:parts], *clock, *state[parts:]]
            said = free_run(self.network.hidden, own[: len(weights)], samples, phones, share, state)[None, :-1]
            return tf.concat([samples[:, :window], share * said + (1 - share) * samples[:, window:]], 1)

        return tf.stop_gradient(tf.map_fn(mix, [*weights, *carried.state], fn_output_signature=tf.float32))

    def evaluate(self, weights: np.ndarray) -> dict:
        truth = self.signal[self.settings.window :]
        metrics = {"signal_mean": self.mean, "signal_std": self.std}
        for name, said in self.said(weights).items():
            each = [compare(truth, own) for own in said]
            for quantity, value in each[0].items():
                values = None if value is None else np.array([own[quantity] for own in each])
                metrics[f"{name}_{quantity}"] = values
        return metrics

    def quantities(self) -> dict[str, Quantity]:
        truth, before = self.signal[self.settings.window :], self.signal[self.settings.window - 1 : -1]
        naive = {"teacher_forced": before, "free_running": np.zeros_like(truth)}
        how = {"teacher_forced": "the last sample again", "free_running": "the mean"}
        fed = {"teacher_forced": "fed the truth", "free_running": "fed its own output"}
        found, reached = {}, {name: compare(truth, values) for name, values in naive.items()}
        for quantity, (label, unit) in QUANTITIES.items():
            for name in naive:
                value = reached[name][quantity]
                found[f"{name}_{quantity}"] = Quantity(f"{label}, {fed[name]}", unit, value, how[name])
        last = float(np.mean((truth - before) ** 2, dtype=float))
        return found | {
            "mse": Quantity("mean squared error in training", "", last, how["teacher_forced"], decades=True)
        }

    def report(self, weights: np.ndarray) -> Report:
        from tasks import figures

        said = {name: own[0] for name, own in self.said(first(weights)).items()}
        versions = {"original": self.signal[self.settings.window :]} | said
        window, end = self.settings.window, len(self.signal)
        times = [(first, min(last, end), phone) for first, last, phone in self.utterance.times]
        shown = [own for own in times if own[1] > max(own[0], window)]
        drawn = figures.speech_figure(versions, shown, RATE, window)
        sounds = {name: Sound(self._sound(values), RATE, name.replace("_", " ")) for name, values in versions.items()}
        table = {"seconds": np.arange(window, end) / RATE, "phone": np.array([PHONES[phone] for phone in self.phones])}
        table |= {name: self._in_units(values) for name, values in versions.items()}
        return Report({"speech": drawn}, sounds, tables={"speech": table})

    def said(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return what networks [R, P] say, teacher-forced and free-running, on the normalised signal [R, N − k]."""
        samples, phones = self.signal[None], self.phones[None]
        shares = {"teacher_forced": 0.0, "free_running": 1.0}
        return {name: self._speak(weights, samples, phones, tf.constant(x)).numpy() for name, x in shares.items()}

    @functools.cached_property
    def _speak(self):
        def speak(weights, samples, phones, share):  # each has a loop of its own
            hidden = self.network.hidden
            state = hidden.get_initial_state(1)
            one = lambda own: free_run(hidden, own, samples, phones, share, state)  # noqa: E731
            return tf.map_fn(one, self.network.split(weights), fn_output_signature=tf.float32)

        return compiled(speak)

    def _sound(self, values: np.ndarray) -> np.ndarray:
        return self._in_units(values).clip(-1, 1)

    def _in_units(self, values: np.ndarray) -> np.ndarray:
        """Return values of the normalised signal as samples of the recording."""
        return values * self.std + self.mean

    @classmethod
    def made(cls, settings: Settings) -> tuple[str, int]:
        return "phones", load_times(Path(settings.phones))[-1][1] if settings.phones else 0

    @classmethod
    def use(cls, settings: Settings, folder: Path) -> None:
        """Let a trained run speak a file of phones, from silence on, and write the sound into its folder."""
        if not settings.generate or settings.phones is None:
            raise ValueError("`run` needs `generate` and `phones`, a .PHN file to speak. Received: not both")
        path = Path(settings.phones)
        phones = phones_at_samples(load_times(path))
        mean, std = load_json(folder / "metrics.json", signal_mean=float, signal_std=float)
        network = load_model(folder, settings.window + len(PHONES), outputs=1)
        silence = np.zeros(settings.window, np.float32)
        sound = folder / f"spoken_{path.stem}.wav"
        values = speak(network, silence, phones, 1.0) * std + mean
        with write_about(sound, "phones", path) as part:
            part.write_bytes(as_wav(values.clip(-1, 1), RATE))
        print(f"{len(phones) / RATE:.2f} s of speech are in {sound}")


def speak(network: keras.Model, heard: np.ndarray, phones: np.ndarray, share: float) -> np.ndarray:
    """Run a trained run's model sample by sample from step 0.

    Args:
        network: of `SpeechPrediction`.
        heard: normalised samples; the first k fill the first window [k], the others are what it hears [k + T].
        phones: of each sample to say [T].
        share: of the network's own output in its window; 1 is its own only.

    Returns:
        What it says [T].
    """
    hidden, window = network.get_layer("hidden"), network.get_layer("seen").window
    samples = np.pad(heard, (0, max(0, window + len(phones) - len(heard))))[None]
    variables = [*hidden.trainable_variables, *network.get_layer("output").trainable_variables]
    weights = [tf.convert_to_tensor(variable) for variable in variables]
    start = hidden.get_initial_state(1)
    return _compiled(hidden)(weights, samples, phones[None], tf.constant(share), start).numpy()


@functools.lru_cache(maxsize=1)
def _compiled(hidden: ClockworkLayer) -> Callable:
    return compiled(functools.partial(free_run, hidden))


def free_run(
    hidden: ClockworkLayer,
    weights: Sequence[tf.Tensor],
    samples: tf.Tensor,
    phones: tf.Tensor,
    share: tf.Tensor,
    state: Sequence[tf.Tensor],
) -> tf.Tensor:
    """Run a network sample by sample, its own output mixed into its window: share · own + (1 − share) · truth.

    Args:
        hidden: its hidden layer, of which only the configuration matters.
        weights: of the hidden layer and of the output.
        samples: the truth, [1, k + T − 1] or longer.
        phones: of each sample to say [1, T].
        share: of the own output, at all steps or at each [T].
        state: of the hidden layer, before the first step, as its `initial_state`.

    Returns:
        The outputs [T].
    """
    *own, kernel, bias = weights
    window, steps, step = hidden.input_spec.axes[-1] - len(PHONES), phones.shape[1], hidden.stepper(own)
    truth, share = tf.pad(samples, [[0, 0], [0, 1]]), tf.broadcast_to(share, [steps])

    def say(t, heard, state, said):
        seen = window_and_phone(heard, phones[:, t][:, None], window, len(PHONES))[:, 0]
        state = step(seen, state)
        own = state[0] @ kernel + bias  # [1, 1]
        next_one = share[t] * own + (1 - share[t]) * truth[:, t + window][:, None]
        return t + 1, tf.concat([heard[:, 1:], next_one], 1), state, said.write(t, own[0, 0])

    said = tf.TensorArray(samples.dtype, steps, element_shape=[])
    *_, said = tf.while_loop(lambda t, *_: t < steps, say, (0, samples[:, :window], list(state), said))
    return said.stack()


def _check(settings: Settings) -> None:
    for name in ("seconds", "weight_penalty"):
        if not 0 <= getattr(settings, name) < float("inf"):
            raise ValueError(f"`{name}` must be at least 0. Received: {getattr(settings, name)}")
    for name in ("window", "chunk"):
        if getattr(settings, name) < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {getattr(settings, name)}")
    check_noise(settings.input_noise)
    for name in ("own_output", "own_output_from", "own_output_until"):
        if not 0 <= getattr(settings, name) <= 1:
            raise ValueError(f"`{name}` must be from 0 to 1. Received: {getattr(settings, name)}")
    if settings.own_output_from > settings.own_output_until:
        came = settings.own_output_from
        raise ValueError(
            f"`own_output_from` must be at most `own_output_until`, {settings.own_output_until}. Received: {came}"
        )
    forgetting.check(settings)
    for name in ("generate", "phones"):
        if getattr(settings, name):
            raise ValueError(f"`{name}` needs `run`, the name of a trained run. Received: none")
