"""The generation task: its losses and metrics against their definitions, and the networks it builds."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
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
    assert set(report.figures) == {"signal", "states"} and report.sounds == {} and set(report.tables) == {"signal"}
    strips = [axis.get_ylabel() for axis in report.figures["states"].axes]
    assert strips == ["period 1", "period 2", "hidden state"]


def test_naive_values_are_those_of_a_constant_at_the_mean():
    task = SequenceGeneration(TINY)
    target = task.target.values
    naive = {name: quantity.naive for name, quantity in task.quantities().items()}
    mse = np.mean((target - target.mean()) ** 2)
    assert naive == pytest.approx({"mse": mse, "nmse": 1, "nmse_paper": 0.5}, rel=1e-5)


@pytest.mark.parametrize("model", ["clockwork_rnn", "lstm"])
def test_its_keras_model_takes_any_batch_and_length(model):
    periods = (1, 2) if model == "clockwork_rnn" else ()
    settings = replace(TINY, model=model, periods=periods, learned_initial_state=True)
    weights, network = fresh(SequenceGeneration(settings))
    long = SequenceGeneration(replace(settings, length=70)).outputs(weights)
    for batch, steps in ((3, 70), (1, 5)):
        output = network(np.zeros((batch, steps, 0), np.float32)).numpy()
        np.testing.assert_allclose(output[..., 0], np.repeat(long[:, :steps], batch, axis=0), atol=1e-6)


def test_a_trained_run_goes_on_longer_in_the_units_and_time_of_its_source(tmp_path, capsys):
    samples = np.sin(np.arange(60) / 5) * 0.25 + 0.125
    soundfile.write(tmp_path / "a.wav", samples, 8000, "FLOAT")
    settings = replace(TINY, target=str(tmp_path / "a.wav"), start=10)
    task = SequenceGeneration(settings)
    weights, network = fresh(task)
    network.save(tmp_path / "model.keras")
    (tmp_path / "config.json").write_text('{"length": 30}')
    sha256 = task.evaluate(weights)["target_sha256"]
    (tmp_path / "metrics.json").write_text(json.dumps({"target_sha256": sha256}))
    SequenceGeneration.use(replace(settings, length=70), tmp_path)
    found = np.genfromtxt(tmp_path / "generated_70.csv", delimiter=",", names=True)
    np.testing.assert_allclose(found["seconds"], np.arange(10, 80) / 8000)
    np.testing.assert_allclose(found["target"][:50], samples[10:], atol=1e-6)
    assert np.isnan(found["target"][50:]).all()  # where the source has ended
    low, high = samples[10:40].min(), samples[10:40].max()
    output = network(np.zeros((1, 70, 0), np.float32)).numpy()[0, :, 0]
    np.testing.assert_allclose(found["output"], low + (output + 1) / 2 * (high - low), atol=1e-6)
    heard, rate = soundfile.read(tmp_path / "generated_70.wav")
    assert (len(heard), rate) == (70, 8000) and (tmp_path / "generated_70.png").exists()
    target = 2 * (samples[10:60] - low) / (high - low) - 1
    squares = (output[:50] - target) ** 2
    trained, beyond = capsys.readouterr().out.splitlines()[:2]
    assert trained == f"mean squared error {squares[:30].mean():.4g} over the 30 steps it was trained on"
    assert beyond == f"mean squared error {squares[30:].mean():.4g} over the 20 steps behind them"
    SequenceGeneration.use(replace(settings, length=30, start=11), tmp_path)
    assert "over the 30 steps of another target than it was trained on" in capsys.readouterr().out
    (tmp_path / "config.json").write_text(json.dumps({"length": 30, "target": settings.target, "start": 10}))
    for factor in (1, 100):  # the same but for its units, so that it is the same to the network
        soundfile.write(tmp_path / f"{factor}.wav", samples / factor, 8000, "FLOAT")
        SequenceGeneration.use(replace(settings, length=70, target=str(tmp_path / f"{factor}.wav")), tmp_path)
    assert len(list(tmp_path.glob("generated_70*.csv"))) == 3
    assert (np.genfromtxt(tmp_path / "generated_70.csv", delimiter=",", names=True)["output"] == found["output"]).all()


def test_a_trained_run_needs_a_length(tmp_path):
    (tmp_path / "config.json").write_text('{"length": 30}')
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(ValueError, match="`length` must be at least 1. Received: 0"):
        SequenceGeneration.use(replace(TINY, length=0), tmp_path)


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
