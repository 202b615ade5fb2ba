"""Runs: what was good stays until what replaces it is whole, and what fails on the way is said and survived."""

import contextlib
import errno
import io
import json
import os
import resource
import shutil
import signal
from collections import Counter
from dataclasses import replace
from unittest.mock import Mock

import keras
import numpy as np
import pytest
from finished import GOOD, TINY, contents, names, settings_in, stop_after
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import main
from running import checkpoints, folders, signals
from running.runs import Run
from running.train import DivergenceError, train
from running.trained import Trained
from running.use import trained
from tasks import report
from tasks.report import Report
from tasks.sequence_generation import SequenceGeneration

pytestmark = pytest.mark.usefixtures("compile_once")


def steps_on_the_board(log, tag="optimization/learning_rate"):
    """Return how often each step of a tag, otherwise the learning rate's curve, is in the event files of a folder."""
    found = Counter()
    for path in log.glob(folders.EVENTS):
        for event in EventFileLoader(str(path)).Load():
            found.update(event.step for value in event.summary.value if value.tag == tag)
    return found


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_a_run_that_fails_to_overwrite_leaves_the_good_one_and_can_go_on(settings, monkeypatch, error):
    before = contents(settings)
    again = replace(settings, overwrite=True, seed=5)
    with monkeypatch.context() as patch, pytest.raises(error):
        stop_after(50, patch, error)
        train(SequenceGeneration(again), again, run := Run("generation", again))
    assert contents(settings) == before and names(settings) == {"a", "a~new"}
    assert run.goes_on() == "; go on with the same flags and --name a --resume instead of --overwrite"
    assert trained("generation", replace(settings, run="a")).name == "a"
    resumed = replace(again, overwrite=False, resume=True)
    metrics = train(SequenceGeneration(resumed), resumed, Run("generation", resumed))
    assert metrics["seed"] == 5 and names(settings) == {"a"}
    assert json.loads(contents(settings)["metrics.json"]) == metrics
    alone = replace(settings, seed=5, name="b")
    assert train(SequenceGeneration(alone), alone, Run("generation", alone))["mse"] == metrics["mse"]


def test_numbers_of_numpy_in_a_recipe_are_kept_as_numbers(tmp_path):
    own = settings_in(tmp_path, units=np.int64(6), periods=tuple(2 ** np.arange(3)), learning_rate=np.float32(0.5))
    run = Run("generation", own, replace(TINY, units=6, periods=(1, 2, 4), learning_rate=0.5))
    run.release()
    config = json.loads((run.results / "config.json").read_text())
    assert (config["units"], config["periods"], config["learning_rate"]) == (6, [1, 2, 4], 0.5)
    assert not {"units", "periods", "learning_rate"} & config["changed_from_recipe"].keys()


def test_a_run_that_diverges_does_not_take_the_place_of_a_good_one(settings):
    before = contents(settings)
    again = replace(settings, overwrite=True, optimizer="sgd", learning_rate=1e30, clip_norm=0.0)
    with pytest.raises(DivergenceError):
        train(SequenceGeneration(again), again, Run("generation", again))
    assert contents(settings) == before


def test_a_finished_run_stays_until_its_longer_training_is_whole(settings, monkeypatch):
    before = contents(settings)
    longer = replace(settings, resume=True, epochs=130)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(110, patch)
        train(SequenceGeneration(longer), longer, Run("generation", longer))
    assert contents(settings) == before and names(settings) == {"a", "a~new"}
    metrics = train(SequenceGeneration(longer), longer, run := Run("generation", longer))
    assert metrics["updates"] == 130 and names(settings) == {"a"}
    assert steps_on_the_board(run.log) == {step: 1 for step in range(0, 130, 10)}
    about = steps_on_the_board(run.log, "texts/about")  # one of each start
    assert len(about) == 3 and set(about.values()) == {1}


def test_a_signal_while_pictures_are_drawn_waits_for_them(settings, monkeypatch):
    again, report = replace(settings, overwrite=True), SequenceGeneration.report

    def stopped(self, weights):
        signal.raise_signal(signal.SIGTERM)
        return report(self, weights)

    monkeypatch.setattr(SequenceGeneration, "report", stopped)
    with pytest.raises(signals.Stopped), signals.raised():
        train(SequenceGeneration(again), again, run := Run("generation", again))
    assert (run.results / "report.html").exists() and (run.results / "signal.png").exists()


