"""The one training loop of all tasks: Keras's `fit`, many updates a call, and what a run leaves behind."""

import dataclasses
import json
import math
import time
from typing import Literal

import keras
import numpy as np
import soundfile
import tensorflow as tf

import figures
from runs import Run, write_whole
from tasks.task import Task, clock, clock_pictures

UPDATES_PER_CALL = 50  # one call from Python takes as long as about ten updates of a small network
UPDATES_PER_POINT = 10  # of TensorBoard's curves
HISTOGRAMS = 10  # of each weight, over a whole training
SECONDS_PER_CHECKPOINT = 60

Rate = float | keras.optimizers.schedules.LearningRateSchedule


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained; the same for all tasks."""

    epochs: int
    """Passes over the training data."""
    optimizer: Literal["adam", "sgd", "rmsprop"]
    """Adam, stochastic gradient descent with Nesterov momentum, or RMSProp as TensorFlow 0.12 had it."""
    learning_rate: float
    """Learning rate at the first update."""
    decay: Literal["constant", "cosine", "staircase"]
    """How the learning rate falls: not, by half a cosine to 0 at the end, or in steps."""
    decay_factor: float
    """What a step of the staircase multiplies the learning rate by."""
    decay_updates: int
    """Updates from one step of the staircase to the next."""
    momentum: float
    """Nesterov momentum of sgd, or the first decay rate β₁ of adam."""
    second_moment: float
    """Decay rate of the mean squared gradients: β₂ of adam, ρ of rmsprop."""
    epsilon: float
    """What adam and rmsprop add to the denominator."""
    clip_norm: float
    """Global norm to which longer gradients are shortened; 0 leaves them."""
    seed: int
    """Random seed; the same seed gives the same weights."""

    def check(self) -> None:
        """Raise a ValueError that names the first setting out of range."""
        for name, lowest in [
            ("epochs", 1),
            ("decay_updates", 1),
            ("decay_factor", 0),
            ("epsilon", 0),
            ("clip_norm", 0),
            ("seed", 0),
        ]:
            value = getattr(self, name)
            if not lowest <= value < math.inf:
                raise ValueError(f"`{name}` must be at least {lowest}. Received: {value}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"`learning_rate` must be above 0. Received: {self.learning_rate}")
        for name in ("momentum", "second_moment"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {getattr(self, name)}")


class DivergenceError(Exception):
    """The loss stopped being a finite number."""


def train(task: Task, settings: TrainingSettings, run: Run) -> dict:
    """Train a task's network from its seed, or from the run's checkpoint, and write everything that the run leaves.

    Args:
        task: what to train on.
        settings: how.
        run: where to write; see `runs.Run`.

    Returns:
        What `metrics.json` holds.

    Raises:
        DivergenceError: says at which update; what was logged until then stays.
        KeyboardInterrupt: after a checkpoint was written, from which the run can be resumed.
    """
    keras.utils.set_random_seed(settings.seed)
    network = task.network()
    batches = task.epoch()
    updates_per_epoch = int(batches.cardinality())
    updates = settings.epochs * updates_per_epoch
    per_call = min(UPDATES_PER_CALL, updates)
    if task.epoch_quantity:  # a call must end where an epoch does
        per_call = max(n for n in range(1, UPDATES_PER_CALL + 1) if updates_per_epoch % n == 0)
    trainer = make_trainer(task, settings, network, updates, per_call)
    monitor = Monitor(task, run, updates, updates_per_epoch, learning_rate(settings, updates))
    with run.board.as_default():
        compile_seconds = _compile(trainer, batches)
        monitor.resume(trainer)
        batches = batches.repeat(settings.epochs).skip(monitor.done)
        try:
            trainer.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[monitor])
        except KeyboardInterrupt:
            monitor.checkpoint()
            raise
        finally:
            monitor.close()
        metrics = _metrics(task, settings, network, monitor) | {"compile_seconds": compile_seconds}
        _write_results(task, run, network, monitor, metrics)
    return metrics


class Trainer(keras.Model):
    """A network that notes the loss, the gradient's norm and the task's metrics of each update."""

    def __init__(self, task: Task, network: keras.Model, updates: int, updates_per_call: int):
        super().__init__()
        self.task = task
        self.network = network
        self.updates = updates
        self.updates_per_call = updates_per_call
        self.columns = ["loss", "gradient_norm", *task.metrics]
        self.notes = self.add_weight((updates_per_call, len(self.columns)), "zeros", trainable=False, name="notes")
        self.built = True

    def train_step(self, data):
        inputs, targets = data
        update = tf.cast(self.optimizer.iterations, tf.int32)
        with tf.GradientTape() as tape:
            outputs = self.task.outputs(self.network, inputs, update, self.updates)
            loss = self.task.loss(targets, outputs) + sum(self.network.losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        note = tf.stack(
            [loss, tf.linalg.global_norm(gradients)]
            + [metric(targets, outputs) for metric in self.task.metrics.values()]
        )
        row = update % self.updates_per_call
        self.notes.assign(tf.tensor_scatter_nd_update(tf.convert_to_tensor(self.notes), [[row]], [note]))
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


def make_trainer(
    task: Task, settings: TrainingSettings, network: keras.Model, updates: int, updates_per_call: int
) -> Trainer:
    """Return what trains a network for so many updates, so many a call, with the optimiser that the settings describe."""
    trainer = Trainer(task, network, updates, updates_per_call)
    optimizer = make_optimizer(settings, learning_rate(settings, updates), network.trainable_variables)
    trainer.compile(optimizer, jit_compile=True, steps_per_execution=updates_per_call)
    return trainer


def _compile(trainer: Trainer, batches: tf.data.Dataset) -> float:
    """Have the update traced and compiled by making one and taking it back; returns the seconds that took."""
    began = time.perf_counter()
    print("compiling …", end="", flush=True)
    before = [variable.numpy() for variable in _everything(trainer)]
    trainer.fit(batches.take(1), epochs=1, verbose=0, shuffle=False)
    for variable, value in zip(_everything(trainer), before, strict=True):
        variable.assign(value)
    seconds = time.perf_counter() - began
    print(f"\rcompiled in {seconds:.1f} s")
    return round(seconds, 3)


def learning_rate(settings: TrainingSettings, updates: int) -> Rate:
    """Return the learning rate, a number or a function of the update, over a training of so many updates."""
    rate = settings.learning_rate
    if settings.decay == "cosine":
        return keras.optimizers.schedules.CosineDecay(rate, updates)
    if settings.decay == "staircase":
        every, factor = settings.decay_updates, settings.decay_factor
        return keras.optimizers.schedules.ExponentialDecay(rate, every, factor, staircase=True)
    return rate


def make_optimizer(settings: TrainingSettings, rate: Rate, variables: list) -> keras.optimizers.Optimizer:
    """Return the optimiser that the settings describe, built for the given variables."""
    clip = {"global_clipnorm": settings.clip_norm or None}
    if settings.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, settings.momentum, settings.second_moment, settings.epsilon, **clip)
    elif settings.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, settings.momentum, nesterov=True, **clip)
    else:
        optimizer = keras.optimizers.RMSprop(rate, settings.second_moment, epsilon=settings.epsilon, **clip)
    optimizer.build(variables)
    if settings.optimizer == "rmsprop":
        for variable in optimizer.variables:  # TensorFlow 0.12 starts the mean square at 1, Keras at 0
            if "velocity" in variable.path:
                variable.assign(tf.ones_like(variable.value))
    return optimizer


class Monitor(keras.callbacks.Callback):
    """Follows a run while it trains: progress bar, TensorBoard, history, checkpoints, and an eye on divergence."""

    def __init__(self, task: Task, run: Run, updates: int, updates_per_epoch: int, rate: Rate):
        super().__init__()
        self.task = task
        self.shown = next(iter(task.metrics))
        self.run = run
        self.updates = updates
        self.updates_per_epoch = updates_per_epoch
        self.rate = rate
        self.epochs = []  # what the task noted after each
        self.done = 0
        self.seconds = np.zeros(0)  # since the start of training, after each update [done]
        self.history = None  # [done, columns]
        self.saved = time.monotonic()

    def resume(self, trainer: Trainer) -> None:
        """Take weights, optimiser and history from the run's checkpoint, where there is one."""
        self.history = np.zeros((0, len(trainer.columns)), np.float32)
        if not self.run.checkpoint.exists():
            return
        with np.load(self.run.checkpoint) as saved:
            self.history, self.seconds = saved["history"], saved["seconds"]
            self.epochs = json.loads(str(saved["epochs"]))
            for index, variable in enumerate(_everything(trainer)):
                variable.assign(saved[f"variable_{index}"])
        self.done = len(self.history)

    def on_train_begin(self, logs=None):
        self.began = time.perf_counter() - (self.seconds[-1] if self.done else 0)
        self.bar = keras.utils.Progbar(self.updates, stateful_metrics=[self.shown], unit_name="update")

    def on_train_batch_end(self, batch, logs=None):
        start = self.done
        self._take_notes()
        self._log(start)
        finite = np.isfinite(self.history[start:]).all(axis=1)
        if not finite.all():
            update = start + int(np.argmin(finite))
            raise DivergenceError(f"diverged at update {update}: the loss or its gradient is no finite number any more")
        self.bar.update(self.done, [(self.shown, self.column(self.shown)[-1])], finalize=False)
        if self.done // self.updates_per_epoch > start // self.updates_per_epoch:
            self._end_epoch()
        if time.monotonic() - self.saved > SECONDS_PER_CHECKPOINT:
            self.checkpoint()

    def on_train_end(self, logs=None):
        self.bar.update(self.done, [(self.shown, self.column(self.shown)[-1])], finalize=True)

    def _end_epoch(self) -> None:
        began = time.perf_counter()
        noted = self.task.after_epoch(self.model.network)
        self.began += time.perf_counter() - began  # which is not training
        for name, value in noted.items():
            tf.summary.scalar(name, value, step=self.done)
        self.epochs.append(noted)
        self.model.stop_training = self.task.finished(self.epochs)

    def _take_notes(self) -> None:
        """Move what the trainer noted since the last time into the history."""
        count = int(self.model.optimizer.iterations) - self.done
        rows = (self.done + np.arange(count)) % self.model.updates_per_call
        before = self.seconds[-1] if self.done else 0.0
        seconds = np.linspace(before, time.perf_counter() - self.began, count + 1)[1:]
        self.history = np.concatenate([self.history, self.model.notes.numpy()[rows]])
        self.seconds = np.append(self.seconds, seconds)
        self.done += count

    def column(self, name: str) -> np.ndarray:
        """Return one column of the history [done]."""
        return self.history[:, self.model.columns.index(name)]

    def checkpoint(self) -> None:
        """Save all that is needed to go on from here."""
        self._take_notes()  # an interruption may come between updates and their notes
        values = {f"variable_{index}": variable.numpy() for index, variable in enumerate(_everything(self.model))}
        with write_whole(self.run.checkpoint) as path, open(path, "wb") as file:
            np.savez(file, history=self.history, seconds=self.seconds, epochs=json.dumps(self.epochs), **values)
        self.saved = time.monotonic()

    def close(self) -> None:
        """Flush what was logged, and draw the curve of what there is."""
        self.run.board.flush()
        if self.done:
            name = self.shown.upper()
            curve = figures.training_figure(np.arange(self.done), self.seconds, self.column(self.shown), name)
            (self.run.results / "training.png").write_bytes(figures.png(curve))
        if any(self.epochs):
            drawn = figures.epochs_figure(self.epochs, self.task.epoch_quantity)
            (self.run.results / "epochs.png").write_bytes(figures.png(drawn))

    def _log(self, start: int) -> None:
        for update in range(-(-start // UPDATES_PER_POINT) * UPDATES_PER_POINT, self.done, UPDATES_PER_POINT):
            for name, value in zip(self.model.columns, self.history[update], strict=True):
                tf.summary.scalar(name, value, step=update)
            tf.summary.scalar("learning_rate", self.rate(update) if callable(self.rate) else self.rate, step=update)
        if start * HISTOGRAMS // self.updates < self.done * HISTOGRAMS // self.updates:
            for variable in self.model.network.trainable_variables:
                tf.summary.histogram(variable.path, variable.value, step=self.done)


def _everything(trainer: Trainer) -> list[keras.Variable]:
    return trainer.network.variables + trainer.optimizer.variables


def _metrics(task: Task, settings: TrainingSettings, network: keras.Model, monitor: Monitor) -> dict:
    parameters = sum(math.prod(variable.shape) for variable in network.trainable_variables)
    return {
        "task": task.name,
        "model": task.settings.model,
        "parameters": parameters,
        "parameters_with_periods": parameters + len(clock(task.settings)[0]),
        "seed": settings.seed,
        "epochs": monitor.done // monitor.updates_per_epoch,
        "updates": monitor.done,
        "seconds": round(float(monitor.seconds[-1]), 3),
        **task.evaluate(network),
    }


def _write_results(task: Task, run: Run, network: keras.Model, monitor: Monitor, metrics: dict) -> None:
    report = task.report(network)
    for name, figure in (report.figures | clock_pictures(network.get_layer("hidden"))).items():
        png = figures.png(figure)
        (run.results / f"{name}.png").write_bytes(png)
        tf.summary.image(name, tf.image.decode_png(png)[None], step=monitor.done)
    for name, (samples, rate) in report.sounds.items():
        soundfile.write(run.results / f"{name}.wav", samples, rate)
        tf.summary.audio(name, samples[None, :, None].astype(np.float32), rate, step=monitor.done)
    for name, text in report.texts.items():
        (run.results / f"{name}.txt").write_text(text, encoding="utf-8")
        tf.summary.text(name, f"```\n{text}\n```", step=monitor.done)
    run.log_hyperparameters(metrics, step=monitor.done)
    with write_whole(run.results / "model.keras", suffix=".keras") as path:
        network.save(path)
    run.write_json("metrics.json", metrics)
    run.checkpoint.unlink(missing_ok=True)
