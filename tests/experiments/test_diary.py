"""The diary's experiment: what is watched, what is heard after another start, and tables that say what the rows say."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
from committed import RESULTS

from experiments import diary
from experiments.speech import NETWORKS
from experiments.store import Store
from experiments.training import diary as training
from main import recipe

SMALL = {"window": 3, "units": 4, "seconds": 0.03, "chunk": 100, "epochs": 2}
MODELS = {
    "diary": {"recipe": "diary"},
    "lstm": {"model": "lstm"},
    "clockwork_rnn": {"model": "clockwork_rnn", "periods": (1, 2, 4)},
}


@pytest.fixture(scope="module")
def store():
    if "diary" not in (found := Store(RESULTS)):
        pytest.skip("the experiment has not run")
    return found


def small(model="diary", **changes):
    return recipe("speech", **MODELS[model], **SMALL | changes)


def weights_of(task, scale=1.0):
    return scale * np.stack([task.network.start(seed).weights for seed in task.seeds])


@pytest.mark.parametrize("model", MODELS)
def test_what_is_predicted_chunk_after_chunk_is_what_is_spoken_from_the_truth(model):
    task = training.Diary(small(model), (0, 1))
    weights = weights_of(task)
    predicted = task.predicted(weights)
    assert predicted.shape == (2, len(task.signal) - 3)
    np.testing.assert_allclose(predicted, task.said(weights)["teacher_forced"], atol=1e-5)


def test_after_a_start_a_network_hears_itself_alone():
    """A simple RNN in a NumPy loop, whose window holds the start and then its own output."""
    task = training.Diary(small(bias_std=0.5), (0, 1))
    weights, start = weights_of(task, 3.0), np.linspace(-1, 1, 10)
    found = task.spoken(weights, start)
    for own, values in zip(weights, found, strict=True):
        kernel, recurrent, bias, out, out_bias = map(np.asarray, task.network.split(own.astype(float)))
        heard, state = list(start[:3]), np.zeros(4)
        for step, phone in enumerate(task.phones):
            seen = np.concatenate([heard[step : step + 3], np.eye(len(training.PHONES))[phone]])
            state = np.tanh(seen @ kernel + state @ recurrent + bias)
            said = (state @ out + out_bias).item()
            assert said == pytest.approx(values[step], abs=1e-4)
            heard.append(start[step + 3] if step + 3 < len(start) else said)


def test_starts_are_normalised_and_the_error_after_one_is_that_of_what_follows():
    task = training.Diary(small(), (0,))
    own, silence = (training.start(task, name, 20) for name in (diary.OWN_START, diary.SILENCE))
    np.testing.assert_array_equal(own, task.signal[:20])
    np.testing.assert_allclose(silence * task.std + task.mean, 0, atol=1e-7)
    whole = training.start(task, "clock", 10**6)
    assert (whole.mean(), whole.std()) == pytest.approx((0, 1), abs=1e-3)
    said = np.array([task.signal[3:] + 1.0, np.full(len(task.phones), np.nan)])
    said[0, :17] = 9  # what stands before sample 20
    wanted = 1 / np.var(task.signal[20:].astype(float))
    assert task.errors(said, 20) == pytest.approx([wanted, math.inf], rel=1e-5)


def test_looks_note_the_gradients_between_them():
    """Plain gradient descent moves weights by its rate times the gradient, of which one update an epoch leaves the norm."""
    settings = small(chunk=477, epochs=4)
    result = training.train_networks(settings, (0, 1), 0.01)
    assert result["errors"].shape == (3, 2) and result["norms"].shape == result["largest"].shape == (2, 2)
    task = training.Diary(settings, (0, 1))
    loop = training.Loop(task, settings)
    moved = [loop.weights]
    for update in range(1, 5):
        moved.append(loop.run(update).weights)
    steps = np.linalg.norm(np.diff(moved, axis=0), axis=-1) / settings.learning_rate  # [updates, R]
    np.testing.assert_allclose(result["largest"], steps.reshape(2, 2, 2).max(axis=1), rtol=1e-3)
    np.testing.assert_allclose(result["norms"], steps.reshape(2, 2, 2).mean(axis=1), rtol=1e-3)
    truth = task.signal[3:].astype(float)
    errors = np.mean((task.said(moved[-1])["teacher_forced"] - truth) ** 2, axis=1) / truth.var()
    np.testing.assert_allclose(result["errors"][-1], errors, rtol=1e-4)


def test_networks_that_diverge_are_rows_too():
    result = training.train_networks(small(learning_rate=1e30), (0, 1), 0.01)
    assert np.isinf(result["errors"][-1]).all() and np.isinf(result["starts"]).all()
    assert np.isinf(result["free_running_nmse"]).all()


def test_a_rise_is_that_above_the_smallest_error_before():
    assert diary.rises(np.array([4.0, 2.0, 3.0, 1.0, 1.1])) == (0.5, 2, True)
    assert diary.rises(np.array([4.0, 2.0, 1.0])) == (0.0, 0, True)
    share, top, good = diary.rises(np.array([4.0, 1.0, np.inf]))
    assert (share, top, good) == (np.inf, 2, False)


@pytest.mark.parametrize("name", diary.DRAWN)
def test_drawn_sizes_are_those_of_the_weights(name):
    settings = recipe("speech", **NETWORKS[name])
    rows = pd.DataFrame(training.sizes(settings))
    arrays = training.Diary(settings, (0,)).network.shapes
    assert rows[["input_weights", "recurrent_weights", "biases"]].sum().sum() == sum(map(math.prod, arrays))
    modules = rows[rows.part != "output"]
    assert modules.units.sum() == settings.units and modules.input_weights.sum() == math.prod(arrays[0])
    if len(modules) > 1:  # each hears itself and all slower ones
        assert modules.heard.tolist() == modules.units[::-1].cumsum()[::-1].tolist()


def test_committed_rows_are_all_networks(store):
    rows = store["diary"]
    assert (rows.groupby("network").seed.nunique() == 10).all() and set(rows.network) == set(diary.WATCHED)
    for _, own in rows.groupby("window"):
        assert own.parameters.max() < 1.01 * own.parameters.min()
    last = store["diary_training"].groupby(["network", "seed"]).nmse.last()
    measured = rows.set_index(["network", "seed"]).teacher_forced_nmse
    np.testing.assert_allclose(last[measured.index], measured, rtol=1e-3)


def test_committed_sounds_are_those_of_the_first_seeds(store):
    rows = store["diary"].query("seed == 0").set_index("network")
    task = training.Diary(recipe("speech", seconds=diary.Flags().seconds), (0,))
    for name, file in diary.WATCHED.items():
        for kind in diary.KINDS if file else ():
            samples, _ = soundfile.read(RESULTS / f"diary_{file}_{kind}.wav")
            said, truth = (samples - task.mean) / task.std, task.signal[-len(samples) :]
            wanted = rows.loc[name, f"{kind}_mse"]
            if np.abs(samples).max() < 0.99:  # nothing cut
                assert np.mean((said - truth) ** 2) == pytest.approx(wanted, rel=0.05)


def test_starts_are_compared_network_by_network(store):
    rows, found = store["diary_starts"], diary.compared(store["diary_starts"])
    errors = rows.pivot(index=["network", "seed"], columns="start", values="nmse")
    p = []
    others = found[found.start != diary.OWN_START]
    for row in others.itertuples():
        own = errors.loc[row.network]
        assert row.worse == (own[row.start] > own[diary.OWN_START]).sum()
        ways = [math.comb(10, k) for k in range(11)]
        p.append(sum(way for way in ways if way <= ways[row.worse]) / 2**10)
    np.testing.assert_allclose(others.p, holm_by_hand(p))


def holm_by_hand(p):
    order, adjusted, least = np.argsort(p, kind="stable"), np.zeros(len(p)), 0.0
    for place, index in enumerate(order):
        least = max(least, min(1.0, p[index] * (len(p) - place)))
        adjusted[index] = least
    return adjusted


def test_runs_small(tmp_path, in_this_process):
    in_this_process(diary)
    options = replace(diary.EXPERIMENT.start(quick=True))
    options.check()
    store = Store(tmp_path)
    diary.run(options, store)
    assert store["diary"].network.tolist() == ["diary"] * 2 + ["Clockwork RNN, noise"] * 2
    assert store["diary_training"].epoch.unique().tolist() == [0, 2]
    assert set(diary.tables(store)) == {"diary-training", "diary-sounds", "diary-starts"}
    found = diary.pictures(store)
    assert set(found) == {"diary", "diary_networks", "diary_starts"}
    assert all(axis.lines for name in ("diary", "diary_starts") for axis in found[name].axes)
    assert len(list(tmp_path.glob("*.wav"))) == 4
    with pytest.raises(ValueError, match="`epochs` must be a multiple of 2. Received: 3"):
        replace(options, epochs=3).check()
