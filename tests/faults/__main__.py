"""The campaign: `python -m tests.faults` injects a few faults of each kind, `--all` all of them, and `--kills N` kills N trainings."""

import argparse
import collections
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from experiments import documents, reliability
from experiments.experiment import RESULTS
from experiments.store import Store
from tests.faults import contents, damage, disk, flags, kills, places, trainings
from tests.faults.fault import Fault, inject

LISTS = (flags, places, contents, damage, disk)
OF_A_KIND = 3  # faults, where not all are wanted
AT_ONCE = 2


def main() -> int:
    """Inject faults, print what came of them, and leave with 1 if one did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--all", action="store_true", help="inject every fault of the lists")
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="kill N trainings, over all settings in turn")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="inject the faults whose kind, name or task has this text"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    options = parser.parse_args()
    store = Store(RESULTS if options.all else trainings.new())
    trainings.trained("generation")  # the first process is slow, for it waits for imports
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [row for rows in (_faults(pool, options), _kills(pool, options)) for row in rows]
    store.write(reliability.FAULTS, found, reliability.FAULTS_COLUMNS)
    table = reliability.faults(store)
    print(table)
    if options.all:
        documents.write_tables({reliability.FAULTS: table})
    return int(any(row["verdict"] not in ("held", "not injected") for row in found))


def chosen(options: argparse.Namespace) -> list[Fault]:
    """Return the faults to inject: all that are wanted, or a few of each kind."""
    every = [fault for part in LISTS for fault in part.faults() if options.only in " ".join(fault[:3])]
    if options.all or options.only:
        return every
    random.Random(options.seed).shuffle(every)
    counts = collections.Counter()
    return [fault for fault in every if (counts.update([fault.kind]) or counts[fault.kind]) <= OF_A_KIND]


def _faults(pool: ThreadPoolExecutor, options: argparse.Namespace) -> Iterator[dict]:
    """Yield a row for each fault, and print those that did not hold."""
    faults = chosen(options)
    for finding in tqdm(pool.map(inject, faults), "faults", len(faults)):
        fault, outcome = finding.fault, finding.outcome
        row = {"kind": fault.kind, "fault": ascii(fault.name), "task": fault.task, "verdict": finding.verdict}
        yield row | {"status": outcome.status, "seconds": outcome.seconds}
        if finding.verdict not in ("held", "not injected"):
            tqdm.write(f"{finding.verdict}: {fault.kind}, {fault.name}, {fault.task}: {outcome}")


def _kills(pool: ThreadPoolExecutor, options: argparse.Namespace) -> Iterator[dict]:
    """Yield a row for each training that was killed, and print those that ended otherwise than undisturbed ones."""
    settings = [list(trainings.KILLED)[number % len(trainings.KILLED)] for number in range(options.kills)]
    for setting in dict.fromkeys(settings):
        kills.undisturbed(setting)
    drawn = np.random.default_rng(options.seed).spawn(len(settings))
    for setting, verdict in zip(
        settings, tqdm(pool.map(kills.kill, settings, drawn), "kills", len(settings)), strict=True
    ):
        yield {"kind": "kills at random moments", "fault": "SIGKILL", "task": setting, "verdict": verdict.split(":")[0]}
        if verdict != "held":
            tqdm.write(f"{setting}: {verdict}")


if __name__ == "__main__":
    sys.exit(main())
