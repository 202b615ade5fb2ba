"""The folders of runs: what is not a run's own is neither replaced nor lost, whenever a process is killed."""

import contextlib
import itertools
import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from finished import GOOD, contents, names, settings_in, stop_after

from running import checkpoints, folders, signals
from running.runs import Run
from running.train import train
from running.use import as_trained, trained
from tasks.sequence_generation import SequenceGeneration

pytestmark = pytest.mark.usefixtures("compile_once")


def test_only_runs_are_overwritten(settings):
    """Neither other people's folders, nor results that somebody took for a folder of logs."""
    results = settings.results_dir / "generation"
    (results / "mine").mkdir()
    (results / "mine" / "thesis.txt").touch()
    before = contents(settings)
    with pytest.raises(
        ValueError, match="`overwrite` must replace a run. Received: .*mine, which has none of config.json, "
    ):
        Run("generation", replace(settings, name="mine", overwrite=True))
    swapped = replace(settings, results_dir=settings.results_dir.with_name("other"), log_dir=settings.results_dir)
    with pytest.raises(
        ValueError, match="`log_dir` must not be where results are. Received: .*a, which has config.json"
    ):
        Run("generation", replace(swapped, overwrite=True))
    assert contents(settings) == before


CHANGES = ("mkdir", "rename", "replace", "unlink", "rmdir")  # of the system, to what a folder holds


def killed_after(changes, patch):
    """Let only so many changes to folders happen, and kill at the next one; return how many are left, in a list."""
    left = [changes]

    def counted(change):
        def counting(*where, **how):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return change(*where, **how)

        return counting

    for name in CHANGES:
        patch.setattr(os, name, counted(getattr(os, name)))
    return left


