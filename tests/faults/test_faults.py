"""A few faults of the campaign, a kill, and the campaign's own judgement; all of it: `python -m tests.faults --all`."""

import numpy as np
import pytest

import main
from tests.faults import __main__ as campaign
from tests.faults import contents, damage, disk, flags, kills, places
from tests.faults.fault import REFUSAL, Fault, inject, judge
from tests.faults.program import Outcome

EVERY = [fault for part in (contents, damage, disk, flags, places) for fault in part.faults()]
LINE = "main.py: --units must be at least 1. Received: 0\n"


@pytest.mark.parametrize(
    "kind, name, task",
    [
        ("full disks", "files of 3000 bytes at most with --overwrite", "generation"),
        ("folders that go", "results removed while training", "text"),
        ("signals", "SIGTERM with --overwrite", "text"),
        ("two at once", "the same name in progress, --overwrite", "text"),
        ("damaged files of runs", "checkpoint.npz cut, --resume", "text"),
        ("files that are no such files", "--text a device without end", "text"),
    ],
)
def test_the_program_holds(kind, name, task):
    (fault,) = [fault for fault in EVERY if fault[:3] == (kind, name, task)]
    finding = inject(fault)
    assert finding.verdict in ("held", "not injected"), finding.outcome


def test_a_killed_training_ends_as_if_nothing_had_happened():
    assert kills.kill("text", np.random.default_rng(1)) == "held"


def test_there_are_faults_of_all_tasks_and_no_two_are_the_same():
    assert {fault.task for fault in EVERY} == set(main.TASKS) and len(EVERY) > 1000
    assert len({fault[:3] for fault in EVERY}) == len(EVERY)


@pytest.mark.parametrize(
    "outcome, lost, verdict",
    [
        (Outcome(2, "", LINE, 0.1), False, "held"),
        (Outcome(2, "", LINE, 0.1), True, "lost"),
        (Outcome(0, "", "", 0.1), False, "wrong"),
        (Outcome(2, "", "main.py: something else\n", 0.1), False, "wrong"),
        (Outcome(2, "", "--units\n", 0.1), False, "wrong"),
        (Outcome(2, "", LINE, REFUSAL + 1), False, "slow"),
        (Outcome(None, "", "", 120.0), False, "slow"),
        (Outcome(1, "", "Traceback (most recent call last):\nValueError: --units\n", 0.1), False, "traceback"),
        (Outcome(-11, "", "", 0.1), False, "wrong"),
    ],
)
def test_outcomes_are_judged(outcome, lost, verdict):
    assert judge(Fault("numbers", "0", "generation", ("--units", "0"), says="--units"), outcome, lost) == verdict


def test_who_has_written_something_was_not_refused():
    assert judge(Fault("numbers", "0", "generation", ()), Outcome(2, "", LINE, 0.1), clean=False) == "wrong"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kills", "-3"], "--kills must be at least 0. Received: -3"),
        (["--seed", "-1", "--kills", "1"], "--seed must be at least 0. Received: -1"),
        (["--kills", "x"], "--kills must be a whole number. Received: x"),
        (["--only", "no such fault"], "--only must be in the kind, name or task of a fault. Received: no such fault"),
        (["all"], "all is not expected: python -m tests.faults --help names the flags"),
    ],
)
def test_a_campaign_of_nothing_is_refused_in_a_line(words, message, capsys):
    assert campaign.main(words) == 2
    assert capsys.readouterr().err == f"python -m tests.faults: {message}\n"
