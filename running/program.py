"""The program: train a task or use a trained run, and leave with a status that says how it went."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from running import command_line, devices, signals
from running.checkpoints import CheckpointError
from running.cluster import connect
from running.devices import LostWorkerError
from running.export import export_run
from running.failures import FAILURES, in_words, output_may_fail, warn
from running.memory import check, check_use, make_task
from running.metrics import counts, rows, table
from running.runs import Run
from running.train import DivergenceError, train, train_along
from running.use import staying, trained
from tasks.task import Task

# With these XLA takes a third less time to compile, and an update of one network no longer; those of a hundred take 1.4 times as
# long (`docs/usage.md`).
ONE_NETWORK_FLAGS = "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=2"


def set_flags(settings: Any) -> None:
    """Set XLA's flags where nobody has; nothing may have been computed yet."""
    if settings.replicas == 1:
        os.environ.setdefault("XLA_FLAGS", ONE_NETWORK_FLAGS)


def carry_out(task_class: type[Task], settings: Any, recipe: Any) -> int:
    """Do what the settings ask for.

    Args:
        task_class: of the task.
        settings: all of them.
        recipe: what they started from.

    Returns:
        The exit status: 0; 1 where all networks diverged, a worker was lost, or disk or memory did not suffice, or where what a
        trained run was asked for could not be printed; 2 refused;
        128 and the number of the signal that ended it: 130 for Ctrl-C, 143 for SIGTERM.
    """
    try:
        with signals.raised():
            try:
                if settings.run:
                    settings.check()
                    with output_may_fail() as output:
                        _use(task_class, settings, recipe)
                    return int(output.failed)  # what is printed may be all that was asked for
                prepared = _prepare(task_class, settings, recipe)
            except (ValueError, *FAILURES) as error:
                return command_line.refuse(error)
            with output_may_fail():
                return _train(*prepared)
    except signals.Stopped as stop:
        warn(f"interrupted{' before training began' * (not settings.run)}", behind="\n")  # behind ^C
        return stop.status


@signals.as_they_were()
def _use(task_class: type[Task], settings: Any, recipe: Any) -> None:
    folder = trained(task_class.name, settings)
    if settings.export:
        print(export_run(folder, settings.export))
    else:
        check(task_class, dataclasses.replace(settings, replicas=1, epochs=1), recipe)
        check_use(task_class, settings)
        with staying(folder):
            task_class.use(settings, folder)


@signals.as_they_were()
def _prepare(
    task_class: type[Task], settings: Any, recipe: Any
) -> tuple[Task, Any, tf.distribute.Strategy | None, Run | None]:
    """Return the task, its settings, how devices share updates, and the run, if this process is the one that writes."""
    settings.check()
    if settings.export:
        raise ValueError(f"`export` needs `run`, the name of a trained run. Received: {settings.export}")
    if settings.ray and settings.devices > 1:
        raise ValueError(f"`devices` must be 1 for replicas that `ray` spreads. Received: {settings.devices}")
    if settings.ray and devices.workers():
        raise ValueError(f"`ray` must not come with workers of TF_CONFIG. Received: {', '.join(devices.workers())}")
    sharing = devices.strategy(settings.devices)  # before TensorFlow computes anything
    task = make_task(task_class, settings, recipe)
    if sharing:
        devices.check_split(sharing, task)
        if devices.workers():
            devices.check_same(sharing, task)
    if settings.ray:
        connect(settings.ray)
    return task, settings, sharing, Run(task.name, settings, recipe) if devices.is_chief() else None


def _train(task: Task, settings: Any, sharing: tf.distribute.Strategy | None, run: Run | None) -> int:
    left = run.goes_on if run else str
    try:
        if run is None:
            print(f"{task.name}: trains along; the first of {len(devices.workers())} workers writes the results")
            train_along(task, settings, sharing)
        else:
            print(f"{task.name}: {run.name}. Follow it with: tensorboard --logdir {settings.log_dir}")
            metrics = train(task, settings, run, sharing)
            _say(run, metrics)
            if remark := task.remark(metrics):
                print(remark)
        return 0
    except CheckpointError as error:
        return command_line.refuse(error)
    except DivergenceError as error:
        what, status, left = f"{error}; what was logged is in {run.log} and {run.results}", 1, str
    except LostWorkerError as error:
        what, status, left = str(error), 1, lambda: _everywhere(run)
    except FAILURES as error:
        what, status = in_words(error), 1
    except signals.Stopped as stop:
        warn(f"interrupted{left()}", behind="\n")  # behind ^C
        return stop.status
    warn(f"{what}{left()}")
    return status


def _everywhere(run: Run | None) -> str:
    """Return how several workers go on, as `Run.goes_on` does of one."""
    if run is None:
        return "; the first one says how to go on"
    return f"{left}, everywhere" if (left := run.goes_on()) else ""


def _say(run: Run, metrics: Mapping[str, Any]) -> None:
    print(table([("", "result", "without learning"), *rows(metrics), *((*line, "") for line in counts(metrics))]))
    print(f"Results are in {run.results}: {', '.join(sorted(path.name for path in run.results.glob('[!.]*')))}")
