"""The search: the tries are what the committed rows say, as many for each method, and recipes are the best of them."""

import numpy as np
import pytest
from committed import RESULTS, read

import main
from experiments import search
from experiments.store import Store

# One in the table of the documents: the method without clocks, and with them.
CELLS = {
    "simple": ("simple_rnn", "clockwork_rnn"),
    "LSTM": ("lstm", "clockwork_lstm"),
    "GRU": ("gru", "clockwork_gru"),
}


def best(task, method, rank=0):
    rows = [row for row in read(f"search_{task}.csv") if row["method"] == method]
    return sorted(rows, key=lambda row: float(row["score"]))[rank]


@pytest.mark.parametrize("task", ["generation", "words"])
def test_recipes_are_the_best_of_the_search(task):
    _, recipes = main.TASKS[task]
    for recipe in [recipe for recipe in recipes if recipe.recipe == "modern"]:
        second = task == "generation" and recipe.model == "clockwork_rnn"  # as docs/results/search.md says
        row = best(task, recipe.model, rank=int(second))
        searched = {name: text for name, text in row.items() if hasattr(recipe, name)}
        if "lstm" not in recipe.model:
            searched.pop("forget_bias"), searched.pop("peepholes")  # which only LSTMs have
        for name, text in searched.items():
            assert text == str(getattr(recipe, name)), (recipe.model, name)


@pytest.mark.parametrize("task", ["generation", "words"])
def test_every_method_had_as_many_tries(task):
    rows = read(f"search_{task}.csv")
    tries = {method: sum(row["method"] == method for row in rows) for pair in CELLS.values() for method in pair}
    assert len(set(tries.values())) == 1 and sum(tries.values()) == len(rows)


@pytest.mark.parametrize("task", ["generation", "words"])
def test_the_tries_are_those_of_the_committed_rows(task):
    tried = {(row["method"], int(row["draw"])): row for row in read(f"search_{task}.csv")}
    drawn = list(search.drawn(task, search.Flags()))
    assert {(own.model, number) for number, own in drawn} == set(tried)
    for number, own in drawn:
        row = tried[own.model, number]
        for name in set(row) - {"method", "draw", "learning_rate", "score", "worst"}:
            assert row[name] == str(getattr(own, name)), (own.model, number, name)


def test_a_small_search_of_each_task(tmp_path, monkeypatch):
    asked, networks = [], []

    def compute(function, cells, *_):
        asked.extend((function.__module__, cell.arguments["settings"].model) for cell in cells)
        networks.extend(cell.networks for cell in cells)
        found = {
            "mse": np.full((4, 14), 0.25),
            "diverged": np.zeros((4, 14), bool),
            "test_error": np.full((3, 5), 50.0),
        }
        text = {"bits_per_character": 2.0, "parameters": 7, "epochs": 1, "seconds": 1.5}
        return [{name: np.array(value) for name, value in (found | text).items()} for _ in cells]

    monkeypatch.setattr(search, "compute", compute)
    monkeypatch.setattr(search, "_words_arguments", lambda own: {"seeds": (1000,) * 3})
    search.run(search.Flags(methods=("lstm",), draws=1), store := Store(tmp_path))
    assert asked[:2] == [("experiments.training.generation", "lstm"), ("experiments.training.words", "lstm")]
    assert asked[2:] == [("experiments.training.text", "lstm")] * 5
    assert networks == [7 * 4 * 2, 3 * 5, *[1] * 5]
    assert store["search_generation"].score.tolist() == pytest.approx([0.25] * 7)
    assert store["search_words"].score.tolist() == [50] * 3
    assert store["search_text"].columns.tolist() == list(search.TEXT_ROW)


def test_networks_of_the_answers_are_those_of_all_tries():
    """Six methods, 12 draws and 7 rates on 4 targets with 2 seeds; 12 draws and 3 rates in 5 folds; 5 rates once."""
    networks = [answer.networks for answer in search.answers(Store(RESULTS))]
    assert networks == [6 * 12 * 7 * 4 * 2, 6 * 12 * 3 * 5, 6 * 5]


def test_cells_of_methods_that_were_not_searched_for_are_dashes(tmp_path):
    tries = [{"method": "lstm", "draw": 0, "learning_rate": 0.01, "score": 20.0, "worst": 30.0}]
    (store := Store(tmp_path)).write("search_words", tries, search.SEARCHES["words"].columns)
    lines = search.tables(store)["search-cells"].splitlines()[2:]
    assert lines == ["| simple | – | – |", "| LSTM | 20% | – |", "| GRU | – | – |"]


def test_the_two_best_of_each_method_are_shown():
    lines = search.tables(Store(RESULTS))["search-words"].splitlines()[2:]
    assert len(lines) == 2 * 6
    assert lines[2].startswith("| LSTM | 36 | fan_in | 1 |") and lines[2].endswith("| 0.01 | 34.4 | 40 |")
