"""The diary's experiment: what is watched, what is heard after another start, and tables that say what the rows say."""

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from committed import RESULTS

from experiments import diary
from experiments.grid import ROOT
from experiments.speech import NETWORKS
from experiments.statistics import rank_p
from experiments.store import Store
from experiments.training import diary as training
from main import recipe

KINDS = ("diary", "diary, clipped and regularised", "simple RNN, noise", "LSTM, noise", "Clockwork RNN, noise")
SMALL = {"window": 3, "units": 4, "seconds": 0.03, "chunk": 100, "epochs": 2}
MODELS = {
    "diary": {"recipe": "diary"},
    "lstm": {"model": "lstm"},
    "clockwork_rnn": {"model": "clockwork_rnn", "periods": (1, 2, 4)},
}


@pytest.fixture(scope="module")
def store():
    return Store(RESULTS)


@pytest.fixture(scope="module")
def page():
    text = (ROOT / "docs" / "results" / "diary.md").read_text(encoding="utf-8")
    return " ".join(re.sub("<!-- table.*?<!-- end -->", "", text, flags=re.DOTALL).split())


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
    said = np.array([task.signal[3:] + 1.0, *(np.full(len(task.phones), lost) for lost in (np.nan, np.inf))])
    said[0, :17] = 9  # what stands before sample 20
    wanted = 1 / np.var(task.signal[20:].astype(float))
    assert task.errors(said, 20) == pytest.approx([wanted, math.inf, math.inf], rel=1e-5)


def test_looks_note_the_gradients_between_them(without_xla):
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


def test_networks_that_diverge_are_rows_too(without_xla):
    result = training.train_networks(small(learning_rate=1e30), (0, 1), 0.01)
    assert np.isinf(result["errors"][-1]).all() and np.isinf(result["starts"]).all()
    assert np.isinf(result["free_running_nmse"]).all()


def test_a_rise_is_that_above_the_smallest_error_before():
    assert diary.rises(np.array([4.0, 2.0, 3.0, 1.0, 1.1])) == (0.5, True)
    assert diary.rises(np.array([4.0, 2.0, 1.0])) == (0.0, True)
    assert diary.rises(np.array([4.0, 1.0, np.inf])) == (np.inf, False)


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


@pytest.fixture(scope="module")
def curves(store):
    """Network → its errors [looks + 1, R]."""
    rows = store["diary_training"].groupby("network", sort=False)
    return {name: own.pivot(index="epoch", columns="seed", values="nmse").to_numpy() for name, own in rows}


@pytest.fixture(scope="module")
def highest(curves):
    """Network → by how much the error of each seed rises at most, in %, by a loop over all pairs of looks."""
    return {
        name: [max(100 * (late / early - 1) for early, late in itertools.combinations(seed, 2)) for seed in own.T]
        for name, own in curves.items()
    }


def highest_at(errors):
    """Return the epoch to which the error of each seed rises most; there is a look every second one."""
    looks = [itertools.combinations(enumerate(seed), 2) for seed in errors.T]
    return [2 * max(pairs, key=lambda pair: pair[1][1] / pair[0][1])[1][0] for pairs in looks]


@pytest.fixture(scope="module")
def late(store):
    """Late error of each network and seed after its own start, and after the others over that."""
    rows = store["diary_starts"].set_index(["start", "network", "seed"]).late_nmse
    own = rows["its own"]
    return own, {start: rows[start] / own for start in ("clock", "music", "silence")}


