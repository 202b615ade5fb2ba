"""What is left of trained networks: pictures, sounds, texts and tables, and how the numbers about them are said."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data.files import write_csv, write_whole
from data.sounds import write_sound

if TYPE_CHECKING:  # Matplotlib is imported when something is drawn
    from matplotlib.figure import Figure

Table = Mapping[str, np.ndarray]  # column → values [N], or [R, N] for a column of each network


class Quantity(NamedTuple):
    """How a metric is said.

    Args:
        label: in words.
        unit: behind the number; empty if it has none.
        naive: what is reached without learning anything; None where nobody knows.
        naive_is: how, in words.
        decades: whether it falls over decades, so that its logarithm is drawn.
    """

    label: str
    unit: str = ""
    naive: float | None = None
    naive_is: str = ""
    decades: bool = False

    @property
    def axis(self) -> str:
        """The label of an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


class Sound(NamedTuple):
    """A sound to listen to.

    Args:
        samples: [T] within [−1, 1].
        rate: samples a second.
        caption: what it is.
    """

    samples: np.ndarray
    rate: int
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """What is left to see, hear, read and reckon with; each has a name, the same in every run of a task.

    Args:
        figures: pictures.
        sounds: what to listen to.
        texts: what to read.
        tables: what the networks made beside what they should have made, in the source's own units and time.
    """

    figures: Mapping[str, "Figure"]
    sounds: Mapping[str, Sound] = dataclasses.field(default_factory=dict)
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tables: Mapping[str, Table] = dataclasses.field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """The names of the files that it is written into."""
        return [f"{name}{suffix}" for suffix, parts in self._kinds.items() for name in parts]

    @property
    def _kinds(self) -> dict[str, Mapping[str, Any]]:
        return {
            ".png": self.figures,
            ".wav": self.sounds,
            ".txt": self.texts,
            ".npz": self.tables,
            ".csv": self.tables,
        }

    def write(self, folder: Path, failed: Callable[[str, Exception], None] | None = None) -> None:
        """Write everything into a folder: PNG, WAV, text, and tables as CSV and NPZ; each file whole or not at all.

        Args:
            folder: which exists.
            failed: what to do if a file cannot be made, with its name and the error, before going on to the next one; None
                raises the error.
        """
        for suffix, parts in self._kinds.items():
            for name, part in parts.items():
                try:
                    _WRITE[suffix](folder / f"{name}{suffix}", part)
                except Exception as error:
                    if failed is None:
                        raise
                    failed(f"{name}{suffix}", error)


def _write_figure(path: Path, figure: "Figure") -> None:
    from tasks import figures

    with write_whole(path) as part:
        part.write_bytes(figures.png(figure))


def _write_sound(path: Path, sound: Sound) -> None:
    write_sound(path, sound.samples, sound.rate)


def _write_text(path: Path, text: str) -> None:
    with write_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def _write_arrays(path: Path, table: Table) -> None:
    with write_whole(path, suffix=".npz") as part:
        np.savez_compressed(part, **table)


def write_table(path: Path, table: Table) -> None:
    """Write a table as a CSV file, a column of several networks as one for each, with their number."""
    columns = {}
    for name, values in table.items():
        if np.ndim(values) == 2:
            columns |= {f"{name}_{replica}": own for replica, own in enumerate(values)}
        else:
            columns[name] = values
    rows = zip(*(_as_cells(np.asarray(values)) for values in columns.values()), strict=True)
    write_csv(path, list(columns), (dict(zip(columns, row, strict=True)) for row in rows))


def _as_cells(values: np.ndarray) -> list:
    """Return values as a CSV file has them: times all in one form, not as the nanoseconds that they are."""
    if values.dtype.kind != "M":
        return values.tolist()
    exact = (unit for unit in ("D", "m", "s") if (values.astype(f"M8[{unit}]") == values).all())
    return np.datetime_as_string(values, unit=next(exact, "ns")).tolist()


_WRITE = {
    ".png": _write_figure,
    ".wav": _write_sound,
    ".txt": _write_text,
    ".npz": _write_arrays,
    ".csv": write_table,
}
