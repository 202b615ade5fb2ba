"""Public series that come inside Python packages, as settings of the task `series`; what no file holds as it is, is written."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.files import write_whole
from data.series import Roles, load

# Set → what it is, and where it is from.
CLASSES = {
    "speakers": ("nine speakers", "aeon"),
    "motions": ("four motions", "aeon"),
    "gestures": ("ten gestures", "aeon"),
    "exercises": ("seven exercises", "seglearn"),
}
FORECASTS = {"sea": ("sea temperature", "statsmodels"), "sunspots": ("sunspots", "statsmodels")}
SETS = {
    name: (CLASSES | FORECASTS)[name] for name in ("speakers", "motions", "sunspots", "sea", "exercises", "gestures")
}
ARCHIVES = {"speakers": "JapaneseVowels", "motions": "BasicMotions", "gestures": "PickupGestureWiimoteZ"}

SLOWER = 4  # so many samples of the gestures, of 100 a second, and of the exercises, of 50, are one step
STEPS = 50  # of a window of the exercises: four seconds
SUBJECTS_SHARE = 0.3  # of the ten subjects of the exercises, for testing
CHUNK = 96  # steps that a network sees before it forecasts


def packages(python: Path) -> Path:
    """Return where an environment, named by its Python, has its packages.

    Raises:
        ValueError: there is no such environment, or it lacks a package.
    """
    wanted = "`python` must be that of an environment with aeon and seglearn (requirements-series.txt)"
    if not python.is_file():
        raise ValueError(f"{wanted}. Received: {python}, nothing there")
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{wanted}. Received: {python}, which ends with status {done.returncode}")
    folder = Path(done.stdout.strip())
    for name in ("aeon", "seglearn"):
        if not (folder / name).is_dir():
            raise ValueError(f"{wanted}. Received: {python}, without {name}")
    return folder


def settings_of(name: str, found: Path, folder: Path) -> dict[str, Any]:
    """Return the settings of the task that ask for a set.

    Args:
        name: of the set.
        found: where aeon and seglearn are.
        folder: where files are written; each is named after what it holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if name in FORECASTS:
        table = pd.DataFrame({"value": _series(name)})
        return {"data": _write_table(folder, name, table), "target": ("value",), "chunk": CHUNK}
    if name == "exercises":
        asked = {"label": "exercise", "group": "window", "test_groups": "subject", "test_share": SUBJECTS_SHARE}
        # A pickle, which could run anything: as trusted as the package that it is a part of.
        watch = np.load(found / "seglearn" / "data" / "watch_dataset.npy", allow_pickle=True).item()
        labels = [watch["y_labels"][kind] for kind in watch["y"]]
        return {"data": _write_table(folder, name, windows(watch["X"], labels, watch["subject"]))} | asked
    stem = ARCHIVES[name]
    archive = found / "aeon" / "datasets" / "data" / stem
    files = {"data": archive / f"{stem}_TRAIN.ts", "test_data": archive / f"{stem}_TEST.ts"}
    if name == "gestures":
        return {role: _write_slower(folder, f"{name}_{role}", file) for role, file in files.items()}
    return {role: str(file) for role, file in files.items()}


def windows(recordings: Sequence[np.ndarray], labels: Sequence[str], subjects: Sequence[int]) -> pd.DataFrame:
    """Cut recordings into windows of 50 steps, each the mean of four samples; what is left at the end is dropped.

    Args:
        recordings: [T, F] each.
        labels, subjects: of each recording.

    Returns:
        A row a step: window, exercise, subject, and the features by number.
    """
    found = []
    for values, label, subject in zip(recordings, labels, subjects, strict=True):
        slow = slower(values)
        for begin in range(0, len(slow) - STEPS + 1, STEPS):
            window = pd.DataFrame(slow[begin : begin + STEPS]).add_prefix("sensor_")
            found.append(window.assign(window=len(found), exercise=label, subject=subject))
    return pd.concat(found, ignore_index=True)


def slower(values: np.ndarray) -> np.ndarray:
    """Return the means of four samples each of a recording [T, F]; what is left at the end is dropped."""
    count = len(values) // SLOWER
    return values[: SLOWER * count].reshape(count, SLOWER, -1).mean(axis=1)


def _series(name: str) -> np.ndarray:
    """Return a series of statsmodels [T]."""
    from statsmodels.datasets import elnino, sunspots

    if name == "sunspots":
        return sunspots.load_pandas().data["SUNACTIVITY"].to_numpy(float)
    return elnino.load_pandas().data.drop(columns="YEAR").to_numpy(float).ravel()  # a row a year, a column a month


def _write_table(folder: Path, name: str, table: pd.DataFrame) -> str:
    text = table.to_csv(index=False)
    path = folder / f"{name}_{_fingerprint(text.encode())}.csv"
    with write_whole(path) as part:
        part.write_text(text, encoding="utf-8")
    return str(path)


def _write_slower(folder: Path, name: str, archive: Path) -> str:
    sequences = load(archive, Roles())
    values = [slower(own) for own in sequences.values]
    lengths = np.array([len(own) for own in values])
    x = np.zeros((len(values), lengths.max(), len(sequences.columns)))  # [N, T, F]
    for place, own in enumerate(values):
        x[place, : len(own)] = own
    path = folder / f"{name}_{_fingerprint(x.tobytes())}.npz"
    with write_whole(path) as part, open(part, "wb") as stream:
        np.savez(stream, x=x, lengths=lengths, y=sequences.answers)
    return str(path)


def _fingerprint(content: bytes) -> str:
    """Return a text that differs where contents do, so that what was computed from others is not taken for this."""
    return hashlib.sha256(content).hexdigest()[:12]
