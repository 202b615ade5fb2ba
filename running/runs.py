"""Where a run writes: its folders and its configuration."""

import dataclasses
import json
import os
import platform
import re
import shutil
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import keras
import numpy as np
import tensorflow as tf

from data.closest import did_you_mean
from data.files import write_whole
from tasks.flag import Flag

SHOWN = 12  # of the runs that there are, the latest, in a message


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


class Run:
    """The folders of one run.

    Args:
        task: name of the task.
        settings: all settings of the run; those of `RunSettings` say where it is.

    Attributes:
        name: the run's name.
        results: its folder for results.
        checkpoint: the file from which it can be resumed.
        parts: the folder of what a cluster's workers have done, there only while it is unfinished.
        board: its TensorBoard writer.

    Raises:
        ValueError: the name is taken, or nothing can be written; names the setting, what was expected and what came.
            Nothing has been written then.
    """

    def __init__(self, task: str, settings: RunSettings):
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
        self.write_json("config.json", _plain(settings) | {"versions": _versions()})

    @cached_property
    def board(self) -> tf.summary.SummaryWriter:
        return tf.summary.create_file_writer(str(self.log))

    def log_hyperparameters(self, metrics: dict, step: int) -> None:
        """Tell TensorBoard's HParams page the settings and the metrics, so that runs can be compared."""
        from tensorboard.plugins.hparams import api as hparams

        plain = {name: value for name, value in _plain(self.settings).items() if name not in _where()}
        hparams.hparams(
            {
                name: value if isinstance(value, bool | int | float | str) else str(value)
                for name, value in plain.items()
            },
            trial_id=self.name,
        )
        for name, value in metrics.items():
            if isinstance(value, float):
                tf.summary.scalar(f"final/{name}", value, step=step)

    def write_json(self, name: str, content: dict) -> None:
        with write_whole(self.results / name) as path:
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def _check_resumable(self) -> None:
        if not self.checkpoint.exists():
            raise ValueError(f"`resume` needs a run with a checkpoint. Received: {self.results} without one")
        saved = json.loads((self.results / "config.json").read_text(encoding="utf-8"))
        for name, value in _plain(self.settings).items():
            before = saved.get(name, "not there")  # in a run of an earlier version
            if name not in _where() | {"epochs"} and before != value:
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


def _where() -> set[str]:
    return {field.name for field in dataclasses.fields(RunSettings)}


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
