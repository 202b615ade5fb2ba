"""Sequences from the rows of a table."""

import itertools
import reprlib
import textwrap
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pandas as pd

from data.roles import Roles, find_places
from data.tables import SHOWN, Table
from data.times import check_even, check_increasing, has_zones, read_times, resample, usual_step


class Sequences(NamedTuple):
    """Measurements, and what is to be said of them.

    Args:
        columns: names of the features, in a forecast the targets first.
        values: of each sequence, float64 [T, F], NaN where missing, never infinite.
        names: of the sequences.
        answers: labels [N] as texts, or numbers, float64 [N, m]; None in a forecast.
        groups: texts [N] that keep training and test apart; None where there are none.
        times: of each sequence, datetime64[ns] or float64 [T]; None where there are none.
        zoned: whether times had zones in the file; here they are in UTC.
        known: names of the features that are known in advance.
    """

    columns: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    answers: np.ndarray | None
    groups: np.ndarray | None
    times: tuple[np.ndarray, ...] | None
    zoned: bool = False
    known: tuple[str, ...] = ()

    def written(self, times: np.ndarray) -> np.ndarray:
        """Return times as they are to be written: with their zone, UTC, where they had zones."""
        return pd.DatetimeIndex(times, tz="UTC").astype(str).to_numpy(str) if self.zoned else times

    @property
    def in_short(self) -> np.ndarray:
        """What no other names and times have but by chance, [1]."""
        said = "\n".join([*self.columns, *self.names]).encode() + b"".join(own.tobytes() for own in self.times or ())
        return np.array([zlib.crc32(said)])

    @property
    def step(self) -> float | None:
        """The usual step of time, in seconds where times are dates; None where there are no times, or none after another."""
        steps = [usual_step(own) for own in self.times or () if len(own) > 1]
        return float(np.median(steps)) if steps else None


def find_features(tables: list[Table], roles: Roles, trained: Sequence[str] | None = None) -> list[str]:
    """Return the features' names, in a forecast the targets first, the same for all tables; says which columns hold no numbers.

    Args:
        tables: one or more.
        roles: what columns are for.
        trained: the features that a run was trained on; then they are these, wherever they stand.

    Raises:
        ValueError: the tables have other columns, or others of a number, there is no such column, it has two roles, or none is left.
    """
    first = tables[0]
    for table in tables[1:]:
        if set(table.names) != set(first.names):
            odd = sorted(set(table.names) ^ set(first.names))
            raise ValueError(
                f"{table.path} must have the columns of {first.path.name}. Received: {odd[0]} in only one of them"
            )
    if trained is not None:
        if not set(trained) <= set(first.names):
            refuse_columns(first.path, first.names, trained)
        roles = replace(roles, columns=tuple(trained))
    places = find_places(first, roles)
    numbers = [column for own in roles.named().values() for column in own if column.strip() not in first.names]
    if numbers and (other := next((table for table in tables if table.names != first.names), None)):
        raise ValueError(
            f"{other.path} must have its columns in the order of {first.path.name}, where one is given by its number. "
            f"Received: another, with {numbers[0]}"
        )
    ahead = places["target"] if roles.horizon else []
    taken = {place for role, found in places.items() if role != "known" for place in found}
    chosen = places["columns"]
    if not chosen:
        free = [place for place in range(len(first.names)) if place not in taken]
        numeric = [any(table.is_numeric(table.names.index(first.names[place])) for table in tables) for place in free]
        chosen = list(itertools.compress(free, numeric))
        if unused := [first.names[place] for place, good in zip(free, numeric, strict=True) if not good]:
            shown = textwrap.shorten(", ".join(unused), SHOWN, placeholder=" …")
            print(f"{first.path}: not used, since most cells are no numbers: {shown}")
    chosen = list(dict.fromkeys([*ahead, *chosen, *places["known"]]))
    if not chosen:
        raise ValueError(f"{first.path} must have a column of numbers besides those of other roles. Received: none")
    names = [first.names[place] for place in chosen]
    if twice := [name for name in names if first.names.count(name) > 1]:
        raise ValueError(f"{first.path} must name each column otherwise. Received: {twice[0]} for several")
    if trained is not None and names != list(trained):  # a target by its number is another one
        refuse_columns(first.path, names, trained)
    return names