def held_by(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_whenever_a_process_is_killed_that_exchanges_folders_the_next_one_ends_it(tmp_path):
    """With what is somebody's in the old ones, also under a name that the new ones have."""
    for changes in itertools.count():
        results, log = (tmp_path / str(changes) / kind / "a" for kind in ("results", "log"))
        for folder, files in (
            (results, {"model.keras": "old", "signal.png": "old"}),
            (log, {"events.out.tfevents.1": ""}),
        ):
            (folder / "mine").mkdir(parents=True)
            mine = {"mine/notes.txt": "of years", "notes.txt": "of years"}
            for name, content in (mine | files).items():
                (folder / name).write_text(content)
        (results / "config.json").write_text('{"files": ["signal.png"]}')
        (results / "metrics.json").touch()
        with pytest.MonkeyPatch.context() as patch:
            left = killed_after(changes, patch)
            with contextlib.suppress(KeyboardInterrupt):
                new = folders.begin(results, log)
                for folder in new:
                    (folder / "notes.txt").write_text("of today")
                (new[1] / "events.out.tfevents.2").touch()
                (new[0] / "model.keras").write_text("new")
                (new[0] / "metrics.json").write_text("new")
                folders.replace(results, log)
        folders.recover(results, log)
        own = {"mine/notes.txt": "of years", "notes.txt": "of today", "notes.txt~old": "of years"}
        if held_by(results)["model.keras"] == "new":
            assert held_by(results) == own | {"model.keras": "new", "metrics.json": "new"}
            assert held_by(log) == own | {"events.out.tfevents.2": ""}
            assert {path.name for path in (*results.parent.iterdir(), *log.parent.iterdir())} == {"a"}
        else:
            assert held_by(results)["notes.txt"] == held_by(log)["notes.txt"] == "of years"
        if left[0]:
            break
    assert changes > 25


@pytest.mark.parametrize("absolute", [False, True])
def test_only_what_is_in_the_folder_itself_is_a_run_s(tmp_path, absolute):
    """Whatever a configuration names that somebody has written."""
    precious, results = tmp_path / "precious", tmp_path / "run"
    precious.mkdir(), results.mkdir()
    named = [str(precious) if absolute else "../precious", "own.png"]
    (results / "config.json").write_text(json.dumps({folders.FILES: named}))
    (results / "own.png").touch()
    folders.clear(results)
    assert precious.exists() and not results.exists()


def test_where_what_was_new_is_taken_away_the_old_run_comes_back(settings):
    """As after a process was killed between the two names that it gives to folders."""
    before, results = contents(settings), settings.results_dir / "generation" / "a"
    (results / folders.REPLACED).write_text('{"files": ["model.keras"]}')
    results.rename(folders.beside(results, folders.OLD))
    asked = replace(settings, run="a", units=99)
    assert as_trained("generation", asked, ()).units == settings.units
    assert trained("generation", asked).name == "a"
    assert contents(settings) == before and names(settings) == {"a"} and not (results / folders.REPLACED).exists()


@pytest.mark.parametrize("of", ["results_dir", "log_dir"])
@pytest.mark.parametrize("kind", [folders.NEW, folders.OLD])
def test_copies_that_somebody_keeps_beside_a_run_stay(settings, kind, of):
    """A copy of a run, or a run of which it is the only one; without a name, another number is taken."""
    folder = getattr(settings, of) / "generation" / "a"
    copied, numbered = folders.beside(folder, kind), folders.beside(folder.with_name("clockwork_rnn-1"), kind)
    shutil.copytree(folder, copied)
    numbered.mkdir()
    kept = sorted(path.name for path in copied.iterdir())
    for changes in ({"resume": True, "epochs": 130}, {"overwrite": True}, {}):
        with pytest.raises(
            ValueError, match=f"`name` must have nothing in its way. Received: {copied}, which no unfin"
        ):
            Run("generation", replace(settings, **changes))
    shutil.rmtree(settings.results_dir / "generation" / "a")
    with pytest.raises(ValueError, match="`run` must be the name of a run that was trained, .* Received: a, not in "):
        trained("generation", replace(settings, run="a"))
    assert kept == sorted(path.name for path in copied.iterdir())
    run = Run("generation", replace(settings, name=None))
    assert run.name == "clockwork_rnn-2" and numbered.exists()
    run.release()


@pytest.mark.parametrize("name", ["b", None])
def test_log_and_results_are_not_in_each_other(settings, name):
    inside = settings.results_dir / "generation" / (name or "clockwork_rnn-1")
    apart = {"results_dir": inside, "log_dir": settings.results_dir}, {"log_dir": inside}
    for changes in apart:
        with pytest.raises(ValueError, match="`log_dir` must have a run's log apart from its results. Received: "):
            Run("generation", replace(settings, name=name, **changes))
    assert not inside.exists()


@pytest.mark.parametrize("changes", [{"resume": True, "epochs": 61}, {"overwrite": True}])
def test_what_somebody_keeps_in_a_runs_folders_stays_there(settings, capsys, changes):
    """Also in the next training; but not what the first one has made and the next one does not: the models of replicas."""
    results, log = (folder / "generation" / "a" for folder in (settings.results_dir, settings.log_dir))
    (results / "mine").mkdir()
    for path in (results / "mine" / "notes.txt", results / "notes.txt", log / "notes.txt"):
        path.write_text("of years")
    (results / ".a.host.1.part.wav").touch()  # of a process that was killed
    about = json.loads((results / "config.json").read_text())
    for path in ("model_1.keras", "target.wav"):
        (results / path).touch()
    (results / "config.json").write_text(json.dumps(about | {"files": [*about["files"], "target.wav"]}))
    for epochs in (61, 62):
        own = replace(settings, **changes | {"epochs": epochs})
        train(SequenceGeneration(own), own, Run("generation", own))
        said = f"kept from the run before: {log / 'notes.txt'}, {results / 'mine'}, {results / 'notes.txt'}\n"
        assert "resume" in changes or said in capsys.readouterr().out
        found = {path.name for path in results.iterdir()} - {"checkpoint.before.npz"}
        assert found == {*about["files"], *GOOD, "mine", "notes.txt", "report.html", "training.csv", "training.png"}
        assert [path.read_text() for path in (results / "mine" / "notes.txt", log / "notes.txt")] == ["of years"] * 2


@pytest.mark.parametrize("content", ["", "junk", '{"files": 3}', None])
def test_where_the_configuration_is_damaged_all_that_may_be_somebodys_is_kept(settings, capsys, content):
    results = settings.results_dir / "generation" / "a"
    (results / "notes.txt").write_text("of years")
    (results / "config.json").unlink()
    (results / "config.json").mkdir() if content is None else (results / "config.json").write_text(content)
    again = replace(settings, overwrite=True)
    train(SequenceGeneration(again), again, Run("generation", again))
    assert (results / "notes.txt").read_text() == "of years" and (results / "signal.png~old").exists()
    assert f"{results / 'notes.txt'}" in capsys.readouterr().out


def test_what_somebody_puts_beside_a_run_in_progress_stays_with_it_and_with_the_next(settings, monkeypatch, capsys):
    """Also under the name of one of its pictures, which it gives way to."""
    results = settings.results_dir / "generation" / "b"
    begun = replace(settings, name="b")

    def own(*names):
        return all((results / name).read_text() == "of years" for name in names)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(50, patch)
        train(SequenceGeneration(begun), begun, Run("generation", begun))
    for name in ("notes.txt", "signal.png"):
        (results / name).write_text("of years")
    for changes in ({"resume": True}, {"overwrite": True}, {"resume": True, "epochs": 61}):
        again = replace(begun, **changes)
        train(SequenceGeneration(again), again, Run("generation", again))
        assert own("notes.txt", "signal.png~old") and (results / "signal.png").stat().st_size > 1000
    assert (
        f"{results / 'signal.png'} is not of this run: it is {results / 'signal.png~old'} now"
        in capsys.readouterr().out
    )
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(50, patch)
        other = replace(begun, name="c")
        train(SequenceGeneration(other), other, Run("generation", other))
    results = results.with_name("c")
    (results / "notes.txt").write_text("of years")
    for beside in (results, settings.log_dir / "generation" / "c"):
        again = replace(other, overwrite=True)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_after(50, patch)
            train(SequenceGeneration(again), again, Run("generation", again))
        (folders.beside(beside, folders.NEW) / "beside.txt").write_text("of years")
    train(SequenceGeneration(again), again, Run("generation", again))
    assert own("notes.txt", "beside.txt") and (beside / "beside.txt").read_text() == "of years"


@pytest.mark.parametrize("whole", [False, True])
def test_a_run_that_is_moved_away_while_another_was_to_replace_it_stays(settings, whole):
    """Also where the new one was whole, but not yet in its place."""
    results = settings.results_dir / "generation" / "a"
    run = Run("generation", replace(settings, overwrite=True))
    run.save(checkpoints.load(results).state)
    if whole:
        (run.results / "metrics.json").touch()
    run.release()
    moved = folders.beside(results, folders.OLD)
    shutil.copytree(results, moved)
    if not whole:
        shutil.rmtree(results)
    before = sorted(path.name for path in moved.iterdir())
    for changes in ({"resume": True}, {"overwrite": True}):
        with pytest.raises(ValueError, match=f"`name` must have nothing in its way. Received: {moved}, which"):
            Run("generation", replace(settings, **changes))
        assert sorted(path.name for path in moved.iterdir()) == before
    with contextlib.suppress(ValueError):  # where it is gone
        trained("generation", replace(settings, run="a"))
    assert sorted(path.name for path in moved.iterdir()) == before


def test_a_folder_of_logs_that_is_none_is_not_overwritten(settings):
    folder = settings.log_dir / "generation" / "mine"
    folder.mkdir()
    (folder / "thesis.txt").touch()
    with pytest.raises(ValueError, match="`overwrite` must replace a run. Received: .*mine, which has no events for "):
        Run("generation", replace(settings, name="mine", overwrite=True))
    assert (folder / "thesis.txt").exists() and names(settings) == {"a", "mine"}


@pytest.mark.parametrize("setting", ["results_dir", "log_dir"])
def test_where_a_folder_cannot_be_made_nothing_is_left_in_the_other(tmp_path, setting):
    settings = replace(settings_in(tmp_path), **{setting: Path("/proc/nowhere")})
    with pytest.raises(OSError) as caught:
        Run("generation", settings)
    assert caught.value.filename == "/proc/nowhere"
    assert not list(tmp_path.glob("*/*/*"))


@pytest.mark.parametrize("setting", ["results_dir", "log_dir"])
def test_a_folder_that_is_a_link_to_itself_is_refused_and_nothing_is_left(tmp_path, setting):
    (tmp_path / "loop").symlink_to("loop")
    settings = replace(settings_in(tmp_path), **{setting: tmp_path / "loop"})
    with pytest.raises(
        ValueError, match=f"`{setting}` must be a folder that can be written. Received: .*, but for .*loop"
    ):
        Run("generation", settings)
    assert [path.name for path in tmp_path.rglob("*")] == ["loop"]


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_of_that_name_is_replaced_and_what_it_leads_to_stays(settings, target):
    results = settings.results_dir / "generation"
    (results / "there").mkdir()
    (results / "a").rename(results / "moved")
    (results / "a").symlink_to(results / target)
    with pytest.raises(ValueError, match="`name` must be new"):
        Run("generation", settings)
    again = replace(settings, overwrite=True)
    train(SequenceGeneration(again), again, Run("generation", again))
    assert not (results / "a").is_symlink() and (results / "a" / "model.keras").exists()
    assert names(settings) == {"a", "there", "moved"} and not list((results / "there").iterdir())


@pytest.mark.parametrize("of", ["results_dir", "log_dir"])
def test_a_file_that_comes_in_the_place_of_a_run_which_is_being_replaced_stays(settings, of, capsys):
    taken = getattr(settings, of) / "generation" / "a"
    run = Run("generation", again := replace(settings, overwrite=True))
    taken.rename(taken.with_name("moved"))
    taken.write_text("of years")
    with pytest.raises(FileExistsError) as caught:
        train(SequenceGeneration(again), again, run)
    assert caught.value.filename == str(taken) and taken.read_text() == "of years"
    assert run.goes_on().endswith("; the same flags with --name a --resume instead of --overwrite make what is missing")
    taken.unlink()
    resumed = replace(settings, resume=True)
    train(SequenceGeneration(resumed), resumed, Run("generation", resumed))
    assert names(settings) == {"a", "moved"} and contents(settings)


def test_an_unfinished_run_that_somebody_puts_in_the_place_of_a_good_one_leaves_that_where_it_is(settings, monkeypatch):
    """The good one is not marked, and cannot be told from a copy of somebody's; once more does not change that."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(20, patch)
        again = replace(settings, overwrite=True)
        train(SequenceGeneration(again), again, Run("generation", again))
    for folder in (settings.results_dir / "generation" / "a", settings.log_dir / "generation" / "a"):
        folder.rename(folders.beside(folder, folders.OLD))
        folders.beside(folder, folders.NEW).rename(folder)
    before = held_names(settings)
    for _ in range(2):
        with pytest.raises(ValueError, match="`name` must have nothing in its way. Received: .*a~old, which no unfin"):
            Run("generation", replace(settings, resume=True))
    assert held_names(settings) == before


def held_names(settings):
    folder = settings.results_dir / "generation"
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_what_somebody_puts_into_a_run_that_is_refused_before_it_trains_stays(settings, monkeypatch):
    again = replace(settings, name="b")
    run = Run("generation", again)
    for folder in (run.results, run.log):
        (folder / "notes.txt").write_text("of years")
    monkeypatch.setattr("running.train._compile", lambda loop: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(signals.Stopped), signals.raised():
        train(SequenceGeneration(again), again, run)
    for folder in (run.results, run.log):
        assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_signal_while_folders_are_exchanged_waits_for_that(settings, monkeypatch):
    again, change = replace(settings, overwrite=True), folders.replace

    def stopped(*of_run):
        signal.raise_signal(signal.SIGINT)
        return change(*of_run)

    monkeypatch.setattr(folders, "replace", stopped)
    with pytest.raises(signals.Stopped), signals.raised():
        train(SequenceGeneration(again), again, run := Run("generation", again))
    assert names(settings) == {"a"} and run.goes_on().startswith(f"; model and metrics are in {run.results}; the same")
