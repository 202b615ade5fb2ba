"""A run: a task trained in the one loop, followed on the way, and what it leaves behind."""

import dataclasses
import shutil
import sys
import time

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from data.files import write_whole
from running import board, optimizers
from running.devices import LostWorkerError, make_loop
from running.loop import Loop
from running.metrics import summary
from running.report import write_run_page
from running.runs import Run, checkpoint
from running.settings import TrainingSettings
from running.spread import train_parts
from running.trained import Trained
from tasks.report import Report, write_table
from tasks.task import Task, clock_pictures

UPDATES_PER_POINT = 10  # of TensorBoard's curves
HISTOGRAMS = 10  # of each weight, over a whole training
SECONDS_PER_CHECKPOINT = 60


class DivergenceError(Exception):
    """The loss of every replica stopped being a finite number."""


def train(task: Task, settings: TrainingSettings, run: Run, sharing: tf.distribute.Strategy | None = None) -> dict:
    """Train a task's networks from their seeds, or from the run's checkpoint, and write everything that the run leaves.

    Args:
        task: what to train on.
        settings: how.
        run: where to write; see `runs.Run`.
        sharing: how several devices share each update, if they do; see `running.devices.strategy`.

    Returns:
        What `metrics.json` holds.

    Raises:
        DivergenceError: says at which update; what was logged until then stays.
        LostWorkerError: after a checkpoint was written, from which the run can be resumed.
        KeyboardInterrupt: likewise.
    """
    following = Following(make_loop(task, settings, sharing), run)
    following.resume()
    compile_seconds = {} if settings.ray else {"compile_seconds": _compile(following.loop)}
    with run.board.as_default():
        sizes = {"parameters": task.network.size, "networks": task.replicas, "updates": following.loop.updates}
        names = {"run": run.name, "task": task.name, "command": run.about["command"]}
        board.write_about(names | sizes | run.hyperparameters)
        try:
            following.to_the_end()
        except (KeyboardInterrupt, LostWorkerError):
            following.checkpoint()
            raise
        finally:
            following.close()
        metrics = following.metrics() | compile_seconds
        _write_results(following, metrics)
    return metrics


def train_along(task: Task, settings: TrainingSettings, sharing: tf.distribute.Strategy) -> None:
    """Be one of several workers that share each update, but not the one that writes.

    Raises:
        ValueError: there is no checkpoint to resume from.
        LostWorkerError: as of `train`.
    """
    trained = Trained(make_loop(task, settings, sharing))
    trained.loop.call(0)  # calls of all workers must be the same
    if settings.resume:
        path = checkpoint(task.name, settings, settings.name)
        if not path.exists():
            raise ValueError(f"`resume` needs a checkpoint that all workers see. Received: {path}, which is not there")
        with np.load(path) as saved:
            trained.restore(saved)
    trained.to_the_end()


def _compile(loop: Loop) -> float:
    print("compiling …", end="", flush=True)
    began = time.perf_counter()
    loop.call(0)
    seconds = round(time.perf_counter() - began, 3)
    print(f"\rcompiled in {seconds:.1f} s")
    return seconds


