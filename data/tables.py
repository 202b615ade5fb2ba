"""Tables from CSV files, as spreadsheets and programs write them.

The cells of the first row say what separates cells: tabs, if that makes several of it, otherwise semicolons, otherwise
commas. The first row holds the names of all columns, or numbers: then columns have no names, and these are the first values.
"""

import functools
import itertools
import reprlib
import textwrap
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from data.closest import did_you_mean
from data.text import read_lines

NUMBER = r"\s*[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?\s*"  # with a comma for a decimal sign, perhaps
THOUSANDS = r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*"  # or three decimals, which nobody can know
# With signs for thousands; points are in versions, too, which have no comma behind them.
GROUPED = r"\s*[+-]?[1-9]\d{0,2}(([,'’ \u00a0\u202f]\d{3})+([,.]\d+)?|(\.\d{3})+,\d+)\s*"
MISSING = ("", "NA", "NaN", "nan", "null", "?", "-", "–")  # cells without a number, where there need not be one
LARGEST = float(np.finfo(np.float32).max)  # networks compute with 32 bits
MOST = 10_000  # columns; pandas takes minutes to read many more
SAMPLE = 1000  # rows that say which columns hold numbers, to be read as such
SHOWN = 300  # characters of the names, in a message

_parse = functools.partial(
    pd.read_csv,
    header=None,
    dtype=object,
    keep_default_na=False,
    skip_blank_lines=False,
    skipinitialspace=True,
    encoding="utf-8-sig",
    compression=None,
)