def test_sentences_on_rises_say_what_was_measured(page, store, curves, highest):
    windowed, single = KINDS[:2], KINDS[2:]
    assert "in none of 20 networks does it rise at all" in page
    assert all((np.diff(curves[name], axis=0) < 0).all() for name in windowed)
    tops = [np.median(curves[name], axis=1) for name in single]
    rises = [max(100 * (b / a - 1) for a, b in itertools.combinations(top, 2)) for top in tops]
    assert "rise by {:.0f}% (simple RNN), {:.0f}% (LSTM) and {:.0f}% (Clockwork RNN)".format(*rises) in page
    seeds = np.concatenate([highest[name] for name in single])
    assert f"all {len(seeds)} networks by {seeds.min():.0f}% to {seeds.max():.0f}%" in page and seeds.min() > 10
    p = rank_p(highest["simple RNN, noise"], highest["LSTM, noise"])
    assert f"is not shown to rise more than the LSTM (p = {p:.1g})" in page and p > 0.05
    found = diary.risen(store["diary_training"]).set_index("network").loc[list(single)]
    assert found.good.all() and all(max(highest_at(curves[name])) <= 30 for name in single)  # epochs, of 60
    norms = store["diary_training"].dropna().set_index(["network", "seed", "epoch"]).largest_gradient_norm
    largest = norms.groupby(["network", "seed"]).max().groupby("network").median()
    values = (*largest[list(windowed)], largest[list(single)].max())
    assert "in the median {:.0f} and {:.0f} against at most {:.0f}".format(*values) in page
    first = norms.groupby(["network", "seed"]).idxmax().str[2]
    assert (first.loc[list(windowed)] == 2).all()


def test_sentences_on_sounds_say_what_was_measured(page, store):
    rows = store["diary"].groupby("network", sort=False)
    alone = rows.free_running_nmse.median()
    assert "{:.1f}, {:.1f}, {:.1f} and {:.1f} against {:.2f}".format(*alone[list(KINDS)]) in page
    outside = store["diary"].set_index("network").free_running_nmse
    assert f"A simple RNN is below 1 ({outside['simple RNN, noise'].min():.2f})" in page
    assert f"a Clockwork RNN above ({outside['Clockwork RNN, noise'].max():.2f})" in page
    assert ((outside < 1) != (outside.index == "Clockwork RNN, noise")).sum() == 2  # these two
    assert outside.min() > diary.GIVEN_BACK and store["diary_starts"].nmse.min() > diary.GIVEN_BACK
    far, near = (rows[f"{kind}_log_spectral_distance"].median() for kind in ("free_running", "teacher_forced"))
    values = (far.min(), far.max(), near.min(), near.max())
    assert "off by {:.1f} to {:.1f} dB, from the truth by {:.1f} to {:.1f}".format(*values) in page
    longer = store["speech"].query("network == 'Clockwork RNN, noise'").free_running_nmse.median()
    assert f"free-running at {alone['Clockwork RNN, noise']:.2f}, is at {longer:.3f} on the page" in page


def test_sentences_on_starts_say_what_was_measured(page, store, late):
    own, ratios = late
    spread = pd.concat(ratios.values()).groupby("network").agg(["min", "max"])
    said = {name: "{:.2f} to {:.2f}".format(*spread.loc[name]) for name in KINDS}
    assert f"each of its networks has {said['Clockwork RNN, noise']} times its own error" in page
    assert said["LSTM, noise"] == "1.00 to 1.00" and "But LSTMs (1.00) and" in page
    assert f"simple RNNs ({said['simple RNN, noise']}) do too" in page
    windowed = pd.concat([ratio.loc[list(KINDS[:2])] for ratio in ratios.values()])
    assert f"the diary's ({windowed.min():.2f} to {windowed.max():.2f}) all but once" in page
    assert (windowed > 2).sum() == 1
    medians = own.groupby("network").median()
    shown = medians[["LSTM, noise", "simple RNN, noise", *KINDS[:2]]]
    assert "({:.1f}, {:.1f}, and {:.1f} or {:.1f})".format(*shown) in page
    after_others = [(ratio * own).groupby("network").median().drop("Clockwork RNN, noise") for ratio in ratios.values()]
    assert shown.min() > 1 and min(map(min, after_others)) > 1
    assert f"The Clockwork RNN's own is {medians['Clockwork RNN, noise']:.2f}" in page
    rows = store["diary_starts"].pivot(index=["network", "seed"], columns="start", values="nmse")
    rows = rows.loc["Clockwork RNN, noise"]
    assert (rows["music"] > rows["its own"]).all() and not (rows["clock"] > rows["its own"]).all()


