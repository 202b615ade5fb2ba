"""Columns of numbers from CSV files, as spreadsheets and programs write them.

The cells of the first row say what separates cells: tabs, if that makes several of it, otherwise semicolons, otherwise
commas. The first row holds the names of all columns, or numbers: then columns have no names, and these are the first values.
"""

import functools
import io
import reprlib
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd

from data.closest import did_you_mean
from data.text import read_text

NUMBER = r"\s*[+-]?(\d+{0}?\d*|{0}\d+)([eE][+-]?\d+)?\s*"  # {0}: the decimal sign
THOUSANDS = r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*"  # or three decimals, which nobody can know
MOST = 10_000  # columns; pandas takes minutes to read many more
SHOWN = 300  # characters of the names, in a message


def read_column(path: Path, column: str | None = None) -> pd.Series:
    """Read a column of a CSV file.

    Args:
        path: of a file in UTF-8, with or without a byte-order mark. A row with fewer cells than the first ends in gaps;
            blank rows at the end do not count.
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
    table, names, separator = _read(path)
    place = _place(column, names, path)
    cells = table[place]
    if not len(cells):
        raise ValueError(f"{path} must hold rows of numbers. Received: none below the names")
    values = _numbers(cells, separator)
    if not (finite := np.isfinite(values)).all():
        row = finite.idxmin()
        came = reprlib.repr(cells[row]) if cells[row].strip() else "nothing"
        raise ValueError(
            f"{path} must hold a finite number in each row, with one decimal sign and none for thousands. "
            f"Received: {came} in row {row + 1} of column {reprlib.repr(names[place])}"
        )
    return values.rename(names[place]).reset_index(drop=True)


def column_names(path: Path) -> list[str]:
    """Return the names of a CSV file's columns, or their numbers where they have none; raises as `read_column`."""
    return _read(path)[1]


def _read(path: Path) -> tuple[pd.DataFrame, list[str], str]:
    """Return the cells below the names as texts, by row and column from 0; the columns' names; and what separates cells."""
    text = read_text(path)
    if (columns := 1 + max(map(text.partition("\n")[0].count, "\t;,"))) > MOST:
        raise ValueError(f"{path} must have at most {MOST} columns. Received: {columns} in row 1")
    options = {"header": None, "dtype": object, "keep_default_na": False, "skip_blank_lines": False}
    parse = functools.partial(pd.read_csv, skipinitialspace=True, **options)
    try:
        separator = next((sign for sign in "\t;," if parse(io.StringIO(text), sep=sign, nrows=1).shape[1] > 1), "\t")
        table = parse(io.StringIO(text), sep=separator)
    except ValueError as error:  # pandas' own among them
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path} must be a table of numbers. Received: {reason}") from None
    filled = table.ne("").any(axis=1)
    table = table.loc[: filled[::-1].idxmax()]  # without blank rows at the end
    first = [cell.strip() for cell in table.loc[0]]
    numbers = [cell for cell in first if _is_number(cell)]
    if not any(first) or 0 < len(numbers) < len(first):
        came = f"{reprlib.repr(first)} in row 1" if numbers else "a blank one"
        raise ValueError(f"{path} must begin with a row of names, one for each column, or of numbers. Received: {came}")
    if len(numbers) == 2 and separator == "," and not {".", '"'} & set(text):
        raise ValueError(f"{path} must name its columns. Received: {','.join(first)}, which could be one number or two")
    own = [""] * len(first) if numbers else first
    names = [name or str(place) for place, name in enumerate(own, start=1)]
    return table.loc[0 if numbers else 1 :], names, separator


def _place(column: str | None, names: list[str], path: Path) -> int:
    """Return which column is meant, from 0."""
    if column is None:
        return 0
    named = [place for place, name in enumerate(names) if name == column.strip()]
    if len(named) > 1:
        raise ValueError(f"`column` must name one column of {path}. Received: {column}, which names {len(named)}")
    numbered = [place for place in range(len(names)) if column == str(place + 1)]
    if not named + numbered:
        shown = textwrap.shorten(", ".join(names), SHOWN, placeholder=" …")
        raise ValueError(
            f"`column` must be one of {shown} in {path}, or its number, from 1 to {len(names)}. "
            f"Received: {column}{did_you_mean(column, names)}"
        )
    return (named + numbered)[0]


def _numbers(cells: pd.Series, separator: str) -> pd.Series:
    """Return texts as floats, NaN where they are no numbers; their decimal sign is a comma if one of them has one."""
    commas = cells.str.contains(",")
    good = cells.str.fullmatch(NUMBER.format("," if commas.any() else r"\."))
    if separator != ";" and cells[commas].str.fullmatch(THOUSANDS).all():
        good &= ~commas
    return cells.str.replace(",", ".").where(good).astype(float)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
