"""The generation experiment: a row is what `main.py` gives with the same flags, and its tables say what the rows say."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from committed import RESULTS, read

from data.sequences import load_target
from experiments import generation_table, published, sequence_generation
from main import recipe
from running.runs import Run
from running.train import train
from tasks.sequence_generation import SequenceGeneration

ROOT = Path(__file__).parents[2]


def options(**changes):
    return replace(sequence_generation.Options(), **changes)


def test_published_medians_are_in_the_order_of_the_paper():
    """Koutník et al. 2014, section 4.1: the simple RNN fails, and the Clockwork RNN is best at every size."""
    for parameters in (100, 250, 500, 1000):
        rnn, lstm, clockwork = (
            published.GENERATION_NMSE[method][parameters][1] for method in published.GENERATION_NMSE
        )
        assert clockwork < lstm < rnn


def test_the_whole_experiment_has_the_networks_of_the_paper():
    targets = list(sequence_generation.load_targets(options().targets).values())
    keys, cells = zip(*sequence_generation.make_cells(options(), targets), strict=True)
    networks = {setting: 0 for setting in sequence_generation.SETTINGS}
    for key, cell in zip(keys, cells, strict=True):
        networks[key["setting"]] += cell.networks
    assert networks["paper"] == networks["paper_unclipped"] == 6000  # 3 methods × 4 sizes × 100 seeds × 5 targets
    assert networks["modern"] == 7500  # and 3 more sizes, those of main.py
    assert len({cell.file for cell in cells}) == len(cells)


@pytest.mark.parametrize(
    "settings",
    [
        recipe("generation", recipe="paper"),
        recipe("generation", recipe="paper", model="lstm"),
        recipe("generation", model="simple_rnn"),
    ],
)
def test_a_network_of_a_cell_is_the_one_of_main(settings, tmp_path):
    settings = replace(settings, units=9, epochs=20, length=60, target=None)
    values = load_target(None, 0, 60, None).values
    result = sequence_generation.train_networks(settings, [values, -values], [4, 5])
    alone = replace(settings, seed=5, name="a", log_dir=tmp_path / "log", results_dir=tmp_path)
    metrics = train(SequenceGeneration(alone), alone, Run("generation", alone))
    assert result["mse"].shape == (2, 2) and not result["diverged"].any()
    assert result["mse"][0, 1] == pytest.approx(metrics["mse"], rel=1e-3)
    assert result["parameters"] == metrics["parameters"]
    assert ((result["best"] - np.stack([values, -values])) ** 2).mean(axis=1) == pytest.approx(
        result["mse"].min(axis=1), rel=1e-5
    )


def test_a_cell_notes_who_diverged():
    settings = recipe(
        "generation", recipe="paper", model="simple_rnn", units=9, epochs=40, length=60, target=None, learning_rate=10.0
    )
    result = sequence_generation.train_networks(settings, [load_target(None, 0, 60, None).values], [0, 1])
    assert result["diverged"].all()


def test_committed_table_is_that_of_the_committed_rows():
    rows = read("figure3.csv")
    assert len(rows) == 6000 + 6000 + 7500
    text = generation_table.table(rows) + "\n\n" + generation_table.times(read("figure3_time.csv"))
    assert (RESULTS / "figure3.md").read_text(encoding="utf-8") == text + "\n"
    assert text in (ROOT / "README.md").read_text(encoding="utf-8")


def test_committed_medians_are_near_the_published_ones():
    """Within 35% for LSTM and Clockwork RNN, 0.40 to 0.50 for the simple RNN, in the published order."""
    for parameters in (100, 250, 500, 1000):
        medians = {}
        for method in published.GENERATION_NMSE:
            medians[method] = np.median(
                [
                    float(row["nmse_paper"])
                    for row in read("figure3.csv")
                    if (row["setting"], row["method"], int(row["parameters"])) == ("paper", method, parameters)
                ]
            )
        assert medians["clockwork_rnn"] < medians["lstm"] < medians["simple_rnn"]
        assert 0.40 < medians["simple_rnn"] < 0.50
        for method in ("lstm", "clockwork_rnn"):
            assert medians[method] == pytest.approx(published.GENERATION_NMSE[method][parameters][1], rel=0.35)


def test_the_modern_clockwork_rnn_of_36_units_always_learns():
    rows = [row for row in read("figure3.csv") if (row["setting"], row["units"]) == ("modern", "36")]
    assert len(rows) == 500 and not any(int(row["diverged"]) for row in rows)
    assert np.median([float(row["mse"]) for row in rows]) < 1e-5


def test_committed_rows_are_consistent():
    targets = sequence_generation.load_targets(options().targets)
    for row in read("figure3.csv"):
        assert int(row["diverged"]) == (row["mse"] == "inf")
        assert float(row["nmse_paper"]) == pytest.approx(float(row["nmse"]) / 2, rel=1e-4)
        assert float(row["nmse"]) == pytest.approx(
            float(row["mse"]) / targets[row["target"]].values.var(dtype=float), rel=1e-4
        )


def test_published_units_give_about_the_parameters():
    """Counted by hand: simple RNN n² + 2n + 1; Clockwork RNN of 9 modules as in tests of the layer; with periods."""
    for parameters, units in published.GENERATION_UNITS["simple_rnn"].items():
        assert abs(units**2 + 2 * units + 1 - parameters) <= 0.1 * parameters


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seeds", "0"], "--seeds must be at least 1. Received: 0"),
        (["--parameters", "300"], "--parameters"),
        (["--targets", "missing.wav"], "--target must be a file that exists. Received: missing.wav"),
        (["--targets", "sines", "sines"], "--targets must have names of their own. Received: sines twice"),
        (["--methods", "gru"], "--methods"),
        (["--parameters", "800", "--settings", "paper"], "--parameters must leave networks to train"),
    ],
)
def test_refuses(flags, message, tmp_path, capsys):
    assert sequence_generation.main([*flags, "--output-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_sound_files_and_sines_are_targets_too(tmp_path):
    flags = ["--targets", "sines", "data/music.flac", "--settings", "modern", "--methods", "clockwork_rnn", "lstm"]
    flags += ["--parameters", "100", "--seeds", "1", "--epochs", "3", "--output-dir", str(tmp_path)]
    command = [sys.executable, "-m", "experiments.sequence_generation", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "figure3.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["target"]) for row in rows] == [
        (method, target) for method in ("lstm", "clockwork_rnn") for target in ("sines", "music")
    ]
    for name in ("figure3.png", "figure3_curves.png", "figure3_curves.csv", "figure3.md", "figure3_time.csv"):
        assert (tmp_path / name).stat().st_size > 50
