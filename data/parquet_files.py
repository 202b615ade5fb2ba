"""Tables from Parquet files, by pyarrow where it is installed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from data.files import reading
from data.tables import Table


def read_parquet(path: Path, texts: Mapping[str, str]) -> Table:
    """Read all columns of a Parquet file, and its index where it has one, as `data.tables.read_table` reads a CSV file.

    Raises:
        ValueError: there is no such column, the file is none of Parquet or empty, or pyarrow is not installed.
    """
    try:
        with reading(path):
            frame = pd.read_parquet(path, engine="pyarrow")
    except ImportError:
        raise ValueError(f"{path} must be read by pyarrow (pip install pyarrow). Received: no such package") from None
    except (ValueError, OSError) as error:  # pyarrow's own among them
        raise ValueError(f"{path} must be a Parquet file. Received: {str(error).splitlines()[0]}") from None
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    if frame.empty:
        raise ValueError(f"{path} must hold rows of values. Received: {len(frame)} of {frame.shape[1]} columns")
    names = [str(name) for name in frame]
    frame.columns = pd.RangeIndex(len(names))
    table = Table(path, names, frame, first=1)
    kept = {table.place(argument, column) for argument, column in texts.items()}
    columns = {place: _as_texts(cells) if place in kept else _as_cells(cells) for place, cells in frame.items()}
    return Table(path, names, pd.DataFrame(columns, copy=False), first=1).with_floats(kept)


def _as_cells(cells: pd.Series) -> pd.Series | np.ndarray:
    if pd.api.types.is_numeric_dtype(cells):  # booleans among them
        return cells.to_numpy(float, na_value=np.nan)
    return _as_texts(cells)


def _as_texts(cells: pd.Series) -> pd.Series:
    texts = cells.astype(object).map(str, na_action="ignore")
    return texts.where(cells.notna(), "").astype(object)
