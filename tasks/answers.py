"""Say of whole sequences what they are, or how much: a class each, or numbers."""

import functools
import math
import os
import reprlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from data.series import Roles, Sequences, load, split
from data.times import is_same_step
from tasks import expected, measures
from tasks.network import Network
from tasks.report import Quantity, Report
from tasks.series import SeriesTask, Settings, roles_of
from tasks.task import compiled, first, in_blocks
from tasks.trained_model import (
    check_step,
    check_units,
    check_values,
    damaged,
    learned_names,
    learned_numbers,
    load_learned,
    load_model,
)

BLOCK = 64  # sequences answered at once
SHARE = 0.2  # of the sequences, for testing, where nothing else is said
SPLIT = 0  # seed of the draw of those, which is the same for all networks


class Columns(NamedTuple):
    """What is learned of the columns in training, each [F].

    Args:
        mean, deviation: of each.
        gaps: whether it had any.
    """

    mean: np.ndarray
    deviation: np.ndarray
    gaps: np.ndarray

    @classmethod
    def learn(cls, sequences: Sequence[np.ndarray]) -> "Columns":
        """Return them for sequences [T, F], NaN where missing."""
        seen = np.concatenate(sequences)
        return cls(np.nanmean(seen, axis=0), _deviations(seen), np.isnan(seen).any(axis=0))

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Return a sequence [T, F], without gaps: where there is no value at all, the mean."""
        return expected.filled((values - self.mean) / self.deviation)

    def inputs(self, sequences: Sequence[np.ndarray], steps: int) -> np.ndarray:
        """Return sequences as networks see them [N, steps, features], with zeros behind their ends."""
        found = np.zeros((len(sequences), steps, len(self.mean) + int(self.gaps.sum()) + 1), np.float32)
        for own, values in zip(found, sequences, strict=True):
            there = np.ones((len(values), 1))  # so that no step is all zeros
            own[: len(values)] = np.concatenate([self.scaled(values), np.isnan(values[:, self.gaps]), there], axis=1)
        return found


def _deviations(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of columns [N, F]; 1 where all is the same, for rounding may leave another number than 0."""
    found = np.nanstd(values, axis=0)
    varies = (np.nanmax(values, axis=0) > np.nanmin(values, axis=0)) & (found > 0)
    return np.where(varies, found, 1.0)


class Padded(NamedTuple):
    """Sequences that end where their last feature is 0, with noise in training."""

    features: int
    noise: float

    def seen(self, inputs, add_noise):
        return add_noise(inputs, 3), tf.math.count_nonzero(inputs[..., -1], -1, dtype=tf.int32)  # steps [..., B]

    def in_keras(self, replica):
        inputs = keras.Input((None, self.features))
        values = keras.layers.Masking()(inputs)
        return inputs, keras.layers.GaussianNoise(self.noise)(values) if self.noise else values


