"""Numbers that a flag cannot have, and some that it can: every flag of every task."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import main
from running.flags import settings_of
from running.hints import words_of
from tests.faults.fault import Fault
from tests.faults.program import Program
from tests.faults.trainings import flags

WHOLE = ("-1", "0", "2147483647", "4294967297")
REAL = ("-1", "nan", "3e38")
PATIENCE = 5.0  # seconds after which a training that goes well is ended
LISTS = {  # of several numbers
    "--periods": ("1 4294967297", "1 2147483647", "1 1", "2 1", "0", "1 -2", "1 1000000000", "1 100000000000000000000"),
    "--input-modules": ("5", "-1", "0 0", "2147483648"),
}


def faults() -> Iterator[Fault]:
    """Yield a fault for each flag that takes numbers, and each of the numbers."""
    for task, (_, recipes) in main.TASKS.items():
        for setting in settings_of(type(recipes[0])):
            kinds = {int: WHOLE, float: REAL, int | None: WHOLE, float | None: REAL}
            for value in LISTS.get(setting.flag, kinds.get(setting.hint, ())):
                yield _of(task, setting.flag, *value.split())
    for task in main.TASKS:
        yield _of(task, "--modules", "1000000", "--clock-series", "linear", "--units", "1000000")
        yield _of(task, "--units", "200000")
        yield _of(task, "--periods", *words_of(tuple(range(1, 3000))), "--units", "3000")


def _of(task: str, *words: str) -> Fault:
    return Fault(
        "numbers of flags", " ".join(words[:6]), task, flags(task, *words), meanwhile=end_later, statuses=(0, 1, 2, 130)
    )


def end_later(program: Program, folder: Path) -> None:
    """Send Ctrl-C to a program that trains for long; one that says nothing for long is not helped."""
    if not program.ended(PATIENCE) and program.says("compiled in"):
        time.sleep(1.0)
        program.send(signal.SIGINT)
