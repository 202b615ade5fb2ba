"""Populations: each network does what it would do alone."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import main
from population import Population
from runs import Run
from tasks.sequence_generation import SequenceGeneration
from training import learning_rate, make_optimizer, train

UPDATES = 50
KINDS = {
    # At the learning rate of 5e-2 rounding grows to 4e-3 in 50 updates, at this one it does not.
    "clockwork_rnn": replace(main.MODERN, units=18, learning_rate=5e-3),
    "clockwork_rnn paper": replace(main.PAPER, units=18, clip_norm=100.0),
    "simple_rnn": replace(main.MODERN_SIMPLE_RNN, units=9),
    "lstm": replace(main.MODERN_LSTM, units=5),
    "lstm paper": replace(main.PAPER_LSTM, units=4, clip_norm=100.0),
}


def loss_of(settings):
    reduce, factor = (tf.reduce_mean, 1.0) if settings.loss == "mse" else (tf.reduce_sum, 0.5)
    return lambda targets, outputs: factor * reduce((outputs - targets) ** 2, axis=[1, 2, 3])


def started(settings, seeds):
    """Return the task, a network of its kind, and the weights that training with each of the seeds starts from."""
    task, weights = SequenceGeneration(settings), []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        weights.append((network := task.network()).get_weights())
    return task, network, weights


def make_population(settings, seeds, **kwargs):
    task, network, weights = started(settings, seeds)
    rate = learning_rate(settings, settings.epochs)

    def optimizer(variables):
        return make_optimizer(replace(settings, clip_norm=0.0), rate, variables)

    return task, Population(network, weights, optimizer, loss_of(settings), clip_norm=settings.clip_norm, **kwargs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_in_a_population_follows_the_trajectory_it_follows_alone(kind, tmp_path):
    settings = replace(KINDS[kind], length=40, epochs=UPDATES, log_dir=tmp_path / "log", results_dir=tmp_path, name="a")
    task, population = make_population(settings, seeds=(0, 1, 2))
    targets = task.target.values[None, :, None]
    losses = population.train(task.inputs, targets, UPDATES)
    metrics = train(task, replace(settings, seed=1), Run("generation", replace(settings, seed=1)))
    alone = keras.models.load_model(tmp_path / "generation" / "a" / "model.keras")
    for one, other in zip(population.weights()[1], alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4, rtol=1e-3)  # rounding, grown over 50 updates
    final = np.mean((population.outputs(task.inputs)[1] - targets[0]) ** 2)
    assert final == pytest.approx(metrics["mse"], rel=1e-2)
    assert losses.shape == (UPDATES, 3) and len(set(losses[-1])) == 3


def test_networks_may_have_targets_of_their_own():
    settings = replace(KINDS["clockwork_rnn"], length=40, epochs=UPDATES)
    task, population = make_population(settings, seeds=(0, 0))
    targets = np.stack([task.target.values, -task.target.values])[:, None, :, None]  # [R, B, T, 1]
    losses = population.train(task.inputs, targets, UPDATES)
    assert (losses[-1] < losses[0]).all()
    one, other = population.outputs(task.inputs)
    np.testing.assert_allclose(
        one, -other, atol=1e-5
    )  # tanh is odd, so what makes one makes the other with signs turned


def test_rate_factors_are_learning_rates():
    settings = replace(KINDS["clockwork_rnn paper"], length=40, epochs=10)
    task, population = make_population(settings, seeds=(0, 0), rate_factors=[1.0, 0.5])
    targets = task.target.values[None, :, None]
    population.train(task.inputs, targets, 10)
    halved = replace(settings, learning_rate=settings.learning_rate / 2)
    _, alone = make_population(halved, seeds=(0,))
    alone.train(task.inputs, targets, 10)
    for one, other in zip(population.weights()[1], alone.weights()[0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_network_that_diverges_does_not_touch_the_others():
    settings = replace(KINDS["clockwork_rnn paper"], length=40, epochs=20, clip_norm=0.0)
    task, both = make_population(settings, seeds=(0, 1), rate_factors=[1.0, 1e30])
    _, alone = make_population(settings, seeds=(0,))
    targets = task.target.values[None, :, None]
    losses = both.train(task.inputs, targets, 20)
    assert not np.isfinite(losses[-1, 1])
    np.testing.assert_allclose(losses[:, 0], alone.train(task.inputs, targets, 20)[:, 0], rtol=1e-4)


def test_refuses_other_layers():
    settings = replace(KINDS["lstm"], length=40, dropout=0.5)
    with pytest.raises(ValueError, match="`network` must have only the layers hidden and output. Received: also"):
        make_population(settings, seeds=(0,))
