"""Periods learned by gradient: what keeps modules apart, what snapping hands over, and a table that says what the rows say."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import tensorflow as tf
from committed import RESULTS

from experiments import learned_periods as experiment
from experiments.store import Store
from experiments.training import learned_periods
from main import recipe


@pytest.fixture
def eager():
    """Run without compiling, which for a few steps takes longer than running."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def in_this_process(function, cells, *_):
    return [function(**cell.arguments) for cell in cells]


def test_modules_apart_and_decided_are_worth_the_entropy_between_them():
    def worth(periods, undecided):
        return float(learned_periods.undecidedness(tf.constant(np.log(periods)), 1e-3, 320, undecided))

    assert worth([1.0, 2, 4, 8], 1.0) == pytest.approx(-log(4), abs=1e-6)
    assert worth([1.0, 2, 2, 2], 0.0) > worth([1.0, 2, 2, 4], 0.0) > worth([1.0, 2, 3, 4], 0.0)
    assert worth([7.0, 7], 1.0) == pytest.approx(0, abs=1e-6)
    assert worth([6.5, 6.5], 1.0) == pytest.approx(log(2), abs=0.01)  # each between two periods
    assert worth([6.5, 6.5], 0.0) == pytest.approx(0, abs=1e-6)


def test_bad_starts_differ_a_little_and_good_ones_are_those_of_the_recipe():
    task = learned_periods.SoftGeneration(recipe("generation"), experiment.Schedule(), 4)
    starts = task.starts()
    assert starts.shape == (8, task.network.size)
    bad, good = task.network.split(starts[3]), task.network.split(starts[7])
    assert np.exp(good[2]) == pytest.approx(recipe("generation").periods)
    assert (np.diff(bad[2]) > 0).all() and np.exp(bad[2]) == pytest.approx([7] * 9, rel=0.4)
    for place in (0, 1, 3, 4):
        np.testing.assert_array_equal(bad[place], good[place])


def test_handed_over_weights_give_the_errors_of_the_snapped_layer(eager):
    settings = recipe("generation", units=9, periods=(4, 1, 3), length=30)
    task = learned_periods.SoftGeneration(settings, experiment.Schedule(), 1)
    weights, hidden = task.network.split(task.starts()[1]), task.network.hidden
    hidden.set_weights([*weights[:3], *hidden.get_weights()[3:]])
    layer, order = hidden.snapped()
    kernel, bias = weights[-2:]
    wanted = np.zeros((1, 30), np.float32)
    expected = np.mean((layer(np.zeros((1, 30, 0), np.float32)).numpy() @ kernel[order] + bias) ** 2)
    hard = learned_periods.hard_weights(weights, hidden.modules.slices)
    own = replace(settings, periods=(1, 2, 4))
    errors = learned_periods.hard_errors(own, hard[None], [settings.periods], 2, wanted)
    assert errors[0] == pytest.approx([expected], rel=1e-4)


def test_log_periods_and_all_other_weights_have_rates_of_their_own():
    schedule = experiment.Schedule(annealing=10, updates=30, periods_rate=0.5)
    task = learned_periods.SoftGeneration(recipe("generation", learning_rate=0.25), schedule, 1)
    for update, rate in ((0, 0.0), (5, 0.125), (10, 0.25), (20, 0.125), (30, 0.0)):  # a rise, then half a cosine
        parts = task.network.split(learned_periods.rates(task)(update).numpy())
        for place, part in enumerate(parts):
            np.testing.assert_allclose(part, 0.5 if place == 2 else rate, atol=1e-7)


def test_committed_rows_are_the_whole_experiment():
    store = Store(RESULTS)
    for file in experiment.FILES.values():
        assert len(store[file]) == 20  # 10 seeds × 2 starts
        np.testing.assert_allclose(store[file].ratio, store[file].fine_tuned / store[file].exponential, rtol=1e-3)
    means = store["learned_periods_means"]
    for start in experiment.STARTS:
        last = means[(means.apart > 0) & (means.start == start)].iloc[-1]
        found = store["learned_periods"].query("seed == 0 and start == @start").periods.item()
        assert last.filter(like="mean").astype(float).round().clip(1, 320).astype(int).tolist() == [
            int(period) for period in found.split()
        ]


def test_ratios_say_how_many_are_within_a_factor_of_two():
    lines = experiment.tables(Store(RESULTS))["learned-periods-ratios"].splitlines()[2:]
    own = Store(RESULTS)["learned_periods_apart_0"].query("start == 'bad'").ratio
    low, high = own.min(), own.max()
    assert f"| error alone | bad | {own.median():.2g} ({low:.2g}–{high:.2g}) | {(own <= 2).sum()} of 10 |" in lines[2]


def test_runs_small(tmp_path, monkeypatch, eager):
    small = recipe("generation", units=4, periods=(1, 2), length=12)
    monkeypatch.setattr("main.recipe", lambda *_: small)
    monkeypatch.setattr(learned_periods, "PIECE", 2)
    monkeypatch.setattr(experiment, "PIECE", 2)
    monkeypatch.setattr(experiment, "compute", in_this_process)
    options = experiment.Flags(seeds=2, annealing=2, updates=4, fine_tuning=2)
    options.check()
    experiment.run(options, store := Store(tmp_path))
    rows = store["learned_periods"]
    assert list(zip(rows.seed, rows.start)) == [(0, "bad"), (0, "good"), (1, "bad"), (1, "good")]
    assert store["learned_periods_means"]["update"].tolist() == [0, 2, 4] * 4
    assert set(experiment.pictures(store)) == {"learned_periods"}


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"fine_tuning": 0}, "`fine_tuning` must be at least 1. Received: 0"),
        ({"annealing": 0}, "`annealing` must be at least 1. Received: 0"),
        ({"updates": 50}, "`updates` must be a multiple of 20. Received: 50"),
        ({"updates": 100}, "`updates` must be above `annealing`, 300. Received: 100"),
        ({"apart": 0.0}, "`apart` must be above 0; 0 is tried besides. Received: 0.0"),
        ({"narrow": 2.0}, "`narrow` must be above 0 and at most `wide`, 1.5. Received: 2.0"),
    ],
)
def test_bad_options_are_refused(changed, message):
    with pytest.raises(ValueError) as refused:
        experiment.Flags(**changed).check()
    assert str(refused.value) == message
