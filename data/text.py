"""Texts for the character model: any file, or the one that every Python brings."""

import hashlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.files import reading

LONGEST = 2**26  # bytes of a line; a longer one is no line of numbers that anyone wrote


@dataclass(frozen=True)
class Text:
    """A text as numbers.

    Args:
        source: where it comes from.
        characters: all different ones, sorted.
        indices: the place in `characters` of each character [N].
        sha256: of the text in UTF-8.
    """

    source: str
    characters: str
    indices: np.ndarray
    sha256: str


def load_text(path: str | None) -> Text:
    """Read a text file (UTF-8), or without one the language topics that Python's `help()` shows.

    The topics (about half a million characters of reStructuredText) differ between versions of Python, which the source
    names: compare numbers only where the hash is the same.

    Raises:
        ValueError: the file cannot be read as text; says what was expected and what came.
    """
    if path is None:
        from pydoc_data.topics import topics  # here, because it is large and only this task reads it

        text = "\n".join(topics[name] for name in sorted(topics))
        return _numbered(text, f"pydoc_data.topics of Python {platform.python_version()}")
    if not Path(path).is_file():
        raise ValueError(f"`text` must be a file that exists. Received: {path}")
    text = read_text(Path(path))
    if "\0" in text:  # which arrays of texts do not hold
        raise ValueError(f"{path} must be text. Received: a zero byte at character {text.index(chr(0)) + 1}")
    return _numbered(text, path)


def read_text(path: Path) -> str:
    """Return what a text file in UTF-8 holds, without a byte-order mark; raises a ValueError that names it if it is none."""
    try:
        with reading(path):
            return path.read_text(encoding="utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8. Received: other bytes from byte {error.start} on") from None


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file in UTF-8, with their ends and without a byte-order mark, one at a time in memory.

    Raises:
        ValueError: the file is too large, a line too long, or not text; names the file, and which line.
    """
    with reading(path), open(path, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST + 1), b""), start=1):
            if len(line) > LONGEST:
                raise ValueError(f"{path} must have lines of at most {LONGEST} bytes. Received: more in line {number}")
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                raise ValueError(f"{path} must be text in UTF-8. Received: other bytes in line {number}") from None
            if "\0" in text:
                raise ValueError(f"{path} must be text. Received: a zero byte in line {number}")
            yield text.removeprefix("\ufeff") if number == 1 else text


def _numbered(text: str, source: str) -> Text:
    characters = "".join(sorted(set(text)))
    place = {character: index for index, character in enumerate(characters)}
    indices = np.array([place[character] for character in text], np.int32)
    return Text(source, characters, indices, hashlib.sha256(text.encode()).hexdigest())
