"""Cells: computed once each, kept whole, resumed after any interruption, here or on a Ray cluster."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.grid import Cell, Options, compute
from experiments.store import Store

ROOT = Path(__file__).parents[2]
HERE = Options(workers=1)


def one(number):
    return {"number": np.array(number)}


def test_the_store_knows_how_long_all_took_whenever_it_was(tmp_path):
    cells = [Cell(f"cell-{number}", {"number": number}, networks=1) for number in range(2)]
    compute(one, cells[:1], Store(tmp_path, "one"), HERE)
    store = Store(tmp_path, "one")
    results = compute(one, cells, store, HERE)
    assert [int(result["number"]) for result in results] == [0, 1]
    assert store.seconds == pytest.approx(sum(float(result["elapsed"]) for result in results))


def test_refuses_fewer_than_no_workers():
    with pytest.raises(ValueError, match="`workers` must be at least 0. Received: -1"):
        Options(workers=-1).check()


def test_ray_is_not_imported_without_being_asked_for():
    code = "import sys, experiments.sequence_generation; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def alive(group):
    """Return whether a process of the group still runs; one that has ended and waits to be noticed does not."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            state, _, process_group = path.read_text().rsplit(")", 1)[1].split()[:3]
            states.append((int(process_group), state))
    return any(process_group == group and state != "Z" for process_group, state in states)


def slow(number):
    time.sleep(1)
    return {"number": np.array(number)}


def run_slowly(folder):
    """Compute four cells that take a second each, as an experiment does."""
    # Here, because processes that compute a cell import this file, and need no TensorFlow.
    from running import command_line

    def experiment(options):
        cells = [Cell(str(number), {"number": number}, networks=1) for number in range(4)]
        compute(slow, cells, Store(options.output_dir, "slow"), options)

    return command_line.run(experiment, ["--workers", "1", "--output-dir", folder], Options(), "slow")


def test_stopped_at_any_moment_it_goes_on(tmp_path):
    code = f"import sys; from tests.experiments.test_grid import run_slowly; sys.exit(run_slowly({str(tmp_path)!r}))"
    command, kept, files = [sys.executable, "-c", code], tmp_path / "cells" / "slow", {}
    for how in (signal.SIGINT, signal.SIGKILL):
        returned, message = stopped(command, how, kept, len(files) + 1)
        if how == signal.SIGINT:
            assert returned == 130 and "Traceback" not in message
            assert "interrupted; the same command goes on from here" in message
        files |= {path: path.stat().st_mtime_ns for path in kept.glob("*.npz") if path not in files}
        assert 1 <= len(files) < 4
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(kept.glob("*.npz"))) == 4
    assert all(path.stat().st_mtime_ns == when for path, when in files.items())


def stopped(command, how, kept, cells):
    """Start a command, send its first process a signal once so many cells are kept, and wait until all have ended."""
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(list(kept.glob("*.npz"))) < cells:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(how)
    message = process.communicate(timeout=30)[1]
    while alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process.returncode, message
