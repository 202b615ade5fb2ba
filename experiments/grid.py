"""Many independent pieces of an experiment, computed side by side, each kept as soon as it is done."""

import dataclasses
import hashlib
import multiprocessing
import os
import platform
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.files import write_whole
from experiments.store import Store

Arrays = dict[str, np.ndarray]

ROOT = Path(__file__).parents[1]
# One core a process: small networks gain nothing from a second one, two processes nearly twice as much.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}


# Of settings that say how much is computed, in whichever experiment.
LOWEST = {"workers": 0, "seeds": 1, "epochs": 1, "draws": 1, "candidates": 8, "annealing": 1, "fine_tuning": 1}


@dataclass(frozen=True)
class Cell:
    """One piece of an experiment.

    Args:
        name: of the file that keeps it, with a fingerprint of the arguments added.
        arguments: what the experiment's function takes; their text, without where a run writes, must say all that the
            result depends on.
        networks: how many it trains, for the progress bar.
    """

    name: str
    arguments: Mapping[str, Any]
    networks: int

    @property
    def file(self) -> str:
        text = repr(sorted((name, _what_counts(value)) for name, value in self.arguments.items()))
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.npz"


def _what_counts(value: Any) -> Any:
    """Return settings without those that only say where a run writes."""
    if not dataclasses.is_dataclass(value):
        return value
    from running.runs import RunSettings

    where = {field.name for field in dataclasses.fields(RunSettings)}
    return {name: setting for name, setting in dataclasses.asdict(value).items() if name not in where}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where cells are computed, and where results go; each experiment adds what it computes."""

    quick: bool = False
    """Start from the values of a smoke run, a minute at most; it writes to results/quick/NAME."""
    output_dir: Path | None = None
    """Where CSV files and pictures go, and `cells/NAME/` with what is done; without it, to results/ if all is as in the full
    run, and to results/changed/NAME otherwise."""
    workers: int = 0
    """Processes on this machine, of one core each; 0 is one for each core."""
    ray: str | None = None
    """Address of a Ray cluster to compute on, or "local" to start one here; needs the package ray."""

    def check(self) -> None:
        """Raise a ValueError that names the first setting out of range, also of those that experiments add."""
        for name, lowest in LOWEST.items():
            value = getattr(self, name, None)
            if value is not None and value < lowest:
                raise ValueError(f"`{name}` must be at least {lowest}. Received: {value}")


def cores() -> int:
    """Return the cores that this process may use, or where that is not told (macOS, Windows) all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Return the name of this machine's processor, as far as it is told."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return names[0].strip() if names else platform.processor() or platform.machine()


def compute(function: Callable[..., Arrays], cells: Sequence[Cell], store: Store, where: Options) -> list[Arrays]:
    """Compute all cells that the store does not hold yet.

    Each result is written, whole or not at all, as soon as it is there. So after an interruption the same call goes on
    with the cells that are missing.

    Args:
        function: takes a cell's arguments and returns named arrays; a function of a module, so that other processes
            find it.
        cells: what to compute.
        store: whose folder of cells keeps the results; created if it is missing.
        where: processes here, or a Ray cluster.

    Returns:
        The results in the order of the cells. Each has one array more, `elapsed`: the seconds since another cell, or the
        call, gave way to it; their sum is the time that all took, also over several calls.

    Raises:
        ValueError: Ray is asked for and cannot be had.
        KeyboardInterrupt: the processes are stopped; what is done is kept.
    """
    import keras

    folder = store.cells
    folder.mkdir(parents=True, exist_ok=True)
    missing = {cell.file: cell for cell in cells if not (folder / cell.file).exists()}
    done = sum(cell.networks for cell in cells if cell.file not in missing)
    if done:
        print(f"{done} networks are in {folder} already")
    if missing:
        results = _with_ray(function, missing, where.ray) if where.ray else _here(function, missing, where.workers)
        bar = keras.utils.Progbar(sum(cell.networks for cell in missing.values()), unit_name="network")
        bar.update(0)
        before = time.perf_counter()
        for file, result in results:
            before, elapsed = time.perf_counter(), time.perf_counter() - before
            with write_whole(folder / file) as path, open(path, "wb") as stream:
                np.savez(stream, elapsed=elapsed, **result)
            bar.add(missing[file].networks)
    results = [_load(folder / cell.file) for cell in cells]
    store.seconds += sum(float(result["elapsed"]) for result in results)
    return results


def _load(path: Path) -> Arrays:
    with np.load(path) as saved:
        return dict(saved)


def _here(function: Callable[..., Arrays], cells: Mapping[str, Cell], workers: int) -> Iterator[tuple[str, Arrays]]:
    os.environ.update(ONE_THREAD)  # which the processes inherit; TensorFlow in this one has its threads already
    count = min(workers or cores(), len(cells))
    context = multiprocessing.get_context("spawn")  # a fork of a process that runs TensorFlow would hang
    with ProcessPoolExecutor(count, context, _live_and_die_with_parent) as pool:
        futures = {pool.submit(function, **cell.arguments): file for file, cell in cells.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _live_and_die_with_parent() -> None:
    """Leave at Ctrl-C without a word, and when the parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _with_ray(function: Callable[..., Arrays], cells: Mapping[str, Cell], address: str) -> Iterator[tuple[str, Arrays]]:
    try:
        import ray
    except ImportError:
        raise ValueError(f"`ray` needs the package ray (pip install ray). Received: {address}") from None
    folders = [path.name for path in ROOT.iterdir() if path.is_dir() and re.match(r"[._]|results|log|venv", path.name)]
    environment = {"working_dir": str(ROOT), "excludes": folders, "env_vars": ONE_THREAD}
    try:
        ray.init(address, runtime_env=environment, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError) as error:
        raise ValueError(f"`ray` must be the address of a Ray cluster. Received: {address} ({error})") from None
    try:
        remote = ray.remote(num_cpus=1)(function)
        waiting = {remote.remote(**cell.arguments): file for file, cell in cells.items()}
        while waiting:
            (done,), _ = ray.wait(list(waiting))
            yield waiting.pop(done), ray.get(done)
    finally:
        ray.shutdown()
