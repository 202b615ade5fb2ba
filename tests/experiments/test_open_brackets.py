"""Open brackets: spans as the rule says, probes that agree with closed forms, and tables that say what the rows say."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from committed import RESULTS

from experiments import open_brackets
from experiments.equal_parameters import parameters
from experiments.grid import ROOT
from experiments.linear_probe import Samples, auc, fit, scores
from experiments.open_marks import BINS, best_of_ticks, distances, insert_spans, marked
from experiments.statistics import sign_flip_p
from experiments.store import Store
from experiments.training import open_brackets as training
from models.clocks import make_modules

PAGE = ROOT / "docs" / "results" / "open-brackets.md"
WORDS = " ".join(["it", "is", "a\n  text", "of", "several", "words"] * 20_000)


@pytest.fixture(scope="module")
def rows():
    return Store(RESULTS)["open_brackets"]


@pytest.fixture(scope="module")
def spans():
    """Openings, closings and text of many inserted spans."""
    text = np.array(list(insert_spans(WORDS, np.random.default_rng(0))))
    return np.flatnonzero(text == "«"), np.flatnonzero(text == "»"), text


def test_spans_are_put_between_words_and_change_nothing_else(spans):
    opened, closed, text = spans
    assert "".join(text[(text != "«") & (text != "»")]) == WORDS
    assert len(opened) == len(closed) and (opened < closed).all() and (closed[:-1] < opened[1:]).all()
    for place in opened[1:]:
        assert text[place - 1].isspace() or text[place - 1] == "»" and text[place - 2].isspace()
        assert not text[place + 1].isspace()
    for place in closed[closed - opened > 1][:-1]:
        beside = text[place - 1], text[place + 1] if text[place + 1] != "«" else text[place + 2]
        assert beside[0].isspace() != beside[1].isspace()


def test_half_of_the_spans_are_short_evenly_on_a_log_scale_and_all_are_far_apart(spans):
    opened, closed, _ = spans
    length = closed - opened
    assert np.diff(opened).min() > 200 and np.diff(opened).max() < 290  # to the next border, of words of up to 7
    short = length <= 200
    assert short.mean() == pytest.approx(0.5, abs=0.04)
    for part in (14, 100):
        share = np.log(part) / np.log(200)
        assert (length <= part).mean() == pytest.approx(share / 2, abs=0.06)


def test_what_is_open_agrees_with_reading_on():
    text = np.array(list("(a)b(cd(e)f)gg((h)"))
    distance = np.array([1, 2, 4])
    found = marked(text, "(", ")", distance)
    kept = [place for place in np.flatnonzero(text == "(") if place + 4 < len(text)]
    assert found.places.tolist() == kept
    for row, place in enumerate(kept):
        for column, away in enumerate(distance):
            after = text[place + 1 : place + away + 1]
            assert found.counted[row, column] == ("(" not in after)
            assert found.open[row, column] == (")" not in after)


def test_distances_are_all_of_a_short_bin_and_ten_of_a_long_one():
    assert distances(3, 5).tolist() == [3, 4, 5]
    for low, high in BINS:
        found = distances(low, high)
        assert found[0] == low and found[-1] == high and len(found) == min(10, high - low + 1)


@pytest.mark.parametrize("period", [2, 4, 16])
def test_best_of_ticks_is_the_auc_of_all_cases(period):
    """Each of an open and a closed span meets the ticks or not: all cases, with the likelihood ratio as the value."""
    seen = 1 / period
    opened = {"opening": seen, "nothing": 1 - seen}
    closed = {"closing": seen, "opening": (1 - seen) * seen, "nothing": (1 - seen) ** 2}
    ratio = {name: opened.get(name, 0) / chance for name, chance in closed.items()}
    pairs = itertools.product(opened.items(), closed.items())
    wins = sum(p * q * (1 + np.sign(round(ratio[a] - ratio[b], 12))) / 2 for (a, p), (b, q) in pairs)
    assert best_of_ticks(period) == pytest.approx(wins)


def test_auc_counts_pairs_of_one_group():
    rng = np.random.default_rng(0)
    value, label, group = rng.integers(0, 6, 60).astype(float), rng.random(60) < 0.4, rng.integers(0, 3, 60)
    larger = pairs = 0
    for one, other in itertools.product(range(60), repeat=2):
        if group[one] == group[other] and label[one] and not label[other]:
            pairs += 1
            larger += (value[one] > value[other]) + (value[one] == value[other]) / 2
    assert auc(value, label, group) == pytest.approx(larger / pairs)
    assert np.isnan(auc(value, group == 0, group))


def test_a_fit_is_least_squares_with_an_intercept_for_each_group():
    rng = np.random.default_rng(1)
    features, group = rng.normal(size=(80, 4)) * (1, 2, 3, 0), rng.integers(0, 3, 80)
    label = features[:, 0] + group + rng.normal(size=80) > 1
    design = np.hstack([features[:, :2], np.eye(3)[group]])
    wanted = np.linalg.lstsq(design, label.astype(float), rcond=None)[0][:2]
    first, constant = fit(Samples(features, label, group), [slice(0, 2), slice(3, 4)], penalty=0.0001**2)
    np.testing.assert_allclose(first, wanted, rtol=1e-5)
    assert constant.tolist() == [0]
    strong = fit(Samples(features, label, group), [slice(0, 2)], penalty=1e6)[0]
    assert np.abs(strong).max() < 1e-5


def test_probes_find_what_is_there_and_nothing_else():
    rng = np.random.default_rng(2)
    label, group = rng.random((2, 4000)) < 0.5, rng.integers(0, 2, (2, 4000))
    told = label * 1.0 + rng.normal(size=label.shape)  # AUC of Φ(1 / √2) = 0.760
    features = np.stack([told, group * 5.0, rng.normal(size=label.shape)], axis=-1)
    fitted, scored = (Samples(features[i], label[i], group[i]) for i in range(2))
    found = scores(fitted, scored, [slice(0, 1), slice(1, 2), slice(2, 3), slice(None)])
    np.testing.assert_allclose(found, [0.760, 0.5, 0.5, 0.760], atol=0.03)
    assert found[1] == 0.5  # the group is told by what all of it have


def test_sign_flips_are_counted_exactly():
    assert sign_flip_p([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 32)
    values = np.array([0.3, -0.1, 0.25, 0.0, 0.6])
    means = [np.mean(values * signs) for signs in itertools.product((1, -1), repeat=5)]
    assert sign_flip_p(values) == pytest.approx(np.mean(np.abs(means) >= abs(values.mean()) - 1e-12))
    assert sign_flip_p([0.0, 0.0, 0.0]) == 1


def test_modules_of_one_period_are_probed_together():
    found = training.by_period(make_modules(11, (1, 4, 16, 4, 1)))
    assert {name: (own.start, own.stop) for name, own in found.items()} == {
        "1": (0, 5),
        "4": (5, 9),
        "16": (9, 11),
        "all": (None, None),
    }


def test_wirings_have_equal_parameters():
    found = training.wirings()
    assert tuple(found) == open_brackets.WIRINGS and found[open_brackets.PAPER] == training.BASE
    cells = list(training.make_cells(found, (0, 1), 1, 10_000))
    size = len(set("".join(training.parts(10_000)))) + 2
    counts = [parameters(cell.arguments["settings"], size, size) for cell in cells]
    assert max(counts) < 1.02 * min(counts) and counts[0] == parameters(training.BASE, size, size)


def test_states_of_modules_without_input_know_nothing_and_fast_ones_see_a_mark():
    """A cell whose networks are hardly trained: with input to the fastest only, slower modules are the same for all texts."""
    settings = replace(training.wirings()["input to the fastest only"], units=16, epochs=1)
    result = training.train_and_probe(settings, (0, 1), 20_000)
    assert result["periods"].tolist() == ["1", "4", "16", "64", "all"]
    for name in ("trained", "initial", "shuffled"):
        assert result[name].shape == (2, 2, 5, len(BINS))
        assert np.isfinite(result[name][:, 0]).all() and np.isnan(result[name][:, 1, :, 5:]).all()
    near = result["initial"][:, 1, :, 0].mean(axis=0)  # natural brackets, 1 to 2 characters
    assert near[0] > 0.8 and abs(near[3] - 0.5) < 0.2


def test_runs_small(tmp_path, in_this_process):
    in_this_process(open_brackets)
    options = replace(open_brackets.EXPERIMENT.start(quick=True), seeds=2, characters=20_000)
    store = Store(tmp_path)
    open_brackets.run(options, store)
    assert len(store["open_brackets"]) == 2 * 3 * 5 * 2 and len(store["open_brackets_networks"]) == 2
    tables = open_brackets.tables(store)
    assert set(tables) == set(re.findall("table (open-\\S+)", PAGE.read_text(encoding="utf-8")))
    (figure,) = open_brackets.pictures(store).values()
    assert len(figure.axes) == 2 and all(axis.lines for axis in figure.axes)
