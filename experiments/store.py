"""The CSV files of a folder, as pandas frames."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from data.files import DamagedError, write_whole
from data.text import read_text


class Store:
    """The CSV files of a folder, each read once.

    Args:
        folder: of the CSV files and pictures.
        name: of the experiment that writes.

    Attributes:
        cells: folder of what is computed already, see `grid.compute`.
        seconds: of computing behind what was written, over all interruptions.
        latest: the file that was asked for last.
    """

    def __init__(self, folder: Path, name: str = ""):
        self.folder = folder
        self.cells = folder / "cells" / name
        self.seconds = 0.0
        self.latest = folder
        self._frames: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the rows of NAME.csv; empty fields are not a number, other texts stay as they are.

        Raises:
            DamagedError: the file is damaged; names it.
            OSError: it cannot be read.
        """
        self.latest = path = self.folder / f"{name}.csv"
        if name not in self._frames:
            text, options = read_text(path), {"keep_default_na": False, "na_values": [""]}
            try:
                if not text.endswith("\n") or len({len(row) for row in csv.reader(io.StringIO(text))}) > 1:
                    raise ValueError("rows that are cut off")  # which pandas fills up
                self._frames[name] = pd.read_csv(io.StringIO(text), float_precision="round_trip", **options)
                if self._frames[name].empty:
                    raise ValueError("no rows")
            except ValueError as error:  # pandas' own among them
                self._frames.pop(name, None)
                raise DamagedError(f"{path} must be a table as an experiment leaves it. Received: {error}") from None
        return self._frames[name]

    def __contains__(self, name: str) -> bool:
        return (self.folder / f"{name}.csv").exists()

    def write(self, name: str, rows: pd.DataFrame | Iterable[Mapping[str, object]], columns: Sequence[str]) -> None:
        """Write these columns of rows to NAME.csv, whole or not at all; numbers with six digits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with write_whole(self.folder / f"{name}.csv") as part:
            frame = pd.DataFrame(rows, columns=list(columns))
            frame.to_csv(part, index=False, float_format="%.6g", lineterminator="\r\n")
        self._frames.pop(name, None)
