"""Files of a run that are damaged, and then used."""

import functools
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.fault import Fault
from tests.faults.trainings import TASKS, flags

DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "random bytes": lambda path: path.write_bytes(os.urandom(3000)),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a byte flipped": lambda path: _flip(path),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "an archive of something else": lambda path: _other_archive(path),
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"epochs": 3})),
    "[]": lambda path: path.write_text("[]"),
    "{}": lambda path: path.write_text("{}"),
    "numbers of another kind": lambda path: path.write_text('{"epochs": "x", "units": [], "seed": null}'),
}
RESUME, RUN, EXPORT = "--resume", "--run", "--export"
USES = {  # what is damaged → how it is used, and how that may end
    "checkpoint.npz": {RESUME: (0, 2)},
    "both checkpoints": {RESUME: (2,)},
    "config.json": {RESUME: (0,), RUN: (0, 2)},
    "metrics.json": {RESUME: (0, 2), RUN: (0, 2)},
    "model.keras": {RESUME: (0,), RUN: (0, 2), EXPORT: (0, 2)},
    "log": {RESUME: (0,)},
    "cache": {RESUME: (0,)},
}
PLACES = {  # where it lies, if not in the run's results
    "both checkpoints": "results/*/a/checkpoint*.npz",
    "log": "log/*/a/events*",
    "cache": "cache/*",
}
USED = {"words": ("--classify", "a.wav"), "speech": ("--generate",), "text": ("--sample",)}
USED |= {"series": ("--predict", "a.csv"), "handwriting": ("--read", "a.json")}
OTHERS = (("--units", "9"), ("--seed", "1"), ("--epochs", "1"), ("--model", "lstm", "--periods"))


def faults() -> Iterator[Fault]:
    for task in TASKS:
        for name, uses in USES.items():
            for use, statuses in uses.items():
                for what, damage in DAMAGES.items():
                    make = functools.partial(_damage, name=name, damage=damage)
                    may = (0, 2) if what == "a byte flipped" else statuses  # perhaps where it means nothing
                    said = f"{name} {what}, {use}"
                    yield Fault("damaged files of runs", said, task, _words(task, use), make, None, may, "", True)
        for words in OTHERS:
            yield Fault(
                "resumed as another training", " ".join(words), task, (*_words(task, RESUME), *words), trained=True
            )


def _words(task: str, use: str) -> tuple[str, ...]:
    """Return the words with which the run a is used."""
    if use == RESUME:
        return flags(task, RESUME, "--epochs", "61" if task == "generation" else "5")
    return (*TASKS[task], RUN, "a", *(USED.get(task, ()) if use == RUN else (EXPORT, "saved_model")))


def _damage(folder: Path, name: str, damage: Callable[[Path], object]) -> None:
    """Damage a file of the run a, or of the cache."""
    for path in folder.glob(PLACES.get(name, f"results/*/a/{name}")):
        damage(path)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def _other_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside.txt", "climbs out")
        archive.writestr("x.npy", b"no array")
