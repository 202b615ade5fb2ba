"""The handwriting experiment: who has how many units, what the search sees, where errors are counted, what the tables say."""

from collections import Counter
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from committed import RESULTS
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from data.ink import ALPHABET, Line
from experiments import __main__ as command
from experiments import handwriting
from experiments import handwriting_documents as documents
from experiments.grid import ROOT
from experiments.published import HANDWRITING_ERROR, HANDWRITING_UNITS
from experiments.store import Store
from experiments.training import handwriting as training
from tasks.handwriting import CLASSES, Handwriting
from tasks.ink_inputs import Ink
from tasks.network import Network

FULL = handwriting.Flags()
TINY = replace(FULL, lines=30, batch_size=8, epochs=1, search_epochs=1, seeds=1, sizes=(10000,), rates=(1e-2,))
TABLES = ("handwriting", "handwriting_search", "handwriting_characters", "handwriting_strokes")
TEXTS = st.text(ALPHABET, min_size=1, max_size=12)


def size(settings):
    """Return the weights of the network itself."""
    return Network(settings, Ink(np.zeros(4), np.ones(4), 0.0), CLASSES, bidirectional=True).size


@pytest.mark.parametrize("model", handwriting.MODELS)
@pytest.mark.parametrize("about", FULL.sizes)
def test_networks_are_as_large_as_they_should_be(model, about):
    settings = training.network(FULL, model, about)
    assert settings.units == HANDWRITING_UNITS.get(model, {}).get(about, settings.units)
    assert training.counted(settings) == size(settings) == pytest.approx(about, rel=0.035)


def test_published_units_have_the_parameters_of_the_closed_form():
    """Koutník et al. 2014 (ICML), section 4.3: a layer of 4 inputs in each direction, 82 outputs that see both."""
    for about, units in HANDWRITING_UNITS["simple_rnn"].items():
        assert training.counted(training.network(FULL, "simple_rnn", about)) == 2 * units * (units + 5) + 82 * (
            2 * units + 1
        )
    for about, units in HANDWRITING_UNITS["lstm"].items():
        assert training.counted(training.network(FULL, "lstm", about)) == 8 * units * (units + 5) + 82 * (2 * units + 1)
    # Nine modules of five units, of which the i-th slowest hears i: 5 · 5 · (1 + … + 9) weights, 45 · 5 of inputs and biases.
    assert training.counted(training.network(FULL, "clockwork_rnn", 10000)) == 2 * (25 * 45 + 45 * 5) + 82 * 91 == 10162


def test_reasons_change_one_thing_at_equal_size():
    short = replace(FULL, seeds=1, epochs=7)
    base = {model: training.network(short, model, 10000) for model in HANDWRITING_UNITS}
    rates = {(model, 10000): base[model].learning_rate for model in base}
    for key, cell in training.reason_cells(short, rates):
        settings, (model, changes) = cell.arguments["settings"], handwriting.REASONS[key["variant"]]
        changes = changes | ({"epochs": 14} if key["variant"] == "twice the epochs" else {})
        assert settings == replace(base[model], units=settings.units, **changes) != base[model]
        assert size(settings) == pytest.approx(size(base[model]), rel=0.015)


def test_cells_are_whole_sizes_one_after_another_and_then_the_reasons():
    rates = {(model, about): 1e-2 for model in FULL.models for about in FULL.sizes}
    searched = list(training.search_cells(FULL))
    compared, changed = list(training.main_cells(FULL, rates)), list(training.reason_cells(FULL, rates))
    assert (len(searched), len(compared), len(changed)) == (5 * 3 * 5, 5 * 3 * 5, 8 * 5)
    assert [(key["size"], key["seed"]) for key, _ in compared] == sorted(
        (key["size"], key["seed"]) for key, _ in compared
    )
    assert len({cell.file for _, cell in searched + compared + changed}) == 190
    assert {cell.arguments["settings"].seed for _, cell in searched} == {100} and 100 not in range(FULL.seeds)
    other = replace(FULL, sizes=(50000,), output_dir="elsewhere", workers=7)
    assert {cell.file for _, cell in training.main_cells(other, rates)} < {cell.file for _, cell in compared}


def test_all_models_are_trained_alike_but_for_what_the_recipes_say():
    told = {name: getattr(FULL, name) for name in ("lines", "epochs", "batch_size")}
    for key, cell in training.main_cells(FULL, {(model, about): 1e-2 for model in FULL.models for about in FULL.sizes}):
        own, same = (
            asdict(cell.arguments["settings"]),
            {"units": key["units"], "seed": key["seed"], "learning_rate": 1e-2},
        )
        recipe = asdict(training.recipe("handwriting", model=key["model"], **same, **told))
        assert own == recipe


