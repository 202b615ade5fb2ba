"""Sequences from `.ts` files, the form of the UEA and UCR archive of time series.

A header of lines that begin with `@`, then one sequence a line: its dimensions separated by `:`, the values of each by `,`,
a missing one as `?`, and behind them the class or the number that belongs to it. Lines that begin with `#` or `%` are
comments.
"""

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.closest import did_you_mean
from data.text import read_lines

FLAGS = ["@timeStamps", "@missing", "@univariate", "@equalLength", "@classLabel", "@targetLabel"]
NUMBERS = ["@dimension", "@dimensions", "@seriesLength"]
TAGS = ["@problemName", *FLAGS, *NUMBERS, "@data"]
SHOWN = 100  # characters of a line, in a message
MOST = 10_000  # lines of a header
DIGITS = 18  # of a number in it


class Archive(NamedTuple):
    """Sequences whose features have no names.

    Args:
        values: of each sequence [T, F], NaN where missing.
        answers: texts [N], or numbers [N] or [N, m]; None where there are none.
        answer: what the file calls them.
    """

    values: list[np.ndarray]
    answers: np.ndarray | None
    answer: str


@dataclass
class _Header:
    """What the lines before the data say; None where they say nothing."""

    path: Path
    dimensions: int | None = None
    length: int | None = None
    flags: dict[str, bool] = field(default_factory=dict)
    classes: dict[str, None] = field(default_factory=dict)  # in order, and found at once among very many


def read_ts(path: Path) -> Archive:
    """Read a `.ts` file.

    Raises:
        ValueError: names the line, what was expected and what came.

    Example:
        >>> path = Path("two.ts")
        >>> _ = path.write_text("@classLabel true a b\\n@data\\n1,2,3:4,?,6:a\\n1,2:3,4:b\\n")
        >>> [values.shape for values in read_ts(path).values]
        [(3, 2), (2, 2)]
    """
    lines = ((number, line.strip()) for number, line in enumerate(read_lines(path), start=1))
    lines = ((number, line) for number, line in lines if line and line[0] not in "#%")
    header = _read_header(path, lines)
    answer = next((tag for tag in ("classLabel", "targetLabel") if header.flags.get(tag)), "")
    values, answers = [], []
    for number, line in lines:
        *dimensions, last = line.split(":") if answer else [*line.split(":"), ""]
        values.append(_values(header, number, dimensions))
        answers.append(_answer(header, number, answer, last.strip()))
        if values[-1].shape[1] != values[0].shape[1]:
            _refuse(path, number, f"as many dimensions as before, {values[0].shape[1]}", f"{values[-1].shape[1]}")
        if header.flags.get("equalLength") and len(values[-1]) != len(values[0]):
            _refuse(path, number, f"{len(values[0])} values, as @equalLength true says", f"{len(values[-1])}")
    if not values:
        raise ValueError(f"{path} must hold sequences below @data. Received: none")
    return Archive(values, np.array(answers) if answer else None, answer)


def _read_header(path: Path, lines: Iterator[tuple[int, str]]) -> _Header:
    header = _Header(path)
    tags = {tag.lower(): tag for tag in TAGS}
    for count, (number, line) in enumerate(lines):
        if count == MOST:
            raise ValueError(f"{path} must have at most {MOST} lines above @data. Received: more")
        word, *words = line.split()
        tag = tags.get(word.lower())
        if not word.startswith("@"):
            _refuse(
                path, number, "a line of the header such as @classLabel true a b, or @data before the sequences", line
            )
        if tag == "@data":
            if header.flags.get("classLabel") and header.flags.get("targetLabel"):
                _refuse(path, number, "either @classLabel or @targetLabel", "both")
            return header
        if tag is None and (meant := did_you_mean(word, TAGS)):  # others are someone's own
            _refuse(path, number, f"one of {', '.join(TAGS)}", word + meant)
        if tag not in (None, "@problemName"):
            _note(header, number, tag[1:], words)
    raise ValueError(f"{path} must have a line @data before its sequences. Received: none")


def _note(header: _Header, number: int, tag: str, words: list[str]) -> None:
    """Write into the header what one of its lines says."""
    if "@" + tag in NUMBERS:
        if len(words) != 1 or not words[0].isdecimal() or len(words[0]) > DIGITS or int(words[0]) < 1:
            _refuse(header.path, number, f"@{tag} with a number from 1", " ".join(words) or "nothing")
        setattr(header, "length" if tag == "seriesLength" else "dimensions", int(words[0]))
        return
    flag = words[0].lower() if words else ""
    if flag not in ("true", "false") or (len(words) > 1 and tag != "classLabel"):
        _refuse(header.path, number, f"@{tag} with true or false", " ".join(words) or "nothing")
    header.flags[tag] = flag == "true"
    if tag == "timeStamps" and flag == "true":
        _refuse(header.path, number, "@timeStamps false: values without times", "true")
    if tag == "classLabel":
        header.classes = dict.fromkeys(words[1:])
        if flag == "true" and not header.classes:
            _refuse(header.path, number, "@classLabel true with the names of the classes", "no names")


def _values(header: _Header, number: int, dimensions: list[str]) -> np.ndarray:
    """Return the values of one line [T, F]."""
    if not dimensions:
        _refuse(header.path, number, "values, a colon and the answer", "no colon")
    if header.flags.get("univariate") and len(dimensions) > 1:
        _refuse(header.path, number, "one dimension, as @univariate true says", f"{len(dimensions)}")
    if header.dimensions not in (None, len(dimensions)):
        _refuse(header.path, number, f"{header.dimensions} dimensions, as the header says", f"{len(dimensions)}")
    values = [_dimension(header, number, place, text) for place, text in enumerate(dimensions, start=1)]
    lengths = [len(dimension) for dimension in values]
    if len(set(lengths)) > 1:
        _refuse(header.path, number, "dimensions of one length", ", ".join(map(str, lengths)))
    if header.flags.get("equalLength") and header.length not in (None, lengths[0]):
        _refuse(header.path, number, f"{header.length} values, as @seriesLength says", f"{lengths[0]}")
    return np.stack(values, axis=1)  # [T, F]


def _dimension(header: _Header, number: int, place: int, text: str) -> np.ndarray:
    try:
        values = np.array(text.replace("?", "nan").split(","), float)  # [T]
        good = not np.isinf(values).any() and "_" not in text
    except ValueError:
        good = False
    if not good:
        cell = next((cell.strip() for cell in text.split(",") if not _is_value(cell.strip())), "?")
        came = f"{reprlib.repr(cell)} in dimension {place}" if cell else f"an empty value in dimension {place}"
        _refuse(header.path, number, "finite numbers or ? between commas", came)
    return values


def _is_value(cell: str) -> bool:
    try:
        return "_" not in cell and (cell == "?" or not np.isinf(float(cell)))
    except ValueError:
        return False


def _answer(header: _Header, number: int, answer: str, text: str) -> str | float:
    if answer == "classLabel" and text not in header.classes:
        wanted = f"one of the classes {', '.join(header.classes)[:SHOWN]} behind the last colon"
        _refuse(header.path, number, wanted, f"{reprlib.repr(text)}{did_you_mean(text[:SHOWN], header.classes)}")
    if answer != "targetLabel":
        return text
    if not _is_value(text) or not np.isfinite(float(text.replace("?", "nan"))):
        _refuse(header.path, number, "a finite number behind the last colon", f"{reprlib.repr(text)}")
    return float(text)


def _refuse(path: Path, number: int, wanted: str, came: str) -> None:
    raise ValueError(f"{path} must have {wanted} in line {number}. Received: {came[:SHOWN]}")
