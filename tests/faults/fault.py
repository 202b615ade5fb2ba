"""A fault, how it is injected, and what is judged of what came of it."""

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.faults.program import Outcome, Program
from tests.faults.trainings import prepare

REFUSAL = 5.0  # seconds that a refusal may take
LINES = 20  # of stderr, at most
WRITTEN = ("model.keras", "metrics.json")  # what a run is made for
OWN = "thesis.txt"  # what somebody keeps wherever it may be
ALONGSIDE = "two at once"  # the kind in which another run writes into the folder meanwhile


class Fault(NamedTuple):
    """Something that a person or a disk does to a run.

    Args:
        kind: the row of the table that it belongs to.
        name: what is done.
        task: in which task.
        arguments: the words after `main.py`.
        prepare: makes it so in the folder, before the start; may return what is to be called at the end.
        meanwhile: does it while the program runs.
        statuses: with which it may end.
        says: a pattern that stderr must have.
        trained: whether there is a trained run, a, of which nothing may change unless this one takes its place.
        first: what the process does before; see `program.Program`.
    """

    kind: str
    name: str
    task: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], Callable[[], object] | None] = lambda folder: None
    meanwhile: Callable[[Program, Path], object] | None = None
    statuses: tuple[int, ...] = (2,)
    says: str = ""
    trained: bool = False
    first: Callable[[], object] | None = None


class NotPossibleError(Exception):
    """This machine, or this user, cannot do it."""


class Finding(NamedTuple):
    """What came of a fault: a verdict, and the outcome."""

    fault: Fault
    verdict: str
    outcome: Outcome


def inject(fault: Fault) -> Finding:
    """Let a fault happen in a new folder, and judge."""
    folder = prepare(fault.task if fault.trained else None)
    try:
        end = fault.prepare(folder)
    except NotPossibleError:
        return Finding(fault, "not injected", Outcome(None, "", "", 0.0))
    before, there = _written(folder), _names(folder)
    program = Program(fault.arguments, folder, fault.first)
    if fault.meanwhile:
        fault.meanwhile(program, folder)
    outcome = program.wait()
    after, left = _written(folder), _names(folder) - there
    if callable(end):
        end()
    shutil.rmtree(folder.parent)
    lost = not before.keys() <= after.keys() or (outcome.status != 0 and not before.items() <= after.items())
    return Finding(fault, judge(fault, outcome, lost, not left or fault.kind == ALONGSIDE), outcome)


def judge(fault: Fault, outcome: Outcome, lost: bool = False, clean: bool = True) -> str:
    """Return which of the verdicts an outcome deserves.

    Args:
        fault: what was done.
        outcome: what came of it.
        lost: whether of an earlier run anything is missing or changed.
        clean: whether nothing was written, as it should be if it was refused.
    """
    said = outcome.output + outcome.errors
    if outcome.status is None:
        return "slow"
    if "Traceback" in said or "Error:" in outcome.errors or outcome.errors.count("\n") > LINES:
        return "traceback"
    if lost:
        return "lost"
    if outcome.status not in fault.statuses or not re.search(fault.says, outcome.errors, re.DOTALL):
        return "wrong"
    if outcome.status == 2 and not (clean and re.match(r"main\.py: \S", outcome.errors)):
        return "wrong"
    return "slow" if outcome.status == 2 and outcome.seconds > REFUSAL else "held"


def _written(folder: Path) -> dict[str, str]:
    """Return file → checksum of model and metrics of the run a, wherever they are, and of what somebody keeps."""
    files = [path for path in folder.glob("results/*/a/*") if path.name in WRITTEN and path.is_file()]
    files += folder.glob(f"*/*/*/{OWN}")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _names(folder: Path) -> set[str]:
    """Return what there is, but for caches and folders."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {str(path.relative_to(folder)) for path in paths if "cache" not in path.parts}