@dataclass(frozen=True)
class Table:
    """The columns of a file.

    Args:
        path: of the file.
        names: of the columns, or their numbers from 1 where they have none.
        cells: by the columns' places from 0; floats, NaN where missing, or else texts.
        first: row of the file that the first of the cells stands in, from 1.
        separator: of cells in a CSV file.
        signs: decimal signs of columns that were read as texts, where they have one, by the columns' places.
        thousands: places of those columns whose signs may all be for thousands.
    """

    path: Path
    names: list[str]
    cells: pd.DataFrame
    first: int
    separator: str = ""
    signs: Mapping[int, str] = field(default_factory=dict)
    thousands: Set[int] = frozenset()

    def place(self, argument: str, column: str) -> int:
        """Return which column an argument names, from 0; raises a ValueError where there is none, or there are several."""
        return _place(column, self.names, self.path, argument)

    def is_numeric(self, place: int) -> bool:
        """Return whether at least half of a column's filled cells are numbers: a typing error must not hide it.

        Numbers with signs for thousands are some of them, for `numbers` to refuse.
        """
        filled, values = self.floats(place)
        good = ~np.isnan(values)
        if not good[filled].all():
            good |= filled & self.cells[place].str.fullmatch(GROUPED).to_numpy(bool)
        return bool(filled.any() and good.sum() >= filled.sum() / 2)

    def numbers(self, place: int) -> np.ndarray:
        """Return a column as floats [rows], NaN where missing.

        Raises:
            ValueError: a filled cell holds no number, or one beyond 32 bits; names the row and the column.
        """
        filled, values = self.floats(place)
        if (bad := filled & ~(np.abs(values) <= LARGEST)).any():
            row = int(bad.argmax())
            raise ValueError(
                f"{self.path} must hold numbers of at most {LARGEST:.2g}, with one decimal sign and none for thousands, "
                f"or one of {' '.join(MISSING[1:])} or nothing. Received: {self.at(row, place)}"
            )
        return values

    def texts(self, place: int) -> np.ndarray:
        """Return a column as texts [rows]; raises a ValueError that names the row of a cell without any."""
        texts = self.cells[place].str.strip().to_numpy(dtype=object)
        if (empty := texts == "").any():
            raise ValueError(
                f"{self.path} must have a value in each row of column {reprlib.repr(self.names[place])}. "
                f"Received: {self.at(int(empty.argmax()), place)}"
            )
        return texts

    def at(self, row: int, place: int) -> str:
        """Return for a message what the cell of a row, from 0, holds, and where in the file it stands."""
        cell = self.cells[place].iloc[row]
        came = reprlib.repr(cell) if isinstance(cell, str) else f"{cell:g}"
        none = cell == "" or cell != cell
        return f"{'no value' if none else came} in row {self.first + row} of column {reprlib.repr(self.names[place])}"

    def with_floats(self, kept: Set[int]) -> "Table":
        """Return the table with floats in all columns that hold nothing else, but for those that are kept."""
        columns, signs, thousands = dict(self.cells.items()), {}, set()
        for place in columns.keys() - kept:
            filled, values = self.floats(place)
            if (filled == ~np.isnan(values)).all():
                texts = self.cells[place]
                if texts.dtype != float and (found := [s for s in ".," if texts.str.contains(s, regex=False).any()]):
                    signs[place] = found[0]
                    marked = texts[texts.str.contains(found[0], regex=False)]
                    if marked.str.replace(found[0], ",").str.fullmatch(THOUSANDS).all():
                        thousands.add(place)
                columns[place] = values
        return replace(self, cells=pd.DataFrame(columns, copy=False), signs=signs, thousands=thousands)

    def check_signs(self, places: Sequence[int]) -> None:
        """Raise a ValueError where one of some columns has decimals by one sign, and perhaps thousands by the other.

        Other columns count where their sign is certainly that of decimals.
        """
        for one, two in itertools.product(self.signs.keys() & set(places), self.signs):
            # Beside semicolons a comma is for decimals.
            certain = one in self.thousands and (
                two not in self.thousands or (self.signs[two], self.separator) == (",", ";")
            )
            if self.signs[one] != self.signs[two] and (two in places or certain):
                point, comma = sorted((one, two), key=lambda place: self.signs[place] == ",")
                came = f"commas in column {reprlib.repr(self.names[comma])} and points in column {reprlib.repr(self.names[point])}"
                raise ValueError(f"{self.path} must have one decimal sign, and none for thousands. Received: {came}")

    def holds_numbers(self, place: int) -> bool:
        """Return whether each filled cell of a column is a number."""
        filled, values = self.floats(place)
        return bool((filled == ~np.isnan(values)).all())

    def floats(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which cells are not missing, and all as floats, NaN where they are no numbers."""
        cells = self.cells[place]
        if cells.dtype == float:
            values = cells.to_numpy()
            return ~np.isnan(values), values
        filled = (~cells.str.strip().isin(MISSING)).to_numpy()
        values = np.full(len(cells), np.nan)
        values[filled] = _numbers(cells[filled], self.separator)
        return filled, values


def read_table(path: Path, texts: Mapping[str, str]) -> Table:
    """Read all columns of a CSV file.

    Args:
        path: of a file in UTF-8, with or without a byte-order mark. A row with fewer cells than the first ends in gaps;
            rows at the end in which all is missing do not count.
        texts: the columns that are to stay texts, by the argument that named them.

    Returns:
        The table. Columns of which each filled cell is a number are floats, all others texts.

    Raises:
        ValueError: there is no such column, or the file is no table; says what was expected and what came.

    Example:
        >>> table = read_table(Path("data/koutnik2014_figure5_targets.csv"), {})
        >>> table.numbers(table.place("column", "target_2")).shape
        (320,)
    """
    line = next(read_lines(path), "").partition("\r")[0]  # which also ends a line for pandas
    if line.lower().startswith("sep="):
        raise ValueError(
            f"{path} must begin with a row of names or numbers. Received: {line.strip()}; leave that line out"
        )
    deque(read_lines(path), maxlen=0)  # what is no text would come out as odd cells
    head, separator = _cells(path, line, nrows=SAMPLE)
    marked = lambda: any({".", '"'} & set(line) for line in read_lines(path))  # noqa: E731
    names, first = _names(path, head, separator, marked)
    kept = {_place(column, names, path, argument) for argument, column in texts.items()}
    # Numbers are read at once as such, faster and smaller than by way of texts, as long as there is nothing else.
    cells = _read_floats(Table(path, names, head.loc[first:], first + 1, separator), kept)
    if cells is None:
        cells = _cells(path, line)[0].loc[first:].reset_index(drop=True)
    table = Table(path, names, cells, first + 1, separator).with_floats(kept)
    filled = (table.cells.notna() & table.cells.ne("")).any(axis=1).to_numpy()
    if not filled.any():
        raise ValueError(f"{path} must hold rows of values. Received: none below the names")
    return replace(table, cells=table.cells.iloc[: filled.nonzero()[0].max() + 1])


def read_column(path: Path, column: str | None = None) -> pd.Series:
    """Read a column of a CSV file.

    Args:
        path: as in `read_table`.
        column: its name or, where none is named so, its number from 1; None is the first.

    Returns:
        Floats [rows], named as the column.

    Raises:
        ValueError: there is no such column, or not a finite number in each of its cells; names the row, from 1 as a
            spreadsheet shows it, and the column.

    Example:
        >>> read_column(Path("data/koutnik2014_figure5_targets.csv"), "2").shape
        (320,)
    """
    table = read_table(path, {})
    place = 0 if column is None else table.place("column", column)
    table.check_signs([place])
    values = table.floats(place)[1]
    if not (finite := np.isfinite(values)).all():
        raise ValueError(
            f"{path} must hold a finite number in each row, with one decimal sign and none for thousands. "
            f"Received: {table.at(int(finite.argmin()), place)}"
        )
    return pd.Series(values, name=table.names[place])


def _read_floats(sample: Table, kept: Set[int]) -> pd.DataFrame | None:
    """Read a CSV file of which a sample says what its columns hold; return None where that is not so further down."""
    floats = [place for place in sample.cells if place not in kept and sample.holds_numbers(place)]
    commas = any(sample.cells[place].str.contains(",").any() for place in floats)
    try:
        return _parse(
            sample.path,
            sep=sample.separator,
            skiprows=sample.first - 1,
            names=list(sample.cells),
            index_col=False,
            dtype={place: float if place in floats else object for place in sample.cells},
            na_values={place: list(MISSING) for place in floats},
            decimal="," if commas and sample.separator == ";" else ".",
        )
    except ValueError:
        return None


def _cells(path: Path, line: str, **options: int) -> tuple[pd.DataFrame, str]:
    """Return all cells as texts, by row and column from 0, and what separates them in the first line."""
    if (columns := 1 + max(map(line.count, "\t;,"))) > MOST:
        raise ValueError(f"{path} must have at most {MOST} columns. Received: {columns} in row 1")
    try:
        separator = next((sign for sign in "\t;," if _parse(path, sep=sign, nrows=1).shape[1] > 1), "\t")
        return _parse(path, sep=separator, **options), separator
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} must begin with a row of names or numbers. Received: nothing in row 1") from None
    except ValueError as error:  # pandas' own among them
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path} must be a table of numbers. Received: {reason}") from None


def _names(path: Path, cells: pd.DataFrame, separator: str, marked: Callable[[], object]) -> tuple[list[str], int]:
    """Return the names of the columns, and the row below them from 0; `marked` tells of decimal points or quotes."""
    first = [cell.strip() for cell in cells.loc[0]]
    numbers = [cell for cell in first if is_number(cell)]
    if not any(first) or 0 < len(numbers) < len(first):
        came = f"{reprlib.repr(first)} in row 1" if numbers else "a blank one"
        raise ValueError(f"{path} must begin with a row of names, one for each column, or of numbers. Received: {came}")
    if len(numbers) == 2 and separator == "," and not marked():
        raise ValueError(f"{path} must name its columns. Received: {','.join(first)}, which could be one number or two")
    own = [""] * len(first) if numbers else first
    return [name or str(place) for place, name in enumerate(own, start=1)], 0 if numbers else 1


def _place(column: str, names: list[str], path: Path, argument: str = "column") -> int:
    """Return which column is meant, from 0."""
    named = [place for place, name in enumerate(names) if name == column.strip()]
    if len(named) > 1:
        raise ValueError(f"`{argument}` must name one column of {path}. Received: {column}, which names {len(named)}")
    numbered = [place for place in range(len(names)) if column == str(place + 1)]
    if not named + numbered:
        shown = textwrap.shorten(", ".join(names), SHOWN, placeholder=" …")
        raise ValueError(
            f"`{argument}` must be one of {shown} in {path}, or its number, from 1 to {len(names)}. "
            f"Received: {column}{did_you_mean(column, names)}"
        )
    return (named + numbered)[0]


def _numbers(cells: pd.Series, separator: str) -> pd.Series:
    """Return texts as floats, NaN where they are no numbers; their decimal sign is the one that more of them have."""
    values = pd.to_numeric(cells, errors="coerce").astype(float)
    commas = cells.str.contains(",", regex=False)
    if not commas.any() or commas.sum() < cells.str.contains(".", regex=False).sum():  # much faster than by patterns
        return values
    good = cells.str.fullmatch(NUMBER)
    if separator != ";" and cells[commas].str.fullmatch(THOUSANDS).all():
        good &= ~commas
    return cells.str.replace(",", ".", regex=False).where(good).astype(float)


def is_number(cell: str) -> bool:
    """Return whether a cell may be a number, with either decimal sign."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
