"""A learning rate for each target: who is chosen by which seeds, how it is judged, and tables that say what the rows say."""

import numpy as np
import pandas as pd
import pytest
from committed import RESULTS

from experiments import target_rates
from experiments.grid import ROOT
from experiments.store import Store
from main import recipe
from tasks.sequence_generation import SequenceGeneration

TARGETS = [f"target_{number}" for number in range(1, 6)]


def test_networks_have_about_as_many_parameters():
    tasks = [SequenceGeneration(recipe("generation", model=method)) for method in target_rates.METHODS]
    counts = [task.network.size + task.network.periods for task in tasks]
    assert max(counts) <= 1.02 * min(counts)


def made(medians, role, seeds):
    """Return rows of one method, whose errors lie around the medians [target][factor]."""
    for target, own in zip(TARGETS, medians):
        for factor, median in zip((0.5, 1.0, 2.0), own):
            for seed in seeds:
                row = {"method": "lstm", "role": role, "target": target, "factor": factor, "seed": seed}
                yield row | {"learning_rate": 0.01 * factor, "mse": median * 1.01 ** (seed % 100), "seconds": 1.0}


@pytest.fixture
def rows():
    """Target 1 is best at twice the rate in the search, and on fresh seeds there ten times worse; the rest at the recipe's."""
    searched = [(9, 4, 2), *[(9, 1, 8)] * 4]
    fresh = [(9, 1, 10), *[(9, 1, 8)] * 4]
    frame = pd.DataFrame([*made(searched, "search", range(1000, 1005)), *made(fresh, "fresh", range(10))])
    return frame.assign(units=13, parameters=807)


def test_rates_are_chosen_by_the_seeds_of_the_search_alone(rows):
    found = target_rates.chosen(rows).loc["lstm"]
    assert found.own.tolist() == [2, 1, 1, 1, 1] and found.common.tolist() == [1] * 5


def test_a_rate_that_diverges_is_not_chosen(rows):
    rows.loc[(rows.target == "target_3") & (rows.factor == 1) & (rows.seed >= 1002), "mse"] = np.inf
    found = target_rates.chosen(rows).loc["lstm"]
    assert found.own["target_3"] == 2 and found.common.tolist() == [2] * 5


def test_gains_are_those_on_fresh_seeds(rows):
    found = target_rates.gains(rows).loc["lstm"]
    assert found.ratio["target_1"] == pytest.approx(10) and found.searched["target_1"] == pytest.approx(0.5)
    assert found.same.tolist() == [False, True, True, True, True, False]
    # All ten above all ten, in 2 of 184756 ways to deal the ranks; two tests, of the target and of all five.
    assert found.p["target_1"] == pytest.approx(2 * 2 / 184756) and found.verdict["target_1"] == "worse"
    assert found.ratio[target_rates.ALL] == pytest.approx(10 ** (1 / 5))
    np.testing.assert_allclose(found.with_own[target_rates.ALL], 10 ** (1 / 5) * 1.01 ** np.arange(10))


def test_orders_are_those_of_either_rate(rows):
    other = rows.assign(method="clockwork_rnn", mse=np.where(rows.factor == 1, 3.0, 5.0) + rows.seed % 100 / 100)
    found = target_rates.orders(pd.concat([other, rows])).set_index(["target", "rates"])
    assert found.verdict["target_1"].tolist() == ["worse", "better"] and len(found) == 12
    assert found.ratio["target_1", "own"] == pytest.approx(3.045 / 10.456, rel=1e-3)
    assert (found.verdict.drop("target_1", level="target")[:, "own"] == "worse").sum() == 5


def test_gains_of_single_seeds_are_those_of_their_errors(rows):
    """The geometric mean of ten times the error of one of five targets, and of the same of the others."""
    found = target_rates.gains(rows[rows.seed.isin((0, 1000))]).loc["lstm"]
    assert found.ratio[target_rates.ALL] == pytest.approx(10 ** (1 / 5)) and found.p.tolist() == [1] * 6


def test_committed_rows_are_the_whole_experiment():
    counts = Store(RESULTS)["target_rates"].groupby(["method", "role", "target", "factor"]).seed.nunique()
    assert counts["clockwork_rnn", "fresh"].unique() == [10] and len(counts) == 3 * 2 * 5 * 7
    assert counts.min() == 5


def test_sentences_say_what_was_measured():
    page = (ROOT / "docs" / "results" / "target-rates.md").read_text(encoding="utf-8").replace("\n", " ")
    rows = Store(RESULTS)["target_rates"]
    found = target_rates.chosen(rows)
    near = (np.abs(np.log2(found.own / found.common)) <= 1).groupby("method").sum()
    assert near.to_dict() == {"clockwork_rnn": 5, "lstm": 4, "simple_rnn": 3} and "yes, in 12: all five of the" in page
    assert set(found.common) == {2} and "twice the recipe's for all three" in page
    assert (found.own == found.common)["clockwork_rnn"].all()
    gained = target_rates.gains(rows)
    targets = gained.drop(target_rates.ALL, level="target")
    tested = targets[~targets.same]
    assert f"at most ×{tested.ratio.min():.3g}, and shown in none" in page and not (gained.verdict == "better").any()
    less, lost = (tested.ratio > tested.searched).sum(), sorted(tested.ratio[tested.ratio > 1])
    assert (
        "in {} of {} cases less, of which {} lose, by ×{:.2f} and ×{:.2f}".format(less, len(tested), len(lost), *lost)
        in page
    )
    assert (targets.own / targets.common)["simple_rnn"].min() == 1 / 8
    orders = target_rates.orders(rows)
    assert (orders.verdict == "better").all() and len(orders) == 6 * 3 * 2


def test_runs_small(tmp_path, in_this_process, monkeypatch):
    in_this_process(target_rates)
    monkeypatch.setattr(target_rates, "FACTORS", (0.5, 1.0))
    store = Store(tmp_path)
    target_rates.run(target_rates.Flags(methods=("clockwork_rnn",), seeds=2, search_seeds=1, epochs=10), store)
    rows = store["target_rates"]
    assert len(rows) == 5 * 2 * 3 and rows.groupby("role").seed.unique().map(list).to_dict() == {
        "fresh": [0, 1],
        "search": [1000],
    }
    assert rows.learning_rate.unique().tolist() == [0.025, 0.05]
    tables, own = target_rates.tables(store), rows[(rows.role == "fresh") & (rows.target == "target_2")]
    factor = target_rates.chosen(rows).own["clockwork_rnn", "target_2"]
    (line,) = [line for line in tables["target-rates"].splitlines() if "| target 2 |" in line]
    assert f"{own.mse[own.factor == factor].median():.2e} (" in line
    assert "| Clockwork RNN | 36 | 802 | 0.025 to 0.05 | 30 | 0 |" in tables["target-rates-cost"]
    (figure,) = target_rates.pictures(store).values()
    assert len(figure.axes) == 5 and all(axis.lines for axis in figure.axes)
