"""Handwriting's benchmark, small: all who are timed do the same, and what is called unpadded is."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import handwriting, rows, speech, summary
from benchmarks.rows import Row
from main import recipe
from tasks.handwriting import Handwriting

TINY = {"lines": 30, "units": 4, "batch_size": 5}


@pytest.fixture(scope="module")
def task():
    return Handwriting(recipe("handwriting", model="lstm", **TINY))


def test_losses_agree_and_are_timed():
    """The benchmark itself compares values and gradients before it times anything."""
    found = list(handwriting.losses(rounds=1, shape=(2, 20, 5)))
    assert [row.network for row in found] == [
        "models.ctc, XLA",
        "tf.compat.v1.nn.ctc_loss",
        "tf.nn.ctc_loss",
        "tf.nn.ctc_loss, XLA",
    ]
    assert all(0 < row.low <= row.median <= row.high for row in found)


def test_lines_without_padding_go_on_from_their_beginning(task):
    inputs, targets = handwriting.without_padding(task.training)
    steps = round(np.mean(task.training.targets.steps))
    assert inputs.shape == (30, steps, 4) and set(targets.steps) == {steps}
    assert inputs.any(-1).all()
    for line, before, count in zip(inputs, task.training.inputs, task.training.targets.steps):
        for step in range(steps):
            np.testing.assert_array_equal(line[step], before[step % count])


def test_keras_is_given_whole_batches_in_three_lengths(task):
    found = handwriting.portions(task)
    assert [len(lines.inputs) for lines in found] == [10, 10, 10]
    every = [int(count) for lines in found for count in lines.targets.steps]
    assert every == sorted(task.training.targets.steps)
    for inputs, targets in found:
        assert inputs.shape[1] == max(targets.steps)
        np.testing.assert_array_equal(inputs.any(-1).sum(1), targets.steps)


@pytest.mark.usefixtures("without_xla")
def test_keras_is_given_the_same_network(task):
    """With the same weights, Keras's layers say of standardised lines what the task's network says of the lines."""
    model, own = handwriting.keras_model(task), task.network.start(0).weights
    arrays = task.network.split(own)
    for variable, array in zip(model.trainable_variables, arrays, strict=True):
        variable.assign(array)
    lines = handwriting.portions(task)[0]
    expected = task.network.apply(task.network.split(tf.constant(own[None])), lines.inputs)[0]
    found = model(handwriting.standardised(task, lines.inputs))
    for line, count in enumerate(lines.targets.steps):
        np.testing.assert_allclose(found[line, :count], expected[line, :count], atol=1e-5)


def test_a_network_in_both_directions_is_timed_beside_two():
    found = list(handwriting.directions(1, ["lstm"], steps=5, units=3, batch_size=2))
    assert [(row.experiment, row.network, row.steps) for row in found] == [
        ("directions, lstm", "one and one", 5),
        ("directions, lstm", "both", 5),
    ]


def test_the_table_has_ratios_to_the_first_of_a_kind():
    one = Row("padding", "without padding", low=190.0, median=200.0, high=210.0)
    other = replace(one, network="with padding", median=230.0)
    share = replace(other, quantity="steps that do not count", unit="%", median=12.5)
    assert summary.handwriting([one, other, share]).splitlines()[2:] == [
        "| padding | without padding | 200 ms (190–210) | 1.00 |",
        "| padding | with padding | 230 ms (190–210) | 1.15 |",
        "| padding | with padding: steps that do not count | 12.5% |  |",
    ]


def test_the_committed_measurements_are_whole():
    found = rows.read(rows.HANDWRITING)
    assert {row.experiment for row in found} == {
        "loss",
        "epoch",
        "padding",
        *(f"directions, {m}" for m in handwriting.MODELS),
    }
    assert all(row.rounds >= 9 for row in found if row.unit == "ms")


@pytest.mark.parametrize("module", [handwriting, speech])
def test_words_behind_a_benchmark_are_refused(module, capsys):
    assert module.main(["--only", "epochs"]) == 2
    said = f"python -m {module.__name__}: --only is not known: python -m {module.__name__} --help names the flags\n"
    assert capsys.readouterr().err == said