class Following(Trained):
    """The same with a progress bar, TensorBoard, checkpoints, and an error where all diverged."""

    def __init__(self, loop: Loop, run: Run):
        super().__init__(loop)
        self.run = run
        self.shown = next(iter(self.task.metrics))
        self.quantities = self.task.quantities()
        self.saved = time.monotonic()

    def resume(self) -> None:
        """Take everything from the run's checkpoint, where there is one."""
        if not self.run.checkpoint.exists():
            return
        with np.load(self.run.checkpoint) as saved:
            self.restore(saved)

    def to_the_end(self) -> "Following":
        if self.task.settings.ray:
            self.checkpoint()
            self.join(train_parts(self.task, self.run.parts, self.task.settings.ray))
            self._log(0)
            self._stop_if_lost()
            return self
        shown = {"unit": "update", "file": sys.stdout, "dynamic_ncols": True, "mininterval": 0.5}
        with tqdm(None, "updates", self.loop.updates, initial=self.loop.progress.done, **shown) as self.bar:
            super().to_the_end()
            self._show()
        return self

    def look(self) -> None:
        before = self.seen
        super().look()
        if self.seen > before:
            self._log(before)
            self._stop_if_lost()
            self._show()
            if time.monotonic() - self.saved > SECONDS_PER_CHECKPOINT:
                self.checkpoint()

    def _stop_if_lost(self) -> None:
        if self.lost.all():
            several = f" in all {self.task.replicas} replicas, the last one" if self.task.replicas > 1 else ""
            raise DivergenceError(
                f"diverged{several} at update {self.diverged.max()}: "
                "the loss or its gradient is no finite number any more"
            )

    def checkpoint(self) -> None:
        """Save all that is needed to go on from here."""
        with write_whole(self.run.checkpoint) as path, open(path, "wb") as file:
            np.savez(file, **self.state())
        self.saved = time.monotonic()

    def close(self) -> None:
        """Flush what was logged, and write and draw the curves of what there is."""
        from tasks import figures

        self.run.board.flush()
        progress, alive = self.loop.progress, ~self.lost if not self.lost.all() else slice(None)
        figured = {}
        if progress.done:
            columns = dict(zip(self.loop.columns, np.moveaxis(progress.history[:, alive], -1, 0), strict=True))
            drawn = columns.pop(self.shown)
            figured["training"] = figures.training_figure(progress.seconds, drawn, self.quantities[self.shown])
            counted = {"update": np.arange(progress.done), "seconds": progress.seconds}
            write_table(self.run.results / "training.csv", counted | _spread({self.shown: drawn} | columns))
        if self.epochs:
            epochs = [{name: values[alive] for name, values in epoch.items()} for epoch in self.epochs]
            figured["epochs"] = figures.epochs_figure(epochs, self.task.epoch_quantity, self.quantities)
            columns = {name: np.array([epoch[name] for epoch in epochs]) for name in epochs[0]}
            write_table(self.run.results / "epochs.csv", {"epoch": np.arange(1, len(epochs) + 1)} | _spread(columns))
        Report(figured).write(self.run.results)

    def metrics(self) -> dict:
        """Return what `metrics.json` holds."""
        task, progress, settings = self.task, self.loop.progress, self.task.settings
        parameters = task.network.size
        found = {
            "task": task.name,
            "model": settings.model,
            "parameters": parameters,
            "parameters_with_periods": parameters + task.network.periods,
            "seed": settings.seed,
            "epochs": progress.done // task.batches,
            "updates": progress.done,
            "seconds": round(float(progress.seconds[-1]), 3),
            "quantities": {name: quantity._asdict() for name, quantity in self.quantities.items()},
        }
        values = self.values() | ({"epochs": self.stopped} if (self.stopped != found["epochs"]).any() else {})
        return found | summary(values, task.more_is_better, self.lost)

    def _show(self) -> None:
        progress = self.loop.progress
        last = progress.history[-1, :, self.loop.columns.index(self.shown)][~self.lost]
        self.bar.set_postfix({self.shown: f"{last.mean():.4g}"}, refresh=False)
        self.bar.update(progress.done - self.bar.n)

    def _log(self, before: int) -> None:
        """Write what TensorBoard shows of the updates since the last call."""
        loop, done, alive = self.loop, self.loop.progress.done, ~self.lost
        history = dict(zip(loop.columns, np.moveaxis(loop.progress.history, -1, 0), strict=True))  # each [updates, R]
        loss = history.pop("loss")
        if not any(np.array_equal(loss, own, equal_nan=True) for own in history.values()):  # else it is that metric
            history["loss"] = loss
        points = range(-(-before // UPDATES_PER_POINT) * UPDATES_PER_POINT, done, UPDATES_PER_POINT)
        rates = optimizers.learning_rate(loop.settings, list(points), loop.updates).numpy() if points else []
        group = "optimization" if self.task.epoch_quantity else "metric"  # what is measured after epochs counts more
        for update, rate in zip(points, rates, strict=True):
            noted = {name: values[update, alive] for name, values in history.items()}
            board.write(board.tagged(noted | {"learning_rate": [rate]}, self.quantities, group), update)
        if self.task.epoch_quantity and done % self.task.batches == 0:
            noted = {name: values[alive] for name, values in self.epochs[-1].items()}
            board.write(board.tagged(noted, self.quantities), done)
        if before * HISTOGRAMS // loop.updates < done * HISTOGRAMS // loop.updates:
            board.write({}, done, board.weights(self.task.network, loop.weights[0]))


def _spread(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return columns [N, R] as they are of one network, of several their median and quartiles, each [N]."""
    spread = {}
    for name, values in columns.items():
        if values.shape[1] == 1:
            spread[name] = values[:, 0]
        else:
            kinds = (name, f"{name}_lower_quartile", f"{name}_upper_quartile")
            spread |= dict(zip(kinds, np.percentile(values, (50, 25, 75), axis=1), strict=True))
    return spread


def _write_results(following: Following, metrics: dict) -> None:
    task, run, step = following.task, following.run, following.loop.progress.done
    weights = following.weights
    report = task.report(weights)
    report = dataclasses.replace(report, figures=report.figures | clock_pictures(task.network.hidden))
    report.write(run.results)
    each = {name: metrics.get("replicas", {}).get(name, [metrics[name]]) for name in task.metrics if name in metrics}
    last = {name: np.array([value for value in values if value is not None]) for name, values in each.items()}
    board.write(board.tagged(last, following.quantities), step)  # where the curves end
    board.write_report(report, run.results, step)
    board.write_hyperparameters(run.hyperparameters, metrics, run.name)
    kept = task.replicas if task.settings.keep == "all" else 1
    for replica in range(kept):
        name = f"model_{replica}.keras" if replica else "model.keras"
        with write_whole(run.results / name, suffix=".keras") as path:
            task.network.keras_model(weights[replica], replica).save(path)
    following.checkpoint()  # from which more epochs can be trained
    run.write_json("metrics.json", metrics)
    write_run_page(run.results, report)
    shutil.rmtree(run.parts, ignore_errors=True)
