"""The campaign: `python -m tests.faults` injects a few faults of each kind, `--all` all of them, and `--kills N` kills N trainings.

What `--all`, `--only`, `--kills` and `--again` find goes into `results/reliability.csv` and the table made of it.
"""

import sys

from running import signals

if __name__ == "__main__":
    signals.end_quietly()

import collections
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments import documents, reliability
from experiments.experiment import RESULTS
from experiments.store import Store
from running import command_line
from tests.faults import contents, damage, disk, flags, kills, places, trainings
from tests.faults.fault import Fault, inject

LISTS = (disk, damage, contents, places, flags)
SAME = ("kind", "fault", "task")  # rows of faults that are the same
KILLS = "kills at random moments"  # a kind of rows that is in no list
GOOD = ("held", "not injected")
OF_A_KIND = 3  # faults, where not all are wanted
AT_ONCE = 2


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is injected."""

    all: bool = False
    """Inject every fault of the lists."""
    kills: int = 0
    """Kill so many trainings, over all settings in turn, or over those that have the text of `only`."""
    only: str | None = None
    """Inject the faults whose kind, name or task has this text."""
    again: bool = False
    """Inject the faults that did not hold the last time."""
    seed: int = 0
    """Of what is drawn."""


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit status, 1 if a fault did not hold."""
    return command_line.run(campaign, arguments, Options(), "python -m tests.faults", "nothing was written")


def campaign(options: Options) -> int:
    """Inject faults, print what came of them, and return 1 if one did not hold."""
    for name in ("kills", "seed"):
        if getattr(options, name) < 0:
            raise ValueError(f"`{name}` must be at least 0. Received: {getattr(options, name)}")
    injected = chosen(options)
    trainings.trained("generation")  # the first process is slow, for it waits for imports
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [row for rows in (_faults(pool, injected), _kills(pool, options)) for row in rows]
    sample = not (options.all or options.only or options.again or options.kills)
    store = Store(trainings.new() if sample else RESULTS)
    _write(store, found)
    print(reliability.faults(store))
    if not sample:
        documents.write_tables({reliability.FAULTS: reliability.faults(store)})
    return int(any(row["verdict"] not in GOOD for row in found))


def chosen(options: Options) -> list[Fault]:
    """Return the faults to inject: all, those that are asked for, or a few of each kind.

    Raises:
        ValueError: none is as asked for.
    """
    every = listed()
    if options.all:
        return every
    if options.again:
        rows = Store(RESULTS)[reliability.FAULTS]
        bad = set(map(_key, rows[~rows.verdict.isin(GOOD)].to_dict("records")))
        return [fault for fault in every if _key(_row(fault)) in bad]
    if options.only:
        found = [fault for fault in every if options.only in " ".join(fault[:3])]
        if not found and not _killed(options):
            raise ValueError(f"`only` must be in the kind, name or task of a fault. Received: {options.only}")
        return found
    if options.kills:
        return []
    random.Random(options.seed).shuffle(every)
    counts = collections.Counter()
    return [fault for fault in every if (counts.update([fault.kind]) or counts[fault.kind]) <= OF_A_KIND]


def listed() -> list[Fault]:
    """Return all faults."""
    return [fault for part in LISTS for fault in part.faults()]


def _row(fault: Fault) -> dict[str, str]:
    """Return what names a fault in the CSV file."""
    return dict(zip(SAME, (fault.kind, ascii(fault.name), fault.task), strict=True))


def _key(row: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(row[name] for name in SAME)


def _write(store: Store, found: list[dict]) -> None:
    """Write rows in the place of those of the same faults, and of faults that are listed no more."""
    same, known = set(map(_key, found)), {_key(_row(fault)) for fault in listed()}
    there = store[reliability.FAULTS].to_dict("records") if reliability.FAULTS in store else []
    others = [row for row in there if _key(row) not in same and (row["kind"] == KILLS or _key(row) in known)]
    store.write(reliability.FAULTS, [*others, *found], reliability.FAULTS_COLUMNS)


def _faults(pool: ThreadPoolExecutor, faults: list[Fault]) -> Iterator[dict]:
    """Yield a row for each fault, and print those that did not hold."""
    for finding in tqdm(pool.map(inject, faults), "faults", len(faults)):
        fault, outcome = finding.fault, finding.outcome
        yield _row(fault) | {"verdict": finding.verdict, "status": outcome.status, "seconds": outcome.seconds}
        if finding.verdict not in GOOD:
            tqdm.write(f"{finding.verdict}: {fault.kind}, {fault.name}, {fault.task}: {outcome}")


def _killed(options: Options) -> list[str]:
    """Return the settings of the trainings to kill."""
    possible = [setting for setting in trainings.KILLED if (options.only or "") in setting]
    return list(itertools.islice(itertools.cycle(possible), options.kills))


def _kills(pool: ThreadPoolExecutor, options: Options) -> Iterator[dict]:
    """Yield a row for each training that was killed, and print those that ended otherwise than undisturbed ones."""
    settings = _killed(options)
    for setting in dict.fromkeys(settings):
        kills.undisturbed(setting)
    drawn = np.random.default_rng(options.seed).spawn(len(settings))
    for setting, verdict in zip(
        settings, tqdm(pool.map(kills.kill, settings, drawn), "kills", len(settings)), strict=True
    ):
        yield {"kind": KILLS, "fault": "SIGKILL", "task": setting, "verdict": verdict.split(":")[0]}
        if verdict != "held":
            tqdm.write(f"{setting}: {verdict}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
