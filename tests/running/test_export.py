"""Trained runs as files for other runtimes: by the command line, checked, and nothing left where that fails."""

import contextlib
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from graphs import plain_graphs

import main
from running import export, folders, signals

LICENSE = str(Path(main.__file__).with_name("LICENSE"))  # a short text
TINY = {
    "generation": ["--units", "4", "--periods", "1", "2", "--length", "12", "--epochs", "1", "--constant-input"],
    "words": ["--units", "6", "--periods", "1", "4", "--epochs", "1", "--model", "clockwork_gru"],
    "text": ["--text", LICENSE, "--streams", "4", "--chunk", "32", "--sample-length", "9", "--epochs", "1"],
    "speech": ["--units", "6", "--periods", "1", "4", "--epochs", "1", "--seconds", "0.02", "--chunk", "128"],
    "series": ["--units", "8", "--periods", "1", "4", "--epochs", "1", "--chunk", "16"],
}
TINY["text"] += ["--units", "6", "--periods", "1", "4", "--model", "clockwork_lstm", "--peepholes"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, few_words_flags):
    """Return a function that gives the folder in which a task's tiny run lies, training it at most once."""
    folders = {}

    def folder(task):
        if task not in folders:
            folders[task] = tmp_path_factory.mktemp(task)
            places = [f"--{kind}-dir={folders[task] / kind}" for kind in ("results", "log")]
            flags = TINY[task] + few_words_flags * (task == "words")
            with plain_graphs():
                assert main.main([task, "--name", "a", *places, *flags]) == 0
        return folders[task]

    return folder


@pytest.mark.parametrize("kind", export.FILES)
@pytest.mark.parametrize("task", TINY)
def test_runs_are_exported_beside_themselves(trained, task, kind, capsys):
    for package in export.PACKAGES[kind]:
        pytest.importorskip(package)
    folder = trained(task)
    assert main.main([task, "--run", "a", "--export", kind, f"--results-dir={folder / 'results'}"]) == 0
    said = capsys.readouterr().out
    assert export.FILES[kind] in said and "off by at most" in said
    assert (folder / "results" / task / "a" / export.FILES[kind]).exists()


def test_what_else_is_asked_for_of_a_run_is_refused(trained, capsys):
    places = [f"--results-dir={trained('series') / 'results'}"]
    assert main.main(["series", "--run", "a", "--export", "onnx", "--predict", "a.csv", *places]) == 2
    assert capsys.readouterr().err == "main.py: --predict must not come with --export. Received: a.csv\n"


@contextlib.contextmanager
def free(target):
    """Have nothing there: what another test has exported is away meanwhile."""
    kept = target.with_name("kept")
    if target.exists():
        target.rename(kept)
    yield target
    if kept.exists():
        kept.rename(target)


@pytest.mark.parametrize("kind", ["saved_model", "onnx"])
def test_what_somebody_has_put_in_its_place_is_not_replaced(trained, kind):
    folder = trained("generation") / "results" / "generation" / "a"
    said = f"`export` must not replace what is not its own. Received: mine.txt in .*{export.FILES[kind]}"
    with free(folder / export.FILES[kind]) as target:
        target.mkdir()
        (target / "mine.txt").touch()
        with pytest.raises(ValueError, match=said):
            export.export_run(folder, kind)
        assert [path.name for path in target.iterdir()] == ["mine.txt"]
        folders.remove(target)


def test_a_file_of_somebody_s_is_no_saved_model(trained):
    folder = trained("generation") / "results" / "generation" / "a"
    said = "`export` must not replace what is not its own. Received: a file, .*saved_model"
    with free(folder / export.FILES["saved_model"]) as target:
        target.write_text("mine")
        with pytest.raises(ValueError, match=said):
            export.export_run(folder, "saved_model")
        assert target.read_text() == "mine"
        target.unlink()


