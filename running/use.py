"""A trained run in use: where it is, how it was trained, and that it stays the same."""

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from data.closest import did_you_mean
from data.files import read_json
from running import folders
from running.runs import COMMON, MODEL, WHERE, RunSettings, folders_of, lock, moved

SHOWN = 12  # of the runs that there are, the latest, in a message
# Of a trained network, whatever is done with it; the seed is also that of what it draws then.
FIXED = COMMON - {"seed"}


def trained(task: str, settings: RunSettings) -> Path:
    """Return the folder of the trained run that the settings name; raises a ValueError that names those there are if not."""
    folder = _in_place(task, settings)
    if (folder / MODEL).is_file():
        return folder
    there = sorted(folder.parent.glob(f"*/{MODEL}"), key=lambda model: -model.stat().st_mtime)
    names = [model.parent.name for model in there if model.is_file() and "~" not in model.parent.name]
    which = ", ".join(names[:SHOWN] + ["…"] * (len(names) > SHOWN)) or "of which there is none"
    came = f"without {MODEL}" if folder.is_dir() else f"not in {folder.parent}{did_you_mean(settings.run, names)}"
    raise ValueError(f"`run` must be the name of a run that was trained, {which}. Received: {settings.run}, {came}")


def _in_place(task: str, settings: RunSettings) -> Path:
    """Return the folder of a run, once it is there if the process was killed that was about to put it there."""
    folder, log = folders_of(task, settings, settings.run)
    if not folder.exists() and folders.being_replaced(folder):
        with lock(folder, log):
            folders.recover(folder, log)
    return folder


@contextlib.contextmanager
def staying(folder: Path) -> Iterator[Callable[[], None]]:
    """Be sure that a trained run is at the end the one that it was at the beginning, and not one that took its place.

    Yields:
        What makes sure of it in between, before something is put beside the model.

    Raises:
        ValueError: it was replaced or removed.
    """

    def found() -> tuple[int, ...]:
        about = (folder / MODEL).stat()
        return about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size  # numbers of files that are gone come again

    before = found()

    def check() -> None:
        with contextlib.suppress(FileNotFoundError):
            if found() == before:
                return
        raise ValueError(
            f"`run` must stay while it is used. Received: {folder}, which somebody has replaced; use it again"
        )

    yield check
    check()


def configuration(task: str, settings: RunSettings) -> Path:
    """Return where it is written how the run was trained that the settings name."""
    return settings.results_dir / task / settings.run / "config.json"


def as_trained(
    task: str,
    settings: RunSettings,
    given: Collection[str],
    fixed: Collection[str] = (),
    of_data: Collection[str] = (),
) -> RunSettings:
    """Return the settings with which the run that they name was trained; where it is and what is done with it are as given.

    Who uses the run says that it is not there, if it is not: the settings are as given then.

    Args:
        task: its name.
        settings: that name the run.
        given: names of those that stay as they are.
        fixed: names of those that the run is bound to, besides those of the network and its training, and must have.
        of_data: names of those that it is bound to where it has them.

    Raises:
        ValueError: the run is bound to one that is given, and has another; or one is given that is of a training; or
            nobody knows one that the run is bound to.
    """
    for name in ("name", "resume", "overwrite"):
        if name in given and (value := getattr(settings, name)):
            raise ValueError(f"`{name}` must not come with `run`, which is trained. Received: {value}")
    _in_place(task, settings)
    file = configuration(task, settings)
    there, values = file.exists(), {}
    saved = read_json(file) if there else {}
    unknown = [name for name in fixed if name not in saved and name not in given]
    if unknown and (file.parent / MODEL).is_file() and not settings.export:  # which is of the model alone
        wanted, came = f"{unknown[0]}, as the run was trained, or it must be given", "none" if there else "no such file"
        raise ValueError(f"{file} must have {wanted}. Received: {came}")
    for field in dataclasses.fields(settings):
        own, value = getattr(settings, field.name), saved.get(field.name)
        if field.name in saved and field.name not in WHERE and not moved(field.name, value, own):
            value = tuple(value) if isinstance(value, list) else value
            if field.name not in given:
                values[field.name] = Path(value) if isinstance(own, Path) and isinstance(value, str) else value
            elif field.name in FIXED.union(fixed, of_data) and value != own:
                raise ValueError(f"`{field.name}` must be that of the trained run, {value}. Received: {own}")
    return dataclasses.replace(settings, **values)
