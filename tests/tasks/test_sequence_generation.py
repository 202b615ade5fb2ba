"""The generation task: its losses and metrics against their definitions, and the networks it builds."""

from dataclasses import replace

import numpy as np
import pytest
from networks import fresh

from main import recipe
from tasks import task
from tasks.sequence_generation import SequenceGeneration

TINY = recipe("generation", units=4, periods=(1, 2), length=30)


def test_losses_are_the_mean_and_half_the_sum_of_squared_errors():
    rng = np.random.default_rng(0)
    targets, outputs = rng.normal(size=(2, 1, 30, 1))
    errors = (targets - outputs) ** 2
    assert float(SequenceGeneration(TINY).loss(targets, outputs)) == pytest.approx(errors.mean())
    half_sum = SequenceGeneration(replace(TINY, loss="half_sum"))
    assert float(half_sum.loss(targets, outputs)) == pytest.approx(errors.sum() / 2)


def test_a_constant_at_the_mean_has_an_nmse_of_1_and_half_that_in_the_papers_sense():
    task = SequenceGeneration(TINY)
    weights, _ = fresh(task)
    weights[:, -5:] = [0, 0, 0, 0, task.target.values.mean()]  # to the output, and its bias
    metrics = task.evaluate(weights)
    assert metrics["nmse"] == pytest.approx([1], rel=1e-5)
    assert metrics["nmse_paper"] == pytest.approx([0.5], rel=1e-5)
    assert metrics["mse"] == pytest.approx([np.var(task.target.values)], rel=1e-5)


@pytest.mark.parametrize(
    "settings, std",
    [
        (dict(recurrent_init="normal", recurrent_scale=0.3), 0.3),
        (dict(recurrent_init="fan_in", recurrent_scale=2.0), 2 / np.sqrt(100)),
        (dict(recurrent_init="orthogonal", recurrent_scale=1.1), 1.1 / np.sqrt(100)),
    ],
)
def test_recurrent_weights_start_as_the_settings_say(settings, std):
    settings = recipe("generation", model="simple_rnn", units=100, **settings)
    hidden = fresh(SequenceGeneration(settings))[1].get_layer("hidden")
    kernel = hidden.dense_weights()[1]
    assert kernel.std() == pytest.approx(std, rel=0.05)
    if settings.recurrent_init == "orthogonal":
        np.testing.assert_allclose(kernel.T @ kernel, 1.21 * np.eye(100), atol=1e-4)


def test_a_learned_initial_state_reaches_the_output():
    task = SequenceGeneration(recipe("generation", model="lstm", units=3, length=5))
    assert sum("initial_state" in name for name in task.network.names) == 2  # h and c
    weights, _ = fresh(task)
    before = task.outputs(weights)
    weights[:, :6] += 1
    assert (np.abs(task.outputs(weights) - before)[:, 0] > 1e-3).all()


def test_states_are_reported_for_each_module_and_sounds_for_sounds_only():
    task = SequenceGeneration(TINY)
    report = task.report(fresh(task)[0])
    assert set(report.figures) == {"signal", "states"} and report.sounds == {}
    strips = [axis.get_ylabel() for axis in report.figures["states"].axes]
    assert strips == ["period 1", "period 2", "hidden state"]


def test_clocks_by_name_turns_and_input_modules_reach_the_layer():
    settings = replace(
        TINY, units=12, clock_series="fibonacci", modules=3, lowest_period=2, turns=2, input_modules=(0, 3)
    )
    layer = SequenceGeneration(settings).network.hidden
    assert layer.periods == (4, 4, 8, 8, 12, 12)  # twice 2 · (1, 2, 3)
    assert layer.modules.phases == (0, 2, 0, 4, 0, 6)
    assert layer.modules.sees_input == (True, False, False, True, False, False)
    assert task.layer_modules(layer)[1] == ("period 4, phase 2", slice(2, 4))


def test_sizes_follow_the_targets_spectrum():
    """Of the sines' energy (squares of 1, 0.7, 0.5, 0.3) 81% is slower than 32 steps a cycle, 19% slower than 8, 0 faster."""
    layer = SequenceGeneration(recipe("generation", periods=(1, 4, 16), sizes="spectrum")).network.hidden
    assert layer.modules.sizes == (1, 7, 28)  # 1 each, and of 33 more 0, 6.1 and 26.9
