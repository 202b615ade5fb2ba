"""The questions about extensions: what is compared, how it is judged, and tables that say what the rows say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from committed import RESULTS

from experiments import extensions
from experiments.equal_parameters import parameters
from experiments.store import Store
from experiments.training import extensions as training
from models.clocks import SERIES, WIRINGS
from tasks.network_settings import clock
from tasks.sequence_generation import SequenceGeneration

SMALL = {
    "generation": {"units": 9, "periods": (1, 2, 4), "epochs": 3},
    "words": {"units": 9, "periods": (1, 2, 4), "epochs": 1},
}

CHANGED = {
    "": (),
    "wiring": ("connections",),
    "series": ("clock_series", "modules", "series_base", "periods"),
    "input": ("input_modules", "input_mean"),
    "turns": ("periods", "turns"),
    "forgetting": ("forget_every", "forget_growth"),
}


def test_answers_differ_from_the_base_in_what_is_asked():
    found = training.variants("text")
    base = found["", "base"]
    assert {variant for question, variant in found if question == "wiring"} == set(WIRINGS) - {"slow_to_fast"}
    assert {variant for question, variant in found if question == "series"} > set(SERIES) - {"exponential"}
    assert clock(found["series", "symmetric"])[0] == (1, 1, 4, 4, 16)  # the extensions' author's 1, 4, 16, 4, 1
    assert clock(found["series", "lowest period 2"])[0] == (2, 8, 32, 128)
    assert clock(found["turns", "odd-even pairs"]) == ((2, 2, 8, 8, 32, 32, 128, 128), (0, 1, 0, 4, 0, 16, 0, 64))
    assert clock(found["turns", "round-robin"]) == ((4, 4, 4, 4), (0, 1, 2, 3))
    for (question, variant), settings in found.items():
        fields = {name: getattr(settings, name) for name in CHANGED[question]}
        assert replace(base, **fields) == settings and (settings != base or variant == "base")


def test_all_have_about_as_many_parameters():
    sizes = {"generation": (0, 1), "words": (13, 25), "text": (103, 103)}
    cells = [cell for task in extensions.TASKS for cell in training.make_cells(task, extensions.QUESTIONS, 1, None)]
    for key, cell in cells:
        task, settings = key["task"], cell.arguments["settings"]
        base = parameters(training.BASES[task], *sizes[task])
        if key["variant"] == "exponential, sizes by spectrum":
            count = SequenceGeneration(settings).network.size
        else:
            count = parameters(settings, *sizes[task])
        assert count == pytest.approx(base, rel=0.05)


def test_random_periods_differ_from_seed_to_seed():
    drawn = [
        (key["seeds"], cell.arguments["settings"].periods)
        for key, cell in training.make_cells("generation", ("series",), 3, None)
        if key["variant"] == "random"
    ]
    assert [seeds for seeds, _ in drawn] == [(0,), (1,), (2,)]
    assert len({periods for _, periods in drawn}) == 3


@pytest.mark.parametrize("task", SMALL)
def test_a_cell_trains_a_network_for_each_target_and_seed(task, without_xla):
    settings = replace(training.BASES[task], **SMALL[task])
    targets = ("target_1", "target_4") if task == "generation" else ("",)
    result = training.train_networks(task, settings, targets, (0, 1))
    assert result["score"].shape == (len(targets), 2) and np.isfinite(result["score"]).all()
    rows = list(extensions.make_rows(KEY | {"task": task, "targets": targets, "seeds": (0, 1)}, result))
    assert [(row["target"], row["seed"]) for row in rows] == [(target, seed) for target in targets for seed in (0, 1)]


KEY = {"question": "wiring", "variant": "full", "units": 9}


def scored(scores, question="", variant="base"):
    row = {"task": "generation", "question": question, "variant": variant}
    return pd.DataFrame([row | {"seed": seed, "score": float(score)} for seed, score in scores])


def test_scores_of_several_targets_count_by_their_geometric_mean():
    found = extensions.seed_scores(scored([(1, 4), (0, 2), (0, 8), (1, 9)]))
    assert found["generation", "", "base"].sort_index().tolist() == pytest.approx([4, 6])


def test_verdicts_are_those_of_exact_rank_sum_tests_adjusted_after_holm():
    """All ten above, or below, all ten: p is 2 in 184756 ways to deal the ranks, and counts five times for five comparisons."""
    base = np.arange(11.0, 21)
    answers = {
        "lower": base - 10,
        "higher": base + 10,
        "the same": base,
        "diverged": np.full(10, np.inf),
        "low": base - 10,
    }
    rows = [scored(enumerate(base)), *(scored(enumerate(own), "wiring", name) for name, own in answers.items())]
    found = extensions.comparisons(pd.concat(rows)).set_index("variant")
    wanted = {
        "lower": "better",
        "higher": "worse",
        "the same": "no difference shown",
        "diverged": "worse",
        "low": "better",
    }
    assert found.verdict.to_dict() == wanted
    assert found.p["lower"] == pytest.approx(5 * 2 / 184756) and found.p["the same"] == 1
    assert found.ratio["lower"] == pytest.approx(5.5 / 15.5)


def test_committed_rows_are_all_answers():
    rows = Store(RESULTS)["extensions"].fillna("")
    for task, own in rows.groupby("task"):
        seeds = own.groupby(["question", "variant"]).seed.nunique()
        assert set(seeds.index) == set(training.variants(task)) and seeds.min() >= 10
    assert set(rows.task) == set(extensions.TASKS) == set(training.BASES)


def test_networks_of_tasks_that_were_not_asked_are_not_counted():
    """Ten networks each of the base and of two others: on words and text for the input, on text alone for the reset."""
    found = {answer.question.split(":")[0]: answer.networks for answer in extensions.answers(Store(RESULTS))}
    assert found["Input"] == 2 * 30 and found["Reset of the state"] == 30


def test_runs_small(tmp_path, monkeypatch):
    def trained(_, cells, *__):
        """Stand in for training, which has its own test: what is written of a result is tested, not the result."""
        for place, cell in enumerate(cells, 1):
            score = np.full((len(cell.arguments["targets"]), 1), float(place))
            yield {"score": score, "parameters": np.array(9), "seconds": np.array(2.0)}

    monkeypatch.setattr(extensions, "compute", lambda *given: list(trained(*given)))
    options = replace(extensions.EXPERIMENT.start(quick=True), seeds=1)
    store = Store(tmp_path)
    extensions.run(options, store)
    assert set(store["extensions"].variant) == {"base", "odd-even pairs", "round-robin"}
    assert "| odd-even pairs | 2 | ×2, no difference shown (p = 1) |" in extensions.tables(store)["extensions"]
    assert set(extensions.pictures(store)) == {"extensions"}
    with pytest.raises(ValueError, match="`questions` must hold one that the tasks can answer"):
        extensions.run(replace(options, questions=("input",)), store)
