"""The program in a process of its own, forked from one in which all is imported, and what became of it."""

import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.faults.preloaded"])
LONGEST = 120.0  # seconds until a process counts as hanging
_NUMBERS = itertools.count()
_POLLING = threading.Lock()  # of how processes ended: of two threads that ask at once, one would not be told


class Outcome(NamedTuple):
    """How a process ended.

    Args:
        status: its exit status, −N if signal N ended it, None if it hung.
        output, errors: what it printed.
        seconds: from its start to its end, without imports.
    """

    status: int | None
    output: str
    errors: str
    seconds: float


class Program:
    """`python main.py` with its arguments, in progress.

    Args:
        arguments: the words after `main.py`.
        folder: where it runs; what it prints goes beside it.
        first: what the process does before; a function of a module, perhaps with arguments.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, first: Callable[[], object] | None = None):
        number = next(_NUMBERS)
        self.printed = [folder.with_name(f"{stream}.{number}") for stream in ("output", "errors")]
        self.began = time.monotonic()
        self.process = PROCESSES.Process(target=_be, args=(arguments, folder, self.printed, first))
        with _POLLING:
            self.process.start()

    def ended(self, seconds: float = 0.0) -> bool:
        """Wait for its end so long at most; returns whether it has come."""
        return bool(multiprocessing.connection.wait([self.process.sentinel], seconds))

    def send(self, number: int) -> None:
        """Send a signal, if there is still someone to get it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def says(self, text: str) -> bool:
        """Wait until it has printed a text; returns False if it ended without."""
        while text not in (self.printed[0].read_text() if self.printed[0].exists() else ""):
            if self.ended():
                return False
            time.sleep(0.02)
        return True

    def wait(self, seconds: float = LONGEST) -> Outcome:
        """Wait for its end; one that hangs is killed."""
        if not self.ended(seconds):
            self.kill()
            status = None
        else:
            with _POLLING:
                status = self.process.exitcode
        output, errors = (path.read_text(errors="replace") if path.exists() else "" for path in self.printed)
        return Outcome(status, output, errors, time.monotonic() - self.began)

    def kill(self) -> None:
        """End it as nothing can that it could answer."""
        self.process.kill()
        self.ended(LONGEST)


def run(arguments: Sequence[str], folder: Path, first: Callable[[], object] | None = None) -> Outcome:
    """Run the program to its end."""
    return Program(arguments, folder, first).wait()


def limit_files(size: int) -> None:
    """Let no file be larger than so many bytes; writing more fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def use_threads(count: int) -> None:
    """Let TensorFlow compute with so many threads."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def note_checkpoints() -> None:
    """Print when each checkpoint begins and ends, in seconds."""
    from running.train import Following

    save = Following.checkpoint

    def noted(self: Following) -> None:
        began = time.monotonic()
        save(self)
        print(f"\ncheckpoint {began:.4f} {time.monotonic():.4f}", flush=True)

    Following.checkpoint = noted


def _be(arguments: Sequence[str], folder: Path, printed: Sequence[Path], first: Callable[[], object] | None) -> None:
    for number, path in zip((1, 2), printed, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if first:
        first()
    import main

    raise SystemExit(main.main(list(arguments), set_flags=True))
