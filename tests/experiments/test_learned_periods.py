"""Periods learned by gradient: what keeps modules apart, what snapping hands over, and a table that says what the rows say."""

import csv
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from committed import RESULTS, read

from experiments import learned_periods
from main import recipe

ROOT = Path(__file__).parents[2]


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
    task = learned_periods.SoftGeneration(recipe("generation"), learned_periods.Schedule(), 4)
    starts = task.starts()
    assert starts.shape == (8, task.network.size)
    bad, good = task.network.split(starts[3]), task.network.split(starts[7])
    assert np.exp(good[2]) == pytest.approx(recipe("generation").periods)
    assert (np.diff(bad[2]) > 0).all() and np.exp(bad[2]) == pytest.approx([7] * 9, rel=0.4)
    for place in (0, 1, 3, 4):
        np.testing.assert_array_equal(bad[place], good[place])


def test_handed_over_weights_give_the_errors_of_the_snapped_layer(eager):
    settings = recipe("generation", units=9, periods=(4, 1, 3), length=30)
    task = learned_periods.SoftGeneration(settings, learned_periods.Schedule(), 1)
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
    schedule = learned_periods.Schedule(annealing=10, updates=30, periods_rate=0.5)
    task = learned_periods.SoftGeneration(recipe("generation", learning_rate=0.25), schedule, 1)
    for update, rate in ((0, 0.0), (5, 0.125), (10, 0.25), (20, 0.125), (30, 0.0)):  # a rise, then half a cosine
        parts = task.network.split(learned_periods.rates(task)(update).numpy())
        for place, part in enumerate(parts):
            np.testing.assert_allclose(part, 0.5 if place == 2 else rate, atol=1e-7)


def test_committed_table_is_that_of_the_committed_rows():
    rows = read("learned_periods.csv")
    assert len(rows) == 20  # 10 seeds × 2 starts
    text = learned_periods.table(rows)
    assert (RESULTS / "learned_periods.md").read_text(encoding="utf-8") == text + "\n"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text in readme and "6,000 to 74,000 times" in readme
    ratios = [float(row["ratio"]) for row in read("learned_periods_apart_0.csv") if row["start"] == "bad"]
    assert len(ratios) == 10 and (round(min(ratios), -3), round(max(ratios), -3)) == (6000, 74000)


def test_runs_small_from_the_command_line(tmp_path, monkeypatch, eager):
    small = recipe("generation", units=4, periods=(1, 2), length=12)
    monkeypatch.setattr(learned_periods, "MODERN", small)
    monkeypatch.setattr(learned_periods, "PIECE", 2)
    monkeypatch.setattr(learned_periods, "compute", in_this_process)
    flags = ["--seeds", "2", "--annealing", "2", "--updates", "4", "--fine-tuning", "2"]
    assert learned_periods.main([*flags, "--output-dir", str(tmp_path)]) == 0
    assert {f"learned_periods.{ending}" for ending in ("csv", "md", "png")} == {
        path.name for path in tmp_path.iterdir()
    }
    with open(tmp_path / "learned_periods.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["seed"], row["start"]) for row in rows] == [("0", "bad"), ("0", "good"), ("1", "bad"), ("1", "good")]
    assert (tmp_path / "learned_periods.md").read_text(encoding="utf-8") == learned_periods.table(rows) + "\n"


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"fine_tuning": 0}, "`fine_tuning` must be at least 1. Received: 0"),
        ({"annealing": 0}, "`annealing` must be at least 1. Received: 0"),
        ({"updates": 50}, "`updates` must be a multiple of 20. Received: 50"),
        ({"updates": 100}, "`updates` must be above `annealing`, 300. Received: 100"),
        ({"narrow": 2.0}, "`narrow` must be above 0 and at most `wide`, 1.5. Received: 2.0"),
    ],
)
def test_bad_options_are_refused(changed, message):
    with pytest.raises(ValueError) as refused:
        learned_periods.Options(**changed).check()
    assert str(refused.value) == message
