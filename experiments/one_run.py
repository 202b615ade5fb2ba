"""One network trained as `main.py` trains it, for experiments whose networks cannot share a population."""

import contextlib
import io
import logging
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from runs import Run
from tasks.task import Task
from training import DivergenceError, train


def train_run(task_class: type[Task], settings: Any) -> dict[str, Any]:
    """Train one network, silently and leaving no files.

    Args:
        task_class: what to train on.
        settings: all settings of `main.py` for this task, but where the run writes.

    Returns:
        What its `metrics.json` holds; only `parameters` if training diverged.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # each run is traced once, which it takes for retracing
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        settings = replace(settings, name="run", results_dir=Path(folder, "results"), log_dir=Path(folder, "log"))
        task = task_class(settings)
        try:
            return train(task, settings, Run(task.name, settings))
        except DivergenceError:
            return {"parameters": sum(math.prod(v.shape) for v in task.network().trainable_variables)}