class Answers(SeriesTask):
    """Answer what is asked of whole sequences; one epoch is 50 updates, on sequences in orders drawn by the seed.

    Attributes:
        classes: texts, in order; None where numbers are asked for.
        training, testing: which sequences are for what.

    Raises:
        ValueError: the sequences cannot be had, or the network cannot be built; names the argument or file, what was
            expected and what came.
    """

    epoch_quantity = "error"
    best_at = dict.fromkeys(("accuracy", "macro_f1", "r2"), math.inf)

    def __init__(self, settings: Settings, seeds: Sequence[int] | None = None):
        super().__init__(settings, seeds)
        if settings.known:
            raise ValueError(f"`known` is for forecasts. Received: {' '.join(settings.known)}")
        self.metrics = {"training_loss": self.loss}
        self.sequences, self.training, self.testing = load_parts(settings)
        values, self.truth = self.sequences.values, self.sequences.answers
        seen = [values[place] for place in self.training]
        if (lacking := np.all([np.isnan(own).all(axis=0) for own in seen], axis=0)).any():
            came = self.sequences.columns[lacking.argmax()]
            raise ValueError(f"`data` must have values of each column in training. Received: none of column {came}")
        self.columns = Columns.learn(seen)
        known = self.truth[self.training]
        self.classes = np.unique(known) if known.ndim == 1 else None
        if self.classes is None:
            self.units = known.mean(axis=0), _deviations(known)  # of the answers, each [m]
            targets = ((self.truth - self.units[0]) / self.units[1]).astype(np.float32)  # [N, m]
        else:
            if unknown := set(self.truth) - set(self.classes):
                raise ValueError(
                    f"`test_data` must hold classes that are in training. Received: also {sorted(unknown)[0]}"
                )
            targets = np.searchsorted(self.classes, self.truth).astype(np.int32)  # [N]
        inputs = self.columns.inputs(values, max(map(len, values)))
        if settings.readout == "every":
            targets = targets, shares(inputs).numpy()
        self.data = inputs, targets  # [N, T, F]; [N] or [N, m], perhaps with [N, T]
        self.sequences_of_update = min(settings.batch_size, len(self.training))
        self.steps_of_update = max(self.sequences_of_update, BLOCK) * inputs.shape[1]
        outputs = self.truth.shape[1] if self.classes is None else len(self.classes)
        front = Padded(inputs.shape[2], settings.input_noise)
        self.network = Network(settings, front, outputs, readout=settings.readout)

    @property
    def kept(self) -> tuple:
        return self.data, self.training, self.sequences.in_short

    def places(self) -> Callable[[int, int], np.ndarray]:
        """Return (first update, count) → the sequences of those updates [count, R, B]."""
        count = len(self.training)

        @functools.lru_cache(maxsize=4 * self.replicas)
        def order(seed: int, number: int) -> np.ndarray:
            return self.training[np.random.default_rng([seed, number]).permutation(count)]

        def find(first: int, updates: int) -> np.ndarray:
            places = range(first * self.sequences_of_update, (first + updates) * self.sequences_of_update)
            drawn = [[order(seed, place // count)[place % count] for place in places] for seed in self.seeds]
            return np.array(drawn, np.int32).reshape(self.replicas, updates, self.sequences_of_update).swapaxes(0, 1)

        return find

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the mean cross-entropy in nats, or squared error in variances of the answers [...]."""
        if self.settings.readout != "every":
            return tf.reduce_mean(self._losses(targets, outputs), axis=-1)
        targets, counted = targets  # the same at each step; its share in the sequence [..., B, T]
        losses = self._losses(tf.expand_dims(targets, counted.shape.rank - 1), outputs)
        return tf.reduce_mean(tf.reduce_sum(counted * losses, axis=-1), axis=-1)

    def _losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the loss of each answer."""
        if self.classes is None:
            return tf.reduce_mean((outputs - targets) ** 2, axis=-1)
        targets = tf.broadcast_to(targets, outputs.shape[:-1])
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)

    def outputs(self, weights: np.ndarray) -> np.ndarray:
        """Return what networks of weights [R, P] give for each sequence [R, N, outputs]."""
        count = len(self.truth)
        blocks = in_blocks(np.arange(count), BLOCK)
        found = [self._outputs(weights, self.data[0][block]).numpy() for block in blocks]
        return np.concatenate(found, axis=1)[:, :count]

    @functools.cached_property
    def _outputs(self):
        def outputs(weights, seen):
            found = self.network.apply(self.network.split(weights), seen)
            return over_steps(found, seen, self.classes is not None) if self.settings.readout == "every" else found

        return compiled(outputs)

    def said(self, outputs: np.ndarray) -> np.ndarray:
        """Return classes [...] or numbers in their own units [..., m] that outputs stand for."""
        if self.classes is None:
            return outputs * self.units[1] + self.units[0]
        return self.classes[outputs.argmax(axis=-1)]

    def after_epoch(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        said = self.said(self.outputs(weights))
        parts = {"train_error": self.training, "test_error" if self.classes is not None else "rmse": self.testing}
        return {name: np.array([self._error(own[places], places) for own in said]) for name, places in parts.items()}

    def _error(self, said: np.ndarray, places: np.ndarray) -> float:
        """Return how many percent are wrong, or the root mean squared error."""
        truth = self.truth[places]
        return _mean(measures.rmse, truth, said) if self.classes is None else 100 - measures.accuracy(truth, said)

    def _measured(self, said: np.ndarray) -> dict[str, float]:
        """Return the measures of what is said of the test sequences [N] or [N, m]."""
        truth = self.truth[self.testing]
        if self.classes is None:
            return {"rmse": _mean(measures.rmse, truth, said), "r2": _mean(measures.r2, truth, said)}
        accuracy = measures.accuracy(truth, said)
        return {"test_error": 100 - accuracy, "accuracy": accuracy, "macro_f1": measures.macro_f1(truth, said)}

    def evaluate(self, weights: np.ndarray) -> dict[str, Any]:
        said = self.said(self.outputs(weights))
        found = [self._measured(own[self.testing]) for own in said]
        errors = {"train_error": np.array([self._error(own[self.training], self.training) for own in said])}
        counts = {"training_sequences": len(self.training), "test_sequences": len(self.testing)}
        saved = {"names": list(self.sequences.columns), "step": self.sequences.step}
        saved |= {name: own.tolist() for name, own in self.columns._asdict().items()}
        if self.classes is None:
            saved |= {"units": np.transpose(self.units).tolist()}
        else:
            saved |= {"classes": self.classes.tolist()}
        means = {name: np.array([own[name] for own in found]) for name in found[0]}
        return means | errors | counts | {"baselines": self.simple, "learned": saved}

    @functools.cached_property
    def simple(self) -> dict[str, dict[str, float]]:
        """What simple methods reach on the test sequences: method → measure → value."""
        from tasks import simple_answers  # whose libraries take seconds

        scaled = [self.columns.scaled(values) for values in self.sequences.values]
        training, testing = ([scaled[place] for place in places] for places in (self.training, self.testing))
        method = simple_answers.regress if self.classes is None else simple_answers.classify
        said = method(training, self.truth[self.training], testing)
        return {name: self._measured(own) for name, own in said.items()}

    def quantities(self) -> dict[str, Quantity]:
        if self.classes is None:
            varied = float(
                np.mean(self.truth[self.training].var(axis=0) / self.units[1] ** 2)
            )  # 0 of what does not vary
            return {
                "rmse": self.beside_simple("root mean squared error", "rmse"),
                "r2": self.beside_simple("share of the variance explained", "r2", best=max),
                "train_error": Quantity("root mean squared error in training"),
                "training_loss": Quantity("squared error of an update", "", varied, "the mean"),
            }
        return {
            "test_error": self.beside_simple("test error", "test_error", "%"),
            "macro_f1": self.beside_simple("mean F1 of the classes", "macro_f1", "%", max),
            "train_error": Quantity("training error", "%"),
            "training_loss": Quantity("cross-entropy of an update", "nats", math.log(len(self.classes)), "all alike"),
        }

    def report(self, weights: np.ndarray) -> Report:
        from tasks import figures

        outputs = self.outputs(first(weights))[0, self.testing]
        said, truth = self.said(outputs), self.truth[self.testing]
        names = np.array([self.sequences.names[place] for place in self.testing])
        if self.classes is None:
            drawn = {"answers": figures.answers_figure(truth, said)}
            columns = {f"truth_{place}": own for place, own in enumerate(truth.T)}
            columns |= {f"answer_{place}": own for place, own in enumerate(said.T)}
        else:
            counts = np.zeros((len(self.classes),) * 2, int)
            np.add.at(counts, tuple(np.searchsorted(self.classes, both) for both in (truth, said)), 1)
            share = "share of the class's test sequences"
            drawn = {"confusion": figures.confusion_figure(counts, list(self.classes), "truth", "answer", share)}
            columns = {"truth": truth, "answer": said}
        return Report(drawn, tables={"predictions": {"sequence": names} | columns})


def _mean(measure: Callable[[np.ndarray, np.ndarray], float], truth: np.ndarray, said: np.ndarray) -> float:
    """Return the mean over quantities, which may be in different units, of a measure of each [N, m]."""
    return float(np.mean([measure(*both) for both in zip(truth.T, said.T, strict=True)]))


def shares(inputs: tf.Tensor) -> tf.Tensor:
    """Return for each step of inputs [N, T, F] its share in the sequence [N, T], 0 where that has ended."""
    return inputs[..., -1] / tf.reduce_sum(inputs[..., -1], axis=-1, keepdims=True)


def over_steps(outputs: tf.Tensor, inputs: tf.Tensor, classes: bool) -> tf.Tensor:
    """Return what outputs after every step [..., N, T, m] say of whole sequences, as an output [..., N, m] would.

    That is the mean of the numbers, or the logarithm of the mean of the classes' probabilities.
    """
    each = tf.nn.softmax(outputs) if classes else outputs
    mean = tf.einsum("...ntm,nt->...nm", each, shares(inputs))
    return tf.math.log(mean) if classes else mean


def load_parts(settings: Settings) -> tuple[Sequences, np.ndarray, np.ndarray]:
    """Return all sequences, and which are for training and for testing.

    Raises:
        ValueError: there are none, or those for testing are of another kind.
    """
    roles = roles_of(settings)
    own = load(Path(settings.data), roles)
    if own.answers.ndim == 1 and len(set(own.answers)) < 2:
        came = f"all of {own.answers[0]}"
        raise ValueError(f"{settings.data} must hold sequences of at least two classes. Received: {came}")
    if settings.test_data is None:
        return own, *split(own, settings.test_share or SHARE, SPLIT)
    for name in ("test_share", "test_groups"):
        if getattr(settings, name):
            raise ValueError(f"`{name}` must not come with `test_data`. Received: {getattr(settings, name)}")
    other = load(Path(settings.test_data), roles)
    if os.path.samefile(settings.data, settings.test_data):
        raise ValueError(
            f"`test_data` must not be `data`, which is trained on. Received: {settings.test_data}, the same"
        )
    if (own.columns, own.answers.shape[1:], own.answers.dtype.kind) != (
        other.columns,
        other.answers.shape[1:],
        other.answers.dtype.kind,
    ):
        wanted, came = (
            f"{reprlib.repr(part.columns)} and {list(part.answers.shape[1:]) or 'classes'}" for part in (own, other)
        )
        raise ValueError(f"`test_data` must have the features and answers of `data`, {wanted}. Received: {came}")
    if None not in (own.step, other.step) and not is_same_step(other.step, own.step):
        raise ValueError(f"`test_data` must have steps of {own.step:g}, as `data` has. Received: {other.step:g}")
    joined = own._replace(
        values=own.values + other.values,
        names=own.names + other.names,
        answers=np.concatenate([own.answers, other.answers]),
    )
    return joined, np.arange(len(own.values)), np.arange(len(own.values), len(joined.values))


def answer(folder: Path, path: Path, roles: Roles) -> pd.DataFrame:
    """Return what a trained run says of the sequences in a file; see `series.predict`."""
    learned = load_learned(folder, *Columns._fields, "names")
    names = learned_names(folder, learned, "names")
    mean, deviation, gaps = (learned_numbers(folder, learned, name, (len(names),)) for name in Columns._fields)
    if not (deviation > 0).all():
        damaged(folder, "deviation", learned["deviation"])
    classes = learned_names(folder, learned, "classes") if "classes" in learned else None
    sequences = load(path, roles, names)
    check_step(folder, learned, path, sequences.step)
    for sequence, values in zip(sequences.names, sequences.values, strict=True):
        check_values(path, sequence, values, names, gaps > 0)
    away = (np.concatenate(sequences.values) - mean) / deviation  # [steps of all, F]
    for name, own in zip(names, away.T, strict=True):
        check_units(path, name, own[np.isfinite(own)], "its mean")
    inputs = Columns(mean, deviation, gaps > 0).inputs(sequences.values, max(map(len, sequences.values)))
    network = load_model(folder, inputs.shape[2], None if classes is None else len(classes))
    outputs = np.concatenate([network(inputs[begin : begin + BLOCK]) for begin in range(0, len(inputs), BLOCK)])
    if outputs.ndim == 3:
        outputs = over_steps(outputs, inputs, classes is not None).numpy()
    if classes is None:
        mean, spread = learned_numbers(folder, learned, "units", (outputs.shape[1], 2)).T
        numbers = (outputs * spread + mean).T  # [m, N]
        named = len(roles.target) == len(numbers)  # columns of a table; an archive has one name for all
        names = roles.target if named else [f"answer_{place}" for place in range(len(numbers))]
        return _table({"sequence": sequences.names}, names, numbers)
    chances = tf.nn.softmax(outputs).numpy()
    said = np.array(classes)[chances.argmax(axis=1)]
    return _table({"sequence": sequences.names, "answer": said}, classes, chances.T)


def _table(first: dict[str, Sequence[str]], names: Sequence[str], numbers: np.ndarray) -> pd.DataFrame:
    """Return columns, and beside them numbers [m, N] under names that may be those of the first."""
    own = {f"{name} (column)" if name in first else name: values for name, values in zip(names, numbers, strict=True)}
    return pd.DataFrame(first | own)
