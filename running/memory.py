"""What a training takes of this machine's memory, estimated before the first tensor, and how much of it is free."""

import bisect
import contextlib
import dataclasses
import functools
import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models.cells import Cell
from models.clocks import LARGEST, WIRINGS
from running.spread import PART
from tasks.network_settings import MODELS, clock
from tasks.task import Task

BYTES = 4  # of a number
# Measured as the most that whole runs held over TensorFlow's own: 26 numbers a weight of a full network, 145 MiB of the
# smallest, 14 more for each of 50 modules.
WEIGHTS = (
    16  # numbers a weight: itself, its gradient, what the optimiser remembers, before and after an update, and as saved
)
DRAWN = 8  # numbers of a dense recurrent matrix, from which initial weights are cut, while it is drawn
NOTED = 12  # numbers noted of an update, twice while more are added
A_PROGRAM, A_MODULE = 100 * 2**20, 12 * 2**20  # bytes of what is compiled
A_STEP = 40  # bytes of what a trained run makes, of which 16 to 30 were measured
SPARE = 0.9  # of what is free
SHOWN = 256  # periods that stand for all where it is asked who hears whom

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
FILES = {
    "memory.max": "memory.current",
    "memory.limit_in_bytes": "memory.usage_in_bytes",
}  # of control groups, version 2 and 1


class Facts(NamedTuple):
    """What a task's data tell, and not its settings alone.

    Args:
        features: that the hidden layer sees.
        outputs: of the network.
        batches: updates of an epoch.
        steps: time steps of an update, for each of those that the settings tell.
    """

    features: int = 0
    outputs: int = 1
    batches: int = 1
    steps: float = 1.0


def make_task(task_class: type[Task], settings: Any, recipe: Any = None) -> Task:
    """Return a task, once it is sure that memory holds its training.

    Args:
        task_class: of the task.
        settings: all of them.
        recipe: what they started from.

    Raises:
        ValueError: memory does not hold it; names a setting and the largest value with which it would.
    """
    check(task_class, settings, recipe)
    task = task_class(dataclasses.replace(settings, replicas=1))
    check(task_class, settings, recipe, facts_of(task))
    return task if settings.replicas == 1 else task_class(settings)


def facts_of(task: Task) -> Facts:
    """Return what the data of a task tell."""
    steps = task.steps_of_update / _steps(type(task), task.settings)
    return Facts(task.network.front.features, task.network.outputs, task.batches, steps)


def check(task_class: type[Task], settings: Any, recipe: Any = None, facts: Facts = Facts()) -> None:  # noqa: B008
    """Raise a ValueError if memory does not hold a training; names the size that is furthest above the recipe's."""
    names = (*task_class.lengths, "units", "modules", "turns", "replicas", "epochs")
    given = {name: min(getattr(settings, name), LARGEST + 1) for name in names}
    usual = {name: max(1, min(value, getattr(recipe, name, 1))) for name, value in given.items()}
    allowed = SPARE * free()

    def of(facts: Facts = facts, **changes: int) -> float:
        return needed(task_class, dataclasses.replace(settings, **given | changes), facts)

    def fits(**changes: int) -> bool:
        with contextlib.suppress(ValueError):  # of clocks that cannot be
            return of(**changes) <= allowed
        return False

    if of() <= allowed:
        return
    alone = [name for name in given if fits(**{name: usual[name]})]
    name = max(alone or given, key=lambda name: given[name] / usual[name])
    others = {} if alone else usual
    most = bisect.bisect_left(range(LARGEST), True, key=lambda value: not fits(**others | {name: value + 1}))
    if not most and of(Facts(), **usual) <= allowed:
        steps = round(facts.steps * _steps(task_class, settings))
        raise ValueError(
            f"the data must ask for less than memory holds. Received: {steps} steps at once, each of {facts.features} "
            f"inputs and {facts.outputs} outputs"
        )
    if not most and (len(clock(settings)[0]) == 1 or allowed < A_PROGRAM + A_MODULE):
        least, there = (f"{size / 2**20:.0f} MiB" for size in (of(**usual) / SPARE, free()))
        raise ValueError(f"memory must be free, at least {least}. Received: {there}")
    if not most:
        raise ValueError(
            f"`periods` must be fewer, for memory to hold them. Received: {len(clock(settings)[0])} modules"
        )
    raise ValueError(f"`{name}` must be at most {most}, as many as memory holds. Received: {getattr(settings, name)}")