def test_the_search_reads_no_test_line(monkeypatch):
    made, read = [], []

    def train_silently(task, settings):
        made.append(task)
        loop = SimpleNamespace(progress=SimpleNamespace(seconds=[0.0]))
        return SimpleNamespace(weights=None, lost=[False], stopped=[0], loop=loop)

    def paths(task, weights, lines):
        read.append(lines)
        return np.full((1, len(lines.inputs), 1), -1)

    monkeypatch.setattr(training, "train_silently", train_silently)
    monkeypatch.setattr(Handwriting, "paths", paths)
    result = training.try_rate(training.network(TINY, "simple_rnn", 10000, learning_rate=1e-2))
    assert len(read) == 1 and read[0] is made[0].validation and result["validation_error"] == 100  # nothing is said


def test_the_rate_with_the_least_validation_error_wins():
    tries = pd.DataFrame(
        [
            ("lstm", 10000, 3e-3, 20.0),
            ("lstm", 10000, 1e-2, 10.0),
            ("lstm", 10000, 3e-2, np.inf),
            ("lstm", 50000, 1e-2, 7.0),
            ("lstm", 50000, 3e-3, 7.0),
        ],
        columns=["model", "size", "learning_rate", "validation_error"],
    )
    assert handwriting.best_rates(tries) == {("lstm", 10000): 1e-2, ("lstm", 50000): 3e-3}
    lines = documents._search(tries).splitlines()
    assert lines[2:] == ["| 10,000 | LSTM | 20.0 | **10.0** | inf |", "| 50,000 | LSTM | **7.0** | 7.0 | nan |"]


@given(st.lists(st.tuples(TEXTS, st.text(ALPHABET, max_size=12)), min_size=1, max_size=4))
def test_errors_by_character_sum_to_the_distance(pairs):
    truths, answers = zip(*pairs, strict=True)
    found = training.character_errors(truths, answers)
    assert found[:, 1].sum() == sum(Levenshtein.distance(*pair) for pair in pairs)
    written = Counter("".join(truths))
    assert found[:-1, 0].tolist() == [written[character] for character in ALPHABET] and found[-1, 0] == 0


def test_errors_are_counted_at_the_character_that_was_written():
    found = training.character_errors(["abca", "b"], ["xbc", "bb"])  # a → x, the last a is missing, a b too many
    wrong = {[*ALPHABET, "inserted"][place]: count for place, (_, count) in enumerate(found.tolist()) if count}
    assert wrong == {"a": 2, "inserted": 1}


