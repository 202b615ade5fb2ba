"""The speech experiment: what is trained, what naive predictors are, and tables that say what the rows say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
from committed import RESULTS, read

from experiments import markdown, speech
from experiments.store import Store
from experiments.training import speech as training
from main import recipe
from tasks.speech_prediction import SpeechPrediction


def test_networks_with_one_window_have_as_many_parameters():
    sizes = {}
    for changes in speech.NETWORKS.values():
        settings = recipe("speech", **changes)
        sizes.setdefault(settings.window, []).append(SpeechPrediction(settings).network.size)
    for counts in sizes.values():
        assert max(counts) < 1.01 * min(counts)
    assert max(sizes[200]) == pytest.approx(92801, rel=0.01)  # 262 · 200 + 200² + 200 + 201 of the diary's network


def test_a_network_that_diverges_is_a_row_too():
    settings = recipe("speech", recipe="diary", units=4, window=3, chunk=50, seconds=0.02, epochs=2, learning_rate=1e30)
    result = training.train_network(settings)
    assert "free_running_mse" not in result and result["parameters"] == 65 * 4 + 16 + 4 + 5
    assert markdown.spread([np.nan, 1.0]) == "1 of 2 diverged"  # as its empty field is read


def test_naive_predictors_see_the_window_and_the_phone():
    """The mean scores 1; the last sample its own differences; the least squares are those of each phone's samples alone."""
    settings = recipe("speech", window=1, seconds=0.3)
    task = SpeechPrediction(settings)
    mean, last, linear = training.naive_predictors(settings)
    truth = task.signal[1:].astype(float)
    assert mean["teacher_forced_mse"] == pytest.approx(np.mean(truth**2))
    assert mean["free_running_mse"] == mean["teacher_forced_mse"]
    assert last["teacher_forced_mse"] == pytest.approx(np.mean(np.diff(task.signal.astype(float)) ** 2))
    assert last["free_running_mse"] == pytest.approx(np.mean((truth - task.signal[0]) ** 2))  # it repeats the first
    own, before = truth.copy(), task.signal[:-1].astype(float)
    for phone in np.unique(task.phones):  # regression within phones: what is left when each phone's mean is taken away
        own[task.phones == phone] -= truth[task.phones == phone].mean()
        before[task.phones == phone] -= before[task.phones == phone].mean()
    left = own - before * (own @ before) / (before @ before)
    assert linear["teacher_forced_mse"] == pytest.approx(np.mean(left**2))


def test_spread_is_median_and_range():
    assert markdown.spread([3.0, 1.0, 2.5]) == "2.5 (1–3)"
    assert markdown.spread([1.0, float("inf")]) == "1 of 2 diverged"


def test_committed_rows_are_all_networks():
    rows = read("speech.csv")
    networks, sizes = len(speech.NETWORKS), len(speech.UNITS) - 1
    assert len(rows) == 5 * networks + speech.SIZE_SEEDS * len(speech.SIZES) * sizes
    assert {row["network"] for row in rows} == set(speech.NETWORKS)


def test_committed_naive_predictors_are_those_of_the_utterance_that_ships():
    wanted = [row for window in (200, 1) for row in training.naive_predictors(recipe("speech", window=window))]
    for row, known in zip(read("speech_naive.csv"), wanted, strict=True):
        assert (row["predictor"], row["window"]) == (known["predictor"], str(known["window"]))
        for name in speech.MEASURED:
            assert float(row[name]) == pytest.approx(known[name], rel=1e-3, abs=1e-4), name


def test_committed_sounds_are_those_of_the_row():
    """Errors of the sounds, which have 16 bits and begin at the second sample, on the utterance of mean 0 and variance 1."""
    truth = SpeechPrediction(recipe("speech"))
    row = next(row for row in read("speech.csv") if row["network"] == speech.EXAMPLE)
    for kind in speech.KINDS:
        samples, _ = soundfile.read(RESULTS / f"speech_{kind}.wav")
        said = (samples - truth.mean) / truth.std
        assert np.mean((said - truth.signal[1:]) ** 2) == pytest.approx(float(row[f"{kind}_mse"]), rel=0.02)


def test_runs_small(tmp_path, in_this_process):
    in_this_process(speech)
    options = replace(speech.EXPERIMENT.start(quick=True))
    store = Store(tmp_path)
    speech.run(options, store)
    assert store["speech"][["network", "units", "seed"]].values.tolist() == [
        ["diary", 200, 0],
        ["simple RNN, noise", 184, 0],
        ["diary", 3, 0],
    ]
    assert set(speech.tables(store)) == {"speech", "speech-sizes"}
    assert set(speech.pictures(store)) == {"speech", "speech_sizes"}


def test_an_example_that_diverged_leaves_no_sound(tmp_path, monkeypatch):
    numbers = {"parameters": np.array(9), "training_seconds": np.array(1.0)}  # no error, and no sound
    monkeypatch.setattr(speech, "compute", lambda _, cells, *__: [numbers] * len(cells))
    store = Store(tmp_path)
    speech.run(speech.Flags(networks=(speech.EXAMPLE,), seeds=1, seconds=0.02), store)
    assert store["speech"].free_running_nmse.isna().all() and not list(tmp_path.glob("*.wav"))
    (tmp_path / "speech_free_running.wav").touch()  # of an earlier run
    assert "speech_utterance" not in speech.pictures(store)


def test_speeds_are_told_by_median_and_quartiles():
    columns = ("network", "units", "window", "times_real_time_low", "times_real_time", "times_real_time_high")
    rows = pd.DataFrame([("lstm", 80, 1, 9.0, 10.0, 11.0)], columns=columns)
    assert speech.speed_table(rows).splitlines()[-1] == "| LSTM | 80 | 1 | 10 (9–11) |"
