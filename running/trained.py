"""Networks trained in the loop, each for as long as it needs."""

import functools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from running.checkpoints import CheckpointError
from running.cluster import said_of_data
from running.loop import Loop
from running.settings import TrainingSettings
from tasks.task import Task

State = dict[str, np.ndarray]

ROUNDING, SUMMED = 1e-5, 1e-12  # of the norm of data, of features and of sums of whole numbers


class Trained:
    """Networks trained in the loop as far as each needs: until all epochs are over, it has learned enough, or it diverged.

    Args:
        loop: what trains them.

    Attributes:
        seen: how many updates have been looked at.
        epochs: what the task noted after each, arrays [R].
        stopped: after how many epochs each was stopped, by itself or at the end [R].
        diverged: at which update each diverged, −1 for those that did not [R].
        best: the weights after each one's best epoch [R, P], of a task that has patience.
    """

    def __init__(self, loop: Loop):
        self.loop, self.task = loop, loop.task
        self.epochs: list[dict[str, np.ndarray]] = []
        self.seen = 0
        self.stopped = np.zeros(self.task.replicas, int)
        self.diverged = np.full(self.task.replicas, -1)
        self.best = loop.weights if self.task.patience else np.zeros(0, np.float32)

    @property
    def lost(self) -> np.ndarray:
        """Which replicas diverged, boolean [R]."""
        return self.diverged >= 0

    @property
    def running(self) -> np.ndarray:
        """Which replicas are still updated, boolean [R]."""
        return self.loop.progress.running.numpy()

    @property
    def weights(self) -> np.ndarray:
        """The weights that training has led to [R, P]: the latest, or with patience those of the best epoch."""
        return self.best if self.task.patience else self.loop.weights

    def to_the_end(self) -> "Trained":
        """Train until no replica needs more updates."""
        calls = self.loop.calls()
        self.look()
        while self.running.any() and next(calls, None):
            self.look()
        spoiled = ~(self.lost | np.isfinite(self.weights).all(axis=1))  # by the last update, whose loss nobody has seen
        self.diverged[spoiled] = self.loop.progress.done - 1
        self.stopped[self.running] = self.loop.progress.done // self.task.batches
        return self

    def look(self) -> None:
        """Look at the updates that have not been looked at, and stop who needs no more."""
        done, epoch = self.loop.progress.done, self.loop.progress.done // self.task.batches
        if done == self.seen:
            return
        finite = np.isfinite(self.loop.progress.history[self.seen :]).all(axis=-1)  # [updates, R]
        over = lost = self.running & ~finite.all(axis=0)
        self.diverged[lost] = self.seen + finite.argmin(axis=0)[lost]
        if self.task.epoch_quantity and done % self.task.batches == 0:
            self.epochs = [*self.epochs[: epoch - 1], self.task.after_epoch(self.loop.weights)]
            over = lost | self.running & self._enough()
        if over.any():
            self.stopped[over] = epoch
            self.loop.stop(over)
        self.seen = done

    def _enough(self) -> np.ndarray:
        """Return which replicas have gone on for long enough after their best epoch, and keep the weights of a better one."""
        if not self.task.patience:
            return np.zeros(self.task.replicas, bool)
        watched = np.array([epoch[self.task.watched] for epoch in self.epochs])  # [epochs, R]
        since = len(watched) - 1 - watched.argmin(axis=0)
        better = self.running & (since == 0)
        self.best = np.where(better[:, None], self.loop.weights, self.best)
        return since >= self.task.patience

    def values(self) -> dict[str, Any]:
        """Return the task's metrics: arrays [R], not a number for replicas that diverged, and what is the same for all."""
        found = self.task.evaluate(self.weights)
        return {
            name: np.where(self.lost, np.nan, value) if isinstance(value, np.ndarray) else value
            for name, value in found.items()
        }

    def state(self) -> State:
        """Return all that is needed to go on from here."""
        epochs = json.dumps([{name: values.tolist() for name, values in epoch.items()} for epoch in self.epochs])
        leaves = {
            f"progress_{place}": np.asarray(leaf) for place, leaf in enumerate(tf.nest.flatten(self.loop.progress))
        }
        own = {"stopped": self.stopped, "diverged": self.diverged, "best": self.best}
        own |= {"seen": np.array(self.seen), "fingerprint": self._fingerprint}
        return leaves | own | {"epochs": np.array(epochs)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take everything from a state; raises a CheckpointError if it is not of these networks and these data."""
        data = state.get("fingerprint", self._fingerprint)
        if data.shape[1:] == self._fingerprint.shape[1:] and not same_data(self._fingerprint, data):
            files = said_of_data(self.task.settings)
            raise CheckpointError(f"{files} must hold what the run to resume began with. Received: other data")
        for name, own in self.state().items():
            there = state.get(name, own if name == "fingerprint" else None)  # which earlier versions have not saved
            grows = own.shape[:1] == (0,)  # with updates, of which there are none yet
            if there is None or (there.dtype.kind, there.shape[grows:]) != (own.dtype.kind, own.shape[grows:]):
                came = "nothing" if there is None else f"{there.dtype} of shape {there.shape}"
                raise CheckpointError(
                    f"the checkpoint must hold {own.dtype} of shape {own.shape} as {name}. Received: {came}"
                )
        self.join([state])

    def join(self, states: Sequence[Mapping[str, np.ndarray]]) -> None:
        """Take everything from the states of parts of the replicas, in their order; what ended earlier stays as it was."""
        count = len(tf.nest.flatten(self.loop.progress))
        leaves = [[state[f"progress_{place}"] for place in range(count)] for state in states]
        parts = [tf.nest.pack_sequence_as(self.loop.progress, own) for own in leaves]
        longest = max(parts, key=lambda part: part.done)
        history = np.concatenate([_held(part.history, longest.done) for part in parts], axis=1)
        others = [part._replace(history=()) for part in parts]
        whole = tf.nest.map_structure(lambda *own: tf.concat(own, 0) if own[0].ndim else tf.constant(own[0]), *others)
        carried = whole.carried._replace(clock=tf.constant(longest.carried.clock))
        self.loop.progress = whole._replace(history=history, seconds=longest.seconds, carried=carried)
        for name in ("stopped", "diverged", "best"):
            setattr(self, name, np.concatenate([state[name] for state in states]))
        self.seen = max(int(state["seen"]) for state in states)
        epochs = [json.loads(str(state["epochs"])) for state in states]
        longest = max(epochs, key=len)
        held = [_noted(own, longest, len(state["stopped"])) for own, state in zip(epochs, states, strict=True)]
        self.epochs = [
            {name: np.concatenate([own[name] for own in notes]) for name in notes[0]}
            for notes in zip(*held, strict=True)
        ]

    @functools.cached_property
    def _fingerprint(self) -> np.ndarray:
        return data_in_short(self.task.kept)


def data_in_short(data: Any) -> np.ndarray:
    """Return the size of each array, its norm, its sum with weights drawn, and how far off those may be, [arrays, 4].

    No other data have the same but by chance, and it is no hash: another machine may round the last bits of features
    otherwise, and there a training can go on. Whole numbers are not rounded.
    """
    rng, rows = np.random.default_rng(0), []
    for array in tf.nest.flatten(data):
        own = np.ravel(array).astype(float)
        norm = np.linalg.norm(own)
        rounding = ROUNDING if np.asarray(array).dtype.kind == "f" else SUMMED
        rows.append((len(own), norm, own @ rng.normal(size=len(own)), rounding * norm))
    return np.array(rows)


def same_data(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether what `data_in_short` says of them is the same, to rounding."""
    if not np.array_equal(one[:, 0], other[:, 0]):
        return False
    return bool((np.abs(one - other)[:, 1:3] <= one[:, 3:]).all())


def _held(values: np.ndarray, count: int) -> np.ndarray:
    """Return values [N, ...] as an array [count, ...], the last one repeated."""
    return np.concatenate([values, np.repeat(values[-1:], count - len(values), axis=0)])


def _noted(epochs: list[dict], longest: list[dict], replicas: int) -> list[dict]:
    """Return notes of as many epochs as the longest, the last repeated; of networks that diverged before the first, no numbers."""
    if len(epochs) == len(longest):
        return epochs
    last = epochs[-1] if epochs else dict.fromkeys(longest[0], [math.nan] * replicas)
    return epochs + [last] * (len(longest) - len(epochs))


def train_silently(task: Task, settings: TrainingSettings, factors: Sequence[float] | None = None) -> Trained:
    """Train a task's networks and leave no files; the seconds of the loop are those of training, without compilation."""
    loop = Loop(task, settings, factors=factors)
    loop.call(0)
    return Trained(loop).to_the_end()
