"""The folders of runs: what is not a run's own is neither replaced nor lost, whenever a process is killed."""

import contextlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from finished import GOOD, contents, names, settings_in, stop_after

from running import checkpoints, folders
from running.runs import Run, trained
from running.train import train
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


@pytest.mark.parametrize("cut", ["log renamed", "results renamed", "old half removed"])
def test_folders_that_a_killed_process_was_exchanging_are_exchanged(settings, cut):
    results, log = (folder / "generation" / "a" for folder in (settings.results_dir, settings.log_dir))
    for folder in (results, log):
        shutil.copytree(folder, folders.beside(folder, folders.NEW))
    (folders.beside(results, folders.NEW) / "config.json").write_text('{"new": 1}')
    folders.make(folders.beside(results, folders.NEW))
    log.rename(folders.beside(log, folders.OLD))
    if cut != "log renamed":
        folders.replace(results, log)
        assert not (results / folders.MARK).exists()
        results.rename(folders.beside(results, folders.NEW))
        folders.make(folders.beside(results, folders.NEW))
        shutil.copytree(folders.beside(results, folders.NEW), folders.beside(results, folders.OLD))
        (folders.beside(results, folders.OLD) / "config.json").write_text("{}")
    if cut == "old half removed":
        folders.beside(results, folders.NEW).rename(results)
        (folders.beside(results, folders.OLD) / "model.keras").unlink()
    found = trained("generation", replace(settings, run="a")) if cut == "results renamed" else results
    with pytest.raises(ValueError, match="`name` must be new"):
        Run("generation", settings)
    assert (found / "config.json").read_text() == '{"new": 1}' and names(settings) == {"a"}


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
    again = replace(other, overwrite=True)
    train(SequenceGeneration(again), again, Run("generation", again))
    assert own("notes.txt")


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
