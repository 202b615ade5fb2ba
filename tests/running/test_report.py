"""The pages that runs and comparisons leave, read by a parser of HTML, and what a finished run says."""

import csv
import json
import shlex
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from graphs import plain_graphs

import main
from running import command_line, compare
from running.metrics import in_json, rows, said, table
from running.runs import command
from running.use import as_trained
from tasks.report import write_table

TINY = ["--epochs", "20", "--length", "40", "--units", "4", "--periods", "1", "2"]


class Page(HTMLParser):
    """What is in a page: its text, its elements with their attributes, and the cells of its tables."""

    def __init__(self, path):
        super().__init__()
        self.text, self.elements, self.open, self.cells = "", [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "title"):
            self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data.strip())

    def sources(self, tag):
        return [attributes["src"] for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two tiny runs, of which one makes a sound."""
    folder = tmp_path_factory.mktemp("runs")
    where = [f"--results-dir={folder / 'results'}", f"--log-dir={folder / 'log'}"]
    music = ["--target", str(main.HERE / "data" / "music.flac")]
    with plain_graphs():
        assert main.main([*TINY, *where, *music, "--name", "music"]) == 0
        assert main.main([*TINY, *where, "--replicas", "2", "--keep", "all", "--name", "two"]) == 0
    return folder / "results"


def test_a_runs_page_holds_all_it_shows(runs):
    folder = runs / "generation" / "music"
    page, metrics = Page(folder / "report.html"), json.loads((folder / "metrics.json").read_text())
    assert not page.open
    pictures, sounds = page.sources("img"), page.sources("audio")
    assert len(pictures) == 4 and all(source.startswith("data:image/png;base64,iVBORw0KGgo") for source in pictures)
    assert len(sounds) == 2 and all(source.startswith("data:audio/wav;base64,UklGR") for source in sounds)  # RIFF
    assert not any(name in ("link", "script") or "href" in attributes for name, attributes in page.elements)
    assert all(attributes["alt"] for name, attributes in page.elements if name == "img")
    assert f"{metrics['mse']:.4g}" in page.text and "a constant at the mean" in page.text
    changed = page.cells[page.cells.index("in the recipe") + 1 :]
    assert changed[changed.index("units") :][:3] == ["units", "4", "36"]
    assert changed[changed.index("periods") :][:3] == ["periods", "1 2", "1 2 4 8 16 32 64 128 256"]


def test_the_command_of_a_page_makes_the_run_again(runs):
    config = json.loads((runs / "generation" / "two" / "config.json").read_text())
    assert config["command"] in Page(runs / "generation" / "two" / "report.html").text
    words = shlex.split(config["command"])
    assert words[:3] == ["python", "main.py", "generation"]
    _, again = command_line.read(words[2:], main.TASKS)
    first = as_trained("generation", main.recipe("generation", run="two", results_dir=runs), ())
    assert replace(again, run="two", results_dir=runs, keep=first.keep) == first
    assert (again.replicas, again.keep) == (2, "all")


@pytest.mark.parametrize("task", main.TASKS)
def test_settings_of_every_kind_are_read_back_from_the_command(task):
    changes = {"periods": (1, 3), "input_modules": (0,), "input_mean": task != "generation", "dropout": 0.25}
    changes |= {"words": {"test_speakers": ("a b", "c")}, "text": {"prime": "it's "}}.get(task, {})
    changes |= {"series": {"target": ("-x",), "data": "-a.csv"}, "speech": {"timit": "-"}}.get(task, {})
    settings = main.recipe(task, **changes)
    words = shlex.split(command(task, settings, changes))[2:]
    assert command_line.read(words, main.TASKS)[1] == settings


def test_a_comparison_has_a_table_a_picture_and_what_differs(runs, tmp_path, capsys):
    assert main.main(["compare", f"--results-dir={runs}", f"--output={tmp_path}"]) == 0
    said_there = capsys.readouterr().out.splitlines()
    page = Page(tmp_path / "report.html")
    metrics = json.loads((runs / "generation" / "two" / "metrics.json").read_text())
    (line,) = [line for line in said_there if line.startswith("two ")]
    assert f"{metrics['mse']:.4g} ± {metrics['spread']['mse']['standard_deviation']:.2g}" in line
    assert {"music", "two"} <= set(page.cells) and len(page.sources("img")) == 1
    differing = page.cells[page.cells.index("setting") + 1 :]
    assert differing[:2] == ["music", "two"] and differing[differing.index("replicas") :][:3] == ["replicas", "1", "2"]
    assert not {"seed", "files"} & set(differing)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "generation.csv", "generation.png"}


def test_runs_are_named_with_or_without_their_task(runs):
    assert [run.name for run in compare.find(runs, ["two", "generation/music"])] == [
        "generation/two",
        "generation/music",
    ]
    assert len(compare.find(runs, [])) == 2


@pytest.mark.parametrize(
    "words, message",
    [
        (["muscic"], "Received: muscic; did you mean music?"),
        (["x"], "Received: x; there are generation/music, generation/two"),
        (["--output", ""], "argument --output: must be a path. Received: nothing"),
        (["--results-dir="], "argument --results-dir: must be a path. Received: nothing"),
        (["--model", "lstm"], "compare takes RUN …, --results-dir and --output. Received: --model"),
    ],
)
def test_refuses(runs, words, message, tmp_path, capsys):
    assert main.main(["compare", *words, f"--results-dir={runs}", f"--output={tmp_path / 'new'}"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("main.py: ") and len(errors.splitlines()) == 1 and message in errors
    assert not list(tmp_path.iterdir())


def _damaged(content, *keys, value):
    """Write a value into a JSON text, at a place in its objects."""
    found = place = json.loads(content)
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(found)


@pytest.mark.parametrize(
    "file, damage, message",
    [
        (
            "metrics.json",
            {"keys": ["quantities"], "value": None},
            "must hold numbers as a run leaves them. Received: others",
        ),
        ("metrics.json", {"keys": ["quantities"], "value": {}}, "must hold numbers as a run leaves them"),
        ("metrics.json", {"keys": ["quantities", "mse"], "value": {}}, "must hold numbers as a run leaves them"),
        (
            "metrics.json",
            {"keys": ["quantities", "more"], "value": 3},
            "must hold numbers as a run leaves them",
        ),  # of no result
        (
            "metrics.json",
            {"keys": ["quantities", "mse", "label"], "value": 5},
            "must hold numbers as a run leaves them",
        ),
        ("metrics.json", {"keys": ["quantities", "mse", "more"], "value": 5}, "must hold numbers as a run leaves them"),
        ("metrics.json", {"keys": ["parameters"], "value": [1]}, "must hold numbers as a run leaves them"),
        ("metrics.json", {"keys": ["spread"], "value": {"mse": {}}}, "must hold numbers as a run leaves them"),
        (
            "training.csv",
            "update,seconds\n0,1\n",
            "must have a column of mse or nmse or nmse_paper. Received: update, seco",
        ),
        (
            "training.csv",
            f"update,seconds,mse\n0,1,{'9' * 200_000}\n",
            "must be a table of numbers, as a run leaves it. Received: ",
        ),
    ],
)
def test_what_is_damaged_in_a_run_is_named(runs, file, damage, message, tmp_path, capsys):
    shutil.copytree(runs, tmp_path / "results")
    path = tmp_path / "results" / "generation" / "music" / file
    path.write_text(
        damage if isinstance(damage, str) else _damaged(path.read_text(), *damage["keys"], value=damage["value"])
    )
    assert main.main(["compare", "music", "two", f"--results-dir={tmp_path / 'results'}"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("main.py: ") and len(errors.splitlines()) == 1 and message in errors


def test_of_all_runs_a_damaged_one_is_left_out_and_named(runs, tmp_path, capsys):
    shutil.copytree(runs, tmp_path / "results")
    path = tmp_path / "results" / "generation" / "music" / "metrics.json"
    path.write_text("{")
    shutil.copytree(path.parents[1] / "two", path.parents[1] / "\udcff")  # a name of bytes that are no text
    assert main.main(["compare", f"--results-dir={tmp_path / 'results'}"]) == 0
    said_there = capsys.readouterr().out
    assert r"left out: the name of a run must be text. Received: 'generation/\udcff'" in said_there
    assert f"left out: {path} must be JSON" in said_there and "\ntwo " in said_there
    (tmp_path / "results" / "generation" / "two" / "training.csv").unlink()
    assert main.main(["compare", f"--results-dir={tmp_path / 'results'}"]) == 2
    assert "--results-dir must hold finished runs that are not damaged" in capsys.readouterr().err


def test_a_result_that_one_run_lacks_is_a_dash(runs, tmp_path, capsys):
    """As an error in units of the naive one where that is 0."""
    shutil.copytree(runs, tmp_path / "results")
    file = tmp_path / "results" / "generation" / "music" / "metrics.json"
    metrics, whole = json.loads(file.read_text()), json.loads((runs / "generation/two/metrics.json").read_text())
    file.write_text(json.dumps(metrics | {"nmse": None}))
    assert main.main(["compare", f"--results-dir={tmp_path / 'results'}"]) == 0
    with open(tmp_path / "results" / "comparison" / "generation.csv", newline="") as table:
        found = {row["run"]: row[metrics["quantities"]["nmse"]["label"]] for row in csv.DictReader(table)}
    assert found["music"] == "–" and found["two"].startswith(f"{whole['nmse']:.4g} ±")


def test_a_result_of_which_another_run_knows_nothing_is_a_dash(runs, tmp_path, capsys):
    """As the scaled error of one of two targets, where the other run has only one."""
    for name, measures in {"a": ("mase", "mase_b", "smape"), "b": ("mase", "smape")}.items():
        folder = tmp_path / "results" / "series" / name
        shutil.copytree(runs / "generation" / "music", folder)
        metrics = json.loads((folder / "metrics.json").read_text())
        quantity = {"label": "error", "unit": ""}  # what else there is to say may be missing
        metrics |= {"quantities": dict.fromkeys(measures, quantity)} | dict.fromkeys(measures, 0.5) | {"mase": None}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "training.csv").write_text("update,smape\n1,0.9\n")
        (folder / "epochs.csv").unlink(missing_ok=True)
    assert main.main(["compare", "a", "b", f"--results-dir={tmp_path / 'results'}"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("b "))
    assert line.split()[-4] == "–"


def test_runs_of_one_task_with_other_results_are_compared_apart(runs, tmp_path, capsys):
    """Forecasts and classes are; after each epoch something else is measured of them than their first result."""
    quantity = {"label": "error", "unit": "", "naive": None, "naive_is": "", "decades": False}
    for name, measures in {"a": ("mase", "validation_loss"), "b": ("test_error",)}.items():
        folder = tmp_path / "results" / "series" / name
        shutil.copytree(runs / "generation" / "music", folder)
        metrics = json.loads((folder / "metrics.json").read_text())
        metrics |= {"quantities": dict.fromkeys(measures, quantity)} | dict.fromkeys(measures, 0.5)
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "training.csv").write_text(f"update,{measures[-1]}\n1,0.9\n")
        (folder / "epochs.csv").write_text(f"epoch,{measures[-1]}\n1,0.9\n2,0.5\n")
    output = tmp_path / "results" / "comparison"
    assert main.main(["compare", f"--results-dir={tmp_path / 'results'}"]) == 0
    kinds = {f"series_{kind}{suffix}" for kind in ("mase", "test_error") for suffix in (".csv", ".png")}
    assert {path.name for path in output.iterdir()} == {"report.html"} | kinds


def test_a_comparison_writes_into_its_folder_whatever_runs_say(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "results")
    path = tmp_path / "results" / "generation" / "music" / "metrics.json"
    path.write_text(_damaged(path.read_text(), "task", value="../../outside"))
    assert main.main(["compare", f"--results-dir={tmp_path / 'results'}"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize("name", ["report.html", "generation.csv", "notes.txt"])
def test_a_comparison_replaces_an_earlier_one_and_nothing_else(runs, tmp_path, capsys, name):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_text("mine")
    for folder, status in [("own", 2), ("new", 0), ("new", 0)]:
        assert main.main(["compare", f"--results-dir={runs}", f"--output={tmp_path / folder}"]) == status
    refused = f"main.py: --output must be new, or empty, or of an earlier comparison. Received: {tmp_path / 'own'}\n"
    assert capsys.readouterr().err == refused
    assert [path.read_text() for path in (tmp_path / "own").iterdir()] == ["mine"]
    shutil.copytree(runs, tmp_path / "results")
    shutil.copytree(tmp_path / "own", tmp_path / "results" / "comparison")
    assert main.main(["compare", f"--results-dir={tmp_path / 'results'}"]) == 2
    assert [path.read_text() for path in (tmp_path / "results" / "comparison").iterdir()] == ["mine"]


def test_a_runs_page_is_no_comparison_whatever_it_says(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "results")
    folder = tmp_path / "results" / "generation" / "two"
    page = folder / "report.html"
    page.write_text(page.read_text() + "2 runs compared")
    before = {path.name for path in folder.iterdir()}
    assert main.main(["compare", f"--results-dir={tmp_path / 'results'}", f"--output={folder}"]) == 2
    assert {path.name for path in folder.iterdir()} == before


def test_a_comparison_that_was_interrupted_is_made_again(runs, tmp_path, monkeypatch):
    def stop(*runs):
        raise KeyboardInterrupt

    words = ["compare", f"--results-dir={runs}", f"--output={tmp_path}"]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(compare, "_curves", stop)
        main.main(words)
    assert list(tmp_path.iterdir()) and main.main(words) == 0


def test_refuses_folders_without_runs(tmp_path, capsys):
    assert main.main(["compare", f"--results-dir={tmp_path}"]) == 2
    assert "--results-dir must hold finished runs" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_numbers_are_said_in_four_digits_with_units_and_whole_ones_as_whole_ones():
    assert [said(value, unit) for value, unit in [(1000, ""), (0.123456, "s"), (None, ""), (50.0, "%")]] == [
        *("1,000", "0.1235 s", "", "50 %")
    ]
    metrics = {
        "error": 10.0,
        "spread": {"error": {"standard_deviation": 0.123}},
        "quantities": {"error": {"label": "test error", "unit": "%", "naive": 96.0, "naive_is": "one word"}},
    }
    assert rows(metrics) == [("test error", "10 ± 0.12 %", "96 %, one word")]
    assert table([["a", "b"], ["long", "c"]]) == "a     b\nlong  c"


@pytest.mark.parametrize(
    "step, last",
    [("1h", "2024-01-02T00:00"), ("1D", "2024-01-25"), ("1s", "2024-01-01T00:00:24"), ("10us", ".000240000")],
)
def test_times_of_a_table_are_all_in_one_form(tmp_path, step, last):
    times = pd.date_range("2024-01-01", periods=25, freq=step)
    write_table(tmp_path / "a.csv", {"time": times.to_numpy(), "x": np.arange(25)})
    written = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert written[-1].endswith(f"{last},24") and len({len(line.split(",")[0]) for line in written}) == 1
    assert (pd.read_csv(tmp_path / "a.csv", parse_dates=["time"]).time == times).all()


def test_what_is_no_number_is_none_in_json():
    """As the scaled error of a series of which no two neighbours are known; JSON has no word for it (RFC 8259, section 6)."""
    metrics = {
        "mase": float("nan"),
        "spread": {"mase": {"quartiles": [float("inf"), 1.0]}},
        "task": "series",
        "epochs": 3,
    }
    found = json.loads(json.dumps(in_json(metrics), allow_nan=False))
    assert found == {"mase": None, "spread": {"mase": {"quartiles": [None, 1.0]}}, "task": "series", "epochs": 3}
