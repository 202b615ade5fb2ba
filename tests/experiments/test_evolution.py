"""Evolution of periods: targets, mutations, how candidates are judged, and tables that say what the rows say."""

from dataclasses import replace

import numpy as np
import pytest
from committed import RESULTS

from experiments import evolution as experiment
from experiments.store import Store
from experiments.training import evolution
from main import recipe
from running.loop import Loop
from tasks.sequence_generation import SequenceGeneration


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


def test_committed_generations_end_with_the_periods_of_the_rows():
    store = Store(RESULTS)
    rows, generations = store["evolution"], store["evolution_generations"]
    assert len(rows) == 10 and len(generations) == 10 * 15
    last = generations[generations.generation == 15]
    assert last.periods.tolist() == rows.periods.tolist()
    np.testing.assert_allclose(rows.ratio, rows.evolved / rows.exponential, rtol=1e-3)


def test_the_words_below_the_table_count_seeds(tmp_path):
    rows = [dict.fromkeys(experiment.ROW, "1 2") | {"seed": seed, "ratio": ratio} for seed, ratio in enumerate(RATIOS)]
    errors = {"start": 1.0, "evolved": 1.0, "exponential": 1.0}
    Store(tmp_path).write("evolution", [row | errors for row in rows], experiment.ROW)
    text = experiment.tables(Store(tmp_path))["evolution"]
    # 3 of 4 signs: p = 2 · (1 + 4) / 16
    assert "in 3 of 4 seeds (sign test, two-sided, p = 0.62), at most twice theirs in 3; median ratio 0.7." in text
    Store(tmp_path).write("evolution_generations", [{"seed": 0, "generation": 1}], ("seed", "generation"))
    assert experiment.answers(Store(tmp_path))[0].answer == "Below them in 3 of 4 seeds"


RATIOS = (0.5, 0.9, 0.5, 3.0)


def test_runs_small(tmp_path, monkeypatch, without_xla):
    monkeypatch.setattr(evolution, "alone", lambda settings, wanted: np.array(1.0))  # which is what `main.py` trains
    monkeypatch.setattr(experiment, "compute", lambda function, cells, *_: [function(**c.arguments) for c in cells])
    experiment.run(
        experiment.Flags(seeds=1, generations=2, candidates=8, updates=4, epochs=5), store := Store(tmp_path)
    )
    assert store["evolution_generations"].generation.tolist() == [1, 2]
    assert set(experiment.pictures(store)) == {"evolution"}


def test_too_few_candidates_are_refused():
    with pytest.raises(ValueError, match="`candidates` must be at least 8. Received: 3"):
        experiment.Flags(candidates=3).check()
