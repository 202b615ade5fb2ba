"""Files and folders that are not what they should be, for every flag that takes one."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.fault import OWN, Fault
from tests.faults.trainings import TASKS, flags

TO_READ = {
    ("generation", "--target"): "a.wav",
    ("words", "--corpus"): "corpus",
    ("words", "--test-list"): "a.txt",
    ("words", "--timit"): "corpus",
    ("speech", "--utterance"): "a.wav",
    ("speech", "--timit"): "corpus",
    ("text", "--text"): "a.txt",
    ("series", "--data"): "a.csv",
    ("handwriting", "--iam"): "corpus",
}
TO_READ_TRAINED = {
    ("words", "--classify"): "a.wav",
    ("speech", "--phones"): "a.PHN",
    ("series", "--predict"): "a.csv",
    ("handwriting", "--read"): "a.json",
}
TO_WRITE = [(task, flag) for task in TASKS for flag in ("--results-dir", "--log-dir")]
NAMES = ("x" * 300, "..", ".", "a/b", "", "a b", "é" * 200, "~", "-", "$x$", "a\nb")


def bad_to_read(name: str) -> dict[str, Callable[[Path], object]]:
    """Return what is done → how, for a path that is to be read."""
    return {
        "missing": lambda folder: None,
        "an empty file": lambda folder: (folder / name).touch(),
        "an empty folder": lambda folder: (folder / name).mkdir(),
        "random bytes": lambda folder: (folder / name).write_bytes(os.urandom(5000)),
        "zeros": lambda folder: (folder / name).write_bytes(bytes(5000)),
        "a link to nothing": lambda folder: (folder / name).symlink_to("nowhere"),
        "a link to itself": lambda folder: (folder / name).symlink_to(name),
        "a pipe": lambda folder: os.mkfifo(folder / name),
        "a device without end": lambda folder: (folder / name).symlink_to("/dev/zero"),
        "the process's memory": lambda folder: (folder / name).symlink_to("/proc/self/mem"),
        "a folder in a folder of itself": lambda folder: _in_itself(folder / name),
    }


def bad_to_write(name: str) -> dict[str, Callable[[Path], object]]:
    """Return what is done → how, for a folder that is to be written."""
    return {
        "a file": lambda folder: (folder / name).touch(),
        "a link to nothing": lambda folder: (folder / name).symlink_to("/proc/nowhere/at/all"),
        "a link to itself": lambda folder: (folder / name).symlink_to(name),
        "a device": lambda folder: (folder / name).symlink_to("/dev/null"),
        "where nothing can be made": lambda folder: (folder / name).symlink_to("/proc"),
        "a file in a folder's place": lambda folder: (
            [(folder / name).mkdir(), *((folder / name / task).touch() for task in TASKS)]
        ),
    }


def faults() -> Iterator[Fault]:
    for (task, flag), like in (TO_READ | TO_READ_TRAINED).items():
        name = "bad" + Path(like).suffix
        used = ("--run", "a", *(["--generate"] if task == "speech" else [])) if (task, flag) in TO_READ_TRAINED else ()
        for what, make in bad_to_read(name).items():
            words = (*flags(task)[:-2], *used, flag, name)
            yield Fault("files that are no such files", f"{flag} {what}", task, words, make, trained=bool(used))
        long = (*flags(task)[:-2], *used, flag, "x" * 5000)
        yield Fault("files that are no such files", f"{flag} of 5000 letters", task, long, trained=bool(used))
    for task, flag in TO_WRITE:
        for what, make in bad_to_write("bad").items():
            yield Fault("folders that cannot be written", f"{flag} {what}", task, flags(task, flag, "bad"), make)
        for where in ("/proc", "/proc/nowhere", "/dev/null/x", "x" * 300, "x/" * 3000):
            yield Fault("folders that cannot be written", f"{flag} {where[:20]}", task, flags(task, flag, where))
    for name in NAMES:
        yield Fault(
            "names of runs",
            f"--name {name[:20]!r}",
            "generation",
            (*flags("generation"), "--name", name),
            statuses=(0,) if name == "-" else (2,),
        )
    yield from _links()
    yield from _of_somebody()
    for what, make in bad_to_write("bad").items():  # a cache is no more than a help
        words = flags("words", "--cache-dir", "bad")
        yield Fault("folders that cannot be written", f"--cache-dir {what}", "words", words, make, statuses=(0, 2))


def _links() -> Iterator[Fault]:
    """Yield faults where the run's own folder is a link."""
    for where in ("results", "log"):
        for target in ("nowhere", "../../corpus", "a"):

            def link(folder: Path, where: str = where, target: str = target) -> None:
                (folder / where / "generation").mkdir(parents=True)
                (folder / where / "generation" / "a").symlink_to(target)

            said = f"{where}/generation/a is a link to {target}"
            yield Fault("names of runs", said, "generation", flags("generation"), link)
            replaced = flags("generation", "--overwrite")
            yield Fault("names of runs", f"{said}, --overwrite", "generation", replaced, link, statuses=(0, 2))


def _of_somebody() -> Iterator[Fault]:
    """Yield faults where a folder of somebody's own is where a run's would be, or beside it."""
    for where, beside, trained in itertools.product(("results", "log"), ("", "~new", "~old"), (False, True)):
        if trained and not beside:  # what is in a run's own folder is of the run
            continue

        def keep(folder: Path, place: str = f"{where}/generation/a{beside}") -> None:
            (folder / place).mkdir(parents=True)
            (folder / place / OWN).write_text("of years")

        for more in ((), ("--overwrite",), ("--resume", "--epochs", "70")):
            said = " ".join((f"{where}/generation/a{beside}", *more, *["of a run"] * trained))
            yield Fault("folders of one's own", said, "generation", flags("generation", *more), keep, trained=trained)

    def only_copy(folder: Path) -> None:
        run = folder / "results" / "generation" / "a"
        (run / OWN).write_text("of years")
        run.rename(run.with_name("a~old"))

    used = (*flags("generation")[:-2], "--run", "a")
    yield Fault("folders of one's own", "the run itself is a~old", "generation", used, only_copy, trained=True)


def _in_itself(folder: Path) -> None:
    folder.mkdir()
    (folder / "again").symlink_to(folder)
