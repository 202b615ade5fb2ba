"""Sequences from NPZ files, as `numpy.savez` writes them: `x`, `y`, `lengths`."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from data import files
from data.ts_files import Archive


def read_npz(path: Path) -> Archive:
    """Read an NPZ file without running what it may hold.

    Args:
        path: of a file with `x` [N, T, F] or [N, T], perhaps `y` [N] or [N, m], and perhaps `lengths` [N], behind which
            the values of a sequence do not count.

    Raises:
        ValueError: one of these is missing or of another kind; says what was expected and what came.
    """
    try:
        with files.reading(path):
            _check_unpacked(path)
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: _array(path, file, name) for name in ("x", "y", "lengths") if name in file}
                came = ", ".join(file) or "nothing"
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} must be an NPZ file. Received: {error}") from None
    if "x" not in arrays:
        raise ValueError(f"{path} must hold an array `x` [N, T, F] or [N, T]. Received: {came}")
    x = arrays["x"]
    if x.dtype.kind not in "fiub" or x.ndim not in (2, 3) or not x.size:
        raise ValueError(f"{path} must hold numbers `x` [N, T, F] or [N, T]. Received: {x.dtype} {list(x.shape)}")
    x = x.reshape(*x.shape[:2], -1).astype(float)  # [N, T, F]
    lengths = _lengths(path, arrays.get("lengths", np.full(len(x), x.shape[1])), x)
    return Archive([sequence[:length] for sequence, length in zip(x, lengths, strict=True)], _y(path, arrays, x), "y")


def _check_unpacked(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        size = sum(member.file_size for member in file.infolist())
    if size > files.MOST:
        raise ValueError(f"{path} must unpack to at most {files.MOST / 2**30:g} GiB. Received: {size / 2**30:.3g} GiB")


def _array(path: Path, file: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        return file[name]
    except (ValueError, MemoryError) as error:  # objects, which could run anything, or a damaged head
        raise ValueError(f"{path} must hold an array `{name}` of numbers or texts. Received: {error}") from None


def _lengths(path: Path, lengths: np.ndarray, x: np.ndarray) -> np.ndarray:
    good = lengths.dtype.kind in "iu" and lengths.shape == x.shape[:1]
    if not good or not ((lengths >= 1) & (lengths <= x.shape[1])).all():
        came = f"{lengths.dtype} {list(lengths.shape)}" + f" from {lengths.min()} to {lengths.max()}" * bool(good)
        raise ValueError(
            f"{path} must hold whole numbers `lengths` [{len(x)}] from 1 to {x.shape[1]}, where it does. Received: {came}"
        )
    return lengths


def _y(path: Path, arrays: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray | None:
    if (y := arrays.get("y")) is None:
        return None
    if y.dtype.kind not in "fiubUS" or y.ndim not in (1, 2) or len(y) != len(x) or not y.size:
        raise ValueError(
            f"{path} must hold numbers or texts `y` [{len(x)}] or [{len(x)}, m]. Received: {y.dtype} {list(y.shape)}"
        )
    return np.char.decode(y, "utf-8", "replace") if y.dtype.kind == "S" else y
