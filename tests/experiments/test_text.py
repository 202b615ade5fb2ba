"""The text experiment: networks of equal size, what the search sees, and tables that say what the rows say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from committed import RESULTS, read

from data.text import load_text
from experiments import extensions, text
from experiments.equal_parameters import parameters
from tasks.character_model import CharacterModel

ROOT = Path(__file__).parents[2]


def test_networks_have_about_500_000_parameters():
    known, characters = text.networks(None), len(load_text(None).characters)
    for name in text.WIRED:
        assert parameters(known[name], characters, characters) == pytest.approx(500_000, rel=0.02)
    for name in ("simple RNN", "LSTM"):
        assert CharacterModel(known[name]).network.size == pytest.approx(500_000, rel=0.02)


def test_each_network_is_the_one_trained_alone(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("The clock ticks, and then it ticks again. " * 60, encoding="utf-8")
    small = {"text": str(corpus), "units": 12, "periods": (1, 4), "epochs": 2, "streams": 4, "chunk": 64}
    settings = replace(extensions.BASES["text"], **small)
    result = extensions.train_networks("text", settings, ("",), (3, 5))
    alone = text.train_network(replace(settings, seed=5))
    assert result["score"].shape == (1, 2) and result["parameters"] == alone["parameters"]
    assert result["score"][0, 1] == pytest.approx(alone["bits_per_character"], rel=1e-6)
    assert result["score"][0, 0] != result["score"][0, 1]


def test_the_search_sees_nothing_of_the_test_text(tmp_path):
    whole, part = load_text(None), load_text(str(text._training_part(None, tmp_path)))
    task = CharacterModel(text.MODERN_TEXT)
    assert len(part.indices) == len(task.training)
    seen = np.array(list(part.characters))[part.indices]
    assert (seen == np.array(list(whole.characters))[task.training]).all()


def test_each_method_is_tried_as_often():
    keys = [key for key, _ in text.search_cells(Path("part.txt"))]
    for method in text.METHODS:
        assert [key["learning_rate"] for key in keys if key["method"] == method] == list(text.SEARCH_RATES)
    assert len(keys) == len(text.METHODS) * len(text.SEARCH_RATES)


def test_committed_tables_are_those_of_the_committed_rows():
    rows = read("text.csv")
    written = text.table(rows)
    assert {row["network"] for row in rows} == {"simple RNN", "LSTM", *text.WIRED}
    assert (RESULTS / "text.md").read_text(encoding="utf-8") == written + "\n"
    assert written in (ROOT / "README.md").read_text(encoding="utf-8")
    for method, recipe in text.METHODS.items():  # recipes are the best of the search
        found = [row for row in read("search_text.csv") if row["method"] == method]
        best = min(found, key=lambda row: float(row["bits_per_character"]))
        assert float(best["learning_rate"]) == recipe.learning_rate


def test_runs_small_from_the_command_line(tmp_path, capsys):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("a clock ticks. " * 200, encoding="utf-8")
    flags = ["--text", str(corpus), "--networks", "simple RNN", "--workers", "1", "--output-dir", str(tmp_path)]
    assert text.main([*flags, "--minutes", "0.0001"]) == 0
    assert {"text.csv", "text.md"} <= {path.name for path in tmp_path.iterdir()}
    assert text.main([*flags, "--minutes", "0"]) == 2
    assert "--minutes must be above 0. Received: 0.0" in capsys.readouterr().err
