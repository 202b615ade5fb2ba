"""The program: train a task or use a trained run, and leave with a status that says how it went."""

import os
import sys
from typing import Any

import tensorflow as tf

from running import command_line, devices
from running.cluster import connect
from running.devices import LostWorkerError
from running.export import export_run
from running.memory import make_task
from running.metrics import counts, rows, table
from running.runs import Run, trained
from running.train import DivergenceError, train, train_along
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
        The exit status: 0; 1 where all networks diverged or a worker was lost; 2 refused; 130 interrupted.
    """
    try:
        settings.check()
        if settings.run:
            _use(task_class, settings)
            return 0
        if settings.export:
            raise ValueError(f"`export` needs `run`, the name of a trained run. Received: {settings.export}")
        sharing = devices.strategy(settings.devices)  # before TensorFlow computes anything
        task = make_task(task_class, settings)
        if sharing:
            devices.check_split(sharing, task)
        if settings.ray:
            connect(settings.ray)
        run = Run(task.name, settings, recipe) if devices.is_chief() else None
    except ValueError as error:
        return command_line.refuse(error)
    except KeyboardInterrupt:
        print("\nmain.py: interrupted before training began", file=sys.stderr)
        return 130
    return _train(task, settings, sharing, run) if run else _train_along(task, settings, sharing)


def _use(task_class: type[Task], settings: Any) -> None:
    folder = trained(task_class.name, settings)
    if settings.export:
        print(export_run(folder, settings.export))
    else:
        task_class.use(settings, folder)


def _train(task: Task, settings: Any, sharing: tf.distribute.Strategy | None, run: Run) -> int:
    print(f"{task.name}: {run.name}. Follow it with: tensorboard --logdir {settings.log_dir}")
    try:
        metrics = train(task, settings, run, sharing)
    except LostWorkerError as error:
        print(
            f"main.py: {error}; go on with the same flags and --name {run.name} --resume, everywhere", file=sys.stderr
        )
        return 1
    except DivergenceError as error:
        print(f"main.py: {error}; what was logged is in {run.log} and {run.results}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        goes_on = f"; go on with the same flags and --name {run.name} --resume" if run.checkpoint.exists() else ""
        print(f"\nmain.py: interrupted{goes_on}", file=sys.stderr)
        return 130
    print(table([("", "result", "without learning"), *rows(metrics), *((*line, "") for line in counts(metrics))]))
    print(f"Results are in {run.results}: {', '.join(sorted(path.name for path in run.results.iterdir()))}")
    return 0


def _train_along(task: Task, settings: Any, sharing: tf.distribute.Strategy) -> int:
    print(f"{task.name}: trains along; the first of {len(devices.workers())} workers writes the results")
    try:
        train_along(task, settings, sharing)
    except ValueError as error:
        return command_line.refuse(error)
    except LostWorkerError as error:
        print(f"main.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