def test_a_link_to_nothing_in_the_log_does_not_keep_a_run_from_going_on(settings):
    for path in (settings.log_dir / "generation" / "a").glob(folders.EVENTS):
        path.unlink()
        path.symlink_to("nowhere")
    longer = replace(settings, resume=True, epochs=61)
    metrics = train(SequenceGeneration(longer), longer, run := Run("generation", longer))
    assert metrics["updates"] == 61
    assert steps_on_the_board(run.log, "optimization/gradient_norm") == {step: 1 for step in range(0, 61, 10)}


def test_a_run_that_was_killed_while_it_drew_makes_its_pictures(settings):
    folder, before = settings.results_dir / "generation" / "a", contents(settings)
    drawn = {path.name for path in folder.iterdir()} - {"checkpoint.before.npz"}
    for name in ("report.html", "signal.png", "training.png"):
        (folder / name).unlink()
    again = replace(settings, resume=True)
    run = Run("generation", again)
    train(SequenceGeneration(again), again, run)
    assert run.goes_on() == f"; all that the run leaves is in {folder}"
    with np.load(io.BytesIO(before["checkpoint.npz"])) as old, np.load(folder / "checkpoint.npz") as new:
        np.testing.assert_array_equal(new["progress_0"], old["progress_0"])
    assert {path.name for path in folder.iterdir()} - {"checkpoint.before.npz"} == drawn
    with pytest.raises(ValueError, match="above those of the finished run"):
        Run("generation", again)


def test_a_run_in_progress_is_neither_overwritten_nor_resumed(settings):
    live = Run("generation", replace(settings, name="b"))
    for changes in ({"overwrite": True}, {"resume": True}, {}):
        with pytest.raises(ValueError, match=rf"the run b must not be in progress .* process {os.getpid()} on "):
            Run("generation", replace(settings, name="b", **changes))
    assert {path.name for path in live.results.iterdir()} == {"config.json"}
    live.release()
    with pytest.raises(ValueError, match="`name` must be new"):
        Run("generation", replace(settings, name="b"))


