"""Folders of a run that are replaced only when what takes their place is whole.

What is to replace `NAME` is written into `NAME~new`; for an instant the old one is `NAME~old`. No run can have such a name, but
somebody may keep a copy under it: only what has a mark is replaced or removed.
"""

import contextlib
import errno
import fnmatch
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from data.files import read_json, write_json

NEW, OLD, LOCK = "~new", "~old", "~lock"
EVENTS = "events.out.tfevents.*"  # of TensorBoard in a log; other files there are somebody's
FILES = "files"  # in `config.json`: the names of what the run makes in its results besides what all runs do
REPLACES = ".replaces"  # a file in what is to replace others, until it has
REPLACED = ".replaced"  # a file in what was replaced, until it is gone: the names of what goes with it

# Patterns of what all runs make in their results.
OF_ALL = ("config.json", "metrics.json", "report.html", "checkpoint*.npz", "model.keras", "model_[0-9]*.keras", "parts")
OF_ALL += (
    "training.csv",
    "training.png",
    "epochs.csv",
    "epochs.png",
    ".*.part*",
    ".part.*",
    ".lock.*",
    REPLACES,
    REPLACED,
)


def beside(folder: Path, kind: str) -> Path:
    """Return the path beside a run's folder that is for its new or its old content, or for its lock."""
    return folder.with_name(folder.name + kind)


def around(results: Path, log: Path) -> list[Path]:
    """Return the paths beside the folders of a run that are for their new and old content."""
    return [beside(folder, kind) for folder in (results, log) for kind in (NEW, OLD)]


def current(folder: Path) -> Path:
    """Return where a folder of a run is that is to replace another: beside that, until it has."""
    new = beside(folder, NEW)
    return new if is_there(new) else folder


def put_aside(path: Path) -> Path:
    """Give what is somebody's another name, that nothing has, and return it."""
    return path.rename(_free(path))


def _free(path: Path) -> Path:
    """Return the path, or one like it, where there is nothing."""
    return _free(beside(path, OLD)) if is_there(path) else path


def begin(results: Path, log: Path) -> tuple[Path, Path]:
    """Return the folders for what is to replace those of a run; what is somebody's in them stays."""
    new = beside(results, NEW), beside(log, NEW)
    for folder in new:
        clear(folder)
        make(folder)
    return new


def make(folder: Path) -> None:
    """Make a folder of a run where there is none, with the mark if it is to replace another."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.name.endswith(NEW):
        (folder / REPLACES).touch()


def clear(folder: Path) -> None:
    """Remove what a run has made in its results or its log, and the folder if there is nothing else in it."""
    if folder.is_dir():
        for name in _files(folder) | _events(folder):
            remove(folder / name)
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


def check_replaced(results: Path, log: Path, own: Sequence[str]) -> None:
    """Raise a ValueError where what is to be replaced is not of a run, in whose results one of some files of its own is."""
    found = [[name for name in own if (folder / name).exists()] for folder in (results, log)]
    if results.is_dir() and any(results.iterdir()) and not found[0]:
        raise ValueError(f"`overwrite` must replace a run. Received: {results}, which has none of {', '.join(own)}")
    if found[1]:
        raise ValueError(f"`log_dir` must not be where results are. Received: {log}, which has {found[1][0]}")
    if log.is_dir() and any(log.iterdir()) and not any(log.glob(EVENTS)):
        raise ValueError(f"`overwrite` must replace a run. Received: {log}, which has no events for TensorBoard")


def check_apart(results: Path, log: Path) -> None:
    """Raise a ValueError where one of the folders of a run would be in the other."""
    one, other = (Path(os.path.realpath(folder)) for folder in (results, log))
    if one in other.parents or other in one.parents:
        raise ValueError(f"`log_dir` must have a run's log apart from its results. Received: {log} and {results}")


def check_writable(setting: str, folder: Path) -> None:
    """Raise a ValueError that names the setting where a run's folder cannot be written, or made."""
    above = (path for path in folder.absolute().parents if is_there(path))
    existing = folder if folder.exists() else next(above)
    if existing == folder and not folder.is_dir():
        raise ValueError(f"`name` must be that of a folder, or new. Received: {folder.name}, where {folder} is a file")
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"`{setting}` must be a folder that can be written. Received: {folder}, but for {existing}")


