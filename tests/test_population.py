"""Populations: each network does what it would do alone."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import main
from population import Population, initial_weights, make_population
from runs import Run
from tasks.sequence_generation import SequenceGeneration
from tasks.spoken_words import SpokenWords
from training import train

UPDATES = 50
KINDS = {
    # At the learning rate of 5e-2 rounding grows to 4e-3 in 50 updates, at this one it does not.
    "clockwork_rnn": replace(main.MODERN, units=18, learning_rate=5e-3),
    "clockwork_rnn paper": replace(main.PAPER, units=18, clip_norm=100.0),
    "simple_rnn": replace(main.MODERN_SIMPLE_RNN, units=9),
    "lstm": replace(main.MODERN_LSTM, units=5),
    "lstm paper": replace(main.PAPER_LSTM, units=4, clip_norm=100.0),
}


def population_of(settings, seeds, **kwargs):
    task = SequenceGeneration(settings)
    weights = [initial_weights(task, seed) for seed in seeds]
    return task, make_population(task, settings, weights, settings.epochs, **kwargs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_in_a_population_follows_the_trajectory_it_follows_alone(kind, tmp_path):
    settings = replace(KINDS[kind], length=40, epochs=UPDATES, log_dir=tmp_path / "log", results_dir=tmp_path, name="a")
    task, population = population_of(settings, seeds=(0, 1, 2))
    targets = task.target.values[None, :, None]
    losses = population.train(task.inputs, targets, UPDATES)
    metrics = train(task, replace(settings, seed=1), Run("generation", replace(settings, seed=1)))
    alone = keras.models.load_model(tmp_path / "generation" / "a" / "model.keras")
    for one, other in zip(population.weights()[1], alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4, rtol=1e-3)  # rounding, grown over 50 updates
    final = np.mean((population.outputs(task.inputs)[1] - targets[0]) ** 2)
    assert final == pytest.approx(metrics["mse"], rel=1e-2)
    assert losses.shape == (UPDATES, 3) and len(set(losses[-1])) == 3


@pytest.mark.parametrize("start", [main.MODERN_WORDS, main.PAPER_WORDS_LSTM, main.PAPER_WORDS_SIMPLE_RNN])
def test_networks_with_masks_and_batches_follow_the_trajectory_they_follow_alone(start, tmp_path):
    """Without noise, and with all clips in every batch, so that their order means nothing."""
    settings = replace(
        start,
        **{"units": 14, "batch_size": 125, "input_noise": 0.0, "dropout": 0.0, "epochs": 8, "patience": 0},
        **{"clip_norm": 0.5},
        **{
            "learning_rate": 1e-2,
            "cache_dir": tmp_path,
            "log_dir": tmp_path / "log",
            "results_dir": tmp_path,
            "name": "a",
        },
    )
    task = SpokenWords(settings)
    population = make_population(task, settings, [initial_weights(task, seed) for seed in (0, 1)], settings.epochs)
    inputs = task.features.padded(range(175), task.steps)
    rng = np.random.default_rng(0)
    order = rng.permuted(np.tile(task.training, (settings.epochs, 2, 1)), axis=2)  # [updates, R, B]
    losses = population.train(inputs, task.labels, settings.epochs, order)
    alone = replace(settings, seed=1)
    train(task, alone, Run("words", alone))
    network = keras.models.load_model(tmp_path / "words" / "a" / "model.keras")
    for one, other in zip(population.weights()[1], network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4, rtol=1e-3)
    expected = np.mean(task.probabilities(network, task.testing).argmax(1) != task.labels[task.testing])
    wrong = population.outputs(inputs)[1].argmax(-1) != task.labels
    assert wrong[task.testing].mean() == pytest.approx(expected) and losses.shape == (8, 2)


def test_networks_may_have_targets_of_their_own():
    settings = replace(KINDS["clockwork_rnn"], length=40, epochs=UPDATES)
    task, population = population_of(settings, seeds=(0, 0))
    targets = np.stack([task.target.values, -task.target.values])[:, None, :, None]  # [R, B, T, 1]
    losses = population.train(task.inputs, targets, UPDATES)
    assert (losses[-1] < losses[0]).all()
    one, other = population.outputs(task.inputs)
    np.testing.assert_allclose(
        one, -other, atol=1e-5
    )  # tanh is odd, so what makes one makes the other with signs turned


def test_networks_may_have_periods_of_their_own():
    settings = replace(KINDS["clockwork_rnn paper"], length=40, epochs=10)
    periods = [(1, 2, 4, 8, 16, 32, 64, 128, 256), (1, 3, 5, 7, 9, 11, 13, 15, 17)]
    task, population = population_of(settings, seeds=(0, 0), periods=periods)
    targets = task.target.values[None, :, None]
    losses = population.train(task.inputs, targets, 10)
    for network, own in enumerate(periods):
        _, alone = population_of(replace(settings, periods=own), seeds=(0,))
        np.testing.assert_allclose(losses[:, network], alone.train(task.inputs, targets, 10)[:, 0], rtol=1e-4)
    population.restart([initial_weights(task, 0)] * 2, periods=periods[::-1])
    np.testing.assert_allclose(population.train(task.inputs, targets, 10), losses[:, ::-1], rtol=1e-5)


def test_rate_factors_are_learning_rates():
    settings = replace(KINDS["clockwork_rnn paper"], length=40, epochs=10)
    task, population = population_of(settings, seeds=(0, 0), rate_factors=[1.0, 0.5])
    targets = task.target.values[None, :, None]
    population.train(task.inputs, targets, 10)
    halved = replace(settings, learning_rate=settings.learning_rate / 2)
    _, alone = population_of(halved, seeds=(0,))
    alone.train(task.inputs, targets, 10)
    for one, other in zip(population.weights()[1], alone.weights()[0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_network_that_diverges_does_not_touch_the_others():
    settings = replace(KINDS["clockwork_rnn paper"], length=40, epochs=20, clip_norm=0.0)
    task, both = population_of(settings, seeds=(0, 1), rate_factors=[1.0, 1e30])
    _, alone = population_of(settings, seeds=(0,))
    targets = task.target.values[None, :, None]
    losses = both.train(task.inputs, targets, 20)
    assert not np.isfinite(losses[-1, 1])
    np.testing.assert_allclose(losses[:, 0], alone.train(task.inputs, targets, 20)[:, 0], rtol=1e-4)


def test_starting_again_repeats_everything():
    settings = replace(KINDS["lstm"], length=40, epochs=10, dropout=0.3)
    task, population = population_of(settings, seeds=(0, 1))
    targets = task.target.values[None, :, None]
    weights = population.weights()
    population.restart(weights, seed=1)
    first = population.train(task.inputs, targets, 10)
    population.restart(weights, seed=1)
    np.testing.assert_array_equal(population.train(task.inputs, targets, 10), first)
    population.restart(weights, seed=2)
    assert (population.train(task.inputs, targets, 10) != first).any()  # other units are dropped


def test_dropout_is_for_training_alone():
    """Without updates the loss in training is noisy around that of the outputs, which are not."""
    settings = replace(KINDS["clockwork_rnn paper"], length=40, epochs=1000, dropout=0.3)
    task, population = population_of(settings, seeds=(0,), rate_factors=[0.0])
    targets = task.target.values[None, :, None]
    losses = population.train(task.inputs, targets, 1000)[:, 0]
    clean = population.outputs(task.inputs)[0, 0, :, 0]  # [T]
    assert losses.std() > 0
    # E[(o + noise − y)²] = (o − y)² + Var(o); dropping unit j with p adds (p/(1−p)) (h_j w_j)² to the variance.
    network = task.network()
    network.set_weights(population.weights()[0])
    hidden = keras.Model(network.input, network.get_layer("hidden").output)(task.inputs).numpy()[0]  # [T, n]
    kernel = network.get_layer("output").kernel.numpy()[:, 0]
    variance = 0.3 / 0.7 * ((hidden * kernel) ** 2).sum(axis=1)
    expected = 0.5 * ((clean - task.target.values) ** 2 + variance).sum()
    assert losses.mean() == pytest.approx(expected, abs=4 * float(losses.std()) / 1000**0.5)


def test_refuses_other_layers():
    task = SequenceGeneration(replace(KINDS["lstm"], length=40))
    network = task.network()
    extra = keras.layers.Activation("tanh", name="more")(network.output)
    with pytest.raises(ValueError, match="`network` must have only the layers hidden and output. .* also .*more"):
        Population(keras.Model(network.input, extra), [], None, None)
