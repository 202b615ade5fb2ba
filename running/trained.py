"""Networks trained in the loop, each for as long as it needs."""

from typing import Any

import numpy as np

from running.loop import Loop


class Trained:
    """Networks trained in the loop as far as each needs: until all epochs are over, it has learned enough, or it diverged.

    Args:
        loop: what trains them.

    Attributes:
        epochs: what the task noted after each, arrays [R].
        stopped: after how many epochs each was stopped, by itself or at the end [R].
        diverged: at which update each diverged, −1 for those that did not [R].
    """

    def __init__(self, loop: Loop):
        self.loop, self.task = loop, loop.task
        self.epochs: list[dict[str, np.ndarray]] = []
        self.stopped = np.zeros(self.task.replicas, int)
        self.diverged = np.full(self.task.replicas, -1)

    @property
    def lost(self) -> np.ndarray:
        """Which replicas diverged, boolean [R]."""
        return self.diverged >= 0

    def to_the_end(self) -> "Trained":
        """Train until no replica needs more updates."""
        before = self.loop.progress.done
        for done in self.loop.calls():
            self.after_call(before, done)
            before = done
            if not self.loop.progress.running.numpy().any():
                break
        self.stopped[self.loop.progress.running.numpy()] = self.loop.progress.done // self.task.batches
        return self

    def after_call(self, before: int, done: int) -> None:
        """Look at the updates since the last call."""
        running = self.loop.progress.running.numpy()
        finite = np.isfinite(self.loop.progress.history[before:done]).all(axis=-1)  # [updates, R]
        lost = running & ~finite.all(axis=0)
        self.diverged[lost] = before + finite.argmin(axis=0)[lost]
        if self.task.epoch_quantity and done % self.task.batches == 0:
            self.epochs.append(self.task.after_epoch(self.loop.weights))
            finished = running & ~lost & self.task.finished(self.epochs)
            lost = lost | finished
        if lost.any():
            self.stopped[lost] = done // self.task.batches
            self.loop.stop(lost)

    def values(self) -> dict[str, Any]:
        """Return the task's metrics: arrays [R], not a number for replicas that diverged, and what is the same for all."""
        found = self.task.evaluate(self.loop.weights)
        return {
            name: np.where(self.lost, np.nan, value) if isinstance(value, np.ndarray) else value
            for name, value in found.items()
        }
