"""The text experiment: networks of equal size, naive predictors, and tables that say what the rows say."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from committed import RESULTS, read

from data.text import load_text
from experiments import text
from experiments.equal_parameters import parameters
from experiments.store import Store
from experiments.training import text as training
from experiments.training.extensions import BASES
from main import recipe
from models.clocks import WIRINGS
from tasks.character_model import CharacterModel


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("The clock ticks, and then it ticks again. " * 60, encoding="utf-8")
    return str(path)


def test_networks_have_about_500_000_parameters():
    known, characters = text.networks(None), len(load_text(None).characters)
    assert set(text.WIRED.values()) == set(WIRINGS)
    for name in text.WIRED:
        assert parameters(known[name], characters, characters) == pytest.approx(500_000, rel=0.02)
    for name in ("simple RNN", "LSTM"):
        assert CharacterModel(known[name]).network.size == pytest.approx(500_000, rel=0.02)


def test_each_network_is_the_one_trained_alone(corpus, without_xla):
    small = {"text": corpus, "units": 12, "periods": (1, 4), "epochs": 2, "streams": 4, "chunk": 64}
    settings = replace(BASES["text"], **small)
    result = training.train_networks(settings, (3, 5))
    alone = training.train_network(replace(settings, seed=5))
    assert result["bits_per_character"].shape == (2,) and result["parameters"] == alone["parameters"]
    assert result["bits_per_character"][1] == pytest.approx(alone["bits_per_character"], rel=1e-6)
    assert result["bits_per_character"][0] != result["bits_per_character"][1]


def test_character_frequencies_are_those_of_counting(corpus):
    task = CharacterModel(recipe("text", text=corpus, streams=4, chunk=64))
    training_part, tested = (list(part.tolist()) for part in (task.training, task.testing))
    singles, pairs = Counter(training_part), Counter(zip(training_part, training_part[1:]))
    size, before = len(task.text.characters), Counter(training_part[:-1])
    known = list(zip(tested, tested[1:]))
    single = [math.log2((len(training_part) + size) / (singles[last] + 1)) for _, last in known]
    pair = [math.log2((before[first] + size) / (pairs[first, last] + 1)) for first, last in known]
    found = [row["bits_per_character"] for row in training.character_frequencies(task.settings)]
    assert found == pytest.approx([sum(bits) / len(known) for bits in (single, pair)])


def test_committed_rows_are_all_networks_and_rates_are_the_best_of_the_search():
    assert {row["network"] for row in read("text.csv")} == set(text.MODELS)
    assert [row["predictor"] for row in read("text_naive.csv")] == [
        row["predictor"] for row in training.character_frequencies(recipe("text"))
    ]
    methods = {"simple RNN": "simple_rnn", "LSTM": "lstm", "Clockwork RNN": "clockwork_rnn"}
    for method, model in methods.items():
        found = [row for row in read("search_text.csv") if row["method"] in (method, model)]
        best = min(found, key=lambda row: float(row["bits_per_character"]))
        assert float(best["learning_rate"]) == recipe("text", model=model).learning_rate


def test_a_network_that_diverged_is_drawn_beside_naive_predictors(tmp_path):
    known, store = Store(RESULTS), Store(tmp_path)
    rows = known["text"].copy()
    rows.loc[0, "bits_per_character"] = math.inf
    store.write("text", rows, text.COLUMNS)
    store.write("text_naive", known["text_naive"], text.NAIVE_COLUMNS)
    (axis,) = text.pictures(store)["text"].axes
    assert len(axis.get_yticklabels()) == len(rows) + len(known["text_naive"])


def test_runs_small(tmp_path, corpus, in_this_process):
    in_this_process(text)
    options = text.Flags(text=corpus, networks=("simple RNN",), minutes=1e-4)
    store = Store(tmp_path / "results")
    text.run(options, store)
    assert store["text"][["network", "units", "seed", "epochs"]].values.tolist() == [["simple RNN", 611, 0, 1]]
    (line,) = [line for line in text.tables(store)["text"].splitlines() if line.startswith("| simple RNN")]
    assert f" {store['text'].bits_per_character[0]:.3f} " in line
    assert set(text.pictures(store)) == {"text"}
    with pytest.raises(ValueError, match="`minutes` must be above 0. Received: 0.0"):
        text.Flags(minutes=0.0).check()