def refuse_columns(path: Path, columns: Sequence[str], trained: Sequence[str]) -> NoReturn:
    """Raise a ValueError that names a file which has not the columns that a run was trained on."""
    wanted, came = ", ".join(trained), ", ".join(columns)
    raise ValueError(f"{path} must have the columns that the run was trained on, {wanted}. Received: {came}")


def read_sequences(table: Table, roles: Roles, features: list[str]) -> Sequences:
    """Return the sequences of a table, in the order in which their first rows stand.

    Raises:
        ValueError: a cell does not hold what its role asks for; names the row and the column.
    """
    places = find_places(table, roles)
    columns = [table.names.index(name) for name in features]
    table.check_signs([*columns, *places["target"]])
    values = np.stack([table.numbers(place) for place in columns], axis=1)  # [rows, F]
    names, sequences = _rows_of_sequences(table, places)
    answers = groups = times = None
    if "label" in places:
        answers = _constant(table, places["label"][0], names, sequences)
    elif places["target"] and not roles.horizon:
        answers = np.stack(
            [_constant(table, place, names, sequences, numbers=True) for place in places["target"]], axis=1
        )
    if "test_groups" in places:
        groups = _constant(table, places["test_groups"][0], names, sequences)
    parts = [values[rows] for rows in sequences]
    if "time" in places:
        times, parts = _timed(table, places["time"][0], roles.every, sequences, parts)
    zoned = times is not None and times[0].dtype != float and has_zones(table, places["time"][0])
    known = tuple(table.names[place] for place in places["known"])
    return Sequences(tuple(features), tuple(parts), names, answers, groups, times, zoned, known)


def _rows_of_sequences(table: Table, places: dict[str, list[int]]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Return the sequences' names and rows; a table without groups is one."""
    if "group" not in places:
        return (table.path.name,), [np.arange(len(table.cells))]
    codes, names = pd.factorize(table.texts(places["group"][0]))
    order = np.argsort(codes, kind="stable")
    return tuple(names), np.split(order, np.cumsum(np.bincount(codes))[:-1])


def _constant(
    table: Table, place: int, names: tuple[str, ...], sequences: list[np.ndarray], numbers: bool = False
) -> np.ndarray:
    """Return what a column says of each sequence [N]."""
    said = table.numbers(place) if numbers else table.texts(place)
    if numbers and (missing := np.isnan(said)).any():
        raise ValueError(
            f"{table.path} must have an answer in each row. Received: {table.at(int(missing.argmax()), place)}"
        )
    for name, rows in zip(names, sequences, strict=True):
        if len(odd := rows[said[rows] != said[rows[0]]]):
            raise ValueError(
                f"{table.path} must say the same in all rows of sequence {reprlib.repr(name)}. "
                f"Received: {table.at(rows[0], place)} and {table.at(odd[0], place)}"
            )
    return said[[rows[0] for rows in sequences]] if numbers else said[[rows[0] for rows in sequences]].astype(str)


def _timed(
    table: Table, place: int, every: str | None, sequences: list[np.ndarray], parts: list[np.ndarray]
) -> tuple[tuple[np.ndarray, ...], list[np.ndarray]]:
    """Return the times of each sequence, and its values, resampled where a step is given."""
    times = read_times(table, place)
    for rows in sequences:
        check_increasing(table, place, times, rows)
    if every is None:
        check_even(table, place, times, sequences)
        return tuple(times[rows] for rows in sequences), parts
    pairs = [resample(times[rows], part, every) for rows, part in zip(sequences, parts, strict=True)]
    return tuple(even for even, _ in pairs), [part for _, part in pairs]
