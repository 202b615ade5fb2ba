"""Evolution of periods: targets, mutations, how candidates are judged, and tables that say what the rows say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from committed import RESULTS, read

from experiments import evolution
from main import recipe
from running.loop import Loop
from tasks.sequence_generation import SequenceGeneration

ROOT = Path(__file__).parents[2]


def test_targets_are_sums_of_three_sines_of_hidden_periods():
    wave, cycles = evolution.target(3, 320)
    assert len(cycles) == 3 and (cycles >= 8).all() and (cycles <= 160).all()
    assert (wave.min(), wave.max()) == (-1, 1)
    t = np.arange(320)
    waves = [f(2 * np.pi * t / cycle) for cycle in cycles for f in (np.sin, np.cos)] + [np.ones(320)]
    rest = wave - np.stack(waves, 1) @ np.linalg.lstsq(np.stack(waves, 1), wave, rcond=None)[0]
    assert np.abs(rest).max() < 1e-5
    assert (evolution.target(4, 320)[1] != cycles).all()


def test_mutations_are_whole_sorted_periods_within_the_sequence():
    periods = np.full((500, 9), 7)
    mutated = evolution.mutated(periods, np.random.default_rng(0), 320)
    assert mutated.dtype == int and mutated.min() >= 1 and mutated.max() <= 320
    assert (np.diff(mutated, axis=1) >= 0).all()
    assert np.mean(mutated == 7) == pytest.approx(2 / 3, abs=0.03)  # a third is changed, never to itself


def test_candidates_are_judged_as_networks_with_their_periods():
    settings = recipe("generation", units=9, periods=(1, 2, 4), length=40)
    wanted, _ = evolution.target(0, 40)
    periods = np.array([(1, 2, 4), (2, 3, 5)])
    errors = evolution.trained(settings, periods, wanted, 20, seed=5)
    for own, error in zip(periods, errors):
        task = SequenceGeneration(replace(settings, periods=tuple(own.tolist())), [5], [wanted])
        alone = Loop(task, task.settings, 20).run()
        assert error == pytest.approx(task.evaluate(alone.weights)["mse"][0], rel=1e-3)


def test_committed_table_is_that_of_the_committed_rows():
    rows = read("evolution.csv")
    assert len(rows) == 10
    text = evolution.table(rows)
    assert (RESULTS / "evolution.md").read_text(encoding="utf-8") == text + "\n"
    assert text in (ROOT / "README.md").read_text(encoding="utf-8")


def test_runs_small_from_the_command_line(tmp_path, capsys):
    flags = ["--seeds", "1", "--generations", "2", "--candidates", "8", "--updates", "4", "--epochs", "5"]
    flags += ["--workers", "1", "--output-dir", str(tmp_path)]
    assert evolution.main(flags) == 0
    assert {"evolution.csv", "evolution.md", "evolution.png"} <= {path.name for path in tmp_path.iterdir()}
    assert evolution.main([*flags, "--candidates", "3"]) == 2
    assert "--candidates must be at least 8. Received: 3" in capsys.readouterr().err
