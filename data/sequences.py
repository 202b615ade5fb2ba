"""Target sequences for the generation task: a mixture of sines, an excerpt of a sound, or a column of a CSV file."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.closest import did_you_mean


@dataclass(frozen=True)
class Target:
    """A sequence to be generated.

    Args:
        values: float32 [T] within [-1, 1].
        rate: samples a second, or None where the sequence is no sound.
        source: what it is, for captions.
        start: place of the first value in the source.
        low, high: what −1 and 1 are in the source's own units.
    """

    values: np.ndarray
    rate: int | None
    source: str
    start: int = 0
    low: float = -1.0
    high: float = 1.0

    def in_units(self, values: np.ndarray) -> np.ndarray:
        """Return values, to the scale of the target, in the source's own units."""
        return self.low + (np.asarray(values, float) + 1) / 2 * (self.high - self.low)

    def times(self, steps: int) -> dict[str, np.ndarray]:
        """Return the time of so many steps in the source: seconds of a sound, otherwise the number of the step."""
        places = self.start + np.arange(steps)
        return {"step": places} if self.rate is None else {"seconds": places / self.rate}


def load_target(target: str | None, start: int, length: int, column: str | None, further: int = 0) -> Target:
    """Load the sequence that a network is to generate, scaled so that it reaches from -1 to 1.

    Args:
        target: a sound file of any kind that libsndfile reads, or a `.csv` file; None is the sine mixture.
        start: first sample or data row, from 0.
        length: number of samples or rows, from 2.
        column: name of a CSV column; None is its first.
        further: samples or rows behind these to load too, to the same scale, as far as there are any.

    Raises:
        ValueError: names the argument or the file, what was expected and what came.

    Example:
        >>> load_target(None, start=0, length=320, column=None).values.shape
        (320,)
    """
    if start < 0:
        raise ValueError(f"`start` must be at least 0. Received: {start}")
    if length < 2:
        raise ValueError(f"`length` must be at least 2. Received: {length}")
    is_csv = target is not None and Path(target).suffix.lower() == ".csv"
    if column is not None and not is_csv:
        raise ValueError(f"`column` needs a `target` that is a CSV file. Received: {target}")
    if target is None:
        return _scaled(sine_mixture(start, length + further), length, None, "mixture of sines", start)
    if not Path(target).is_file():
        raise ValueError(f"`target` must be a file that exists. Received: {target}")
    values, rate, source = _read_csv(target, column) if is_csv else _read_sound(target)
    if start + length > len(values):
        raise ValueError(
            f"`start` + `length` must be at most the length of {target}, {len(values)}. "
            f"Received: {start} + {length} = {start + length}"
        )
    values = values[start : start + length + further]
    return _scaled(values, length, rate, f"{source}, steps {start} to {start + len(values) - 1}", start)


def sine_mixture(start: int, length: int) -> np.ndarray:
    """Return a sum of four sines with periods of 160, 61, 23 and 8 steps [length]."""
    t = np.arange(start, start + length)
    waves = [(160, 1.0, 0.0), (61, 0.7, 1.0), (23, 0.5, 2.0), (8, 0.3, 3.0)]  # period, amplitude, phase
    return sum(amplitude * np.sin(2 * np.pi * t / period + phase) for period, amplitude, phase in waves)


def _read_sound(path: str) -> tuple[np.ndarray, int, str]:
    import soundfile

    try:
        samples, rate = soundfile.read(path, always_2d=True)  # [T, channels]
    except soundfile.LibsndfileError as error:
        raise ValueError(f"`target` must be a sound file. Received: {path} ({error.error_string})") from None
    return samples.mean(axis=1), rate, Path(path).name


def _read_csv(path: str, column: str | None) -> tuple[np.ndarray, None, str]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"`target` must be a CSV file in UTF-8. Received: {path} ({error})") from None
    if len(rows) < 2:
        raise ValueError(f"`target` must have a header and data rows. Received: {path} with {len(rows)} rows")
    header = rows[0]
    if column is not None and column not in header:
        near = did_you_mean(column, header)
        raise ValueError(f"`column` must be one of {', '.join(header)} in {path}. Received: {column}{near}")
    index = 0 if column is None else header.index(column)
    values = np.array([_number(row, index, path, line) for line, row in enumerate(rows[1:], start=2)])
    return values, None, f"{Path(path).name} {header[index]}"


def _number(row: list[str], index: int, path: str, line: int) -> float:
    try:
        return float(row[index])
    except (ValueError, IndexError):
        cell = row[index] if index < len(row) else "nothing"
        raise ValueError(f"`target` must hold numbers. Received: {cell!r} in data row {line} of {path}") from None


def _scaled(values: np.ndarray, length: int, rate: int | None, source: str, start: int) -> Target:
    """Return a target whose first values, so many, reach from -1 to 1."""
    if not np.isfinite(values).all():
        place = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(
            f"`target` must be finite. Received: {values[place]} at step {place} of the excerpt of {source}"
        )
    low, high = float(values[:length].min()), float(values[:length].max())
    if not high > low:
        raise ValueError(f"`target` must vary, or there is nothing to scale. Received: only {low} in {source}")
    return Target((2 * (values - low) / (high - low) - 1).astype(np.float32), rate, source, start, low, high)
