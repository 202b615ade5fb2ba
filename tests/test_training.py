"""The training loop: optimisers and schedules against their definitions, and what a run notes."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from training import DivergenceError, Monitor, learning_rate, make_optimizer, train

import main
from runs import Run
from tasks.sequence_generation import SequenceGeneration
from tasks.speech_prediction import SpeechPrediction

TINY = replace(main.MODERN, units=3, periods=(1, 2), length=12, epochs=7)


def make_run(folder: Path, settings, name="a", task="generation"):
    settings = replace(settings, name=name, results_dir=folder / "results", log_dir=folder / "log")
    return settings, Run(task, settings)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"decay": "constant"}, [0.1] * 4),
        ({"decay": "cosine"}, [0.1, 0.05, 0.1 * (1 + np.cos(np.pi * 0.9)) / 2, 0.0]),  # ½ (1 + cos πu/U)
        ({"decay": "staircase", "decay_factor": 0.9, "decay_updates": 50}, [0.1, 0.09, 0.1 * 0.9**1, 0.1 * 0.9**2]),
    ],
)
def test_learning_rates(changes, expected):
    rate = learning_rate(replace(TINY, learning_rate=0.1, **changes), updates=100)
    values = [float(rate(update)) if callable(rate) else rate for update in (0, 50, 90, 100)]
    assert values == pytest.approx(expected, abs=1e-7)


def one_weight_after(settings, gradients):
    weight = keras.Variable([1.0])
    optimizer = make_optimizer(settings, settings.learning_rate, [weight])
    for gradient in gradients:
        optimizer.apply([np.array([gradient], "float32")], [weight])
    return float(weight.numpy()[0])


def test_rmsprop_is_that_of_tensorflow_0_12():
    """Its mean square starts at 1, and ε is under the root (tf.train.RMSPropOptimizer)."""
    weight, mean_square = 1.0, 1.0
    for gradient in (0.5, -0.2):
        mean_square = 0.9 * mean_square + 0.1 * gradient**2
        weight -= 1e-2 * gradient / np.sqrt(mean_square + 1e-10)
    assert one_weight_after(main.TENSORFLOW_2016, [0.5, -0.2]) == pytest.approx(weight, abs=1e-7)


def test_sgd_is_nesterovs():
    """v ← μ v − η g, w ← w + μ v − η g (Sutskever et al. 2013, in the form of Bengio et al. 2013)."""
    weight, velocity = 1.0, 0.0
    for gradient in (0.5, -0.2):
        velocity = 0.95 * velocity - 3e-4 * gradient
        weight += 0.95 * velocity - 3e-4 * gradient
    assert one_weight_after(main.PAPER, [0.5, -0.2]) == pytest.approx(weight, abs=1e-7)


def test_long_gradients_are_shortened_to_the_norm():
    settings = replace(main.PAPER, momentum=0.0, learning_rate=1.0, clip_norm=0.1)
    assert one_weight_after(settings, [5.0]) == pytest.approx(0.9)


def test_history_holds_every_update_and_ends_near_the_metric(tmp_path):
    settings, run = make_run(tmp_path, replace(TINY, epochs=123))  # no multiple of the updates a call
    metrics = train(SequenceGeneration(settings), settings, run)
    assert metrics["updates"] == 123
    assert metrics["mse"] == pytest.approx(
        metrics["nmse_paper"] * 2 * np.var(SequenceGeneration(settings).target.values)
    )


@pytest.mark.parametrize("moment", [(keras.utils.Progbar, "update"), (Monitor, "_log")])
def test_interrupted_and_resumed_is_the_same_as_never_interrupted(tmp_path, monkeypatch, moment):
    settings = replace(TINY, epochs=130, dropout=0.3)  # with dropout, the random state must go on too
    whole = train(SequenceGeneration(settings), *make_run(tmp_path, settings, "whole"))
    begun, run = make_run(tmp_path, settings, "begun")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(*moment, lambda self, done, *args, **kwargs: interrupt() if done >= 50 else None)
        train(SequenceGeneration(settings), begun, run)
    assert run.checkpoint.exists() and not (run.results / "metrics.json").exists()
    resumed = replace(begun, resume=True)
    metrics = train(SequenceGeneration(settings), resumed, Run("generation", resumed))
    assert metrics["mse"] == whole["mse"] and metrics["updates"] == 130
    assert not run.checkpoint.exists()


def test_resumed_in_the_middle_of_an_utterance_is_the_same(tmp_path, monkeypatch):
    """State and clock of the hidden layer, carried from chunk to chunk, must go on too."""
    settings = replace(main.MODERN_SPEECH, units=4, periods=(1, 32), window=5, chunk=16, seconds=0.02, epochs=6)
    tasks = [SpeechPrediction(settings) for _ in range(3)]
    whole = train(tasks[0], *make_run(tmp_path, settings, "whole", "speech"))
    begun, run = make_run(tmp_path, settings, "begun", "speech")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(keras.utils.Progbar, "update", lambda self, done, *args, **kwargs: interrupt() if done else None)
        train(tasks[1], begun, run)
    resumed = replace(begun, resume=True)
    metrics = train(tasks[2], resumed, Run("speech", resumed))
    assert metrics["updates"] == 120  # 20 an epoch; the interruption came after 50
    assert metrics["free_running_mse"] == whole["free_running_mse"]


def test_an_interruption_before_the_notes_were_taken_loses_nothing(tmp_path, monkeypatch):
    settings = replace(TINY, epochs=130)
    whole = train(SequenceGeneration(settings), *make_run(tmp_path, settings, "whole"))
    begun, run = make_run(tmp_path, settings, "begun")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Monitor, "on_train_batch_end", lambda *args, **kwargs: interrupt())
        train(SequenceGeneration(settings), begun, run)
    resumed = replace(begun, resume=True)
    assert train(SequenceGeneration(settings), resumed, Run("generation", resumed))["mse"] == whole["mse"]


def interrupt():
    raise KeyboardInterrupt


def test_divergence_says_at_which_update(tmp_path):
    settings, run = make_run(tmp_path, replace(TINY, optimizer="sgd", learning_rate=1e30, clip_norm=0.0, epochs=60))
    with pytest.raises(DivergenceError, match="diverged at update [0-9]+: "):
        train(SequenceGeneration(settings), settings, run)
    assert list(run.log.iterdir()) and (run.results / "training.png").exists()
    assert not (run.results / "metrics.json").exists()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"epochs": 0}, "`epochs` must be at least 1. Received: 0"),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0. Received: 0.0"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be above 0. Received: nan"),
        ({"clip_norm": -1.0}, "`clip_norm` must be at least 0. Received: -1.0"),
        ({"momentum": 1.0}, "`momentum` must be at least 0 and below 1. Received: 1.0"),
        ({"seed": -1}, "`seed` must be at least 0. Received: -1"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes).check()
