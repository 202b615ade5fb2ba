"""How many replicas this machine's memory holds."""

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

from tasks.task import Task

BYTES = 4  # of a number
WEIGHTS = 12  # numbers a weight: itself, its gradient, what the optimiser remembers, each before and after an update
SPARE = 0.9  # of what is free


def make_task(task_class: type[Task], settings: Any) -> Task:
    """Return a task with as many replicas as the settings say; raises a ValueError if memory does not hold them.

    On a cluster each worker holds only some of them.
    """
    task = task_class(dataclasses.replace(settings, replicas=1))
    if settings.replicas == 1:
        return task
    most = int(SPARE * free() / needed(task))
    if settings.replicas > most and not settings.ray:
        raise ValueError(f"`replicas` must be at most {most}, as many as memory holds. Received: {settings.replicas}")
    return task_class(settings)


def needed(task: Task) -> int:
    """Return about how many bytes the training of one replica takes.

    What is kept of each step for the way back: drive and states, once as computed and once as gradients, and what it saw.
    """
    network, cell = task.network, task.network.hidden.cell
    a_unit = 2 * (cell.rows + cell.kept_rows + 2 * len(cell.states))
    a_step = a_unit * network.hidden.units + 2 * (network.front.features + network.outputs)
    return BYTES * (WEIGHTS * network.size + task.steps_of_update * a_step)


def free() -> int:
    """Return how many bytes of memory a process may still take."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    if (info := Path("/proc/meminfo")).exists():
        limits += [1024 * int(kilobytes) for kilobytes in re.findall(r"MemAvailable:\s*(\d+)", info.read_text())]
    if (most := Path("/sys/fs/cgroup/memory.max")).exists() and (text := most.read_text().strip()).isdigit():
        limits.append(int(text) - int(most.with_name("memory.current").read_text()))
    return min(limits)