def test_what_somebody_puts_into_an_export_while_the_next_is_made_stays(trained, monkeypatch):
    """Also a folder or a link, of which nothing would be left either."""
    folder = trained("words") / "results" / "words" / "a"
    target = folder / "saved_model"
    folders.remove(target)
    (target / "assets").mkdir(parents=True)

    def write(model, path, inputs):
        path.mkdir()
        (target / "assets" / "mine").mkdir()
        (target / "link").symlink_to(folder)
        return model(inputs[0])

    monkeypatch.setitem(export.WRITERS, "saved_model", write)
    for _ in range(2):
        with pytest.raises(ValueError, match="must not replace what is not its own. Received: assets/mine in "):
            export.export_run(folder, "saved_model")
    assert (target / "assets" / "mine").is_dir() and (target / "link").is_symlink()
    folders.remove(target)


@pytest.mark.parametrize("place", ["assets", "variables/mine"])
def test_what_somebody_has_put_into_an_export_stays(trained, place):
    folder = trained("generation") / "results" / "generation" / "a"
    export.export_run(folder, "saved_model")
    export.export_run(folder, "saved_model")
    own = folder / "saved_model" / place / "notes.txt"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("of years")
    with pytest.raises(ValueError, match=f"must not replace what is not its own. Received: {place}.* in "):
        export.export_run(folder, "saved_model")
    assert own.read_text() == "of years"
    folders.remove(folder / "saved_model")


def test_what_a_library_cannot_make_is_one_line_and_nothing_is_left(trained, monkeypatch):
    folder = trained("generation") / "results" / "generation" / "a"
    before = sorted(folder.iterdir())

    def fail(model, path, inputs):
        path.write_text("half")
        raise RuntimeError("no such\nnode")

    monkeypatch.setitem(export.WRITERS, "onnx", fail)
    with pytest.raises(ValueError, match="`export` to onnx must be possible for this model. Received: no such node"):
        export.export_run(folder, "onnx")
    assert sorted(folder.iterdir()) == before


def test_a_file_that_gives_something_else_is_refused_and_not_left(trained, monkeypatch, capsys):
    folder = trained("words") / "results"
    monkeypatch.setitem(export.FILES, "wrong", "wrong.bin")
    monkeypatch.setitem(export.PACKAGES, "wrong", ())
    monkeypatch.setitem(export.WRITERS, "wrong", lambda model, path, inputs: path.write_text("x") and np.float32(7.0))
    with pytest.raises(ValueError, match="`export` to wrong must give what the model gives. Received: off by"):
        export.export_run(folder / "words" / "a", "wrong")
    assert not [file.name for file in (folder / "words" / "a").iterdir() if "wrong" in file.name]


def test_what_a_killed_export_left_is_no_part_of_the_next_one(trained, monkeypatch):
    def write(model, path, inputs):
        path.mkdir()
        return model(inputs[0])

    monkeypatch.setitem(export.WRITERS, "saved_model", write)
    folder = trained("words") / "results" / "words" / "a"
    left = folder / ".part.saved_model" / "left"
    left.parent.mkdir()
    left.touch()
    target = folder / "saved_model"
    export.export_run(folder, "saved_model")
    assert target.is_dir() and not (target / "left").exists() and not left.parent.exists()


def test_a_signal_while_one_takes_the_place_of_another_waits_for_that(trained, monkeypatch):
    folder, remove = trained("words") / "results" / "words" / "a", folders.remove
    monkeypatch.setitem(export.WRITERS, "saved_model", lambda model, path, inputs: (path.mkdir(), model(inputs[0]))[1])

    def stopped(path):
        if path.name == ".part.old.saved_model" and path.exists():
            signal.raise_signal(signal.SIGTERM)
        remove(path)

    monkeypatch.setattr(folders, "remove", stopped)
    folders.remove(folder / "saved_model")
    (folder / "saved_model").mkdir()
    with pytest.raises(signals.Stopped), signals.raised():
        export.export_run(folder, "saved_model")
    assert [path.name for path in folder.iterdir() if "saved_model" in path.name] == ["saved_model"]


