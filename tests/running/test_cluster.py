"""Pieces of work: computed once each, kept whole, here or on a Ray cluster, also when a worker dies."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.files import digest
from main import recipe
from running import cluster
from running.cluster import Cell, compute
from running.lock import Lock
from tests.pieces import calls, die, die_once, fail, refuse, square

ROOT = Path(__file__).parents[2]


def cells(folder, numbers=range(5)):
    return [Cell(f"cell-{n}", {"number": n, "folder": str(folder)}, networks=1) for n in numbers]


def test_results_come_in_order_and_are_computed_once(tmp_path):
    kept = tmp_path / "kept"
    first = compute(square, cells(tmp_path), kept, workers=1)
    again = compute(square, cells(tmp_path, range(6)), kept, workers=1)
    assert [int(result["square"]) for result in again] == [0, 1, 4, 9, 16, 25]
    assert all(calls(tmp_path, number) == 1 for number in range(6))
    assert [float(result["elapsed"]) for result in first] == [float(result["elapsed"]) for result in again[:5]]


def test_a_damaged_result_is_computed_again(tmp_path, capsys):
    kept = tmp_path / "kept"
    compute(square, cells(tmp_path), kept, workers=1)
    for number, content in enumerate((b"", b"junk")):
        next(kept.glob(f"cell-{number}-*")).write_bytes(content)
    again = compute(square, cells(tmp_path), kept, workers=1)
    assert [int(result["square"]) for result in again] == [0, 1, 4, 9, 16]
    assert [calls(tmp_path, number) for number in range(5)] == [2, 2, 1, 1, 1]
    assert capsys.readouterr().err.count(" is computed again: File is not a zip file") == 2


def test_a_result_without_its_time_is_computed_again(tmp_path, capsys):
    compute(square, cells(tmp_path), tmp_path, workers=1)
    np.savez(next(tmp_path.glob("cell-0-*")), square=np.array(0))
    again = compute(square, cells(tmp_path), tmp_path, workers=1)
    assert all("elapsed" in result for result in again) and calls(tmp_path, 0) == 2
    assert "is computed again: 'elapsed is not a file in the archive'" in capsys.readouterr().err


def test_two_do_not_compute_the_same(tmp_path):
    lock = Lock(tmp_path / "~lock", "it")
    with pytest.raises(ValueError, match=f"what is kept in {tmp_path} must not be in progress elsewhere"):
        compute(square, cells(tmp_path), tmp_path, workers=1)
    lock.release()
    assert len(compute(square, cells(tmp_path), tmp_path, workers=1)) == 5
    assert not list(tmp_path.glob("*lock*"))


def test_an_array_that_a_result_lacks_is_named(tmp_path):
    compute(square, cells(tmp_path), tmp_path, workers=1)
    kept = next(tmp_path.glob("cell-0-*"))
    np.savez(kept, cube=np.array(0), elapsed=np.array(1.0))
    with pytest.raises(ValueError, match=f"{kept} must hold square; .* Received: cube, elapsed"):
        compute(square, cells(tmp_path), tmp_path, workers=1)[0]["square"]


def test_a_process_that_is_killed_is_an_error_of_one_line(tmp_path):
    with pytest.raises(
        ChildProcessError, match="a process was killed, perhaps for want of memory; what is done is kept"
    ):
        compute(die, cells(tmp_path), tmp_path / "kept", workers=1)


def test_other_arguments_are_another_cell(tmp_path):
    one, other = (Cell("cell", {"rate": rate}, networks=1) for rate in (0.1, 0.2))
    assert one.file != other.file
    assert one.file == Cell("cell", {"rate": 0.1}, networks=5).file


def test_other_content_of_a_file_or_folder_that_settings_name_is_another_cell(tmp_path):
    """A corpus is recorded anew under its old name; a name alone, of no file, counts too."""
    (tmp_path / "corpus" / "yes").mkdir(parents=True)
    content, found = tmp_path / "corpus" / "yes" / "a.wav", []
    for settings in (recipe("words", corpus=str(content.parents[1])), recipe("text", text=str(content))):
        for text in ("one", "two", "one"):
            content.write_text(text)
            digest.cache_clear()
            found.append(Cell("cell", {"settings": settings}, networks=1).file)
    assert len(set(found)) == 4 and found[0] == found[2] and found[3] == found[5]
    names = [Cell("cell", {"settings": recipe("text", text=name)}, networks=1).file for name in ("a", "b", None)]
    assert len(set(names)) == 3


def test_what_a_file_holds_is_looked_up_for_each_call(tmp_path):
    held = []
    for text in ("one", "two"):
        (tmp_path / "a").write_text(text)
        compute(square, [], tmp_path)
        held.append(digest(str(tmp_path / "a")))
    assert held[0] != held[1]


def test_a_moved_checkout_goes_on(monkeypatch):
    here = Cell("cell", {"file": str(cluster.ROOT / "data" / "a.csv")}, networks=5).file
    monkeypatch.setattr(cluster, "ROOT", Path("/elsewhere"))
    assert Cell("cell", {"file": "/elsewhere/data/a.csv"}, networks=5).file == here


def test_a_failure_is_raised_and_what_is_done_is_kept(tmp_path):
    with pytest.raises(ArithmeticError, match="three"):
        compute(fail, cells(tmp_path), tmp_path / "kept", workers=1)
    compute(square, cells(tmp_path), tmp_path / "kept", workers=1)
    assert [calls(tmp_path, number) for number in range(3)] == [1, 1, 1]


def test_ray_computes_the_same_though_a_worker_dies(tmp_path):
    pytest.importorskip("ray")
    results = compute(die_once, cells(tmp_path), tmp_path / "kept", ray="local")
    assert [int(result["square"]) for result in results] == [0, 1, 4, 9, 16]
    assert [calls(tmp_path, number) for number in range(5)] == [1, 1, 1, 2, 1]


def test_what_a_worker_of_a_cluster_refuses_is_one_line(tmp_path):
    pytest.importorskip("ray")
    with pytest.raises(ChildProcessError, match="a worker of the Ray cluster: 0 is refused; what is done is kept"):
        compute(refuse, cells(tmp_path, range(1)), tmp_path / "kept", ray="local")


def test_workers_of_a_cluster_find_files_in_their_copy_or_by_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text("y\n1\n")
    for given, found in [
        ("own.csv", str(tmp_path / "own.csv")),
        (str(ROOT / "data" / "co2.csv"), "data/co2.csv"),
        ("not_there.csv", "not_there.csv"),
        (None, None),
    ]:
        assert cluster._for_workers(recipe("series", data=given, target=("y",))).data == found
    monkeypatch.chdir(ROOT / "docs")
    assert cluster._for_workers(recipe("series", data="../../")).data == str(ROOT.parent)
    monkeypatch.chdir(ROOT)
    assert cluster._for_workers(recipe("series", data="data/co2.csv")).data == "data/co2.csv"
    monkeypatch.setattr(cluster, "ROOT", tmp_path)
    for name, found in {
        "own.csv": "own.csv",
        "logs.csv": "logs.csv",
        "logistics/own.csv": "logistics/own.csv",
        "log/own.csv": str(tmp_path / "log/own.csv"),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        assert cluster._for_workers(recipe("series", data=str(tmp_path / name))).data == found
    monkeypatch.setattr(cluster, "ROOT", tmp_path.parent)
    monkeypatch.setattr(cluster, "LEFT_OUT", tmp_path.name)
    assert cluster._for_workers(recipe("series", data=str(tmp_path / "own.csv"))).data == str(tmp_path / "own.csv")


@pytest.mark.parametrize("address", ["localhost:1", "localhost:x", "ray://localhost:1", "nowhere", "auto"])
def test_a_cluster_that_is_not_there_is_refused(address, monkeypatch):
    ray = pytest.importorskip("ray")
    if address == "auto":  # would find one that another test has started

        def init(*args, **kwargs):
            raise ConnectionError("Could not find any running Ray instance,\nsee `--address`")

        monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ValueError, match=f"`ray` must be the address of a Ray cluster. Received: {address} ") as caught:
        cluster.connect(address)
    assert "\n" not in str(caught.value) and str(caught.value).count("`") == 2  # of the setting's name


def test_ray_must_be_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match="`ray` needs the package ray .pip install ray.. Received: auto"):
        cluster.connect("auto")


def test_replicas_spread_over_a_cluster_are_those_of_one_machine(tmp_path, few_words_flags):
    """Where the training errors of replicas, and so when they are stopped, differ."""
    pytest.importorskip("ray")
    flags = (
        "words --units 14 --periods 1 2 --epochs 6 --patience 1 --replicas 3 --seed 5 --learning-rate 3e-2 --keep all"
    )
    for name, more in {"one": [], "several": ["--ray", "local"]}.items():
        places = [f"--results-dir={tmp_path / 'results'}", f"--log-dir={tmp_path / 'log'}", "--name", name]
        command = [sys.executable, "main.py", *flags.split(), *few_words_flags, *places, *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "words"
    one, several = (json.loads((folder / name / "metrics.json").read_text()) for name in ("one", "several"))
    assert one["replicas"] == several["replicas"] and len(set(one["replicas"]["epochs"])) > 1
    left = [{path.name for path in (folder / name).iterdir()} for name in ("one", "several")]
    before = {"checkpoint.before.npz"}  # of before the parts, and of a run that takes long
    assert left[0] - before == left[1] - before