@pytest.mark.parametrize("shared", ["results_dir", "log_dir"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_one_of_two_runs_that_share_a_folder_is_refused(tmp_path, shared, overwrite):
    settings = settings_in(tmp_path)
    other = replace(settings_in(tmp_path / "other", overwrite=overwrite), **{shared: getattr(settings, shared)})
    live = Run("generation", settings)
    with pytest.raises(ValueError, match="the run a must not be in progress elsewhere"):
        Run("generation", other)
    assert live.results.is_dir() and live.log.is_dir() and not list((tmp_path / "other").glob("*/*/*"))
    live.release()
    assert names(settings) == {"a"}


def test_a_name_is_chosen_that_nobody_has(settings):
    first, second = (Run("generation", replace(settings, name=None)) for _ in range(2))
    assert (first.name, second.name) == ("clockwork_rnn-1", "clockwork_rnn-2")
    first.release(), second.release()
    (settings.results_dir / "generation" / "clockwork_rnn").touch()  # which is no name that it takes
    third = Run("generation", replace(settings, name=None))
    assert third.name == "clockwork_rnn-3"
    third.release()


def test_a_damaged_checkpoint_falls_back_to_the_one_before(settings, monkeypatch, capsys):
    whole = json.loads(contents(settings)["metrics.json"])
    begun = replace(settings, name="b")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(50, patch)
        train(SequenceGeneration(begun), begun, run := Run("generation", begun))
    (run.results / "checkpoint.npz").write_bytes(b"junk")
    (run.results / "config.json").write_text("{")
    resumed = replace(begun, resume=True)
    assert train(SequenceGeneration(resumed), resumed, Run("generation", resumed))["mse"] == whole["mse"]
    said = "main.py: going on from checkpoint.before.npz, not checkpoint.npz (damaged: File is not a zip file)"
    assert said in capsys.readouterr().err
    assert json.loads((run.results / "config.json").read_text())["units"] == 3


def test_the_checkpoint_of_another_network_is_refused(settings):
    folder = settings.results_dir / "generation" / "a"
    saved = checkpoints.load(folder)
    checkpoints.save(folder, dict(saved.state) | {"progress_0": np.zeros((1, 7), np.float32)}, saved.about)
    longer = replace(settings, resume=True, epochs=70)
    run = Run("generation", longer)
    with pytest.raises(ValueError, match=r"the checkpoint must hold float32 of shape \(1, .* Received: float32 of .*7"):
        train(SequenceGeneration(longer), longer, run)


def test_a_run_does_not_go_on_with_other_data(settings):
    longer = replace(settings, resume=True, epochs=70)
    moved = SequenceGeneration(replace(longer, start=1))
    with pytest.raises(ValueError, match="the data must hold what the run to resume began with. Received: other data"):
        train(moved, longer, Run("generation", longer))


def test_a_run_goes_on_with_files_that_were_moved_but_only_if_they_say_the_same(tmp_path):
    here, there = tmp_path / "here" / "own.csv", tmp_path / "there" / "own.csv"
    for path, values in ((here, range(12)), (there, range(12, 0, -1))):
        path.parent.mkdir()
        path.write_text("\n".join(map(str, (here.with_suffix(""), *values))))  # a column that is called as a file is
    first = settings_in(tmp_path, target=str(here), column=str(here.with_suffix("")))
    train(SequenceGeneration(first), first, Run("generation", first))
    longer = replace(first, target=str(there), resume=True, epochs=70)
    with pytest.raises(ValueError, match="`target` must be that of the run to resume, .*here.* Received: .*there"):
        Run("generation", longer)
    other = here.rename(tmp_path / "before.csv")
    with pytest.raises(
        ValueError, match="`column` must be that of the run to resume, .*here/own. Received: .*there/own"
    ):
        Run("generation", replace(longer, column=str(there.with_suffix(""))))
    with pytest.raises(ValueError, match="`target` must hold what the run to resume began with. Received: other data"):
        train(SequenceGeneration(longer), longer, Run("generation", longer))
    other.replace(there)
    train(SequenceGeneration(longer), longer, run := Run("generation", longer))
    assert json.loads((run.results / "metrics.json").read_text())["epochs"] == 70
    assert json.loads((run.results / "config.json").read_text())["target"] == str(there)


def test_a_run_of_which_all_models_were_kept_goes_on_with_all(settings):
    several = replace(settings, name="b", replicas=2, keep="all")
    train(SequenceGeneration(several), several, run := Run("generation", several))
    longer = replace(several, resume=True, epochs=70)
    with pytest.raises(ValueError, match="`keep` must be that of the run to resume, all. Received: first"):
        Run("generation", replace(longer, keep="first"))
    assert {path.name for path in run.results.glob("*.keras")} == {"model.keras", "model_1.keras"}
    train(SequenceGeneration(longer), longer, Run("generation", longer))
    assert {path.name for path in run.results.glob("*.keras")} == {"model.keras", "model_1.keras"}


def test_a_refused_resume_leaves_nothing_beside_the_run(settings, capsys):
    before, there = contents(settings), names(settings)
    flags = [f"--{name.replace('_', '-')}={getattr(settings, name)}" for name in ("results_dir", "log_dir", "length")]
    flags += ["--units=3", "--periods", "1", "2", "--checkpoint-seconds=0", "--name=a", "--epochs=70", "--resume"]
    for more, status, says in [
        (["--target", "data/music.flac"], 2, "--target must be that of the run to resume, None"),
        ([], 0, ""),
    ]:
        with pytest.MonkeyPatch.context() as patch:
            if not more:  # the data are others though no flag is
                patch.setattr(SequenceGeneration, "kept", (np.ones(3), np.ones(3)))
                status, says = 2, "the data must hold what the run to resume began with. Received: other data"
            assert main.main(["generation", *flags, *more]) == status
        assert says in capsys.readouterr().err
        assert names(settings) == there and contents(settings) == before


def everything(settings):
    """Return path → content of all files of all runs."""
    both = settings.results_dir, settings.log_dir
    return {path: path.read_bytes() for folder in both for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("whole", [True, False])
def test_a_resume_that_is_refused_for_its_data_leaves_all_as_it_was(settings, whole, monkeypatch):
    if not whole:
        (settings.results_dir / "generation" / "a" / "metrics.json").unlink()
    (settings.log_dir / "generation" / "a" / "notes.txt").write_text("of years")
    before = everything(settings)
    longer = replace(settings, resume=True, epochs=70)
    with monkeypatch.context() as patch, pytest.raises(checkpoints.CheckpointError):
        patch.setattr(SequenceGeneration, "kept", (np.ones(3), np.ones(3)))
        train(SequenceGeneration(longer), longer, Run("generation", longer))
    assert everything(settings) == before
    train(SequenceGeneration(longer), longer, Run("generation", longer))
    assert json.loads((settings.results_dir / "generation" / "a" / "config.json").read_text())["epochs"] == 70
    assert [path.read_text() for path in settings.log_dir.rglob("notes*")] == ["of years"]


def test_after_any_interruption_each_point_is_on_the_board_once(settings, monkeypatch):
    """Points that were logged behind the last checkpoint come again, and are not there twice."""
    begun = replace(settings, name="b", epochs=400)
    save = Run.save
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(150, patch)
        patch.setattr(Run, "save", lambda run, state: None if state["seen"] > 60 else save(run, state))
        train(SequenceGeneration(begun), begun, run := Run("generation", begun))
    assert max(steps_on_the_board(run.log)) >= 140
    resumed = replace(begun, resume=True)
    train(SequenceGeneration(resumed), resumed, Run("generation", resumed))
    assert steps_on_the_board(run.log) == {step: 1 for step in range(0, 400, 10)}


def test_a_log_that_was_removed_before_a_checkpoint_is_whole_again_after_the_next_one(settings):
    for epochs in (60, 120, 180):
        own = replace(settings, name="b", epochs=epochs, resume=epochs > 60, checkpoint_seconds=60)
        train(SequenceGeneration(own), own, run := Run("generation", own))
        if epochs == 60:
            shutil.rmtree(run.log)
    assert steps_on_the_board(run.log, "optimization/gradient_norm") == {step: 1 for step in range(0, 180, 10)}
    rates = steps_on_the_board(run.log)
    assert rates == {step: 1 for step in range(120, 180, 10)}  # before, they may have fallen as in a shorter training


def test_rates_of_a_log_that_was_removed_are_those_of_the_training_that_goes_on(settings, monkeypatch):
    """Also where it was interrupted again after it was to become longer."""
    own = replace(settings, name="b", epochs=60)
    train(SequenceGeneration(own), own, Run("generation", own))
    for end in (100, 150, None):
        own = replace(settings, name="b", epochs=180, resume=True)
        with monkeypatch.context() as patch:
            if end:
                stop_after(end, patch)
            with pytest.raises(KeyboardInterrupt) if end else contextlib.nullcontext():
                train(SequenceGeneration(own), own, run := Run("generation", own))
        if end:
            shutil.rmtree(run.log)
    assert steps_on_the_board(run.log) == {step: 1 for step in range(60, 180, 10)}


def test_folders_that_are_removed_meanwhile_are_made_anew(settings, monkeypatch, capsys):
    again, look = replace(settings, name="b"), Trained.look

    def remove(self):
        look(self)
        if 0 < self.seen < 60:
            shutil.rmtree(self.run.results), shutil.rmtree(self.run.log)

    monkeypatch.setattr(Trained, "look", remove)
    run = Run("generation", again)
    train(SequenceGeneration(again), again, run)
    assert set(GOOD) <= {path.name for path in run.results.iterdir()}
    assert steps_on_the_board(run.log) == {step: 1 for step in range(0, 60, 10)}
    assert "TensorBoard's log is not whole: " in capsys.readouterr().err


def test_a_full_disk_does_not_end_training_and_the_message_says_what_to_do(settings, monkeypatch, capsys):
    before, again = contents(settings), replace(settings, overwrite=True, length=500)
    task = SequenceGeneration(again)
    run = Run("generation", again)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limit[1]))
    try:
        with pytest.raises(OSError) as caught:
            train(task, again, run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert caught.value.filename == str(run.results / "model.keras")
    errors = capsys.readouterr().err.splitlines()
    assert f"main.py: no checkpoint: {run.results / 'checkpoint.npz'}: File too large" in errors
    assert contents(settings) == before


def test_a_picture_that_fails_is_a_warning(settings, monkeypatch, capsys):
    def report(self, weights):
        return Report({"signal": None}, texts={"said": "something"})

    monkeypatch.setattr(SequenceGeneration, "report", report)
    again = replace(settings, name="b")
    run = Run("generation", again)
    train(SequenceGeneration(again), again, run)
    assert (run.results / "said.txt").read_text() == "something" and (run.results / "report.html").exists()
    keras.models.load_model(run.results / "model.keras")
    assert "main.py: signal.png could not be made: 'NoneType' object" in capsys.readouterr().err


@pytest.mark.parametrize("names", [("signal", "training", "clock"), ("training",), ()])
def test_pictures_that_a_disk_refused_are_made_at_the_next_resume(names, settings, monkeypatch, capsys):
    def refuse(path, figure):
        if path.stem in names:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, figure)

    again, write = replace(settings, name="b"), report._WRITE[".png"]
    with monkeypatch.context() as patch:
        patch.setitem(report._WRITE, ".png", refuse)
        patch.setattr(
            "running.train.write_run_page", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
        )
        train(SequenceGeneration(again), again, run := Run("generation", again))
    said = capsys.readouterr().err
    assert all(f"{name}.png could not be made: No space left on device" in said for name in names)
    missing = f"model and metrics are in {run.results}; the same flags with --name b --resume make what is missing"
    assert f"report.html is not made; {missing}" in said
    resumed = replace(again, resume=True)
    train(SequenceGeneration(resumed), resumed, Run("generation", resumed))
    assert {"signal.png", "training.png", "clock.png", "report.html"} <= {path.name for path in run.results.iterdir()}
