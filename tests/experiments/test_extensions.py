"""The questions about extensions: what is compared, how it is judged, and tables that say what the rows say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from committed import RESULTS, read

from experiments import extensions
from experiments.equal_parameters import parameters
from models.clocks import SERIES, WIRINGS
from tasks.network_settings import clock
from tasks.sequence_generation import SequenceGeneration

ROOT = Path(__file__).parents[2]
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
    found = extensions.variants(extensions.BASES["text"])
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
    for key, cell in extensions.make_cells(extensions.Options(seeds=1)):
        task, settings = key["task"], cell.arguments["settings"]
        base = parameters(extensions.BASES[task], *sizes[task])
        if key["variant"] == "exponential, sizes by spectrum":
            count = SequenceGeneration(settings).network.size
        else:
            count = parameters(settings, *sizes[task])
        assert count == pytest.approx(base, rel=0.05)


def test_random_periods_differ_from_seed_to_seed():
    options = extensions.Options(tasks=("generation",), questions=("series",), seeds=3)
    drawn = [
        (key["seeds"], cell.arguments["settings"].periods)
        for key, cell in extensions.make_cells(options)
        if key["variant"] == "random"
    ]
    assert [seeds for seeds, _ in drawn] == [(0,), (1,), (2,)]
    assert len({periods for _, periods in drawn}) == 3


@pytest.mark.parametrize("task", SMALL)
def test_a_cell_trains_a_network_for_each_target_and_seed(task):
    settings = replace(extensions.BASES[task], **SMALL[task])
    targets = ("target_1", "target_4") if task == "generation" else ("",)
    result = extensions.train_networks(task, settings, targets, (0, 1))
    assert result["score"].shape == (len(targets), 2) and np.isfinite(result["score"]).all()
    rows = list(extensions.rows(KEY | {"task": task, "targets": targets, "seeds": (0, 1)}, result))
    assert [(row["target"], row["seed"]) for row in rows] == [(target, seed) for target in targets for seed in (0, 1)]


KEY = {"question": "wiring", "variant": "full", "units": 9}


def test_scores_of_several_targets_count_by_their_geometric_mean():
    rows = [
        {"task": "generation", "question": "", "variant": "base", "seed": str(seed), "score": str(score)}
        for seed, score in [(1, 4), (0, 2), (0, 8), (1, 9)]
    ]
    assert extensions.scores(rows, "generation", "", "base") == pytest.approx([4, 6])


def test_verdicts_are_those_of_the_rank_sum_test():
    base = np.arange(1.0, 11)
    # All ten below all ten: z = (50 − ½) / √(10 · 10 · 21 / 12) (Mann & Whitney 1947), so that p = 1.83e-4.
    assert extensions.compared(base - 10, base, 270) == "better (p = 0.0002)"
    assert extensions.compared(base + 10, base, 270) == "worse (p = 0.0002)"
    assert extensions.compared(base - 10, base, 280) == "no difference shown (p = 0.0002)"
    assert extensions.compared(np.full(10, np.inf), base, 10).startswith("worse")


def test_committed_tables_are_those_of_the_committed_rows():
    rows = read("extensions.csv")
    text = extensions.table(rows)
    assert (RESULTS / "extensions.md").read_text(encoding="utf-8") == text + "\n"
    assert text in (ROOT / "README.md").read_text(encoding="utf-8")
    for task in extensions.BASES:
        assert len(extensions.scores(rows, task, "", "base")) >= 10
    for task, base in extensions.BASES.items():
        known = {(row["question"], row["variant"]) for row in rows if row["task"] == task}
        assert known == set(extensions.variants(base))


def test_runs_small_from_the_command_line(tmp_path, capsys):
    flags = ["--tasks", "generation", "--seeds", "1", "--epochs", "2", "--workers", "1", "--output-dir", str(tmp_path)]
    assert extensions.main([*flags, "--questions", "turns"]) == 0
    assert {"extensions.csv", "extensions.md", "extensions.png"} <= {path.name for path in tmp_path.iterdir()}
    assert extensions.main([*flags, "--questions", "input"]) == 2
    assert "--questions must hold one that the tasks can answer" in capsys.readouterr().err
