"""Target sequences for the generation task: a mixture of sines, an excerpt of a sound, or a column of a CSV file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.sounds import read_samples
from data.tables import read_column

MOST = 2**31 - 1  # steps, as many as a network's clock can count


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
        share = (np.asarray(values, float) + 1) / 2
        return self.low * (1 - share) + self.high * share

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
        column: name of a CSV column, or its number from 1; None is its first.
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
    end = start + length
    if end + further > MOST:
        raise ValueError(f"`start` + `length` must be at most {MOST}. Received: {end + further}")
    is_csv = target is not None and Path(target).suffix.lower() == ".csv"
    if column is not None and not is_csv:
        raise ValueError(f"`column` needs a `target` that is a CSV file. Received: {target}")
    if target is None:
        return _scaled(sine_mixture(start, length + further), length, None, "mixture of sines", start)
    path = Path(target)
    if not path.is_file():
        raise ValueError(f"`target` must be a file that exists. Received: {path}")
    if is_csv:
        series, rate = read_column(path, column), None
        there, values, source = len(series), series.to_numpy()[start : end + further], f"{path.name} {series.name}"
    else:
        there, values, rate = _read_sound(path, start, end + further)
        source = path.name
    if end > there:
        raise ValueError(
            f"`target` must hold the {length} steps that are trained, from `start` {start} on. "
            f"Received: {there} steps in {path}"
        )
    return _scaled(values, length, rate, f"{source}, steps {start} to {start + len(values) - 1}", start)


def sine_mixture(start: int, length: int) -> np.ndarray:
    """Return a sum of four sines with periods of 160, 61, 23 and 8 steps [length]."""
    t = np.arange(start, start + length)
    waves = [(160, 1.0, 0.0), (61, 0.7, 1.0), (23, 0.5, 2.0), (8, 0.3, 3.0)]  # period, amplitude, phase
    return sum(amplitude * np.sin(2 * np.pi * t / period + phase) for period, amplitude, phase in waves)


def _read_sound(path: Path, start: int, end: int) -> tuple[int, np.ndarray, int]:
    """Return how many samples a sound has, those of a span as far as it goes, and how many there are a second."""
    import soundfile

    try:
        values, rate = read_samples(path, (start, end), dtype="float64")
    except ValueError as problem:
        raise ValueError(f"`target` must be a sound file. Received: {path} ({problem})") from None
    there = soundfile.info(path).frames
    return min(there, start + len(values)) if len(values) < end - start else there, values, rate


def _scaled(values: np.ndarray, length: int, rate: int | None, source: str, start: int) -> Target:
    """Return a target whose first values, so many, reach from -1 to 1."""
    low, high = float(values[:length].min()), float(values[:length].max())
    if not high > low:
        raise ValueError(f"`target` must vary, or there is nothing to scale. Received: only {low} in {source}")
    _, exponent = np.frexp(np.abs(values[:length]).max())
    with np.errstate(over="ignore"):  # multiplied by a power of 2, which is exact, so that no difference overflows
        near_1, floor, ceiling = (np.ldexp(part, -exponent) for part in (values, low, high))
        scaled = (2 * (near_1 - floor) / (ceiling - floor) - 1).astype(np.float32)
    if not (finite := np.isfinite(scaled)).all():
        place = int(finite.argmin())
        raise ValueError(
            f"`target` must not leave its range by so much. Received: {values[place]} at step {start + place}, behind "
            f"{low} to {high} in {source}"
        )
    return Target(scaled, rate, source, start, low, high)