def test_two_exports_at_once_do_not_mix(trained, monkeypatch):
    """Both wrote into one folder, and each found the other's numbers, or none."""
    folder = trained("words") / "results" / "words" / "a"

    def write(model, path, inputs):
        path.write_text("whole")
        with pytest.raises(
            ValueError, match="the export of a to slow must not be in progress elsewhere. Received: one of"
        ):
            export.export_run(folder, "slow")
        assert path.read_text() == "whole"
        return model(inputs)

    monkeypatch.setitem(export.FILES, "slow", "slow.bin")
    monkeypatch.setitem(export.PACKAGES, "slow", ())
    monkeypatch.setitem(export.WRITERS, "slow", write)
    export.export_run(folder, "slow")
    assert [path.name for path in folder.iterdir() if "slow" in path.name] == ["slow.bin"]


def test_a_run_that_is_replaced_gets_no_file_of_the_one_before(trained, monkeypatch):
    """Beside the new model lay a file of the old one."""
    folder = trained("words") / "results" / "words" / "a"

    def write(model, path, inputs):
        shutil.copytree(folder, folder.with_name("other"))
        folders.remove(folder)
        folder.with_name("other").rename(folder)
        path.write_text("of the old one")
        return model(inputs)

    monkeypatch.setitem(export.FILES, "late", "late.bin")
    monkeypatch.setitem(export.PACKAGES, "late", ())
    monkeypatch.setitem(export.WRITERS, "late", write)
    with pytest.raises(
        ValueError, match="`run` must stay while it is used. Received: .*a, which somebody has replaced"
    ):
        export.export_run(folder, "late")
    assert not [path.name for path in folder.iterdir() if "late" in path.name]


@pytest.mark.parametrize("gone", [False, True])
def test_a_run_that_is_replaced_while_it_is_used_is_no_success(trained, monkeypatch, capsys, gone):
    places = trained("generation")
    folder = places / "results" / "generation" / "a"

    def use(settings, own):
        content = (own / "model.keras").read_bytes()
        (own / "model.keras").unlink()
        if not gone:
            (own / "other").write_bytes(content)
            (own / "other").rename(own / "model.keras")

    kept = (folder / "model.keras").read_bytes()
    monkeypatch.setattr(main.sequence_generation.SequenceGeneration, "use", staticmethod(use))
    assert main.main(["generation", "--run", "a", f"--results-dir={places / 'results'}"]) == 2
    assert "--run must stay while it is used. Received: " in capsys.readouterr().err
    (folder / "model.keras").write_bytes(kept)


def test_a_full_disk_is_one_line(trained, monkeypatch, capsys):
    def fail(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setitem(export.WRITERS, "onnx", fail)
    monkeypatch.setitem(export.PACKAGES, "onnx", ())
    results = trained("words") / "results"
    assert main.main(["words", "--run", "a", "--export", "onnx", f"--results-dir={results}"]) == 2
    file = results / "words" / "a" / "model.onnx"
    assert capsys.readouterr().err == f"main.py: {file}: No space left on device\n"


def test_a_signal_waits_until_the_file_is_written_and_nothing_is_left(trained, monkeypatch, capsys):
    wrote = []

    def write(model, path, inputs):
        signal.raise_signal(signal.SIGTERM)  # in the middle of TensorFlow, which would lose it with a traceback
        path.write_text("whole")
        wrote.append(path)

    monkeypatch.setitem(export.WRITERS, "onnx", write)
    monkeypatch.setitem(export.PACKAGES, "onnx", ())
    results = trained("words") / "results"
    target = results / "words" / "a" / "model.onnx"
    target.unlink(missing_ok=True)  # of another test
    assert main.main(["words", "--run", "a", "--export", "onnx", f"--results-dir={results}"]) == 143
    assert wrote and not wrote[0].exists() and not target.exists()
    assert capsys.readouterr().err == "\nmain.py: interrupted\n"


def test_a_missing_package_is_named(trained, monkeypatch):
    monkeypatch.setitem(export.PACKAGES, "onnx", ("no_such_package",))
    with pytest.raises(ValueError, match="`export` to onnx needs the packages no_such_package"):
        export.export_run(trained("words") / "results" / "words" / "a", "onnx")
