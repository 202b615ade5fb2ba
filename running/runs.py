"""Where a run writes: its folders and its configuration."""

import contextlib
import dataclasses
import itertools
import json
import math
import os
import platform
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import keras
import numpy as np
import tensorflow as tf

from data.files import write_json
from running import checkpoints, folders, hints
from running.board import Board
from running.cluster import DATA
from running.lock import Lock, LockedError
from running.report import PAGE
from running.settings import TrainingSettings
from tasks.flag import Flag
from tasks.network_settings import NetworkSettings

_NONE = object()  # no value that a setting can have


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where a run computes and writes, and what happens if there is one of that name."""

    help_group = "output"

    name: str | None
    """Name of the run; without it, the model and the next free number."""
    log_dir: Path
    """TensorBoard reads LOG_DIR/TASK/NAME."""
    results_dir: Annotated[Path, Flag(also=("out", "output", "output_dir"))]
    """Results go to RESULTS_DIR/TASK/NAME."""
    overwrite: bool
    """Replace a run of that name."""
    resume: bool
    """Go on with the run of that name: one that was interrupted, or one that is finished, for more epochs. What changes over
    the training, as the learning rate does, then changes as in a training of all those epochs."""
    checkpoint_seconds: float
    """Seconds between checkpoints, from which a run goes on that was killed; more where one takes over a hundredth of that."""
    run: Annotated[str | None, Flag("trained run", also=("load",))]
    """Name of a trained run to use, instead of training one."""
    keep: Annotated[Literal["first", "all"], Flag(also=("save",))]
    """Which replicas' models to keep."""
    ray: Annotated[str | None, Flag("training", also=("cluster",))]
    """Address of a Ray cluster over which the replicas are spread, "auto" or "local"; needs the package ray."""
    devices: Annotated[int, Flag("training", also=("gpus",))]
    """Devices of this machine that share the sequences of each update."""
    export: Annotated[Literal["saved_model", "onnx", "litert"] | None, Flag("trained run")]
    """Write the model of the trained run beside it, for another runtime."""


MODEL = "model.keras"  # of a trained run
OF_A_RUN = ("config.json", checkpoints.LAST, "metrics.json", MODEL)  # one of which is there as soon as anything is
WHERE = frozenset(field.name for field in dataclasses.fields(RunSettings))
COMMON = {
    field.name for kind in (NetworkSettings, TrainingSettings) for field in dataclasses.fields(kind)
}  # of all tasks


