"""Checkpoints that know themselves: what was trained, by which settings and versions; the last two are kept."""

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.files import write_whole

FORMAT = 1
LAST, BEFORE = "checkpoint.npz", "checkpoint.before.npz"
ABOUT = "about"


class CheckpointError(ValueError):
    """No checkpoint can be used, or it is of another training."""


class Checkpoint(NamedTuple):
    """What a training goes on from.

    Args:
        state: as `Trained.state` returns it.
        about: what is said of it: settings, versions, and how far TensorBoard's log had come.
        remark: why it is not the latest one, or empty.
    """

    state: Mapping[str, np.ndarray]
    about: Mapping[str, Any]
    remark: str = ""


def save(folder: Path, state: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Write a checkpoint into a folder, whole or not at all, and keep the one before. The archive holds checksums."""
    with write_whole(folder / LAST) as part:
        with open(part, "wb") as file:
            np.savez(file, **state, **{ABOUT: np.array(json.dumps(dict(about) | {"format": FORMAT}))})
        if (folder / LAST).exists():
            os.replace(folder / LAST, folder / BEFORE)


def exists(folder: Path) -> bool:
    """Return whether there is a checkpoint in a folder."""
    return any((folder / name).exists() for name in (LAST, BEFORE))


def load(folder: Path) -> Checkpoint:
    """Return the last checkpoint of a folder or, if it is damaged, the one before.

    Raises:
        CheckpointError: there is none that can be used; says why.
    """
    reasons = []
    for path in (folder / LAST, folder / BEFORE):
        try:
            found = _read(path)
        except Exception as error:  # a flipped bit can raise anything
            reasons.append(f"{path.name} ({_why(error)})")
            continue
        return found._replace(remark=f"going on from {path.name}, not {', '.join(reasons)}" if reasons else "")
    wanted = "`resume` needs a run with a checkpoint; `overwrite` begins again without one"
    raise CheckpointError(f"{wanted}. Received: {folder} with {', '.join(reasons)}")


def _read(path: Path) -> Checkpoint:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError("not a file")
    with zipfile.ZipFile(path):  # or NumPy would take it for a pickle
        pass
    with np.load(path) as archive:
        state = {name: archive[name] for name in archive.files}  # which compares the checksums
    about = json.loads(str(state.pop(ABOUT)))
    if about["format"] != FORMAT:
        raise KeyError(f"format {about['format']}, not {FORMAT}")
    return Checkpoint(state, about)


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return "of another version of this program"
    return "damaged: " + (" ".join(str(error).split()) or type(error).__name__)
