"""Runs: what they note and leave, and that they can be stopped, resumed, and made of several replicas."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from networks import weights_of
from tqdm import tqdm

from data.sequences import sine_mixture
from main import recipe
from running import checkpoints
from running.checkpoints import CheckpointError
from running.loop import Loop
from running.metrics import rows
from running.runs import Run
from running.train import DivergenceError, Following, train
from tasks.network import Network
from tasks.sequence_generation import SequenceGeneration
from tasks.speech_prediction import SpeechPrediction
from tasks.spoken_words import SpokenWords

pytestmark = pytest.mark.usefixtures("compile_once")

TINY = recipe("generation", units=3, periods=(1, 2), length=12, epochs=7)


def make_run(folder: Path, settings, name="a", task="generation"):
    settings = replace(settings, name=name, results_dir=folder / "results", log_dir=folder / "log")
    return settings, Run(task, settings)


def test_history_holds_every_update_and_ends_near_the_metric(tmp_path):
    settings, run = make_run(tmp_path, replace(TINY, epochs=123))  # no multiple of the updates a call
    metrics = train(SequenceGeneration(settings), settings, run)
    assert metrics["updates"] == 123
    assert metrics["mse"] == pytest.approx(
        metrics["nmse_paper"] * 2 * np.var(SequenceGeneration(settings).target.values)
    )


@pytest.mark.parametrize("moment", [(tqdm, "update"), (Following, "_log_from"), (Loop, "places")])
@pytest.mark.parametrize("replicas", [1, 3])
def test_interrupted_and_resumed_is_the_same_as_never_interrupted(tmp_path, monkeypatch, moment, replicas):
    settings = replace(TINY, epochs=130, dropout=0.3, replicas=replicas)  # with dropout, what is drawn must go on too
    whole = train(SequenceGeneration(settings), *make_run(tmp_path, settings, "whole"))
    begun, run = make_run(tmp_path, settings, "begun")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if moment[0] is Loop:
            patch.setattr(
                SequenceGeneration, "places", lambda task: lambda first, count: interrupt_after(50, first, count)
            )
        else:
            patch.setattr(*moment, lambda self, done, *args, **kwargs: interrupt() if done >= 50 else None)
        train(SequenceGeneration(settings), begun, run)
    assert checkpoints.exists(run.results) and not (run.results / "metrics.json").exists()
    resumed = replace(begun, resume=True)
    metrics = train(SequenceGeneration(settings), resumed, Run("generation", resumed))
    assert metrics["mse"] == whole["mse"] and metrics["updates"] == 130


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_finished_run_trained_for_more_epochs_is_the_same_as_the_longer_run(tmp_path, replicas):
    settings = replace(TINY, epochs=40, dropout=0.3, decay="constant", replicas=replicas)
    whole, run_of_whole = make_run(tmp_path, settings, "whole")
    train(SequenceGeneration(whole), whole, run_of_whole)
    short, run = make_run(tmp_path, replace(settings, epochs=20), "short")
    train(SequenceGeneration(short), short, run)
    longer = replace(short, epochs=40, resume=True)
    metrics = train(SequenceGeneration(longer), longer, Run("generation", longer))
    assert (metrics["epochs"], metrics["updates"]) == (40, 40)
    found = [keras.models.load_model(r.results / "model.keras").get_weights() for r in (run_of_whole, run)]
    for one, other in zip(*found):
        np.testing.assert_array_equal(one, other)
    for epochs, expected in [(40, "above those of the finished run to resume, 40"), (39, "above")]:
        with pytest.raises(ValueError, match=f"`epochs` must be {expected}.* Received: {epochs}"):
            Run("generation", replace(longer, epochs=epochs))
    (run.results / "metrics.json").unlink()  # as where it was interrupted
    with pytest.raises(ValueError, match="`epochs` must be at least those of the run to resume, 40. Received: 39"):
        Run("generation", replace(longer, epochs=39))


def test_resumed_in_the_middle_of_an_utterance_is_the_same(tmp_path, monkeypatch):
    """State and clock of the hidden layer, carried from chunk to chunk, must go on too."""
    settings = recipe("speech", units=4, periods=(1, 32), window=5, chunk=16, seconds=0.02, epochs=6)
    tasks = [SpeechPrediction(settings) for _ in range(3)]
    whole = train(tasks[0], *make_run(tmp_path, settings, "whole", "speech"))
    begun, run = make_run(tmp_path, settings, "begun", "speech")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tqdm, "update", lambda self, done: interrupt() if done else None)
        train(tasks[1], begun, run)
    resumed = replace(begun, resume=True)
    metrics = train(tasks[2], resumed, Run("speech", resumed))
    assert metrics["updates"] == 120  # 20 an epoch; the interruption came after 50
    assert metrics["free_running_mse"] == whole["free_running_mse"]


def interrupt():
    raise KeyboardInterrupt


def interrupt_after(updates, first, count):
    return interrupt() if first >= updates else np.arange(first, first + count, dtype=np.int32) * 0


def test_divergence_says_at_which_update(tmp_path):
    settings, run = make_run(tmp_path, replace(TINY, optimizer="sgd", learning_rate=1e30, clip_norm=0.0, epochs=60))
    with pytest.raises(DivergenceError, match="diverged at update [0-9]+: "):
        train(SequenceGeneration(settings), settings, run)
    assert list(run.log.iterdir()) and (run.results / "training.png").exists()
    assert not (run.results / "metrics.json").exists()


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_network_whose_last_update_spoils_it_has_diverged(tmp_path, replicas):
    """Its loss is never seen: there is one update, after a loss that is finite."""
    settings = replace(
        TINY, optimizer="sgd", momentum=0.0, learning_rate=3e38, clip_norm=0.0, loss="half_sum", epochs=1
    )
    settings, run = make_run(tmp_path, replace(settings, length=40, replicas=replicas))
    with pytest.raises(DivergenceError, match="diverged.* at update 0: "):
        train(SequenceGeneration(settings), settings, run)
    assert not list(run.results.glob("*.keras")) and not (run.results / "metrics.json").exists()


@pytest.fixture(scope="module")
def three(compile_once, tmp_path_factory):
    """A run of three replicas, of which the learning rate makes none diverge, and what was drawn of it."""
    folder = tmp_path_factory.mktemp("three")
    settings, run = make_run(folder, replace(TINY, epochs=20, replicas=3, seed=4, keep="all"))
    return settings, run, train(SequenceGeneration(settings), settings, run)


def test_metrics_are_means_with_each_replicas_value_and_their_spread(three):
    settings, run, metrics = three
    assert json.loads((run.results / "metrics.json").read_text()) == metrics
    values = np.array(metrics["replicas"]["mse"])
    assert values.shape == (3,) and metrics["diverged"] == 0
    assert metrics["mse"] == pytest.approx(values.mean())
    spread = metrics["spread"]["mse"]
    assert spread["standard_deviation"] == pytest.approx(values.std(ddof=1))
    assert (spread["median"], spread["best"]) == pytest.approx((np.median(values), values.min()))
    assert spread["quartiles"] == pytest.approx(np.percentile(values, (25, 75)).tolist())
    assert [(" ± " in number, "at the mean" in naive) for _, number, naive in rows(metrics)] == [(True, True)] * 3


def test_each_replica_is_the_run_of_its_seed_and_its_model_is_kept(three, tmp_path):
    settings, run, metrics = three
    for replica, name in enumerate(("model.keras", "model_1.keras", "model_2.keras")):
        alone, own = make_run(
            tmp_path, replace(settings, seed=4 + replica, replicas=1, keep="first"), f"alone{replica}"
        )
        task = SequenceGeneration(alone)
        assert train(task, alone, own)["mse"] == pytest.approx(metrics["replicas"]["mse"][replica], rel=1e-3)
        assert not (own.results / "model_1.keras").exists()
        kept = weights_of(task, keras.models.load_model(run.results / name))
        output = task.outputs(kept)[0]
        assert np.mean((output - task.target.values) ** 2) == pytest.approx(
            metrics["replicas"]["mse"][replica], rel=1e-3
        )


def test_tables_hold_what_each_network_makes_in_time(three):
    settings, run, _ = three
    task, table = SequenceGeneration(settings), np.genfromtxt(run.results / "signal.csv", delimiter=",", names=True)
    kept = [weights_of(task, keras.models.load_model(run.results / f"model{end}.keras")) for end in ("", "_1", "_2")]
    made = np.concatenate([task.outputs(own) for own in kept])
    low, high = sine_mixture(0, 12).min(), sine_mixture(0, 12).max()  # what −1 and 1 are
    wanted = low + (made + 1) / 2 * (high - low)
    for replica in range(3):
        np.testing.assert_allclose(table[f"network_{replica}"], wanted[replica], atol=1e-5)
    np.testing.assert_allclose(table["output"], np.median(wanted, axis=0), atol=1e-5)
    np.testing.assert_allclose(table["target"], sine_mixture(0, 12), atol=1e-6)
    np.testing.assert_array_equal(table["step"], np.arange(12))
    with np.load(run.results / "signal.npz") as arrays:
        np.testing.assert_allclose(arrays["network"], wanted, atol=1e-5)
    curve = np.genfromtxt(run.results / "training.csv", delimiter=",", names=True)
    assert (
        len(curve) == 20
        and (curve["mse_lower_quartile"] <= curve["mse"]).all()
        and (np.diff(curve["seconds"]) >= 0).all()
    )


def test_after_a_resume_the_bar_goes_by_this_sitting(tmp_path, monkeypatch, capsys):
    settings = replace(TINY, epochs=130)
    begun, run = make_run(tmp_path, settings)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Following, "_log_from", lambda self, before: interrupt() if before >= 50 else None)
        train(SequenceGeneration(settings), begun, run)
    capsys.readouterr()
    made = []
    monkeypatch.setattr(tqdm, "close", lambda self: made.append((self.initial, self.n, self.total)))
    resumed = replace(begun, resume=True)
    train(SequenceGeneration(settings), resumed, Run("generation", resumed))
    # tqdm's rate is (n − initial) / seconds. Bars of before may be closed once more when they are forgotten.
    assert any(initial >= 50 and (done, total) == (130, 130) for initial, done, total in made)
    assert "updates: " in capsys.readouterr().out


@pytest.mark.parametrize("factor", [np.nan, 1e25])
def test_replicas_that_diverge_are_counted_and_left_out(tmp_path, monkeypatch, capsys, factor):
    """Also one whose outputs are numbers, but not their squares."""
    settings, run = make_run(tmp_path, replace(TINY, epochs=60, replicas=3, keep="all"))
    start = Network.start
    monkeypatch.setattr(Network, "start", spoiled(start, 1, factor))
    metrics = train(SequenceGeneration(settings), settings, run)
    assert metrics["diverged"] == 1 and metrics["replicas"]["mse"][1] is None
    kept = [metrics["replicas"]["mse"][replica] for replica in (0, 2)]
    assert metrics["mse"] == pytest.approx(np.mean(kept)) and np.isfinite(kept).all()
    assert {path.name for path in run.results.glob("*.keras")} == {"model.keras", "model_2.keras"}
    assert "main.py: model_1.keras is not kept, because its network diverged\n" in capsys.readouterr().err
    table = np.genfromtxt(run.results / "signal.csv", delimiter=",", names=True)
    errors = [np.mean((table[f"network_{replica}"] - table["target"]) ** 2) for replica in range(3)]
    low, high = sine_mixture(0, 12).min(), sine_mixture(0, 12).max()
    np.testing.assert_allclose(np.array(errors) / ((high - low) / 2) ** 2, [kept[0], np.nan, kept[1]], rtol=1e-3)
    np.testing.assert_allclose(table["output"], (table["network_0"] + table["network_2"]) / 2, rtol=1e-5)


def spoiled(start, of, factor):
    """Return what starts networks, of one seed with weights multiplied."""

    def begin(network, seed):
        own = start(network, seed)
        return own._replace(weights=own.weights * np.float32(factor if seed == of else 1))

    return begin


def test_what_needs_the_first_network_is_named_where_it_diverged_and_the_clock_is_shown(tmp_path, monkeypatch, capsys):
    settings, run = make_run(tmp_path, replace(TINY, target="data/music.flac", replicas=2))
    monkeypatch.setattr(Network, "start", spoiled(Network.start, 0, np.nan))
    train(SequenceGeneration(settings), settings, run)
    said = "states and sound are not shown: the first network, of which they would be, diverged\n"
    assert said in capsys.readouterr().out
    names = {path.name for path in run.results.iterdir()}
    assert {"signal.png", "clock.png", "target.wav"} <= names and not {"states.png", "output.wav"} & names


def test_the_clock_is_shown_where_nothing_else_can_be(tmp_path, monkeypatch, capsys):
    settings, run = make_run(tmp_path, TINY)
    monkeypatch.setattr(SequenceGeneration, "report", lambda self, weights: 1 / 0)
    train(SequenceGeneration(settings), settings, run)
    assert "what it learned could not be made: division by zero\n" in capsys.readouterr().err
    assert {path.name for path in run.results.glob("*.png")} == {"clock.png", "training.png"}


def test_words_stop_each_for_itself_with_the_weights_of_its_best_epoch(tmp_path, features, monkeypatch):
    """Koutník et al. 2014, section 4.2: when the training error has not fallen for some epochs; as low again is not lower."""
    errors = {"worse": (50, 40, 45, 40, 10, 10), "better": (9, 8, 7, 6, 5, 4)}
    settings = recipe("words", units=7, periods=(1,), epochs=6, patience=2, replicas=2, cache_dir=features)
    settings, run = make_run(tmp_path, settings, task="words")
    seen = []

    def noted(self, weights):
        seen.append(weights)
        return {"train_error": np.array([errors["worse"][len(seen) - 1], errors["better"][len(seen) - 1]])}

    monkeypatch.setattr(SpokenWords, "after_epoch", noted)
    monkeypatch.setattr(SpokenWords, "evaluate", lambda self, weights: seen.append(weights) or {})
    metrics = train(SpokenWords(settings), settings, run)
    assert metrics["replicas"]["epochs"] == [4, 6] and metrics["epochs"] == 5
    np.testing.assert_array_equal(seen[-1][0], seen[1][0])
    np.testing.assert_array_equal(seen[-1][1], seen[5][1])
    assert (seen[1][0] != seen[3][0]).any()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"epochs": 0}, "`epochs` must be at least 1. Received: 0"),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0. Received: 0.0"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be above 0. Received: nan"),
        ({"clip_norm": -1.0}, "`clip_norm` must be at least 0. Received: -1.0"),
        ({"momentum": 1.0}, "`momentum` must be at least 0 and below 1. Received: 1.0"),
        ({"replicas": 0}, "`replicas` must be at least 1. Received: 0"),
        ({"seed": -1}, "`seed` must be at least 0. Received: -1"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes).check()


def test_a_cluster_begins_trainings_and_does_not_go_on_with_them(tmp_path):
    """Its parts begin with the seeds, so that a training of more epochs would be another one; what is done is left as it is."""
    settings, run = make_run(tmp_path, replace(TINY, name="a"))
    train(SequenceGeneration(settings), settings, run)
    before = {path: path.read_bytes() for path in run.results.iterdir() if path.is_file()}
    longer = replace(settings, resume=True, epochs=TINY.epochs + 5, ray="local")
    with pytest.raises(CheckpointError, match=f"`ray` must not go on with a training. Received: {TINY.epochs} of"):
        train(SequenceGeneration(longer), longer, Run("generation", longer))
    assert {path: path.read_bytes() for path in run.results.iterdir() if path.is_file()} == before
    done = replace(settings, resume=True, ray="local")  # and what is whole needs no cluster
    (run.results / "report.html").unlink()
    assert train(SequenceGeneration(done), done, Run("generation", done))["updates"] == TINY.epochs
    assert (run.results / "report.html").exists()


def test_what_ends_without_a_checkpoint_says_so_and_how_to_begin_again(tmp_path, monkeypatch):
    """As where the disk was full before the first one could be written."""
    settings, run = make_run(tmp_path, replace(TINY, name="a"))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "model.keras")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(Run, "save", full)
        patch.setattr("running.train._write_networks", full)
        train(SequenceGeneration(settings), settings, run)
    said = f"; no checkpoint is in {run.results}, the same flags with --overwrite begin again"
    assert run.results.exists() and run.goes_on() == said
    again = replace(settings, overwrite=True)
    assert train(SequenceGeneration(again), again, Run("generation", again))["updates"] == TINY.epochs
    run.results.rename(tmp_path / "elsewhere")
    run.results.touch()  # which --overwrite would not replace
    assert run.goes_on() == "; nothing of this run is left"


def test_what_ends_before_the_first_update_leaves_nothing(tmp_path, monkeypatch):
    """So that the same command can begin again; with a trained run of that name, that run stays."""
    settings, run = make_run(tmp_path, replace(TINY, name="a"))

    def interrupted(loop, updates):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Loop, "call", interrupted)
        train(SequenceGeneration(settings), settings, run)
    assert not run.results.exists() and not run.log.exists() and run.goes_on() == "; nothing of this run is left"
    train(SequenceGeneration(settings), settings, Run("generation", settings))
    before = {path: path.stat().st_mtime_ns for path in run.results.iterdir()}
    again = replace(settings, overwrite=True)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Loop, "call", interrupted)
        train(SequenceGeneration(again), again, other := Run("generation", again))
    assert other.goes_on() == f"; the earlier run is left in {run.results}"
    assert {path: path.stat().st_mtime_ns for path in run.results.iterdir()} == before
    assert {path.name for path in run.results.parent.iterdir()} <= {"a", "a~lock"}