def check_use(task_class: type[Task], settings: Any) -> None:
    """Raise a ValueError if memory does not hold what a trained run is to make."""
    name, steps = task_class.made(settings)
    most = int(SPARE * free() / A_STEP) if steps else 0
    if steps > most:
        raise ValueError(f"`{name}` must be of at most {most} steps, as many as memory holds. Received: {steps}")


def needed(task_class: type[Task], settings: Any, facts: Facts = Facts()) -> float:  # noqa: B008
    """Return about how many bytes a training takes, of a network that may be far too large to be made.

    What is kept of each step for the way back: drive and states, once as computed and once as gradients, and what it saw.
    """
    units, replicas, cell = settings.units, settings.replicas, _cell(settings.model)
    modules, a_network = len(clock(settings)[0]), weights(settings, facts)
    a_unit = 2 * (cell.rows + cell.kept_rows + 2 * len(cell.states))
    a_step = a_unit * units + 2 * (facts.features + facts.outputs)
    here = min(replicas, PART) if settings.ray else replicas  # others are trained elsewhere
    steps, updates = facts.steps * _steps(task_class, settings), settings.epochs * facts.batches
    numbers = here * (WEIGHTS * a_network + steps * a_step) + DRAWN * cell.gates * units**2
    numbers += replicas * (2 * a_network + NOTED * updates) if updates <= LARGEST else math.inf
    return BYTES * numbers + A_PROGRAM + modules * (A_MODULE + 9 * modules)


def weights(settings: Any, facts: Facts) -> float:
    """Return about how many weights a network has, without its modules: of many, some stand for all."""
    periods = np.array(clock(settings)[0] or [1])
    some = periods[np.linspace(0, len(periods) - 1, min(len(periods), SHOWN)).astype(int)]
    heard = WIRINGS[settings.connections](some[:, None], some[None]).mean() * settings.units  # by a unit, on average
    cell = _cell(settings.model)
    return settings.units * (cell.gates * (heard + facts.features + cell.biases) + facts.outputs)


def _steps(task_class: type[Task], settings: Any) -> int:
    """Return how many time steps an update has as far as the settings tell."""
    return math.prod(getattr(settings, name) for name in task_class.lengths)


@functools.cache
def _cell(model: str) -> Cell:
    return MODELS[model](1, (1,)).cell


def free() -> float:
    """Return how many bytes of memory this process may still take: of the machine, its control groups and its own limits."""
    return min([math.inf, *_of_machine(), *_of_control_groups(), *_of_process()])


def _of_machine() -> Iterator[int]:
    if hasattr(os, "sysconf"):
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield from (1024 * int(kilobytes) for kilobytes in re.findall(r"MemAvailable:\s*(\d+)", _read(PROC / "meminfo")))


def _of_control_groups() -> Iterator[int]:
    """Yield what is left of each limit; files that were only read give way."""
    for line in _read(PROC / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(",") or not controllers:  # of version 1 or 2
            root = CGROUPS / controllers
            folder = root / path.lstrip("/")
            for group in (folder, *folder.parents):
                for most, used in FILES.items():
                    if group.is_relative_to(root) and (limit := _read(group / most).strip()).isdigit():
                        gives_way = re.findall(r"^(?:total_)?inactive_file (\d+)", _read(group / "memory.stat"), re.M)
                        yield int(limit) - int(_read(group / used)) + max(map(int, gives_way), default=0)


def _of_process() -> Iterator[int]:
    if sys.platform == "linux":
        import resource

        pages = [int(count) * resource.getpagesize() for count in _read(PROC / "self" / "statm").split()]
        for limit, used in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
            if (most := resource.getrlimit(limit)[0]) != resource.RLIM_INFINITY:
                yield most - used


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
