from pathlib import Path

import pytest
from committed import read

import main
from experiments.text import METHODS

DOCS = Path(__file__).parents[2] / "docs"
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
        second = task == "generation" and recipe.model == "clockwork_rnn"  # as the README says
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


def test_the_table_of_cells_is_that_of_the_search():
    text = (DOCS / "choosing-periods.md").read_text(encoding="utf-8")
    for cell, methods in CELLS.items():
        mse = [f"{float(best('generation', method)['score']):.1e}" for method in methods]
        error = [f"{best('words', method)['score']}%" for method in methods]
        bits = [f"{best_of_text(method):.2f}" for method in methods]
        assert f"| {cell} | {mse[0]} | {mse[1]} | {error[0]} | {error[1]} | {bits[0]} | {bits[1]} |" in text


def best_of_text(model):
    names = [name for name, recipe in METHODS.items() if recipe.model == model]
    return min(float(row["bits_per_character"]) for row in read("search_text.csv") if row["method"] in names)
