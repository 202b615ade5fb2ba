"""The one training loop: R networks of a task, many updates in one compiled program."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from running import optimizers
from running.settings import TrainingSettings
from tasks.network import Draws
from tasks.task import Carried, Moment, Task, compiled

MOST_UPDATES = 50  # of one call: a call from Python takes as long as a few updates of a small network
SECONDS_PER_CALL = 1.0  # so that Ctrl-C, and whoever looks at the progress bar, need not wait for long


class Progress(NamedTuple):
    """All that changes in training, but for what follows from the number of the update.

    Args:
        weights: [R, P].
        slots: what the optimiser remembers.
        carried: from update to update of a task whose sequences go on.
        running: whether a replica is still updated, boolean [R].
        history: what was noted of each update [done, R, columns].
        seconds: since the start of training, after each update [done].
    """

    weights: tf.Tensor
    slots: optimizers.Slots
    carried: Carried
    running: tf.Tensor
    history: np.ndarray
    seconds: np.ndarray

    @property
    def done(self) -> int:
        return len(self.seconds)


class Loop:
    """R networks of one task in training; each follows the trajectory it would follow alone, to rounding.

    Gradients, clipping, the optimiser's memory and all that is drawn are each replica's own. A replica that diverges does not
    touch the others.

    Args:
        task: with the seeds of its replicas.
        settings: how they are trained.
        updates: of the whole training; None is all epochs of the settings.
        factors: what each replica's learning rate is multiplied by [R]; None is 1.
        periods: of each replica's modules [R, g], in the order of the layer's modules, whose sizes, phases and connections
            stay; None is those of the layer.
        rate: update → learning rate, a scalar or of each weight [P]; None is that of the settings.

    Attributes:
        most: updates of a call.
        columns: names of what is noted of each update and replica.
        progress: see `Progress`. It is replaced at once, so that an interruption finds it whole.
    """

    most = MOST_UPDATES

    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        updates: int | None = None,
        *,
        factors: Sequence[float] | None = None,
        periods: Sequence[Sequence[int]] | None = None,
        rate: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ):
        self.settings = settings
        self.updates = updates or settings.epochs * task.batches
        self.columns = ["loss", "gradient_norm", *task.metrics]
        self.factors = None if factors is None else tf.constant(factors, tf.float32)[:, None]  # [R, 1]
        self.rate = rate or (lambda update: optimizers.learning_rate(settings, update, self.updates))
        self._updates = self._compiled(self._make_updates)
        self.restart(task, periods=periods)

    def restart(
        self, task: Task, weights: np.ndarray | None = None, periods: Sequence[Sequence[int]] | None = None
    ) -> "Loop":
        """Begin again; what is compiled stays.

        Args:
            task: the same, but perhaps with other seeds, targets or examples.
            weights: [R, P] to begin with; None are those of the seeds.
            periods: as of the loop.
        """
        self.task = task
        starts = {seed: task.network.start(seed) for seed in dict.fromkeys(task.seeds)}
        self.seeds = tf.constant([starts[seed].seeds for seed in task.seeds])  # [R, uses]
        self.periods = None if periods is None else tf.constant(periods, tf.int32)
        self.data = tf.nest.map_structure(tf.constant, task.data)
        self.places = task.places()
        weights = tf.constant(np.stack([starts[seed].weights for seed in task.seeds]) if weights is None else weights)
        self.progress = Progress(
            weights,
            optimizers.first_slots(self.settings, weights),
            task.carried(),
            tf.ones([task.replicas], bool),
            np.zeros((0, task.replicas, len(self.columns)), np.float32),
            np.zeros(0),
        )
        return self

    @property
    def weights(self) -> np.ndarray:
        return self.progress.weights.numpy()

    def run(self, until: int | None = None) -> "Loop":
        """Make all updates, or those until a number."""
        for _ in self.calls(until):
            pass
        return self

    def calls(self, until: int | None = None) -> Iterator[int]:
        """Make the updates that are left, or those until a number; yield after each call how many are done.

        A call takes about a second, and ends where an epoch does that the task wants to look at.
        """
        until, count = self.updates if until is None else until, 1
        while (done := self.progress.done) < until:
            count = min(count, until - done, self.most)
            if self.task.epoch_quantity:
                count = min(count, self.task.batches - done % self.task.batches)
            self.call(count)
            yield done + count
            taken = self.progress.seconds[-1] - (self.progress.seconds[done - 1] if done else 0.0)
            count = max(1, min(self.most, int(count * SECONDS_PER_CALL / max(taken, 1e-9))))

    def call(self, count: int) -> None:
        """Make so many updates, at most `MOST_UPDATES`; none only has the program compiled."""
        before, began = self.progress, time.perf_counter()
        found = self.places(before.done, count) if count else self.task.places()(0, 1)[:0]
        places = np.zeros((MOST_UPDATES, *found.shape[1:]), np.int32)
        places[:count] = found
        given = self.data, self.seeds, self.periods, places
        numbers = tf.constant(before.done), tf.constant(count)  # Python's would be compiled in
        *after, notes = self._updates(*before[:4], *numbers, *given)
        notes = notes.numpy()[:count]
        last = before.seconds[-1] if before.done else 0.0
        seconds = np.linspace(last, last + time.perf_counter() - began, count + 1)[1:]
        history = np.concatenate([before.history, notes]), np.append(before.seconds, seconds)
        self.progress = Progress(*after, before.running, *history)

    def stop(self, replicas: np.ndarray) -> None:
        """Leave the weights of some replicas, boolean [R], as they are from now on."""
        self.progress = self.progress._replace(running=self.progress.running & ~tf.constant(replicas))

    def _make_updates(self, weights, slots, carried, running, first, count, data, seeds, periods, places):
        """Return weights, slots and what is carried after so many updates, and what was noted [most, R, columns]."""

        def update(step, weights, slots, carried, notes):
            number = first + step
            gradients, after, note = self._of_update(weights, carried, data, places[step], number, seeds, periods)
            weights, slots, norm = self._step(weights, slots, gradients, running, number)
            return step + 1, weights, slots, after, notes.write(step, tf.concat([note[:, :1], norm, note[:, 1:]], -1))

        notes = tf.TensorArray(tf.float32, MOST_UPDATES, element_shape=[self.task.replicas, len(self.columns)])
        start = (0, weights, slots, carried, notes)
        _, weights, slots, carried, notes = tf.while_loop(lambda step, *_: step < count, update, start)
        return weights, slots, carried, notes.stack()

    def _compiled(self, function: Callable) -> Callable:
        return compiled(function)

    def _of_update(self, weights, carried, data, place, number, seeds, periods):
        """Return what `_gradients` does of the whole batch of an update."""
        return self._gradients(weights, carried, data, place, self._moment(number, seeds, periods))

    def _moment(self, number, seeds, periods, part=0, parts=1) -> Moment:
        now = tf.stack([seeds, tf.broadcast_to(number, seeds.shape)], -1)  # [R, uses, 2]
        return Moment(number, self.updates, Draws(now, part, parts), periods)

    def _gradients(self, weights, carried, data, place, moment) -> tuple[tf.Tensor, Carried, tf.Tensor]:
        """Return the gradients [R, P] of an update's loss, what is carried on, and loss and metrics [R, 1 + metrics]."""
        task, (inputs, targets) = self.task, tf.nest.map_structure(lambda values: tf.gather(values, place), data)
        arrays = task.network.split(weights)

        def of_batch(inputs, targets, moment):
            with tf.GradientTape() as tape:
                tape.watch(arrays)
                outputs, after = task.forward(arrays, inputs, carried, moment)
                losses = task.loss(targets, outputs) + task.penalty(arrays)  # [R]
                total = tf.reduce_sum(losses)  # whose gradient, for a replica's weights, is that of its own loss
            gradients = tape.gradient(total, arrays, unconnected_gradients="zero")
            gradients = tf.concat([tf.reshape(part, [task.replicas, -1]) for part in gradients], -1)  # [R, P]
            metrics = (metric(targets, outputs) for metric in task.metrics.values())
            return gradients, after, tf.stack([losses, *metrics], -1)

        return task.at_length(of_batch, inputs, targets, moment)

    def _step(self, weights, slots, gradients, running, number) -> tuple[tf.Tensor, optimizers.Slots, tf.Tensor]:
        """Return the weights and slots after an update, and the norm of the gradients [R, 1]."""
        norm = optimizers.norms(gradients)
        gradients = optimizers.clipped(self.settings, gradients, norm)
        rate = self.rate(number) if self.factors is None else self.rate(number) * self.factors
        moved, slots = optimizers.apply(self.settings, weights, gradients, slots, rate, number)
        return tf.where(running[:, None], moved, weights), slots, norm[:, None]
