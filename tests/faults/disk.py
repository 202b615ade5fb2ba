"""Disks that are full, and folders that go while a run is on."""

import contextlib
import functools
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.fault import ALONGSIDE, Fault, NotPossibleError
from tests.faults.program import Program, limit_files
from tests.faults.trainings import TASKS, flags

SIZES = (
    10,
    100,
    1_000,
    3_000,
    10_000,
    30_000,
    100_000,
)  # bytes that a file may have; of none at all nobody would read what is said
LONG = {
    "generation": "30000",
    "words": "200",
    "speech": "120",
    "text": "120",
    "series": "200",
    "handwriting": "2000",
}  # epochs, of several seconds
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def faults() -> Iterator[Fault]:
    for task in TASKS:
        for size in SIZES:
            for more in ((), ("--overwrite",)):
                said = f"files of {size} bytes at most{' with --overwrite' * bool(more)}"
                words = flags(task, *more)
                yield Fault(
                    "full disks",
                    said,
                    task,
                    words,
                    statuses=(0, 1, 2),
                    trained=bool(more),
                    first=functools.partial(limit_files, size),
                )
        for kib in (16, 64, 256):
            for name in ("results", "log", "cache"):
                yield Fault(
                    "full disks", f"{kib} KiB for {name}", task, flags(task), _tmpfs(name, kib), statuses=(0, 1, 2)
                )
        for name in ("results", "log", "cache", "corpus", "a.txt"):
            for what, do in {"removed": _remove, "replaced by a file": _replace}.items():
                # Without results model and metrics have no place, at the wrong moment; the message says how to go on.
                statuses = (0, 1) if what == "replaced by a file" or name == "results" else (0,)
                yield _while_training(
                    f"{name} {what} while training",
                    task,
                    _when_it_trains(lambda program, folder, do=do, name=name: do(folder / name)),
                    statuses,
                )
    for task in TASKS:
        for number, status in SIGNALS.items():
            for more, trained in (((), False), (("--overwrite",), True)):
                name = f"{number.name}{' with --overwrite' * trained}"
                yield _while_training(name, task, _send(number), (status,), more, trained, "signals")
        twice = _send(signal.SIGINT, signal.SIGINT)
        yield _while_training("Ctrl-C twice", task, twice, (130,), ("--overwrite",), True, "signals")
        for words in ((), ("--overwrite",), ("--resume",)):
            said = f"the same name in progress, {' '.join(words) or 'no flag'}"
            long = flags(task, "--epochs", LONG[task])
            yield Fault(ALONGSIDE, said, task, (*long, *words), _other(long), says="name|progress")


def _while_training(what, task, do, statuses, more=(), trained=False, kind="folders that go") -> Fault:
    words = flags(task, "--epochs", LONG[task], "--checkpoint-seconds", "0.5", *more)
    return Fault(kind, what, task, words, meanwhile=do, statuses=statuses, trained=trained)


def _when_it_trains(do: Callable[[Program, Path], object]) -> Callable[[Program, Path], None]:
    def then(program: Program, folder: Path) -> None:
        program.says("compiled in")
        time.sleep(0.7)
        do(program, folder)

    return then


def _send(*numbers: int) -> Callable[[Program, Path], None]:
    return _when_it_trains(lambda program, folder: [program.send(number) for number in numbers])


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


def _replace(path: Path) -> None:
    _remove(path)
    with contextlib.suppress(OSError):  # the run may have made it again
        path.touch()


def _other(words: tuple[str, ...]) -> Callable[[Path], Callable[[], None]]:
    def start(folder: Path) -> Callable[[], None]:
        program = Program(words, folder)
        program.says("compiled in")
        return program.kill

    return start


def _tmpfs(name: str, kib: int) -> Callable[[Path], Callable[[], object]]:
    """Return what makes a folder a disk of its own, of a size; where nobody may do that, the fault is not injected."""

    def mount(folder: Path) -> Callable[[], object]:
        (folder / name).mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", folder / name], capture_output=True
        )
        if done.returncode:
            raise NotPossibleError
        return lambda: subprocess.run(["umount", folder / name], check=True)

    return mount
