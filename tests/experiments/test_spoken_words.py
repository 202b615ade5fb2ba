"""The spoken-word experiment: what a block trains on, and tables that say what the rows say."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from committed import RESULTS, read

from experiments import published, search, spoken_words
from main import recipe
from tasks.spoken_words import SpokenWords

ROOT = Path(__file__).parents[2]
SMALL = recipe("words", units=14, epochs=3)


def test_folds_leave_out_each_training_clip_once_and_never_touch_test_clips(tmp_path):
    settings = replace(SMALL, cache_dir=tmp_path)
    task, whole = SpokenWords(settings, (3, 4), folds=5), SpokenWords(settings)
    assert task.seeds == (3,) * 5 + (4,) * 5
    assert (task.training.shape, task.testing.shape) == ((10, 100), (10, 25))
    for training, tested in zip(task.training, task.testing):
        assert set(task.labels[tested]) == set(range(25))  # one recording of each word
        assert set(training) | set(tested) == set(whole.training[0])
    for seed in (task.testing[:5], task.testing[5:]):
        assert sorted(seed.ravel()) == whole.training[0].tolist()


def test_networks_stop_by_their_own_errors(tmp_path):
    """With a learning rate so small that no error falls, after the first epoch and as many as the patience."""
    settings = replace(SMALL, cache_dir=tmp_path, patience=2, epochs=9, learning_rate=1e-12, decay="constant")
    result = spoken_words.train_networks(settings, seeds=(0, 1))
    assert result["epochs"].tolist() == [3, 3]
    assert (result["test_error"] > 80).all()


def test_published_medians_are_in_the_order_of_the_paper():
    """Koutník et al. 2014, section 4.2 and Figure 4."""
    for parameters in (500, 1000, 2500, 5000, 10000):
        rnn, lstm, clockwork = (published.WORDS_ERROR[method][parameters] for method in published.WORDS_ERROR)
        assert clockwork < lstm < rnn


@pytest.mark.parametrize(
    ("name", "networks", "with_published"),
    [
        ("figure4", 2 * 3 * 5 * 20, True),  # settings × methods × sizes × seeds
        ("digits_by_speaker", 3 * 20, False),
        ("digits_at_random", 3 * 20, False),
    ],
)
def test_committed_tables_are_those_of_the_committed_rows(name, networks, with_published):
    rows = read(f"{name}.csv")
    assert len(rows) == networks
    text = spoken_words.table(rows, with_published)
    assert (RESULTS / f"{name}.md").read_text(encoding="utf-8") == text + "\n"
    assert text in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("task", ["generation", "words"])
def test_main_has_what_the_search_found(task):
    """The best by mean score of each method; for generation's Clockwork RNN the second (see `experiments.search`).

    Those that `main.py` says were not searched have no rows.
    """
    rows, columns = read(f"search_{task}.csv"), search.SEARCHES[task].columns
    searched = {row["method"] for row in rows}
    assert searched >= set(published.WORDS_UNITS)
    for start in (start for start in search.SEARCHES[task].starts if start.model in searched):
        of_method = [row for row in rows if row["method"] == start.model]
        assert len(of_method) == 12 * len(search.SEARCHES[task].learning_rates)
        ranked = sorted(of_method, key=lambda row: float(row["score"]))
        chosen = ranked[(task, start.model) == ("generation", "clockwork_rnn")]
        for name in columns[2:-2]:
            assert str(getattr(start, name)) == chosen[name], name


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seeds", "0"], "--seeds must be at least 1. Received: 0"),
        (["--corpus", "nowhere"], "--corpus must be a folder with a folder for each word. Received: nowhere"),
        (["--parameters", "7"], "--parameters"),
    ],
)
def test_refuses(flags, message, tmp_path, capsys):
    assert spoken_words.main([*flags, "--output-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_runs_and_resumes(tmp_path):
    command = [sys.executable, "-m", "experiments.spoken_words", "--settings", "modern", "--parameters", "500"]
    command += ["--methods", "lstm", "clockwork_rnn", "--seeds", "2", "--epochs", "1", "--output-dir", str(tmp_path)]
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "4 networks are in" in done.stdout
    with open(tmp_path / "figure4.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["units"], row["seed"]) for row in rows] == [
        *[("lstm", "5", "0"), ("lstm", "5", "1")],
        *[("clockwork_rnn", "10", "0"), ("clockwork_rnn", "10", "1")],
    ]
    assert (tmp_path / "figure4.png").stat().st_size > 100
