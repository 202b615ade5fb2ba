"""Sequences from NPZ files, as `numpy.savez` writes them: `x`, `y`, `lengths`."""

import zipfile
from pathlib import Path

import numpy as np

from data import files
from data.ts_files import Archive

NAMES = "x", "y", "lengths"


def read_npz(path: Path) -> Archive:
    """Read an NPZ file without running what it may hold.

    Args:
        path: of a file with `x` [N, T, F] or [N, T], perhaps `y` [N] or [N, m], and perhaps `lengths` [N], behind which
            the values of a sequence do not count.

    Raises:
        ValueError: one of these is missing or of another kind; says what was expected and what came.
    """
    with files.reading(path):
        arrays, came = _arrays(path)
    if "x" not in arrays:
        raise ValueError(f"{path} must hold an array x [N, T, F] or [N, T]. Received: {', '.join(came) or 'nothing'}")
    if others := [name for name in came if name not in NAMES]:
        print(f"{path}: {', '.join(NAMES)} are read, and not {', '.join(others)}")
    x = arrays["x"]
    if x.dtype.kind not in "fiub" or x.ndim not in (2, 3) or not x.size:
        raise ValueError(f"{path} must hold numbers x [N, T, F] or [N, T]. Received: {x.dtype} {list(x.shape)}")
    x = x.reshape(*x.shape[:2], -1).astype(float, copy=False)  # [N, T, F]
    lengths = _lengths(path, arrays.get("lengths", np.full(len(x), x.shape[1])), x)
    return Archive([sequence[:length] for sequence, length in zip(x, lengths, strict=True)], _y(path, arrays, x), "y")


def _arrays(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays that count, and the names of all."""
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(member.file_size for member in file.infolist())
        if size <= files.MOST:
            with np.load(path, allow_pickle=False) as file:
                return {name: np.asanyarray(file[name]) for name in NAMES if name in file}, list(file)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # of any kind: of archives, of what packs them, of heads in Python's words, of objects
        raise ValueError(
            f"{path} must be an NPZ file of numbers and texts. Received: {files.in_a_line(error)}"
        ) from None
    raise ValueError(f"{path} must unpack to at most {files.MOST / 2**30:g} GiB. Received: {size / 2**30:.3g} GiB")


def _lengths(path: Path, lengths: np.ndarray, x: np.ndarray) -> np.ndarray:
    good = lengths.dtype.kind in "iu" and lengths.shape == x.shape[:1]
    if not good or not ((lengths >= 1) & (lengths <= x.shape[1])).all():
        came = f"{lengths.dtype} {list(lengths.shape)}" + (f" from {lengths.min()} to {lengths.max()}" if good else "")
        raise ValueError(
            f"{path} must hold whole numbers lengths [{len(x)}] from 1 to {x.shape[1]}, where it does. Received: {came}"
        )
    return lengths


def _y(path: Path, arrays: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray | None:
    if (y := arrays.get("y")) is None:
        return None
    if y.dtype.kind not in "fiubUS" or y.ndim not in (1, 2) or len(y) != len(x) or not y.size:
        raise ValueError(
            f"{path} must hold numbers or texts y [{len(x)}] or [{len(x)}, m]. Received: {y.dtype} {list(y.shape)}"
        )
    try:
        return np.char.decode(y, "utf-8") if y.dtype.kind == "S" else y
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must hold texts y in UTF-8. Received: {error.object!r:.60}") from None
