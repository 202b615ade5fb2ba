"""Where a run writes: its folders and its configuration."""

import dataclasses
import json
import os
import platform
import re
import shlex
import shutil
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import keras
import numpy as np
import tensorflow as tf

from data.closest import did_you_mean
from data.files import write_whole
from running import hints
from running.settings import TrainingSettings
from tasks.flag import Flag
from tasks.network_settings import NetworkSettings

SHOWN = 12  # of the runs that there are, the latest, in a message
_NONE = object()  # no value that a setting can have


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where a run computes and writes, and what happens if there is one of that name."""

    group = "output"

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


WHERE = frozenset(field.name for field in dataclasses.fields(RunSettings))


class Run:
    """The folders of one run.

    Args:
        task: name of the task.
        settings: all settings of the run; those of `RunSettings` say where it is.
        recipe: what the settings started from; None if from nothing, and all were given.

    Attributes:
        name: the run's name.
        about: all that `config.json` holds: the settings, which of them the recipe has otherwise, the command to make the run
            again, and versions.
        results: its folder for results.
        checkpoint: the file from which it can be resumed.
        parts: the folder of what a cluster's workers have done, there only while it is unfinished.
        board: its TensorBoard writer.

    Raises:
        ValueError: the name is taken, or nothing can be written; names the setting, what was expected and what came.
            Nothing has been written then.
    """

    def __init__(self, task: str, settings: RunSettings, recipe: RunSettings | None = None):
        self.settings = settings
        self.name = settings.name or _free_name(task, settings)
        if not re.fullmatch(r"[\w.+=-]+", self.name) or self.name.strip(".") == "":
            raise ValueError(f"`name` must be made of letters, digits and . _ + = -. Received: {self.name!r}")
        if settings.overwrite and settings.resume:
            raise ValueError("`resume` must not come with `overwrite`. Received: both")
        self.results = settings.results_dir / task / self.name
        self.log = settings.log_dir / task / self.name
        self.checkpoint = checkpoint(task, settings, self.name)
        self.parts = self.results / "parts"
        folders = {"results_dir": self.results, "log_dir": self.log}
        for setting, folder in folders.items():
            _check_writable(setting, folder)
        if settings.resume:
            self._check_resumable()
        for folder in folders.values():
            if folder.exists() and settings.overwrite:
                shutil.rmtree(folder)
            elif folder.exists() and not settings.resume:
                raise ValueError(
                    f"`name` must be new, or come with `overwrite`, or with `resume` to go on with it. "
                    f"Received: {self.name}, which is in {folder}"
                )
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        (self.results / "metrics.json").unlink(missing_ok=True)  # of the shorter training that is resumed
        plain, start = _plain(settings), {} if recipe is None else _plain(recipe)
        changed = {
            name: start.get(name) for name in plain if name not in WHERE and plain[name] != start.get(name, _NONE)
        }
        again = {"command": command(task, settings, changed), "changed_from_recipe": changed}
        self.about = plain | again | {"versions": _versions()}
        self.write_json("config.json", self.about)

    @cached_property
    def board(self) -> tf.summary.SummaryWriter:
        return tf.summary.create_file_writer(str(self.log))

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The settings that runs are compared by: those that all tasks have, and of others those that the recipe has otherwise."""
        common = {field.name for kind in (NetworkSettings, TrainingSettings) for field in dataclasses.fields(kind)}
        names = common | {"recipe"} | set(self.about["changed_from_recipe"])
        return {name: value for name, value in self.about.items() if name in names}

    def write_json(self, name: str, content: dict) -> None:
        with write_whole(self.results / name) as path:
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def _check_resumable(self) -> None:
        if not self.checkpoint.exists():
            raise ValueError(f"`resume` needs a run with a checkpoint. Received: {self.results} without one")
        saved = json.loads((self.results / "config.json").read_text(encoding="utf-8"))
        for name, value in _plain(self.settings).items():
            before = saved.get(name, "not there")  # in a run of an earlier version
            if name not in WHERE | {"epochs"} and before != value:
                raise ValueError(f"`{name}` must be that of the run to resume, {before}. Received: {value}")
        before, epochs, finished = saved["epochs"], self.settings.epochs, (self.results / "metrics.json").exists()
        if epochs < before + finished:
            least = "above those of the finished run" if finished else "at least those of the run"
            raise ValueError(f"`epochs` must be {least} to resume, {before}. Received: {epochs}")


def checkpoint(task: str, settings: RunSettings, name: str) -> Path:
    """Return the file from which the run of a name can be resumed."""
    return settings.results_dir / task / name / "checkpoint.npz"


def trained(task: str, settings: RunSettings) -> Path:
    """Return the folder of the trained run that the settings name; raises a ValueError that names those there are if not."""
    folder = settings.results_dir / task / settings.run
    if (folder / "model.keras").is_file():
        return folder
    there = sorted(folder.parent.glob("*/model.keras"), key=lambda model: -model.stat().st_mtime)
    names = [model.parent.name for model in there]
    which = ", ".join(names[:SHOWN] + ["…"] * (len(names) > SHOWN)) or "of which there is none"
    near = did_you_mean(settings.run, names)
    raise ValueError(
        f"`run` must be the name of a run that was trained, {which}. Received: {settings.run}, not in {folder.parent}{near}"
    )


def as_trained(task: str, settings: RunSettings) -> RunSettings:
    """Return the settings with which the run that they name was trained; where it is and what is done with it are as given.

    Who uses the run says that it is not there, if it is not: the settings are as given then.
    """
    file = settings.results_dir / task / settings.run / "config.json"
    saved, values = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}, {}
    for field in dataclasses.fields(settings):
        if field.name in saved and field.name not in WHERE:
            value, given = saved[field.name], getattr(settings, field.name)
            value = tuple(value) if isinstance(value, list) else value
            values[field.name] = Path(value) if isinstance(given, Path) else value
    return dataclasses.replace(settings, **values)


def command(task: str, settings: RunSettings, changed: Iterable[str]) -> str:
    """Return the command that trains a run again: its recipe and model, and the settings that differ from them."""
    words = ["python", "main.py", task]
    for name in ("recipe", "model", *(name for name in changed if name not in ("recipe", "model"))):
        flag, value = name.replace("_", "-"), getattr(settings, name)
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *hints.words_of(value)]
    return shlex.join(words)


def _free_name(task: str, settings: RunSettings) -> str:
    number = 1
    while any(
        (folder / task / f"{settings.model}-{number}").exists() for folder in (settings.results_dir, settings.log_dir)
    ):
        number += 1
    return f"{settings.model}-{number}"


def _check_writable(setting: str, folder: Path) -> None:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"`{setting}` must be a folder that can be written. Received: {folder}, but for {existing}")


def _plain(settings: RunSettings) -> dict:
    """Return the settings as JSON holds them."""
    return json.loads(json.dumps(dataclasses.asdict(settings), default=str))


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