class Run:
    """The folders of one run, locked until it is released.

    Args:
        task: name of the task.
        settings: all settings of the run; those of `RunSettings` say where it is.
        recipe: what the settings started from; None if from nothing, and all were given.

    Attributes:
        name: the run's name.
        about: all that `config.json` holds: the settings, which of them the recipe has otherwise, the command to make the run
            again, and versions.
        results: its folder for results; beside the one of a run to be replaced, until `finish`.
        log: its folder for TensorBoard, likewise.
        saved: the checkpoint to go on from, or None.
        board: its TensorBoard log.

    Raises:
        ValueError: the name is taken, or nothing can be written; names the setting, what was expected and what came.
            Nothing has been written then, but perhaps empty folders for other runs.
    """

    def __init__(self, task: str, settings: RunSettings, recipe: RunSettings | None = None):
        self.settings = settings
        _check(settings)
        self.name, self._locks = _claim(task, settings)
        self._absent: list[Path] = []
        try:
            self._final = folders_of(task, settings, self.name)
            folders.recover(*self._final)
            self.saved = self._to_resume() if settings.resume else None
            beside = [folders.beside(folder, folders.NEW) for folder in self._final]
            self._absent = [folder for folder in (*self._final, *beside) if not folders.is_there(folder)]
            self.results, self.log = self._choose(beside)
            for folder in (self.results, self.log):
                folder.mkdir(parents=True, exist_ok=True)
            plain, start = _plain(settings), {} if recipe is None else _plain(recipe)
            changed = {
                name: start.get(name) for name in plain if name not in WHERE and plain[name] != start.get(name, _NONE)
            }
            kept = ["keep"] * (plain["keep"] != start.get("keep", plain["keep"]))  # which models a run leaves
            again = {"command": command(task, settings, [*changed, *kept]), "changed_from_recipe": changed}
            self.about = plain | again | {"versions": _versions()}
            if not self.saved:  # else what there is stays until it is certain that training goes on
                self.write_json("config.json", self.about)
        except BaseException:
            self.undo()
            self.release()
            raise

    @cached_property
    def board(self) -> Board:
        return Board(self.log, self.saved.about["board"] if self.saved else {})

    @cached_property
    def begun(self) -> int:
        """The first update of a training of so many epochs; those before it are of a shorter one that is gone on with."""
        if not self.saved:
            return 0
        seen, longer = int(self.saved.state["seen"]), self.settings.epochs > self.saved.about["epochs"]
        return seen if longer else self.saved.about.get("begun", seen)  # of an earlier version nobody knows

    @property
    def parts(self) -> Path:
        """The folder of what a cluster's workers have done, there only while the run is unfinished."""
        return self.results / "parts"

    @property
    def finished(self) -> bool:
        return (self.results / "metrics.json").exists()

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The settings that runs are compared by: those that all tasks have, and of others those that the recipe has otherwise."""
        names = COMMON | {"recipe"} | set(self.about["changed_from_recipe"])
        return {name: value for name, value in self.about.items() if name in names}

    def write_config(self, files: Sequence[str] = ()) -> None:
        """Write what the run is, and which files it will make besides those of all runs; what has their names is put aside."""
        for path in (self.results / name for name in files):
            if folders.is_there(path):
                print(f"{path} is not of this run: it is {folders.put_aside(path)} now")
        self.write_json("config.json", self.about | {folders.FILES: sorted(files)})

    def write_json(self, name: str, content: dict) -> None:
        write_json(self.results / name, content)

    def save(self, state: Mapping[str, np.ndarray]) -> None:
        """Write a checkpoint, into a new folder if somebody has removed it."""
        folders.make(self.results)
        checkpoints.save(self.results, state, self.about | {"board": self.board.sizes, "begun": self.begun})

    def finish(self) -> None:
        """Take the place of the run that is to be replaced, if there is one."""
        if (self.results, self.log) != self._final:
            self.board.close()
            try:
                if kept := folders.replace(*self._final):
                    print(f"kept from the run before: {', '.join(map(str, kept))}")
            finally:  # also where a disk failed in between
                self.results, self.log = map(folders.current, self._final)
                self.board = Board(self.log, self.board.sizes)

    def undo(self) -> None:
        """Remove what was made for this run, which was refused before it trained."""
        for folder in self._absent:
            with contextlib.suppress(OSError):  # the error that led here says more
                folders.clear(folder)

    def release(self) -> None:
        """Let other processes have the name; all is written."""
        self._locks.close()

    def goes_on(self) -> str:
        """Return what is left of a run that ended too early, and how to go on, as the end of a sentence."""
        instead = " instead of --overwrite" if self.settings.overwrite else ""
        if self.finished:
            if (self.results / PAGE).exists():
                return f"; all that the run leaves is in {self.results}"
            missing = f"the same flags with --name {self.name} --resume{instead} make what is missing"
            return f"; model and metrics are in {self.results}; {missing}"
        if checkpoints.exists(self.results):
            return f"; go on with the same flags and --name {self.name} --resume{instead}"
        if self.results.is_dir():
            return f"; no checkpoint is in {self.results}, the same flags with --overwrite begin again"
        earlier = self._final[0]
        return f"; the earlier run is left in {earlier}" if earlier.is_dir() else "; nothing of this run is left"

    def _choose(self, new: Sequence[Path]) -> Sequence[Path]:
        """Return where results and log go: into the run's folders, or beside them if they hold what must not be lost."""
        there = [folder for folder in self._final if folders.is_there(folder)]
        if self.settings.resume:
            if checkpoints.exists(new[0]):
                return new
            if not (self._final[0] / "metrics.json").exists():
                return self._final
            new = folders.begin(*self._final)
            folders.copy_events(self._final[1], new[1])
            checkpoints.save(new[0], self.saved.state, self.saved.about)
            return new
        if there and not self.settings.overwrite:
            raise ValueError(
                f"`name` must be new, or come with `overwrite`, or with `resume` to go on with it. "
                f"Received: {self.name}, which is in {there[0]}"
            )
        if not there:
            return self._final
        folders.check_replaced(*self._final, OF_A_RUN)
        return folders.begin(*self._final)

    def _to_resume(self) -> checkpoints.Checkpoint:
        """Return the checkpoint to go on from; raises a ValueError if it is of another training."""
        folder = where(self._final[0])
        found = checkpoints.load(folder)
        for name, value in sorted(_plain(self.settings).items(), key=lambda item: item[0] != "model"):  # tells most
            before = found.about.get(name, "not there")  # in a run of an earlier version
            if name not in WHERE | {"epochs"} and before != value and not moved(name, before, value):
                raise ValueError(f"`{name}` must be that of the run to resume, {before}. Received: {value}")
        if found.about.get("keep") == "all" != self.settings.keep:  # the models of others would go
            raise ValueError(f"`keep` must be that of the run to resume, all. Received: {self.settings.keep}")
        before, epochs = found.about["epochs"], self.settings.epochs
        finished = all((folder / name).exists() for name in ("metrics.json", PAGE))
        if epochs < before + finished:
            least = "above those of the finished run" if finished else "at least those of the run"
            raise ValueError(f"`epochs` must be {least} to resume, {before}. Received: {epochs}")
        return found


