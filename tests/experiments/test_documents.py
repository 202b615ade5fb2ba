"""The documents are those of the committed CSV files, and the command line of all experiments."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments import __main__ as command
from experiments import documents
from experiments.experiment import RESULTS
from experiments.store import Store

ROOT = Path(__file__).parents[2]
EXPERIMENTS = list(command.EXPERIMENTS.values())


@pytest.fixture(scope="module")
def store():
    return Store(RESULTS)


def test_every_table_of_the_pages_is_that_of_the_committed_rows(store):
    tables = command.all_tables(store)
    marked = {}
    for page in documents.pages():
        text = page.read_text(encoding="utf-8")
        assert documents.with_tables(text, tables) == text, f"{page}: python -m experiments --render"
        marked |= dict.fromkeys(re.findall(r"<!-- table (\S+) -->", text))
    assert set(marked) == set(tables)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_every_picture_can_be_drawn_and_is_shown(experiment, store):
    page = ROOT / "docs" / "results" / f"{experiment.name}.md"
    for name, figure in experiment.pictures(store).items():
        assert figure.axes and (RESULTS / f"{name}.png").exists()
        assert f"(../../results/{name}.png)" in page.read_text(encoding="utf-8")


def test_pages_say_the_question_and_name_files_that_exist():
    for experiment in EXPERIMENTS:
        page = ROOT / "docs" / "results" / f"{experiment.name}.md"
        text = page.read_text(encoding="utf-8")
        assert f"**{experiment.question}**" in text and f"python -m experiments {experiment.name}\n" in text
        for name in re.findall(r"\]\((?!http)(.*?)\)", text):
            assert (page.parent / name).exists(), (page, name)


def test_only_known_tables_are_replaced():
    page = "a\n<!-- table one -->\nold\n<!-- end -->\n<!-- table two -->\nkept\n<!-- end -->\n"
    assert documents.with_tables(page, {"one": "| new |"}) == (
        "a\n<!-- table one -->\n| new |\n<!-- end -->\n<!-- table two -->\nkept\n<!-- end -->\n"
    )


def test_documents_need_no_tensorflow_and_runs_no_ray():
    code = "import sys, experiments.__main__; sys.exit(not {'tensorflow', 'ray'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_all_experiments_are_listed(capsys):
    assert command.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for experiment in EXPERIMENTS:
        assert any(line.startswith(experiment.name) and experiment.question in line for line in lines)


@pytest.mark.parametrize("words", [[], ["--render"]])
@pytest.mark.parametrize(
    "content, message",
    [
        (None, "No such file"),
        (b"", "must be a table as an experiment"),
        (b"\xff\xfe\x00", "must be text in UTF-8"),
        (b"experiment,date\r\nmain-job,2026", "rows that are cut off"),
        (b"experiment,date\r\nmain-job\r\n", "rows that are cut off"),
        (b"experiment,date\r\n", "no rows"),
        (b"name,date\r\nmain-job,2026\r\n", "must be as an experiment leaves it. Received: KeyError"),
    ],
)
def test_a_table_that_is_damaged_or_gone_is_named_in_one_line(words, content, message, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    if content is not None:
        (tmp_path / "experiments.csv").write_bytes(content)
    assert command.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m experiments: ") and said.count("\n") == 1
    assert message in said and str(tmp_path / "experiments.csv") in said


def test_a_text_where_a_number_was_is_told_with_its_table(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(documents, "write_tables", lambda tables: None)
    for path in RESULTS.glob("*.csv"):
        shutil.copy(path, tmp_path)
    table = tmp_path / "equal_span.csv"
    table.write_text(table.read_text().replace(",6.81899e-06,", ",6.8x,"))
    assert command.main(["--render"]) == 2
    said = capsys.readouterr().err
    assert f"{table}, or a table read before it, must be as an experiment leaves it" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mainjob"], "Received: mainjob; did you mean main-job?"),
        (["tensorflow_2017"], "Received: tensorflow_2017; did you mean tensorflow-2016?"),
        (["main-job", "--seeds", "0"], "--seeds must be at least 1. Received: 0"),
        (["main-job", "--sed", "1"], "--sed"),
        (["--render", "text"], "--render must stand alone. Received: text"),
    ],
)
def test_mistakes_get_one_line(words, message, capsys):
    assert command.main(words) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_only_a_full_run_replaces_the_committed_results(tmp_path):
    for experiment in EXPERIMENTS:
        full, quick = experiment.start(quick=False), experiment.start(quick=True)
        assert experiment.folder(full) == RESULTS
        assert experiment.folder(quick) == RESULTS / "quick" / experiment.name
        assert not experiment.is_full(quick)
    changed = command.EXPERIMENTS["main-job"].options.__class__(seeds=2)
    assert command.EXPERIMENTS["main-job"].folder(changed) == RESULTS / "changed" / "main-job"


def test_the_folder_of_results_is_that_however_it_is_named(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("results", "./results", "tests/../results", RESULTS):
        options = replace(command.EXPERIMENTS["speech"].options, output_dir=Path(name))
        assert command.EXPERIMENTS["speech"].folder(options) == RESULTS


def test_more_workers_change_what_is_measured_only_where_times_are():
    full = {name: own.is_full(replace(own.options, workers=2)) for name, own in command.EXPERIMENTS.items()}
    assert {name for name, same in full.items() if not same} == {"main-job", "arithmetic", "tensorflow-2016"}


def test_empty_fields_and_the_word_none_are_told_apart(tmp_path):
    rows = [{"name": "none", "value": None, "count": 1}, {"name": "None", "value": float("inf"), "count": 2}]
    Store(tmp_path).write("a", rows, ("name", "value"))
    frame = Store(tmp_path)["a"]
    assert list(frame.name) == ["none", "None"] and list(frame.columns) == ["name", "value"]
    assert frame.value.isna().tolist() == [True, False] and frame.value[1] == float("inf")