def is_there(path: Path) -> bool:
    """Return whether there is anything of a name, be it a link to nothing."""
    return os.path.lexists(path)


def replace(results: Path, log: Path) -> list[Path]:
    """Put the new folders in the place of the old ones, or go on where that was cut off; those of the results last.

    Returns:
        What was in the old ones that no run has made, and is in the new ones now.
    """
    if there := in_the_way(results, log):
        raise FileExistsError(errno.EEXIST, "is in the way of the run that is to be there", str(there[0]))
    kept = []
    for folder, made in ((log, _events), (results, _files)):
        new, old = beside(folder, NEW), beside(folder, OLD)
        if is_there(new):
            if folder.is_symlink():
                folder.unlink()
            elif folder.exists():
                write_json(folder / REPLACED, {FILES: sorted(made(folder))})
                folder.rename(old)
            new.rename(folder)
        if old.is_dir() and is_there(folder):
            kept += _bring_over(old, folder)
        elif old.is_dir():  # somebody has taken the new one away
            old.rename(folder)
        _unmark(folder)
    return kept


def _files(results: Path) -> set[str]:
    """Return the names of what a run has made in its results, as far as that is known; of an earlier version's, all."""
    there = set(os.listdir(results))
    made = {name for name in there if any(fnmatch.fnmatch(name, own) for own in OF_ALL)}
    with contextlib.suppress(OSError, ValueError, TypeError):  # somebody has removed or damaged it
        config = read_json(results / "config.json")
        unfinished = "metrics.json" not in there  # else it is of an earlier version
        return made.union(there.intersection(config.get(FILES, () if unfinished else there)))
    return made


def _events(log: Path) -> set[str]:
    """Return the names of what a run has made in its log."""
    return {path.name for path in log.glob(EVENTS)} | {REPLACES}


def _bring_over(old: Path, new: Path) -> list[Path]:
    """Remove what was replaced, but move what no run has made, and return where that is now."""
    made, kept = read_json(old / REPLACED, FILES)[FILES], []
    for name in sorted({*os.listdir(old)} - {REPLACED}):  # which says what the others are
        if name in made:
            remove(old / name)
        else:
            kept.append((old / name).rename(_free(new / name)))
    remove(old)
    return kept


def _unmark(folder: Path) -> None:
    for mark in (REPLACES, REPLACED):
        (folder / mark).unlink(missing_ok=True)


def being_replaced(results: Path) -> bool:
    """Return whether results that are whole were about to take the place of these, or have just taken it."""
    new, old = beside(results, NEW), beside(results, OLD)
    return (new / REPLACES).is_file() and (new / "metrics.json").exists() or (old / REPLACED).is_file()


def in_the_way(results: Path, log: Path) -> list[Path]:
    """Return what is where, or beside where, the folders of a run are to be, and no process which replaces them has left."""
    found = []
    for folder in (results, log):
        new, old = beside(folder, NEW), beside(folder, OLD)
        if is_there(new) and not (beside(results, NEW) / REPLACES).is_file():
            found.append(new)
        if is_there(old) and not (old / REPLACED).is_file():
            found.append(old)
        if is_there(folder) and not folder.is_dir() and not folder.is_symlink():
            found.append(folder)
    return found


def recover(results: Path, log: Path) -> None:
    """Put new folders in their place if the process that had made them was killed before it could.

    Raises:
        ValueError: there is something beside the folders that no such process has left; names it.
    """
    for folder in around(results, log):
        with contextlib.suppress(OSError):  # not empty, as it is but for the instant before it is marked or gone
            folder.rmdir()
    if there := in_the_way(results, log):
        raise ValueError(
            f"`name` must have nothing in its way. Received: {there[0]}, which no unfinished run has left; move it away"
        )
    if being_replaced(results):
        replace(results, log)
    for folder in (results, log):  # somebody may have moved it from beside
        _unmark(folder)


def copy_events(log: Path, to: Path) -> None:
    """Copy what a run has logged, but for links to nothing, to go on with it elsewhere."""
    for path in filter(Path.exists, log.glob(EVENTS)):
        shutil.copy2(path, to)


def remove(path: Path) -> None:
    """Remove a folder, a file or a link, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
