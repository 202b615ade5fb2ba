"""The replicas of a run, spread over a cluster: each part is trained by a worker of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from running.cluster import Arrays, Cell, compute
from running.trained import train_silently
from tasks.task import Task

PART = 25  # networks at most, with which each takes hardly longer than among a hundred
PARTS = 16  # at least, while there are as many networks


def train_part(task_class: type[Task], settings: Any, seeds: Sequence[int]) -> Arrays:
    """Train the networks of these seeds; returns the state at the end."""
    return train_silently(task_class(settings, seeds), settings).state()


def train_parts(task: Task, folder: Path, address: str) -> list[Arrays]:
    """Train a task's networks on a Ray cluster; returns the states of the parts in the order of the replicas.

    Args:
        task: with the seeds of its replicas.
        folder: where parts that are done are kept.
        address: of the cluster, as of `running.cluster.connect`.

    Raises:
        ValueError: there is no cluster.
    """
    size = max(1, min(PART, task.replicas // PARTS))
    parts = [task.seeds[first : first + size] for first in range(0, task.replicas, size)]
    common = {"task_class": type(task), "settings": task.settings}
    cells = [Cell(f"from-{seeds[0]}", common | {"seeds": seeds}, len(seeds)) for seeds in parts]
    return compute(train_part, cells, folder, ray=address)