def moved(name: str, before: Any, now: Any) -> bool:
    """Return whether a setting names data that are now elsewhere, as when a repository was moved; what they hold is compared."""
    if name not in (*DATA, "cache_dir") or not isinstance(before, str) or not isinstance(now, str | Path):
        return False
    return os.path.isabs(before) and Path(before).name == Path(now).name and not os.path.exists(before)


def where(results: Path) -> Path:
    """Return the folder of the checkpoint with which the run of a folder goes on."""
    new = folders.beside(results, folders.NEW)
    return new if checkpoints.exists(new) else results


def command(task: str, settings: RunSettings, changed: Iterable[str]) -> str:
    """Return the command that trains a run again: its recipe and model, and the settings that differ from them."""
    words = ["python", "main.py", task]
    for name in ("recipe", "model", *(name for name in changed if name not in ("recipe", "model"))):
        flag, value = name.replace("_", "-"), getattr(settings, name)
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif len(own := hints.words_of(value)) == 1 and own[0].startswith("-"):  # or it would be taken for a flag
            words.append(f"--{flag}={own[0]}")
        else:
            words += [f"--{flag}", *own]
    return shlex.join(words)


def _check(settings: RunSettings) -> None:
    if settings.name and (not re.fullmatch(r"(?!-)[\w.+=-]+", settings.name) or settings.name.strip(".") == ""):
        wanted = "made of letters, digits and . _ + = -, and not begin with a hyphen"
        raise ValueError(f"`name` must be {wanted}. Received: {settings.name!r}")
    if settings.overwrite and settings.resume:
        raise ValueError("`resume` must not come with `overwrite`. Received: both")
    try:
        results, log = map(os.path.realpath, (settings.results_dir, settings.log_dir))
    except FileNotFoundError:
        raise ValueError("the working folder must be there. Received: one that was removed") from None
    if results == log:
        raise ValueError(f"`log_dir` must not be `results_dir`. Received: {settings.log_dir} for both")
    if settings.resume and not settings.name:
        raise ValueError("`resume` needs `name`, of the run to go on with. Received: None")
    if not 0 <= settings.checkpoint_seconds < math.inf:
        raise ValueError(f"`checkpoint_seconds` must be at least 0. Received: {settings.checkpoint_seconds}")


def _claim(task: str, settings: RunSettings) -> tuple[str, contextlib.ExitStack]:
    """Return the name of the run and its locks; without a name, one that is free."""
    if settings.name:
        found = folders_of(task, settings, settings.name)
        _check_writable(*found)
        if settings.resume and not where(found[0]).exists():
            raise ValueError(f"`resume` needs a run with a checkpoint. Received: {found[0]}, which is not there")
        return settings.name, lock(*found)
    for number in itertools.count(1):
        name = f"{settings.model}-{number}"
        found = folders_of(task, settings, name)
        if any(map(folders.is_there, (*found, *folders.around(*found)))):
            continue
        _check_writable(*found)
        try:
            locks = lock(*found)
        except LockedError:  # somebody else has just begun
            continue
        if not any(map(folders.is_there, found)):
            return name, locks
        locks.close()


def _check_writable(results: Path, log: Path) -> None:
    folders.check_writable("results_dir", results)
    folders.check_writable("log_dir", log)


def folders_of(task: str, settings: RunSettings, name: str) -> tuple[Path, Path]:
    """Return the folders for results and log of the run of a name."""
    return settings.results_dir / task / name, settings.log_dir / task / name


def lock(results: Path, log: Path) -> contextlib.ExitStack:
    """Lock the folders of a run, of which another run may share one; closing what is returned lets go of them."""
    folders.check_apart(results, log)
    with contextlib.ExitStack() as held:
        for folder in (results, log):
            folder.parent.mkdir(parents=True, exist_ok=True)
            held.callback(Lock(folders.beside(folder, folders.LOCK), f"the run {folder.name}").release)
        return held.pop_all()


def _plain(settings: RunSettings) -> dict:
    """Return the settings as JSON holds them: numbers of NumPy as numbers, paths as texts."""
    values = dataclasses.asdict(settings)
    return json.loads(json.dumps(values, default=lambda own: own.item() if isinstance(own, np.generic) else str(own)))


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
