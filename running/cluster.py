"""Independent pieces of work, computed side by side in processes here or on a Ray cluster, each kept as soon as it is done."""

import dataclasses
import hashlib
import multiprocessing
import os
import re
import signal
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from data.files import digest, in_a_line, write_whole
from running.lock import Lock

Arrays = dict[str, np.ndarray]


class Kept(dict):
    """Arrays of a file; one that it lacks, as where the program was changed meanwhile, is an error of one line.

    Args:
        path: of the file.
        arrays: by name.
    """

    def __init__(self, path: Path, arrays: Mapping[str, np.ndarray]):
        super().__init__(arrays)
        self.path = path

    def __missing__(self, name: str):
        raise ValueError(
            f"{self.path} must hold {name}; without the file it is computed again. Received: {', '.join(self)}"
        )


ROOT = Path(__file__).parents[1]
# One core a process: small networks gain nothing from a second one, two processes nearly twice as much.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
# Settings that name files.
DATA = ("target", "corpus", "test_list", "timit", "utterance", "text", "data", "test_data", "iam")
LEFT_OUT = r"[._].*|results|log|venv"  # folders of this repository that workers need not have
RETRIES = 3  # of what a worker was at that died


@dataclasses.dataclass(frozen=True)
class Cell:
    """One piece of work.

    Args:
        name: of the file that keeps it, with a fingerprint of the arguments added.
        arguments: what the function takes; their text, without where a run writes and with what the files hold that settings
            name, must say all that the result depends on.
        networks: how many it trains, for the progress bar.
    """

    name: str
    arguments: Mapping[str, Any]
    networks: int

    @property
    def file(self) -> str:
        text = repr(sorted((name, _what_counts(value)) for name, value in self.arguments.items()))
        text = text.replace(str(ROOT), ".")  # a checkout that was moved goes on
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.npz"


def _what_counts(value: Any) -> Any:
    """Return settings without those that only say where a run computes and writes, and with what named files hold."""
    from running.runs import RunSettings

    if not dataclasses.is_dataclass(value):
        return value
    where = {field.name for field in dataclasses.fields(RunSettings)}
    counting = {name: setting for name, setting in dataclasses.asdict(value).items() if name not in where}
    held = [digest(str(counting[name])) for name in DATA if counting.get(name)]
    return (counting, held) if held else counting


def files_of(settings: Any) -> dict[str, str]:
    """Return the settings that name files or folders, as they are given; `target` may also name columns."""
    named = {name: getattr(settings, name, None) for name in DATA}
    return {name: own for name, own in named.items() if isinstance(own, str)}


def said_of_data(settings: Any) -> str:
    """Return the settings that name files, as the beginning of a message."""
    return " and ".join(f"`{name}`" for name in files_of(settings)) or "the data"


