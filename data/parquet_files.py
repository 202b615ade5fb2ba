"""Tables from Parquet files, by pyarrow where it is installed."""

import reprlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from data import files, tables
from data.tables import Table

ROWS = 4096  # read at once, so that a small file that unpacks to very much is noticed in time
LONGEST = 10_000  # characters of a cell


def read_parquet(path: Path, texts: Mapping[str, str]) -> Table:
    """Read all columns of a Parquet file, also those that pandas wrote of an index, as `data.tables.read_table` reads a CSV file.

    Raises:
        ValueError: there is no such column, the file is none of Parquet, empty or too large, or pyarrow is not installed.
    """
    with files.reading(path):
        names, frame = _read(path)
    if frame.empty:
        raise ValueError(f"{path} must hold rows of values. Received: {len(frame)} of {frame.shape[1]} columns")
    table = Table(path, names, frame, first=1)
    kept = {table.place(argument, column) for argument, column in texts.items()}
    columns = {place: _as_cells(table, place, place in kept) for place in frame}
    return Table(path, names, pd.DataFrame(columns, copy=False), first=1).with_floats(kept)


def _read(path: Path) -> tuple[list[str], pd.DataFrame]:
    """Return the columns' names, and all of them by their places; what pandas wrote of itself into the file does not count."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise ValueError(f"{path} must be read by pyarrow (pip install pyarrow). Received: no such package") from None
    try:
        file = parquet.ParquetFile(path)
        schema, size, parts = file.schema_arrow, 0, []
        if len(schema) <= tables.MOST:
            for batch in file.iter_batches(ROWS):
                parts.append([_decoded(column) for column in batch.columns])
                size += sum(max(column.nbytes, 8 * len(column)) for column in parts[-1])
                if size > files.MOST:
                    break
            else:
                columns = [_joined([part[place] for part in parts]) for place in range(len(schema))]
                names = [name.strip() for name in schema.names]
                return names, pd.concat(columns, axis=1, ignore_index=True) if columns else pd.DataFrame()
    except MemoryError:
        raise
    except Exception as error:  # of any kind: pyarrow has its own, of files, of what is packed and of texts
        raise ValueError(f"{path} must be a Parquet file. Received: {files.in_a_line(error)}") from None
    if len(schema) > tables.MOST:
        raise ValueError(f"{path} must have at most {tables.MOST} columns. Received: {len(schema)}")
    raise ValueError(f"{path} must unpack to at most {files.MOST / 2**30:g} GiB. Received: more")


def _decoded(column):
    """Return an array of Arrow's with each value in its place, so that its size is what it unpacks to."""
    return column.dictionary_decode() if hasattr(column, "dictionary_decode") else column


def _joined(parts: list) -> pd.Series:
    """Return arrays of Arrow's as one column; texts as Python's, which are decoded here and nowhere else."""
    columns = [pd.Series(part.to_pylist(), dtype=object) if _is_text(part) else part.to_pandas() for part in parts]
    return pd.concat(columns, ignore_index=True) if columns else pd.Series(dtype=object)


def _is_text(column) -> bool:
    return "string" in str(column.type)


def _as_cells(table: Table, place: int, text: bool) -> pd.Series | np.ndarray:
    """Return a column as floats where it holds numbers, booleans among them, and is not to be text; otherwise as texts."""
    cells = table.cells[place]
    if not text and pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(float, na_value=np.nan)
    found = cells.astype(object).map(str, na_action="ignore")
    found = found.where(cells.notna(), "").astype(object)
    if (lengths := found.map(len)).max() > LONGEST:
        came = f"{lengths.max()} in column {reprlib.repr(table.names[place])}"
        raise ValueError(f"{table.path} must have cells of at most {LONGEST} characters. Received: {came}")
    return found
