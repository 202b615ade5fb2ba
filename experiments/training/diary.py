"""Networks that predict one utterance, watched over training, and what they say when they have heard another start."""

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from data.speech import PHONES, RATE, SHIPPED, load_utterance
from experiments.diary import EVERY, OWN_START, SILENCE, STARTS
from experiments.grid import Arrays
from experiments.speech import KINDS, QUANTITIES
from running.loop import Loop
from tasks.speech_measures import compare
from tasks.speech_prediction import Settings, SpeechPrediction
from tasks.task import Moment, compiled


class Diary(SpeechPrediction):
    """The utterance, read as in training but without noise, and spoken from other starts."""

    def predicted(self, weights: np.ndarray) -> np.ndarray:
        """Return what networks [R, P] predict from the truth, all seeds at once [R, N − k]."""
        (samples, phones), _ = self.data
        carried, parts = self.carried(), []
        for chunk in zip(samples, phones, strict=True):
            outputs, carried = self._read(weights, chunk, carried)
            parts.append(outputs[:, 0, :, 0])
        return np.concatenate(parts, axis=1)[:, : len(self.phones)]

    @functools.cached_property
    def _read(self):
        nothing_drawn = Moment(0, 1, None, None)
        return compiled(lambda weights, *chunk: self.read_on(self.network.split(weights), *chunk, nothing_drawn))

    def errors(self, said: np.ndarray, first: int = 0) -> np.ndarray:
        """Return the NMSE of what is said [R, N − k], from a sample of the utterance on [R]; infinite where it is not finite."""
        truth, after = self.signal[self.settings.window :], max(0, first - self.settings.window)
        squares = np.mean((said[:, after:].astype(float) - truth[after:]) ** 2, axis=1)
        return np.nan_to_num(squares / np.var(truth[after:]), nan=np.inf, posinf=np.inf)

    def spoken(self, weights: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return what networks [R, P] say of this utterance's phones after they have heard a start, normalised [R, N − k]."""
        window = self.settings.window
        heard = np.concatenate([start, self.signal[len(start) :]]).astype(np.float32)
        alone = np.arange(window, len(heard)) >= len(start)
        return self._speak(weights, heard[None], self.phones[None], alone.astype(np.float32)).numpy()


def train_networks(settings: Settings, seeds: Sequence[int], start_seconds: float) -> Arrays:
    """Train one kind of network with all seeds at once, and look at it every few epochs.

    Returns, for R seeds:
        errors [looks + 1, R]: NMSE on the whole utterance, from the truth and without noise, before training and at every
            look; infinite where there is none.
        norms, largest [looks, R]: of the gradients of the updates since the look before, before clipping, the median and
            the largest.
        KIND_QUANTITY [R]: what is measured of what they say in the end; KIND: what the first one says [T].
        starts [starts, 2, R]: NMSE after having heard each of the `STARTS`, of all that follows and of its second half.
        parameters, seconds: of one network, and its share of those of training.
    """
    task = Diary(settings, seeds)
    loop = Loop(task, settings)
    loop.call(0)  # compiles
    errors = [task.errors(task.predicted(loop.weights))]
    for epoch in range(EVERY, settings.epochs + 1, EVERY):
        loop.run(epoch * task.batches)
        errors.append(task.errors(task.predicted(loop.weights)))
    norms = loop.progress.history[..., loop.columns.index("gradient_norm")]
    norms = norms.reshape(len(errors) - 1, -1, task.replicas)  # [looks, updates, R]
    return {
        "errors": np.array(errors),
        "norms": np.median(norms, axis=1),
        "largest": norms.max(axis=1),
        "parameters": np.array(task.network.size),
        "seconds": loop.progress.seconds[-1] / task.replicas,
        "starts": np.array(list(after_starts(task, loop.weights, start_seconds))),
        **said(task, loop.weights),
    }


def said(task: Diary, weights: np.ndarray) -> Arrays:
    """Return what is measured of what networks [R, P] say, and what the first one does, as samples of the recording."""
    window, found = task.settings.window, {}
    versions = (task.predicted(weights), task.spoken(weights, task.signal[:window]))
    for kind, values in zip(KINDS, versions, strict=True):
        each = [compare(task.signal[window:], np.nan_to_num(own)) for own in values]
        lost = ~np.isfinite(values).all(axis=1)
        for name in QUANTITIES:
            found[f"{kind}_{name}"] = np.where(lost, np.inf, np.array([own[name] for own in each], float))
        found[kind] = values[0] * task.std + task.mean
    return found


def after_starts(task: Diary, weights: np.ndarray, seconds: float) -> Iterator[list[np.ndarray]]:
    """Yield for each of the `STARTS` the NMSE after it of networks [R, P], of all that follows and of its second half."""
    length = min(round(seconds * RATE), len(task.signal) // 2)
    half = (length + len(task.signal)) // 2
    for name in STARTS:
        values = task.spoken(weights, start(task, name, length))
        yield [task.errors(values, first) for first in (length, half)]


def start(task: Diary, name: str, length: int) -> np.ndarray:
    """Return what is heard first: so many samples of the utterance itself, of silence, or of another one that ships,
    normalised."""
    if name == OWN_START:
        return task.signal[:length]
    if name == SILENCE:
        return np.full(length, -task.mean / task.std)
    samples = load_utterance(SHIPPED / f"{name}.WAV").samples
    return (samples[:length] - samples.mean()) / samples.std()


def sizes(settings: Settings) -> Iterator[dict]:
    """Yield how many units and weights each module of a network has, fastest first, and the output."""
    hidden = SpeechPrediction(settings).network.hidden
    features, modules = settings.window + len(PHONES), hidden.modules
    seen = {"window": settings.window, "phones": len(PHONES)}
    for place, (units, period) in enumerate(zip(modules.sizes, modules.periods, strict=True)):
        heard = sum(modules.sizes[other] for other in modules.heard_by(place))
        yield seen | {
            "part": f"module {place}",
            "period": period,
            "units": units,
            "heard": heard,
            "input_weights": units * features * modules.sees_input[place],
            "recurrent_weights": units * heard,
            "biases": units,
        }
    of_output = {"units": 1, "heard": modules.units, "recurrent_weights": modules.units, "biases": 1}
    yield seen | {"part": "output"} | of_output