def cores() -> int:
    """Return the cores that this process may use, or where that is not told (macOS, Windows) all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compute(
    function: Callable[..., Arrays], cells: Sequence[Cell], folder: Path, workers: int = 0, ray: str | None = None
) -> list[Arrays]:
    """Compute all cells that the folder does not hold yet.

    Each result is written, whole or not at all, as soon as it is there. So after an interruption the same call goes on
    with the cells that are missing.

    Args:
        function: takes a cell's arguments and returns named arrays; a function of a module, so that other processes
            find it.
        cells: what to compute.
        folder: where results are kept; created if it is missing.
        workers: processes on this machine, of one core each; 0 is one for each core.
        ray: address of a Ray cluster to compute on instead, as of `connect`.

    Returns:
        The results in the order of the cells. Each has one array more, `elapsed`: the seconds since another cell, or the
        call, gave way to it; their sum is the time that all took, also over several calls.

    Raises:
        ValueError: Ray is asked for and cannot be had, or another process computes into the folder.
        ChildProcessError: a process or its machine died; what is done is kept.
        KeyboardInterrupt: the processes are stopped; what is done is kept.
    """
    digest.cache_clear()  # files may have changed since another call
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder / "~lock", f"what is kept in {folder}")  # two would compute everything twice
    try:
        return _compute(function, cells, folder, workers, ray)
    finally:
        lock.release()


def _compute(
    function: Callable[..., Arrays], cells: Sequence[Cell], folder: Path, workers: int, ray: str | None
) -> list[Arrays]:
    each = {cell.file: cell for cell in cells}  # of which some may be the same
    kept = {file: _load(folder / file) for file in each}
    missing = {file: cell for file, cell in each.items() if kept[file] is None}
    done = sum(cell.networks for file, cell in each.items() if file not in missing)
    if done:
        print(f"{done} networks are in {folder} already")
    if missing:
        results = _with_ray(function, missing, ray) if ray else _here(function, missing, workers)
        total = sum(cell.networks for cell in missing.values())
        before = time.perf_counter()
        with tqdm(None, "networks", total, unit="network", file=sys.stdout, dynamic_ncols=True) as bar:
            for file, result in results:
                before, elapsed = time.perf_counter(), time.perf_counter() - before
                kept[file] = result | {"elapsed": np.array(elapsed)}
                with write_whole(folder / file) as path, open(path, "wb") as stream:
                    np.savez(stream, **kept[file])
                bar.update(missing[file].networks)
    return [kept[cell.file] for cell in cells]


def _load(path: Path) -> Arrays | None:
    """Return what a file keeps, or None if it is not there or damaged."""
    if not path.exists():
        return None
    if not path.is_file():  # where nothing could be kept; a pipe would be waited for
        raise ValueError(
            f"{path} must be a file, or not there. Received: {'a folder' if path.is_dir() else 'another thing'}"
        )
    try:
        with zipfile.ZipFile(path), np.load(path) as saved:
            return Kept(path, dict(saved) | {"elapsed": saved["elapsed"].astype(float)})  # which every cell has
    except Exception as error:  # a flipped bit can raise anything
        from running.failures import in_words, warn  # here, because documents are made without TensorFlow

        warn(f"{path} is computed again: {in_words(error)}")
        return None


def _here(function: Callable[..., Arrays], cells: Mapping[str, Cell], workers: int) -> Iterator[tuple[str, Arrays]]:
    os.environ.update(ONE_THREAD)  # which the processes inherit; TensorFlow in this one has its threads already
    count = min(workers or cores(), len(cells))
    context = multiprocessing.get_context("spawn")  # a fork of a process that runs TensorFlow would hang
    with ProcessPoolExecutor(count, context, _live_and_die_with_parent) as pool:
        futures = {pool.submit(function, **cell.arguments): file for file, cell in cells.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise ChildProcessError("a process was killed, perhaps for want of memory; what is done is kept") from None
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


def connect(address: str) -> Any:
    """Return Ray, connected to a cluster whose workers have this repository's files.

    Args:
        address: HOST:PORT of its head; "auto" is the one that this machine is in, "local" starts one here.

    Raises:
        ValueError: Ray is not installed, or there is no cluster.
    """
    try:
        import ray
    except ImportError:
        raise ValueError(f"`ray` needs the package ray (pip install ray). Received: {address}") from None
    if ray.is_initialized():
        return ray
    folders = [f"/{path.name}" for path in ROOT.iterdir() if _is_left_out(path)]  # "/": none of those below
    environment = {"working_dir": str(ROOT), "excludes": folders, "env_vars": ONE_THREAD}
    try:
        host, colon, port = address.removeprefix("ray://").rpartition(":")
        if colon and "://" not in host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address, runtime_env=environment, log_to_driver=False, logging_level="error")
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"`ray` must be the address of a Ray cluster. Received: {address} ({in_a_line(error)})"
        ) from None
    return ray


def _for_workers(value: Any) -> Any:
    """Return settings by which a worker finds files: in its copy of this repository, or elsewhere by the whole path."""
    if not dataclasses.is_dataclass(value):
        return value
    paths = {name: Path(os.path.abspath(own)) for name, own in files_of(value).items() if os.path.exists(own)}
    return dataclasses.replace(value, **{name: _in_copy(path) for name, path in paths.items()})


def _in_copy(path: Path) -> str:
    if not path.is_relative_to(ROOT):
        return str(path)
    inside = path.relative_to(ROOT)
    return str(path if _is_left_out(ROOT.joinpath(*inside.parts[:1])) else inside)


def _is_left_out(path: Path) -> bool:
    return path.is_dir() and bool(re.fullmatch(LEFT_OUT, path.name))


def _with_ray(function: Callable[..., Arrays], cells: Mapping[str, Cell], address: str) -> Iterator[tuple[str, Arrays]]:
    ray = connect(address)
    try:
        remote = ray.remote(num_cpus=1, max_retries=RETRIES)(function)
        waiting = {
            remote.remote(**{name: _for_workers(own) for name, own in cell.arguments.items()}): file
            for file, cell in cells.items()
        }
        while waiting:
            (done,), _ = ray.wait(list(waiting))
            yield waiting.pop(done), ray.get(done)
    except ray.exceptions.RayTaskError as error:  # what a worker did raised it, not the cluster
        from running.failures import FAILURES, in_words  # here, because documents are made without TensorFlow

        if not isinstance(error.cause, (ValueError, *FAILURES)):
            raise
        raise ChildProcessError(f"a worker of the Ray cluster: {in_words(error.cause)}; what is done is kept") from None
    except ray.exceptions.RayError as error:
        said = str(error).splitlines()[0]
        raise ChildProcessError(f"the Ray cluster failed: {said}; what is done is kept") from None
    finally:
        ray.shutdown()
