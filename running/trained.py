"""Networks trained in the loop, each for as long as it needs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from running.loop import Loop
from running.settings import TrainingSettings
from tasks.task import Task


class Trained:
    """Networks trained in the loop as far as each needs: until all epochs are over, it has learned enough, or it diverged.

    Args:
        loop: what trains them.

    Attributes:
        seen: how many updates have been looked at.
        epochs: what the task noted after each, arrays [R].
        stopped: after how many epochs each was stopped, by itself or at the end [R].
        diverged: at which update each diverged, −1 for those that did not [R].
    """

    def __init__(self, loop: Loop):
        self.loop, self.task = loop, loop.task
        self.epochs: list[dict[str, np.ndarray]] = []
        self.seen = 0
        self.stopped = np.zeros(self.task.replicas, int)
        self.diverged = np.full(self.task.replicas, -1)

    @property
    def lost(self) -> np.ndarray:
        """Which replicas diverged, boolean [R]."""
        return self.diverged >= 0

    @property
    def running(self) -> np.ndarray:
        """Which replicas are still updated, boolean [R]."""
        return self.loop.progress.running.numpy()

    def to_the_end(self) -> "Trained":
        """Train until no replica needs more updates."""
        calls = self.loop.calls()
        self.look()
        while self.running.any() and next(calls, None):
            self.look()
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
            noted = self.task.after_epoch(self.loop.weights)
            self.epochs = [*self.epochs[: epoch - 1], noted]
            over = lost | self.running & self.task.finished(self.epochs)
        if over.any():
            self.stopped[over] = epoch
            self.loop.stop(over)
        self.seen = done

    def values(self) -> dict[str, Any]:
        """Return the task's metrics: arrays [R], not a number for replicas that diverged, and what is the same for all."""
        found = self.task.evaluate(self.loop.weights)
        return {
            name: np.where(self.lost, np.nan, value) if isinstance(value, np.ndarray) else value
            for name, value in found.items()
        }


def train_silently(task: Task, settings: TrainingSettings, factors: Sequence[float] | None = None) -> Trained:
    """Train a task's networks and leave no files; the seconds of the loop are those of training, without compilation."""
    loop = Loop(task, settings, factors=factors)
    loop.call(0)
    return Trained(loop).to_the_end()
