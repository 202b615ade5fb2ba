"""What long runs take: `python -m tests.faults.measures` (about 8 minutes on two cores; other work beside it disturbs the times).

Memory over 20,000 updates and over 1,000 calls of `fit` and `predict`; weights with one thread and with two, and of one run and
the next; the time between checkpoints, which is what a kill loses at most, and what they cost.
"""

import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from experiments import documents, reliability
from experiments.experiment import RESULTS
from experiments.store import Store
from tests.faults import kills
from tests.faults.program import PROCESSES, Outcome, Program, note_checkpoints, use_threads
from tests.faults.trainings import KILLED, prepare

UPDATES, CALLS = 20_000, 1_000
SETTLED = 0.1  # of the updates or calls, after which memory should not grow
LONG = 25.0  # seconds of a training whose checkpoints are noted


def main() -> int:
    """Measure, and write what was found into the documents."""
    store = Store(RESULTS)
    found = [row for part in (growth, equality, checkpoints) for row in part()]
    store.write(reliability.MEASURES, found, reliability.MEASURES_COLUMNS)
    table = reliability.measures(store)
    documents.write_tables({"reliability-measures": table})
    print(table)
    return 0


def growth() -> Iterator[dict]:
    """Yield how resident memory grew."""
    folder = prepare()
    program = Program((*KILLED["generation"], "--epochs", str(UPDATES), "--name", "a"), folder)
    held = {}
    while not program.ended():
        printed = program.printed[0].read_text() if program.printed[0].exists() else ""
        if done := re.findall(r"(\d+)/\d+ \[", printed):
            held[int(done[-1])] = _resident(program.process.pid)
        time.sleep(0.05)
    steady = [
        size for done, size in held.items() if SETTLED * UPDATES <= done < UPDATES
    ]  # after which pictures are drawn
    yield _row(
        f"memory over {UPDATES:,} updates, growth",
        f"generation; at most {max(steady) / 2**20:.0f} MiB",
        max(steady) / steady[0] - 1,
    )
    for name in ("fit", "predict"):
        here, there = PROCESSES.Pipe()
        process = PROCESSES.Process(target=_call, args=(name, there))
        process.start()
        there.close()  # so that nothing is waited for where the process dies
        first, last = here.recv()
        process.join()
        yield _row(
            f"memory over {CALLS:,} calls of `{name}`, growth",
            f"`ClockworkRNN`; at most {last / 2**20:.0f} MiB",
            last / first - 1,
        )


def equality() -> Iterator[dict]:
    """Yield by how much weights differ between one thread and two, and between one run and the next."""
    for setting in KILLED:
        whole = kills.undisturbed(setting).weights
        for what, first in {
            "again": None,
            "with one thread": partial(use_threads, 1),
            "with two": partial(use_threads, 2),
        }.items():
            folder = prepare()
            Program((*KILLED[setting], *kills.OFTEN, "--name", "a"), folder, first).wait()
            other = kills.result(folder, 0).weights
            yield _row(
                f"weights {what}, largest difference",
                setting,
                max(np.abs(whole[name] - other[name]).max() for name in whole),
            )


def checkpoints() -> Iterator[dict]:
    """Yield the longest time between checkpoints, and their share of the time of training, with the setting as in `main.py`."""
    for setting in KILLED:
        program = Program((*KILLED[setting], "--epochs", "100000", "--name", "a"), prepare(), note_checkpoints)
        if not program.says("compiled in"):
            raise RuntimeError(f"the training of {setting} must work. Received: {program.wait()}")
        began = time.monotonic()
        time.sleep(LONG)
        stopped = time.monotonic()
        program.send(signal.SIGINT)
        noted = _noted(program.wait(), stopped)
        ends = [began, *(end for _, end in noted), stopped]
        yield _row("seconds that a kill loses, at most", setting, max(np.diff(ends)))
        yield _row(
            "share of checkpoints in training", setting, sum(end - start for start, end in noted) / (stopped - began)
        )


def _noted(outcome: Outcome, until: float) -> list[tuple[float, float]]:
    """Return when checkpoints began and ended, those before a moment."""
    found = [(float(start), float(end)) for start, end in re.findall(r"checkpoint (\S+) (\S+)", outcome.output)]
    return [times for times in found if times[1] < until]


def _call(name: str, found: Connection) -> None:
    """Call a method of a small model many times, and send the memory held after some calls and after all."""
    import keras

    from models import ClockworkRNN

    model = keras.Sequential([keras.Input((20, 3)), ClockworkRNN(8, periods=(1, 2)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    inputs, targets = np.zeros((8, 20, 3), np.float32), np.zeros((8, 1), np.float32)
    calls: dict[str, Callable] = {
        "fit": lambda: model.fit(inputs, targets, verbose=0),
        "predict": lambda: model.predict(inputs, verbose=0),
    }
    held = []
    for _ in range(CALLS):
        calls[name]()
        held.append(_resident())
    found.send((held[int(SETTLED * CALLS)], held[-1]))


def _resident(process: int | None = None) -> int:
    """Return the memory that a process holds, in bytes."""
    return int(Path(f"/proc/{process or 'self'}/statm").read_text().split()[1]) * resource.getpagesize()


def _row(what: str, where: str, value: float) -> dict:
    return {"what": what, "where": where, "value": value}


if __name__ == "__main__":
    sys.exit(main())
