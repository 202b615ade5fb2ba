"""Modules that take turns: their clocks, and tables that say what the rows say."""

from dataclasses import replace

import numpy as np
import pytest
from committed import ENDS, RESULTS

from experiments import extensions, turns
from experiments.equal_parameters import parameters
from experiments.grid import ROOT
from experiments.store import Store
from experiments.training import turns as training
from models.clocks import fires
from tasks.network_settings import clock

VARIANTS = {
    "base",
    "odd-even pairs of the fastest module alone",
    "threes of the fastest module alone",
    "odd-even pairs of all modules",
    "threes of all modules",
    "round robin of three",
    "round robin of as many as there are",
}


@pytest.mark.parametrize("task", ENDS)
def test_sets_fire_as_often_as_the_module_that_they_stand_for(task):
    steps = np.arange(800)[:, None]
    found = {key["variant"]: cell.arguments["settings"] for key, cell in training.make_cells(task, 2, None)}
    assert set(found) == VARIANTS
    paper, _ = clock(found["base"])
    own = fires(steps, np.array(paper)).sum(axis=0)
    for variant, settings in found.items():
        periods, phases = (np.array(numbers) for numbers in clock(settings))
        fired = fires(steps, periods, phases)
        if "round robin" in variant:
            assert (fired.sum(axis=1) == 1).all() and len(periods) == (3 if "three" in variant else len(paper))
            continue
        turns_of = 3 if "threes" in variant else 2 if "pairs" in variant else 1
        sets = np.where(np.array(paper) == 1, turns_of, turns_of if "all" in variant else 1)
        ends = np.cumsum(sets)
        np.testing.assert_array_equal(
            [fired[:, end - size : end].sum() for end, size in zip(ends, sets, strict=True)], own
        )
        assert (fired[:, : sets[0]].sum(axis=1) == 1).all()  # one of the fastest at every step


@pytest.mark.parametrize("task", ENDS)
def test_all_have_equal_parameters_and_nothing_else_changed(task):
    base = training.BASES[task]
    for _, cell in training.make_cells(task, 2, None):
        settings = cell.arguments["settings"]
        assert parameters(settings, *ENDS[task]) == pytest.approx(parameters(base, *ENDS[task]), rel=0.026)
        same = {name: getattr(settings, name) for name in ("units", "periods", "turns", "turns_of")}
        assert replace(base, **same) == settings


def test_sentences_say_what_was_measured():
    page = (ROOT / "docs" / "results" / "turns.md").read_text(encoding="utf-8").replace("\n", " ")
    found = extensions.comparisons(Store(RESULTS)["turns"]).set_index(["task", "variant"])
    ratio, verdict = found.ratio, found.verdict
    fastest, everyone = ("odd-even pairs of the fastest module alone", "odd-even pairs of all modules")
    said = (f"{ratio[task, name]:.2f}" for task in ("generation", "text") for name in (fastest, everyone))
    assert "×{} against ×{} on sequences, ×{} against ×{} on text".format(*said) in page
    assert (
        "×{:.2f} and ×{:.2f}".format(
            *(ratio["text", f"{n} of the fastest module alone"] for n in ("odd-even pairs", "threes"))
        )
        in page
    )
    robins = [f"round robin of {many}" for many in ("three", "as many as there are")]
    bits, wrong, errors = ([np.median(found.own[task, n]) for n in robins] for task in ("text", "words", "generation"))
    assert "{:.2f} against {:.2f} bits".format(*bits) in page and bits[0] < bits[1]
    assert "{1:.0f}% wrong instead of {0:.0f}%".format(*wrong) in page and wrong[0] > wrong[1] and errors[0] > errors[1]
    assert all(verdict[task, n] == "worse" for task in ENDS for n in robins)
    assert not (verdict == "better").any()
    sets = [n for n in VARIANTS if "pairs" in n or "threes" in n]
    assert {verdict["words", n] for n in sets} == {"no difference shown"} and {verdict["text", n] for n in sets} == {
        "worse"
    }
    assert verdict["generation", "threes of the fastest module alone"] == "no difference shown"
    assert f"(×{ratio['generation', 'threes of all modules']:.2f};" in page
    assert ratio["generation", "threes of all modules"] < ratio["generation", everyone]


def test_committed_rows_are_all_sets():
    rows = Store(RESULTS)["turns"]
    assert set(rows.task) == set(ENDS) and set(rows.variant) == VARIANTS
    assert (rows.groupby(["task", "variant"]).seed.nunique() == 10).all()


def test_runs_small(tmp_path, monkeypatch):
    def trained(_, cells, *__):
        """Stand in for training: what is written of a result is tested, not the result."""
        for place in range(len(cells)):
            yield {"score": np.array([[place + 2.0, place + 4.0]]), "parameters": np.array(9), "seconds": np.array(2.0)}

    monkeypatch.setattr(turns, "compute", lambda *given: list(trained(*given)))
    store = Store(tmp_path)
    turns.run(turns.Flags(tasks=("words", "text"), seeds=2), store)
    tables = turns.tables(store)
    assert "| odd-even pairs of the fastest module alone | 4 (3–5) | ×1.33, no difference shown" in tables["turns"]
    assert "| text | round robin of three | 114 | 9 | 2 | 0 | 2 |" in tables["turns-networks"]
    assert set(turns.pictures(store)) == {"turns"}
