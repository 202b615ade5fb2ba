"""Cells: computed once each, kept whole, resumed after any interruption, here or on a Ray cluster."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from experiments.__main__ import EXPERIMENTS
from experiments.grid import Cell, Options, compute, machine
from experiments.store import Store

ROOT = Path(__file__).parents[2]
HERE = Options(workers=1)


def one(number):
    return {"number": np.array(number)}


def test_the_store_knows_how_long_all_took_whenever_it_was(tmp_path, capsys):
    """And what is wanted twice took that long once."""
    cells = [Cell(f"cell-{number}", {"number": number}, networks=1) for number in range(2)]
    compute(one, cells[:1], Store(tmp_path, "one"), HERE)
    store = Store(tmp_path, "one")
    results = compute(one, cells + cells, store, HERE)
    assert [int(result["number"]) for result in results] == [0, 1, 0, 1]
    assert store.seconds == pytest.approx(sum(float(result["elapsed"]) for result in results[:2]))
    capsys.readouterr()
    compute(one, cells + cells, store, HERE)
    assert capsys.readouterr().out.startswith("2 networks are in ")


@dataclass(frozen=True, kw_only=True)
class Several(Options):
    seeds: int = 1
    rate: float = 0.0
    epochs: int | None = None
    names: tuple[str, ...] = ()
    sizes: tuple[int, ...] = (1, 2)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"workers": -1}, "`workers` must be at least 0. Received: -1"),
        ({"seeds": 0}, "`seeds` must be at least 1. Received: 0"),
        ({"seeds": 100_001}, "`seeds` must be at most 100000. Received: 100001"),
        ({"epochs": 0}, "`epochs` must be at least 1. Received: 0"),
        ({"rate": -0.5}, "`rate` must be at least 0 and finite. Received: -0.5"),
        ({"rate": float("nan")}, "`rate` must be at least 0 and finite. Received: nan"),
        ({"sizes": (3, 0)}, "`sizes` must be at least 1. Received: 0"),
        ({"sizes": ()}, "`sizes` must say something. Received: nothing"),
        ({"names": ("lstm", "gru", "lstm")}, "`names` must not say a thing twice. Received: lstm gru lstm"),
    ],
)
def test_refuses_what_cannot_be_computed(changes, message):
    Several().check()
    with pytest.raises(ValueError, match=message):
        Several(**changes).check()


def test_results_of_somebodys_own_are_not_replaced(tmp_path):
    Several(output_dir=tmp_path / "new").check()
    Several(output_dir=tmp_path).check()
    (tmp_path / "main_job.csv").touch()
    with pytest.raises(ValueError, match=f"`output_dir` must be new, or empty, or of earlier .* Received: {tmp_path}"):
        Several(output_dir=tmp_path).check()
    (tmp_path / "cells").mkdir()
    Several(output_dir=tmp_path).check()


def test_a_cluster_is_named_in_the_place_of_this_machines_processor():
    assert machine(Options(ray="10.0.0.1:6379", workers=3)) == ("–", "10.0.0.1:6379")
    cores, processor = machine(Options(workers=3))
    assert cores == 3 and processor


def test_every_experiment_takes_its_own_numbers():
    for experiment in EXPERIMENTS.values():
        experiment.start(quick=False).check()
        experiment.start(quick=True).check()


@pytest.mark.parametrize("module", ["experiments", "benchmarks.layers", "benchmarks.handwriting", "benchmarks.speech"])
def test_ctrl_c_while_modules_are_imported_is_no_traceback(module):
    command = [sys.executable, "-m", module, "--help"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "numpy" not in Path(f"/proc/{process.pid}/maps").read_text():  # which is among the first
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "") and process.returncode == -signal.SIGINT


def test_a_folder_or_a_pipe_where_a_cell_is_kept_is_refused_before_anything_is_computed(tmp_path):
    cell = Cell("a", {"number": 1}, networks=1)
    path = Store(tmp_path, "one").cells / cell.file
    path.parent.mkdir(parents=True)
    for make, what in ((path.mkdir, "a folder"), (lambda: path.rmdir() or os.mkfifo(path), "another thing")):
        make()
        with pytest.raises(ValueError, match=f"{cell.file} must be a file, or not there. Received: {what}"):
            compute(one, [cell], Store(tmp_path, "one"), HERE)


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
