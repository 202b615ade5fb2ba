"""Networks trained together: each does what it would do alone."""

from dataclasses import replace

import numpy as np
import pytest

from main import recipe
from running.loop import Loop
from tasks.sequence_generation import SequenceGeneration

SMALL = {"units": 9, "periods": (1, 2, 4, 8), "length": 40}
PAPER = recipe("generation", recipe="paper", clip_norm=100.0, epochs=10, **SMALL)


def loss(loop):
    return loop.progress.history[..., 0]  # [updates, R]


def test_networks_may_have_targets_of_their_own(without_xla):
    settings = recipe("generation", learning_rate=5e-3, epochs=50, **SMALL)
    target = SequenceGeneration(settings).target.values
    task = SequenceGeneration(settings, (0, 0), [target, -target])
    loop = Loop(task, settings).run()
    assert (loss(loop)[-1] < loss(loop)[0]).all()
    one, other = task.outputs(loop.weights)
    np.testing.assert_allclose(one, -other, atol=1e-5)  # tanh is odd: what makes one makes the other with signs turned


def test_networks_may_have_periods_of_their_own():
    periods = [(1, 2, 4, 8), (1, 3, 5, 7)]
    task = SequenceGeneration(PAPER, (0, 0))
    loop = Loop(task, PAPER, periods=periods).run()
    losses = loss(loop)
    for network, own in enumerate(periods):
        settings = replace(PAPER, periods=own)
        alone = Loop(SequenceGeneration(settings), settings).run()
        np.testing.assert_allclose(losses[:, network], loss(alone)[:, 0], rtol=1e-4)
    np.testing.assert_allclose(loss(loop.restart(task, periods=periods[::-1]).run()), losses[:, ::-1], rtol=1e-5)


def test_rate_factors_are_learning_rates(without_xla):
    both = Loop(SequenceGeneration(PAPER, (0, 0)), PAPER, factors=[1.0, 0.5]).run()
    halved = replace(PAPER, learning_rate=PAPER.learning_rate / 2)
    alone = Loop(SequenceGeneration(halved), halved).run()
    np.testing.assert_allclose(both.weights[1], alone.weights[0], atol=1e-5)


def test_a_network_that_diverges_or_is_stopped_does_not_touch_the_others():
    settings = replace(PAPER, epochs=20, clip_norm=0.0)
    loop = Loop(SequenceGeneration(settings, (0, 1, 2)), settings, factors=[1.0, 1e30, 1.0]).run(10)
    before = loop.weights
    loop.stop(np.array([False, False, True]))
    loop.run()
    alone = Loop(SequenceGeneration(settings), settings).run()
    assert not np.isfinite(loss(loop)[-1, 1])
    np.testing.assert_allclose(loss(loop)[:, 0], loss(alone)[:, 0], rtol=1e-4)
    np.testing.assert_array_equal(loop.weights[2], before[2])


def test_beginning_again_repeats_everything():
    settings = recipe("generation", model="lstm", units=5, length=40, epochs=10, dropout=0.3)
    task = SequenceGeneration(settings, (0, 1))
    loop = Loop(task, settings).run()
    first = loss(loop)
    np.testing.assert_array_equal(loss(loop.restart(task).run()), first)
    others = loss(loop.restart(SequenceGeneration(settings, (1, 2))).run())
    np.testing.assert_allclose(others[:, 0], first[:, 1], rtol=1e-5)


def test_how_many_updates_a_call_makes_changes_nothing():
    settings = recipe("generation", epochs=60, **SMALL)
    task = SequenceGeneration(settings)
    loop = Loop(task, settings)
    for count in (0, 1, 50, 9):
        loop.call(count)
    assert loop.progress.done == len(loop.progress.seconds) == 60 and (np.diff(loop.progress.seconds) >= 0).all()
    in_four = loss(loop)
    np.testing.assert_array_equal(loss(loop.restart(task).run()), in_four)


@pytest.mark.parametrize("updates", [1, 7])
def test_training_may_be_shorter_than_all_epochs(updates, without_xla):
    loop = Loop(SequenceGeneration(PAPER), PAPER, updates).run()
    assert loop.progress.done == updates