@given(st.lists(st.integers(1, 25), min_size=1, max_size=6), st.integers(1, 4))
def test_places_in_strokes_are_those_of_a_loop(sizes, every):
    lifted = np.concatenate([[False] * (count - 1) + [True] for count in sizes])
    expected = []
    for stroke in sizes:
        expected += [-(-10 * point // stroke) - 1 for point in range(1, stroke + 1)]
    expected = [10 if any(lifted[first : first + every]) else expected[first] for first in range(0, len(lifted), every)]
    assert training.stroke_places(lifted, every).tolist() == expected


def test_characters_are_counted_where_they_begin():
    lifted = np.array([False, False, False, True, False, True])
    a, b, x = (ALPHABET.index(character) for character in "abx")
    line = Line(np.zeros((6, 3)), lifted, "ab", "w", "n")
    found = training.said_where([line], [np.array([-1, a, x, b, -1, -1, -1])], every=1)
    steps, said, wrong = found.T.tolist()
    assert steps == [0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 2]  # 1/4, 2/4 and 3/4 of a stroke, 1/2 of another, and two lifts
    assert said == [0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1] and wrong == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]


def rows(errors):
    """Return rows of networks with these errors: (variant, model, size) → one a seed."""
    columns = {
        "parameters": 9999,
        "units": 7,
        "learning_rate": 0.01,
        "validation_error": 1.0,
        "epochs": 3,
        "seconds": 60,
    }
    return pd.DataFrame(
        {"variant": variant, "model": model, "size": about, "seed": seed, "label_error": error, **columns}
        for (variant, model, about), own in errors.items()
        for seed, error in enumerate(own)
    )


def test_five_seeds_apart_in_a_family_of_six_are_shown():
    five = np.arange(5.0)
    shift = {"lstm": 10, "simple_rnn": 20, "clockwork_rnn": 30}
    found = documents.compared(
        rows({("base", model, about): five + by for about in FULL.sizes for model, by in shift.items()})
    )
    least = 2 / 252  # of all ways to deal ten ranks, the two farthest
    own = found[found.one == "clockwork_rnn"]
    assert own.p.tolist() == pytest.approx([6 * least] * 6) and 6 * least < 0.05
    assert own.difference.tolist() == [20, 10] * 3
    assert found[found.one == "lstm"].p.tolist() == pytest.approx([3 * least] * 3)  # no Clockwork LSTM to compare


def test_a_reason_closes_a_share_of_the_gap():
    five = np.arange(5.0)
    errors = {
        ("base", "lstm", 10000): five + 10,
        ("base", "clockwork_rnn", 10000): five + 30,
        ("base", "clockwork_rnn", 50000): five,
        ("full wiring", "clockwork_rnn", 10000): five + 25,
        ("mean of the input", "clockwork_rnn", 10000): five + 31,
        ("positions, LSTM", "lstm", 10000): five + 50,
    }
    found = documents.reasons(rows(errors)).set_index("variant")
    assert found.change.to_dict() == {"full wiring": -5, "mean of the input": 1, "positions, LSTM": 40}
    assert found.closed["full wiring"] == pytest.approx(5 / 20)
    assert found.p["full wiring"] == pytest.approx(2 * 2 / 252)  # two of the clock; the input is a family of its own
    assert found.p["positions, LSTM"] == pytest.approx(2 / 252)


def test_errors_by_group_are_of_what_was_written_of_it():
    counts = [("a", 30, 6), ("b", 10, 2), ("i", 40, 1), ("A", 10, 5), ("7", 5, 1), (",", 4, 4), (" ", 1, 0)]
    frame = pd.DataFrame([*counts, ("inserted", 0, 3)], columns=["character", "written", "errors"])
    found = documents.by_group(frame.assign(variant="base", model="lstm", size=10000, seed=0)).loc["lstm"]
    wanted = {
        "a–z but i, j, t": 20,
        "i, j, t": 2.5,
        "capitals": 50,
        "digits": 20,
        "signs": 100,
        "spaces": 0,
        "inserted": 3,
    }
    assert found.error.to_dict() == pytest.approx(wanted)
    assert found.share["a–z but i, j, t"] == 40 and set(found.index) == set(documents.ORDER)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--lines", "0"], "--lines must be at least 1. Received: 0"),
        (["--search-epochs", "0"], "--search-epochs must be at least 1. Received: 0"),
        (["--sizes", "20000"], "20000"),
        (["--models", "gru"], "gru"),
        (["--rates", "0"], "--rates must be learning rates above 0. Received: 0.0"),
    ],
)
def test_refuses(flags, message, tmp_path, capsys):
    assert command.main(["handwriting", *flags, "--output-dir", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_runs_small(tmp_path, in_this_process, capsys):
    in_this_process(handwriting)
    assert command.main(["handwriting", "--quick", "--output-dir", str(tmp_path)]) == 0
    assert "| LSTM | positions, LSTM | 25 | 10182 |" in capsys.readouterr().out
    own = {name: Store(tmp_path)[name] for name in TABLES}
    check_counts(own)
    assert own["handwriting"].variant.tolist() == ["base", "positions, LSTM"]
    assert {path.name for path in tmp_path.glob("*.png")} == {"handwriting.png", "handwriting_reasons.png"}


def test_networks_that_all_diverge_are_said_to_have(tmp_path, in_this_process, capsys):
    in_this_process(handwriting)
    assert command.main(["handwriting", "--quick", "--rates", "1e38", "--output-dir", str(tmp_path)]) == 0
    assert "| LSTM | 10182 | 25 | 1e+38 | inf " in capsys.readouterr().out
    assert {path.name for path in tmp_path.glob("*.png")} == {"handwriting.png"}


def check_counts(tables):
    """Check that errors by character and by place in a stroke are those of the label errors."""
    keys = list(handwriting.KEYS)
    networks, characters, strokes = (tables[name].set_index(keys) for name in TABLES if name != "handwriting_search")
    by_character, by_place = (table.groupby(level=keys).sum(numeric_only=True) for table in (characters, strokes))
    error = 100 * by_character.errors / by_character.written
    wanted = networks.label_error[np.isfinite(networks.label_error)]  # of those that did not diverge
    pd.testing.assert_series_equal(error.sort_index(), wanted.sort_index(), check_names=False, rtol=1e-5)
    inserted = characters.errors[characters.character == "inserted"].reindex(by_character.index).fillna(0)
    right = by_character.written - (by_character.errors - inserted)
    assert (right == by_place.said - by_place.wrong).all()


def test_committed_rows_are_the_whole_experiment():
    store = Store(RESULTS)
    own = {name: store[name] for name in TABLES}
    found = own["handwriting"]
    groups = found.groupby(["variant", "model", "size"]).seed.nunique()
    assert (groups == 5).all() and len(groups) == 15 + 8 and len(found) == 5 * 23
    assert len(own["handwriting_search"]) == 75
    whole = found[np.isfinite(found.label_error)]  # all but one, which diverged
    assert len(whole) == 114 and (whole.epochs == np.where(whole.variant == "twice the epochs", 60, 30)).all()
    check_counts(own)


def test_the_page_says_what_is_published():
    page = (ROOT / "docs" / "results" / "handwriting.md").read_text(encoding="utf-8").replace("\n", " ")
    for about, order in {
        10000: ("lstm", "simple_rnn", "clockwork_rnn"),
        100000: ("lstm", "clockwork_rnn", "simple_rnn"),
    }.items():
        errors = [HANDWRITING_ERROR[model][about] for model in order]
        assert errors == sorted(errors)
    for model, errors in HANDWRITING_ERROR.items():
        assert f"{documents.NAMES[model]} {' / '.join(map(str, errors.values()))} %" in page


def test_what_the_page_shows_is_in_the_rows():
    rows, tries, characters, strokes = (Store(RESULTS)[name] for name in TABLES)
    base = rows[rows.variant == "base"]
    medians = base.groupby(["model", "size"]).label_error.median().unstack().round(1)
    order = ["lstm", "simple_rnn", "clockwork_gru", "clockwork_lstm", "clockwork_rnn"]
    for _, own in medians.items():
        found = list(own.sort_values().index)
        assert found[:2] == order[:2] and found[-1] == "clockwork_rnn"
    assert medians.loc["clockwork_rnn"].tolist() == [74.7, 73.0, 75.1]
    assert medians.loc["clockwork_lstm"].tolist() == [43.2, 33.5, 22.1]
    assert medians.loc["lstm"].tolist() == [10.4, 5.2, 4.2] and medians.loc["simple_rnn", 100000] == 9.7
    tested = documents.compared(rows).set_index(["one", "other"]).p
    assert (tested["clockwork_lstm", "lstm"].round(3) == 0.048).all()
    assert (tested["clockwork_rnn", "simple_rnn"] <= 0.05).tolist() == [False, True, False]  # by size
    changed = documents.reasons(rows).set_index("variant")
    for variant, change, p in (
        ("mean of the input", 0.1, 1),
        ("periods to 32", -2.4, 1),
        ("periods to 8", -35.7, 0.19),
        ("odd-even pairs", 2.2, 1),
        ("full wiring", -1.0, 1),
        ("twice the epochs", -14.6, 1),
        ("positions", 1.0, 1),
        ("positions, LSTM", 36.1, 0.016),
    ):
        assert (round(changed.change[variant], 1), float(f"{changed.p[variant]:.2g}")) == (change, p)
    to_8 = np.sort(changed.own["periods to 8"]).round()
    assert to_8[:4].min() == 37 and to_8[:4].max() == 42 < to_8[4]
    clocked = np.sort(base.label_error[base.model == "clockwork_rnn"])
    assert clocked[[0, 4, 5, -1]].round().tolist() == [37, 55, 73, 83]
    assert (base[base.model == "clockwork_rnn"].groupby("size").label_error.min() < 56).all()
    errors = documents.by_group(characters).error.clockwork_rnn.round()
    assert errors["spaces"] == 17 and errors.drop(["spaces", "inserted"]).agg(["min", "max"]).tolist() == [84, 100]
    places = documents.by_place(
        strokes.assign(place=strokes.place.map(lambda place: "lift" if place == 10 else place < 5))
    )
    said = places.loc["base"].said.round().unstack()
    assert said["lift"][["lstm", "clockwork_rnn", "clockwork_gru"]].tolist() == [42, 41, 15]
    assert said.loc["clockwork_gru", True] == 59
    assert places.loc["base", "lstm"].steps["lift"].round() == 15
    simple = np.sort(base.label_error[(base.model == "simple_rnn") & (base["size"] == 100000)]).round(1)
    assert simple[[0, 3, 4]].tolist() == [7.2, 10.9, 76.8]
    assert tries[tries.model == "clockwork_rnn"].validation_error.min() > 77
