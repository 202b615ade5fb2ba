"""TIMIT's layout: sounds anywhere below a folder, and beside each the times of what is said in it."""

import os
import re
from pathlib import Path

from data.text import read_text

RATE = 16000  # samples a second, which the times count

Times = list[tuple[int, int, str]]


def files_below(folder: Path, suffix: str) -> list[Path]:
    """Return all files of a kind below a folder, sorted, if it is one; of folders and files that begin with a dot none.

    Links to folders are followed, each folder once.

    Raises:
        OSError: a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    found, seen = [], {os.path.realpath(folder)}
    if not folder.is_dir():
        return found
    for root, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        folders.sort(reverse=True)  # so that of several links to one place the first is followed
        below = {os.path.realpath(os.path.join(root, name)): name for name in folders if name[0] != "."}
        folders[:] = [name for place, name in below.items() if place not in seen]
        seen.update(below)
        found += [Path(root, name) for name in names if name[0] != "." and name.lower().endswith(suffix)]
    return sorted(found)


def beside(path: Path, suffix: str) -> Path | None:
    """Return the file of a kind that has the same name, whatever its case; None if there is none."""
    for kind in (suffix.upper(), suffix):  # as most are, so that a large folder is not read for each of its files
        if (likely := path.with_suffix(kind)).is_file():
            return likely
    name = f"{path.stem}{suffix}".lower()
    return next((other for other in sorted(path.parent.iterdir()) if other.name.lower() == name), None)


def read_times(path: Path) -> Times:
    """Read a transcript: lines of first sample, sample after the last, and label. A sample has up to nine digits.

    Raises:
        ValueError: names the line that is none.
    """
    entries = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        found = re.fullmatch(r"\s*(\d{1,9})\s+(\d{1,9})\s+(\S+)\s*", line)
        if found and int(found[1]) < int(found[2]):
            entries.append((int(found[1]), int(found[2]), found[3].lower()))
        elif line.strip():
            raise ValueError(
                f"{path} must have lines of start, end and label, by numbers of up to nine digits. Received: {line!r} in line {number}"
            )
    return entries
