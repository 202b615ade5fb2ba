"""Folders of a run that are replaced only when what takes their place is whole.

What is to replace `NAME` is written into `NAME~new`; for an instant the old one is `NAME~old`. No run can have such a name, but
somebody may keep a copy under it: only what is beside results with a mark is removed.
"""

import contextlib
import errno
import fnmatch
import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from data.files import read_json

NEW, OLD, LOCK = "~new", "~old", "~lock"
EVENTS = "events.out.tfevents.*"  # of TensorBoard in a log; other files there are somebody's
FILES = "files"  # in `config.json`: the names of what the run makes in its results besides what all runs do
MARK = ".replaces"  # a file in results that take the place of others, until they have

# Patterns of what all runs make in their results.
OF_ALL = ("config.json", "metrics.json", "report.html", "checkpoint*.npz", "model.keras", "model_[0-9]*.keras", "parts")
OF_ALL += ("training.csv", "training.png", "epochs.csv", "epochs.png", MARK, ".*.part*", ".lock.*")


def beside(folder: Path, kind: str) -> Path:
    """Return the path beside a run's folder that is for its new or its old content, or for its lock."""
    return folder.with_name(folder.name + kind)


def around(results: Path, log: Path) -> list[Path]:
    """Return the paths beside the folders of a run that are for their new and old content."""
    return [beside(folder, kind) for folder in (results, log) for kind in (NEW, OLD)]


def put_aside(path: Path) -> Path:
    """Give what is somebody's another name, that nothing has, and return it."""
    aside = beside(path, OLD)
    while is_there(aside):
        aside = beside(aside, OLD)
    return path.rename(aside)


def begin(results: Path, log: Path) -> tuple[Path, Path]:
    """Return empty folders for what is to replace those of a run."""
    new = beside(results, NEW), beside(log, NEW)
    for folder in new:
        remove(folder)
        make(folder)
    return new


def make(folder: Path) -> None:
    """Make a folder of a run where there is none, with the mark if it is to replace another."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.name.endswith(NEW):
        (folder / MARK).touch()


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
        raise FileExistsError(errno.EEXIST, "is where the run to be replaced would be for an instant", str(there[0]))
    kept = []
    for folder, made in ((log, _events), (results, _files)):
        new, old = beside(folder, NEW), beside(folder, OLD)
        if is_there(new):
            if is_there(folder):
                folder.rename(old)
            new.rename(folder)
        if old.is_dir() and not old.is_symlink():
            kept += _bring_over(old, folder, made(old))
        remove(old)
        (folder / MARK).unlink(missing_ok=True)
    return kept


def _events(log: Path) -> set[str]:
    """Return the names of what a run has made in its log."""
    return {path.name for path in log.glob(EVENTS)}


def _files(results: Path) -> set[str]:
    """Return the names of what a run has made in its results, as far as that is known; of an earlier version's, all."""
    there = set(os.listdir(results))
    made = {name for name in there if any(fnmatch.fnmatch(name, own) for own in OF_ALL)}
    with contextlib.suppress(OSError, ValueError, TypeError):  # somebody has removed or damaged it
        config = read_json(results / "config.json")
        unfinished = "metrics.json" not in there  # else it is of an earlier version
        return made.union(config.get(FILES, () if unfinished else there))
    return made


def _bring_over(old: Path, new: Path, made: Collection[str]) -> list[Path]:
    """Move what no run has made, and return where it is now."""
    moved = [new / name for name in sorted(os.listdir(old)) if name not in made and not is_there(new / name)]
    for path in moved:
        (old / path.name).rename(path)
    return moved


def being_replaced(results: Path) -> bool:
    """Return whether results that are whole were about to take the place of these, or have just taken it."""
    new = beside(results, NEW)
    return (results / MARK).is_file() or (new / MARK).is_file() and (new / "metrics.json").exists()


def in_the_way(results: Path, log: Path) -> list[Path]:
    """Return what is beside the folders of a run that no process which replaces them has left."""
    found = []
    for folder in (results, log):
        new, old = beside(folder, NEW), beside(folder, OLD)
        if is_there(new) and not (beside(results, NEW) / MARK).is_file():
            found.append(new)
        if is_there(old) and (not being_replaced(results) or is_there(new) and is_there(folder)):
            found.append(old)
    return found


def recover(results: Path, log: Path) -> None:
    """Put new folders in their place if the process that had made them was killed before it could.

    Raises:
        ValueError: there is something beside the folders that no such process has left; names it.
    """
    if there := in_the_way(results, log):
        raise ValueError(
            f"`name` must have nothing in its way. Received: {there[0]}, which no unfinished run has left; move it away"
        )
    if being_replaced(results):
        replace(results, log)


def copy(folder: Path, to: Path) -> None:
    """Copy what is in a folder, but for links to nothing; raises an OSError that names the first file that it cannot copy."""
    try:
        shutil.copytree(folder, to, ignore_dangling_symlinks=True, dirs_exist_ok=True)
    except shutil.Error as error:  # a list
        source, _, reason = error.args[0][0]
        raise OSError(f"{source}: {reason}") from None


def remove(path: Path) -> None:
    """Remove a folder, a file or a link, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
