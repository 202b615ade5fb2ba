"""A run: a task trained in the one loop, followed on the way, and what it leaves behind."""

import contextlib
import dataclasses
import shutil
import sys
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from data.files import write_whole
from running import board, checkpoints, optimizers, signals
from running.devices import LostWorkerError, make_loop
from running.failures import FAILURES, in_words, warn
from running.loop import Loop
from running.metrics import in_json, summary
from running.report import PAGE, write_run_page
from running.runs import Run, where
from running.settings import TrainingSettings
from running.spread import train_parts
from running.trained import Trained
from tasks.measures import quartiles
from tasks.report import Report, write_table
from tasks.task import Task, clock_pictures

UPDATES_PER_POINT = 10  # of TensorBoard's curves
HISTOGRAMS = 10  # of each weight, over a whole training
COST = 0.01  # of training, at most, for checkpoints
LOG, CHECKPOINT = "TensorBoard's log is not whole", "no checkpoint"  # what is said where disks fail


class DivergenceError(Exception):
    """The loss of every replica stopped being a finite number."""


@signals.as_they_were()
def train(task: Task, settings: TrainingSettings, run: Run, sharing: tf.distribute.Strategy | None = None) -> dict:
    """Train a task's networks from their seeds, or from the run's checkpoint, and write everything that the run leaves.

    Model and metrics come first; pictures, sounds and pages after them, and one that fails is no more than a warning.

    Args:
        task: what to train on.
        settings: how.
        run: where to write; see `runs.Run`. It is released at the end.
        sharing: how several devices share each update, if they do; see `running.devices.strategy`.

    Returns:
        What `metrics.json` holds.

    Raises:
        CheckpointError: the checkpoint to go on from is not of this network.
        DivergenceError: says at which update; what was logged until then stays.
        LostWorkerError: after a checkpoint was written, from which the run can be resumed.
        KeyboardInterrupt, OSError, MemoryError: likewise, if a checkpoint could be written; before there was an update,
            nothing is left of the run.
    """
    try:
        try:
            following = Following(make_loop(task, settings, sharing), run)
            if run.saved:
                run.write_json("config.json", run.about)
            compile_seconds = {} if settings.ray else {"compile_seconds": _compile(following.loop)}
            following.log_about()
        except BaseException:
            run.undo()  # nothing was learned, and the same command can begin again
            raise
        try:
            following.to_the_end().checkpoint()  # from which more epochs can be trained, too
            metrics = following.metrics() | compile_seconds
            _write_networks(following, metrics)
        except (KeyboardInterrupt, LostWorkerError, *FAILURES):
            following.checkpoint()
            raise
        finally:
            with signals.held():
                following.flush()
                following.write_curves()
        with signals.held():
            _write_report(following, metrics)
    finally:
        run.release()
    return metrics


def train_along(task: Task, settings: TrainingSettings, sharing: tf.distribute.Strategy) -> None:
    """Be one of several workers that share each update, but not the one that writes.

    Raises:
        CheckpointError: there is no checkpoint to resume from that all workers see.
        LostWorkerError: as of `train`.
    """
    trained = Trained(make_loop(task, settings, sharing))
    trained.loop.call(0)  # calls of all workers must be the same
    if settings.resume:
        trained.restore(checkpoints.load(where(settings.results_dir / task.name / settings.name)).state)
    trained.to_the_end()


def _compile(loop: Loop) -> float:
    print("compiling …", end="", flush=True)
    began = time.perf_counter()
    loop.call(0)
    seconds = round(time.perf_counter() - began, 3)
    print(f"\rcompiled in {seconds:.1f} s")
    return seconds


