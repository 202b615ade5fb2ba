"""Clock series at equal span: the sets of periods, their equal networks, and tables that say what the rows say."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from committed import RESULTS

from experiments import equal_span
from experiments.equal_parameters import parameters
from experiments.period_sets import coprime_pairs
from experiments.store import Store
from experiments.training import equal_span as training
from models.clocks import make_periods

PAPER = (1, 2, 4, 8, 16, 32, 64, 128, 256)
BASES = {task: settings.periods for task, settings in training.BASES.items()}
SIZES = {"generation": (0, 1), "words": (13, 25), "text": (103, 103)}  # inputs and outputs


@pytest.fixture(scope="module")
def rows():
    return Store(RESULTS)["equal_span"]


def test_stretched_periods_rise_as_the_values_do():
    assert training.stretched(2.0 ** np.arange(9), 256) == PAPER
    assert training.stretched(np.array([5.0, 1, 2, 3]), 5) == (1, 2, 3, 5)
    assert training.stretched(np.arange(5), 401) == (1, 101, 201, 301, 401)
    assert training.stretched(10.0 ** np.arange(5), 6) == (1, 2, 3, 4, 6)  # distinct, where all but one would be 1
    assert training.stretched(np.array([0, 98, 99, 100.0]), 5) == (1, 3, 4, 5)


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_series_have_the_number_and_the_span_of_the_papers_periods(base):
    found = training.series(base)
    assert len(found) == 8 and found[f"exponential, base {base[1]}"] == base
    for periods in found.values():
        assert (periods[0], periods[-1], len(periods)) == (1, base[-1], len(base))
        assert (np.diff(periods) > 0).all()
    own = make_periods("fibonacci", len(base))
    assert training.spans(base)[f"Fibonacci to {own[-1]}"] == own


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_coprime_pairs_are_changed_and_hardly_anything_else(base):
    spans, found = training.spans(base), training.coprime(base)
    for name, periods in found.items():
        near = np.array(spans[re.search("near (.*),", name)[1]])
        assert (periods[0], periods[-1]) == (1, near[-1])
        assert (np.abs(near - periods) <= np.maximum(1, near / 4)).all() and (np.diff(periods) > 0).all()
    few, many = (found[f"near the paper's to {base[-1]}, {said} coprime pairs"] for said in ("few", "many"))
    assert few == base and coprime_pairs(base) == len(base) - 1  # 1 with all others, and no more
    assert coprime_pairs(many) == len(base) * (len(base) - 1) // 2


@pytest.mark.parametrize("task", BASES)
def test_all_sets_have_equal_parameters_and_equal_ones_share_a_cell(task):
    made = list(training.make_cells(task, equal_span.GROUPS, 2, None))
    base = parameters(training.BASES[task], *SIZES[task])
    files = {}
    for key, cell in made:
        settings = cell.arguments["settings"]
        assert parameters(settings, *SIZES[task]) == base and settings.periods == key["periods"]
        assert replace(settings, periods=()) == replace(training.BASES[task], periods=())
        files.setdefault((key["periods"], key["seeds"]), set()).add(cell.file)
    assert all(len(names) == 1 for names in files.values()) and len(files) < len(made)
    assert [key["seeds"] for key, _ in made if key["variant"] == "random"] == [(0,), (1,)]


def test_committed_rows_are_all_sets_with_equal_parameters(rows):
    for task, own in rows.groupby("task", sort=False):
        found = own.fillna({"question": ""}).groupby(["question", "variant"]).periods.first()
        wanted = {key: " ".join(map(str, periods)) for key, periods in training.sets(BASES[task]).items()}
        assert found.to_dict() == wanted
        assert own.groupby("variant").seed.nunique().min() >= 10 and own.parameters.nunique() == 1
    assert set(rows.task) == set(BASES)


def test_tables_say_what_the_rows_say(rows):
    tables = equal_span.tables(Store(RESULTS))
    words = rows[(rows.task == "words") & (rows.variant == "Fibonacci to 21")].score
    line = next(line for line in tables["equal-span-words"].splitlines() if "| Fibonacci to 21 " in line)
    assert f"{words.median():.3g} ({words.quantile(0.25):.3g}–{words.quantile(0.75):.3g})" in line
    text = rows[rows.task == "text"].drop_duplicates(["periods", "seed"]).groupby("periods").score.median()
    longest = pd.Series({periods: int(periods.split()[-1]) for periods in text.index})
    rho = np.corrcoef(text.rank(), longest[text.index].rank())[0, 1]
    assert f"| text | longest period | {rho:+.2f} ({len(text)} sets)" in tables["equal-span"]


def test_runs_all_sets_and_draws_what_explains_them(tmp_path, monkeypatch):
    """Scores that are the longest period go with the span alone."""
    monkeypatch.setattr(equal_span, "compute", scored_by_span)
    store = Store(tmp_path)
    equal_span.run(equal_span.Flags(tasks=("text",), seeds=2), store)
    rows = store["equal_span"]
    assert len(rows) == 2 * len(training.sets(BASES["text"]))
    lines = [line for line in equal_span.tables(store)["equal-span"].splitlines() if "| longest period |" in line]
    assert len(lines) == 1 and "+1.00" in lines[0]
    (figure,) = equal_span.pictures(store).values()
    assert len(figure.axes) == 4 and all(axis.lines for axis in figure.axes)


def scored_by_span(function, cells, *_):
    shapes = [(len(cell.arguments["targets"]), len(cell.arguments["seeds"])) for cell in cells]
    longest = [max(cell.arguments["settings"].periods) for cell in cells]
    return [
        {"score": np.full(shape, float(span)), "seconds": np.array(1.0), "parameters": np.array(9)}
        for shape, span in zip(shapes, longest, strict=True)
    ]