def test_rules_on_the_page_are_those_of_the_run(page):
    flags, settings = diary.Flags(), recipe("speech", recipe="diary")
    assert f"the first {flags.seconds} s of `data/speech/wheel.WAV`" in page
    assert f"an update sees {flags.chunk} samples instead of {settings.chunk}" in page
    assert f"at most {diary.EPOCHS} epochs of five updates" in page and math.ceil(1.2 * 16_000 / flags.chunk) == 5
    assert f"hears {flags.start_seconds} s" in page and f"have the {settings.epochs} epochs" in page
    assert f"at most {diary.GIVEN_BACK}." in page and f"more than {100 * diary.RISE:.0f}%" in page


def test_answers_count_rises_and_who_comes_back(store, highest, late):
    rise, back = diary.answers(store)
    up = [sum(value > 10 for name in names for value in highest[name]) for names in (KINDS[:2], KINDS[2:])]
    assert rise.answer == "Not here: in {} of 20 of its networks; in {} of 30 of those that see one sample".format(*up)
    low, median, high = np.percentile([highest[name] for name in KINDS[2:]], (25, 50, 75))
    assert rise.effect == f"largest rise in %, one sample: {median:.0f} (quartiles {low:.0f}–{high:.0f})"
    own, ratios = late
    below = own.groupby("network").median() < 1
    assert back.answer == "Only Clockwork RNN" and below[below].index.tolist() == ["Clockwork RNN, noise"]
    for start, ratio in ratios.items():
        low, median, high = np.percentile(ratio["Clockwork RNN, noise"], (25, 50, 75))
        assert f"{start} ×{median:.3f} ({low:.3f}–{high:.3f})" in back.effect and median < 2
    assert rise.networks == back.networks == 50


def test_committed_rows_are_the_whole_experiment(store):
    rows = store["diary"]
    every = {(name, seed) for name in KINDS for seed in range(10)}
    assert set(zip(rows.network, rows.seed, strict=True)) == every and len(rows) == 50
    epochs = rows.groupby("network").epochs.first()
    looks = {(*key, epoch) for key in every for epoch in range(0, epochs[key[0]] + 1, 2)}
    training, starts = store["diary_training"], store["diary_starts"]
    assert set(training[["network", "seed", "epoch"]].itertuples(index=False, name=None)) == looks
    assert len(training) == len(looks) and epochs.to_dict() == dict(zip(KINDS, (40, 40, 60, 60, 60), strict=True))
    heard = {(*key, start) for key in every for start in ("its own", "clock", "music", "silence")}
    assert set(starts[["network", "seed", "start"]].itertuples(index=False, name=None)) == heard and len(starts) == 200
    sizes = store["diary_sizes"].groupby("network", sort=False).part.count()
    assert sizes.to_dict() == {"diary": 2, "Clockwork RNN, noise": 15}  # modules, and the output
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


def test_what_networks_consist_of_is_drawn_of_those_that_it_is_written_of(tmp_path, monkeypatch):
    shapes = {
        "errors": (2, 2),
        "norms": (1, 2),
        "largest": (1, 2),
        "starts": (4, 2, 2),
        "parameters": (),
        "seconds": (),
    }
    shapes |= dict.fromkeys(diary.MEASURED, (2,)) | dict.fromkeys(diary.KINDS, (9,))
    result = {name: np.ones(shape) for name, shape in shapes.items()}
    monkeypatch.setattr(diary, "compute", lambda *_: [result])
    diary.run(diary.Flags(networks=("LSTM, noise",), seeds=2, epochs=2), store := Store(tmp_path))
    assert "diary_sizes" not in store and set(diary.pictures(store)) == {"diary", "diary_starts"}


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
    (norms, *_) = found["diary"].axes[len(store["diary"].network.unique()) :]
    assert norms.lines[0].get_marker() == "."  # there is one norm, and no line
    sounds = re.findall(r"\]\((.*?)\)", diary.tables(store)["diary-sounds"])
    assert len(sounds) == 4 and set(map(Path, sounds)) == set(tmp_path.glob("*.wav"))
    with pytest.raises(ValueError, match="`epochs` must be a multiple of 2. Received: 3"):
        replace(options, epochs=3).check()