class Following(Trained):
    """The same with a progress bar, TensorBoard, checkpoints, and an error where all diverged.

    Attributes:
        logged: how many updates TensorBoard's log shows.
        flushed: how many of them are on disk for certain.
        refused: names of the files that the disk did not take.
    """

    def __init__(self, loop: Loop, run: Run):
        super().__init__(loop)
        self.run = run
        self.shown = next(iter(self.task.metrics))
        self.quantities = self.task.quantities()
        self.looked = self.saved = time.monotonic()  # when updates were last looked at, and when saved, in seconds
        self.cost = 0.0  # of the last checkpoint, in seconds
        self.said: dict[str, str] = {}  # why what failed the last time
        self.refused: list[str] = []
        if run.saved:
            if run.saved.remark:
                warn(run.saved.remark)
            self.restore(run.saved.state)
            done, updates = self.loop.progress.done, self.loop.updates
            if self.task.settings.ray and 0 < done < updates and self.running.any():
                raise checkpoints.CheckpointError(
                    f"`ray` must not go on with a training. Received: {done} of {updates} updates done"
                )
        # All again where no log was left at the checkpoint.
        self.logged = self.flushed = self.seen if self.run.board.sizes else 0

    @signals.as_they_were()
    def to_the_end(self) -> "Following":
        if self.task.settings.ray and not self.seen:
            self.checkpoint()
            self.join(train_parts(self.task, self.run.parts, self.task.settings.ray))
            self._log()
            self._stop_if_lost()
            return self
        shown = {"unit": "update", "file": sys.stdout, "dynamic_ncols": True, "mininterval": 0.5}
        with tqdm(None, "updates", self.loop.updates, initial=self.loop.progress.done, **shown) as self.bar:
            super().to_the_end()
            self._stop_if_lost()
            self._show()
        return self

    def look(self) -> None:
        before = self.seen
        super().look()
        if self.seen > before:
            if not self.said.get(LOG):  # else all of it comes again with each checkpoint, whose cost is limited
                self._log()
            self._stop_if_lost()
            self._show()
            if self._is_time():
                self.checkpoint()

    def _is_time(self) -> bool:
        """Return whether the next look, if it takes as long as the last one, would come too late for a checkpoint."""
        now = time.monotonic()
        soon, self.looked = 2 * now - self.looked, now
        return soon - self.saved >= max(self.run.settings.checkpoint_seconds, self.cost / COST)

    def _stop_if_lost(self) -> None:
        if self.lost.all():
            several = f" in all {self.task.replicas} replicas, the last one" if self.task.replicas > 1 else ""
            raise DivergenceError(
                f"diverged{several} at update {self.diverged.max()}: "
                "the loss or its gradient is no finite number any more"
            )

    def checkpoint(self) -> None:
        """Save all that is needed to go on from here; if that cannot be, say so."""
        began = time.monotonic()
        self.flush()
        try:
            self.run.save(self.state())
            self._warn(CHECKPOINT)
        except OSError as error:
            self._warn(CHECKPOINT, in_words(error))
        self.saved = time.monotonic()
        self.cost = self.saved - began

    def flush(self) -> None:
        """Bring TensorBoard's log to disk; if that cannot be, say so, and log its curves again the next time."""
        try:
            self._log()
            self.run.board.flush()
            self.flushed = self.logged
            self._warn(LOG)
        except OSError as error:
            self._warn(LOG, in_words(error))
            self.logged = self.flushed = self.flushed if self.run.board.sizes else 0

    def _warn(self, what: str, why: str = "") -> None:
        """Say what fails and why, once until it is another reason; without one, that it works."""
        if why and self.said.get(what) != why:
            warn(f"{what}: {why}")
        self.said[what] = why

    def log_about(self) -> None:
        """Log what the run is from here on: where it goes on, its command may be another."""
        sizes = {"parameters": self.task.network.size, "networks": self.task.replicas, "updates": self.loop.updates}
        names = {"run": self.run.name, "task": self.task.name, "command": self.run.about["command"]}
        with self.run.board.logging():
            board.write_about(names | sizes | self.run.hyperparameters, self.seen)

    def write_curves(self) -> None:
        """Write and draw the curves of what there is."""
        from tasks import figures

        progress, alive = self.loop.progress, ~self.lost if not self.lost.all() else slice(None)
        figured, tables = {}, {}
        if progress.done:
            columns = dict(zip(self.loop.columns, np.moveaxis(progress.history[:, alive], -1, 0), strict=True))
            drawn = columns.pop(self.shown)
            figured["training"] = figures.training_figure(progress.seconds, drawn, self.quantities[self.shown])
            counted = {"update": np.arange(progress.done), "seconds": progress.seconds}
            tables["training"] = counted | _spread({self.shown: drawn} | columns)
        if self.epochs:
            epochs = [{name: values[alive] for name, values in epoch.items()} for epoch in self.epochs]
            figured["epochs"] = figures.epochs_figure(epochs, self.task.epoch_quantity, self.quantities)
            columns = {name: np.array([epoch[name] for epoch in epochs]) for name in epochs[0]}
            tables["epochs"] = {"epoch": np.arange(1, len(epochs) + 1)} | _spread(columns)
        for name, table in tables.items():
            with self.may_fail(f"{name}.csv"):
                write_table(self.run.results / f"{name}.csv", table)
        Report(figured).write(self.run.results, self.not_made)

    @contextlib.contextmanager
    def may_fail(self, name: str) -> Iterator[None]:
        """Name what could not be made, and go on: the network is trained."""
        try:
            yield
        except Exception as error:
            self.not_made(name, error)

    def not_made(self, name: str, error: Exception) -> None:
        warn(f"{name} could not be made: {in_words(error)}")
        if isinstance(error, OSError):
            self.refused.append(name)

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
        return found | summary(values, task.best_at, self.lost)

    def _show(self) -> None:
        progress = self.loop.progress
        last = progress.history[-1, :, self.loop.columns.index(self.shown)][~self.lost]
        self.bar.set_postfix({self.shown: f"{last.mean():.4g}"}, refresh=False)
        self.bar.update(progress.done - self.bar.n)

    def _log(self) -> None:
        """Show in TensorBoard the updates that it does not show yet, all or none."""
        try:
            with self.run.board.logging():
                self._log_from(self.logged)
        except BaseException:  # Ctrl-C, above all
            self.run.board.rewind()
            self.logged = self.flushed
            raise
        self.logged = self.seen

    def _log_from(self, before: int) -> None:
        loop, done, alive = self.loop, self.seen, ~self.lost
        history = dict(zip(loop.columns, np.moveaxis(loop.progress.history, -1, 0), strict=True))  # each [updates, R]
        loss = history.pop("loss")
        if not any(np.array_equal(loss, own, equal_nan=True) for own in history.values()):  # else it is that metric
            history["loss"] = loss
        points = range(-(-before // UPDATES_PER_POINT) * UPDATES_PER_POINT, done, UPDATES_PER_POINT)
        rates = optimizers.learning_rate(loop.settings, list(points), loop.updates).numpy() if points else []
        group = "optimization" if self.task.epoch_quantity else "metric"  # what is measured after epochs counts more
        for update, rate in zip(points, rates, strict=True):
            noted = {name: values[update, alive] for name, values in history.items()}
            noted |= {"learning_rate": [rate]} if update >= self.run.begun else {}  # before, it may have been another
            board.write(board.tagged(noted, self.quantities, group), update)
        for epoch in range(before // self.task.batches, len(self.epochs)):
            noted = {name: values[alive] for name, values in self.epochs[epoch].items()}
            board.write(board.tagged(noted, self.quantities), (epoch + 1) * self.task.batches)
        if before * HISTOGRAMS // loop.updates < done * HISTOGRAMS // loop.updates:
            board.write({}, done, board.weights(self.task.network, loop.weights[0]))


def _spread(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return columns [N, R] as they are of one network, of several their median and quartiles, each [N]."""
    spread = {}
    for name, values in columns.items():
        if values.shape[1] == 1:
            spread[name] = values[:, 0]
        else:
            lower, median, upper = quartiles(values, axis=1)
            spread |= {name: median, f"{name}_lower_quartile": lower, f"{name}_upper_quartile": upper}
    return spread


def _write_networks(following: Following, metrics: dict) -> None:
    """Write what a run is made for, but for networks that diverged; after it nothing can be lost."""
    task, run, weights = following.task, following.run, following.weights
    kept = task.replicas if task.settings.keep == "all" else 1
    for replica in range(kept):
        name = f"model_{replica}.keras" if replica else "model.keras"
        if following.lost[replica]:
            others = "; with --keep all the others are" if kept < task.replicas else ""
            warn(f"{name} is not kept, because its network diverged{others}")
            continue
        with write_whole(run.results / name, suffix=".keras") as path:
            task.network.keras_model(weights[replica], replica).save(path)
    run.write_config()  # again, for whoever removed the folder meanwhile
    run.write_json("metrics.json", in_json(metrics))
    with signals.held():
        run.finish()


def _write_report(following: Following, metrics: dict) -> None:
    task, run, step = following.task, following.run, following.loop.progress.done
    report = Report({})
    with following.may_fail("what it learned"):
        report = task.report(np.where(following.lost[:, None], np.float32(np.nan), following.weights))
    with following.may_fail("clock.png"):
        report = dataclasses.replace(report, figures=report.figures | clock_pictures(task.network.hidden))
    with following.may_fail("config.json"):
        run.write_config(report.files)
    report.write(run.results, following.not_made)
    each = {name: metrics.get("replicas", {}).get(name, [metrics[name]]) for name in task.metrics if name in metrics}
    last = {name: np.array([value for value in values if value is not None]) for name, values in each.items()}
    with run.board.logging():
        board.write(board.tagged(last, following.quantities), step)  # where the curves end
        board.write_report(report, run.results, step)
        board.write_hyperparameters(run.hyperparameters, metrics, run.name)
    following.flush()
    if not following.refused:
        with following.may_fail(PAGE):
            write_run_page(run.results, report)
    if following.refused:
        warn(f"{PAGE} is not made{run.goes_on()}")
    shutil.rmtree(run.parts, ignore_errors=True)
