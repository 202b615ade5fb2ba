"""Folders of a run that are replaced only when what takes their place is whole.

What is to replace `NAME` is written into `NAME~new`; for an instant the old one is `NAME~old`. No run can have such a name, but
somebody may keep a copy under it: only what is beside results with a mark is removed.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

NEW, OLD, LOCK = "~new", "~old", "~lock"
EVENTS = "events.out.tfevents.*"  # of TensorBoard in a log; other files there are somebody's
MARK = ".replaces"  # a file in results that take the place of others, until they have


def beside(folder: Path, kind: str) -> Path:
    """Return the path beside a run's folder that is for its new or its old content, or for its lock."""
    return folder.with_name(folder.name + kind)


def around(results: Path, log: Path) -> list[Path]:
    """Return the paths beside the folders of a run that are for their new and old content."""
    return [beside(folder, kind) for folder in (results, log) for kind in (NEW, OLD)]


def begin(results: Path, log: Path) -> tuple[Path, Path]:
    """Return empty folders for what is to replace those of a run."""
    new = beside(results, NEW), beside(log, NEW)
    for folder in new:
        remove(folder)
        folder.mkdir(parents=True)
    mark(new[0])
    return new


def mark(new: Path) -> None:
    """Mark results as those that take the place of others, in a folder that is made if somebody has removed it."""
    new.mkdir(parents=True, exist_ok=True)
    (new / MARK).touch()


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


def replace(results: Path, log: Path) -> None:
    """Put the new folders in the place of the old ones, or go on where that was cut off; those of the results last."""
    for folder in (log, results):
        new, old = beside(folder, NEW), beside(folder, OLD)
        if is_there(new):
            if is_there(folder):
                folder.rename(old)
            new.rename(folder)
        remove(old)
    (results / MARK).unlink(missing_ok=True)


def being_replaced(results: Path) -> bool:
    """Return whether there are results that take the place of these, or have just taken it."""
    return any((folder / MARK).is_file() for folder in (beside(results, NEW), results))


def recover(results: Path, log: Path) -> None:
    """Put new folders in their place if the process that had made them was killed before it could.

    Raises:
        ValueError: there is something beside the folders that no such process has left; names it.
    """
    there = [path for path in around(results, log) if is_there(path)]
    if there and not being_replaced(results):
        raise ValueError(
            f"`name` must have nothing in its way. Received: {there[0]}, which no unfinished run has left; move it away"
        )
    if (beside(results, NEW) / "metrics.json").exists() or any(path.name.endswith(OLD) for path in there):
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
