"""Open brackets: spans as the rule says, probes that agree with closed forms, and tables that say what the rows say."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from committed import RESULTS

from data.text import load_text
from experiments import open_brackets
from experiments.equal_parameters import parameters
from experiments.grid import ROOT
from experiments.linear_probe import PENALTY, Samples, auc, fit, scores
from experiments.open_marks import BINS, best_of_ticks, distances, insert_spans, marked
from experiments.statistics import rank_p, sign_flip_p
from experiments.store import Store
from experiments.training import extensions
from experiments.training import open_brackets as training
from models.clocks import make_modules

PAGE = ROOT / "docs" / "results" / "open-brackets.md"
TEXT = "2a95af4ac93f5b719944030ce3769070ddf827d847cba42192afa8da989e5dc4"
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


def test_a_fit_is_a_ridge_regression_with_an_intercept_for_each_group():
    rng = np.random.default_rng(1)
    features, group = rng.normal(size=(80, 4)) * (1, 2, 3, 0), rng.integers(0, 3, 80)
    label = features[:, 0] + group + rng.normal(size=80) > 1
    means = np.array([features[group == one, :2].mean(axis=0) for one in range(3)])
    deviations = (features[:, :2] - means[group]).std(axis=0)
    design = np.hstack([features[:, :2], np.eye(3)[group]])
    ridge = np.eye(2, 5) * np.sqrt(80 * PENALTY) * deviations[:, None]  # rows whose squares are the penalty's
    wanted = np.linalg.lstsq(np.vstack([design, ridge]), [*label, 0, 0], rcond=None)[0][:2]
    first, constant = fit(Samples(features, label, group), [slice(0, 2), slice(3, 4)])
    np.testing.assert_allclose(first, wanted, rtol=1e-9)
    assert constant.tolist() == [0]


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


def test_committed_rows_are_ten_networks_of_each_wiring_with_equal_parameters(rows):
    networks = Store(RESULTS)["open_brackets_networks"]
    assert tuple(networks.wiring.unique()) == open_brackets.WIRINGS
    assert networks.groupby("wiring").seed.nunique().min() >= 10
    assert networks.parameters.max() < 1.02 * networks.parameters.min()
    assert rows.groupby(["wiring", "probed", "marks", "period"]).seed.nunique().min() >= 10
    assert rows[rows.marks == "inserted"][open_brackets.NAMES].notna().all(axis=None)


def test_sentences_say_what_was_measured(rows):
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    median = rows.groupby(open_brackets.KEYS)[open_brackets.NAMES].median()
    own, natural = (median.xs((marks, "trained"), level=("marks", "probed")) for marks in ("inserted", "natural"))
    paper, full, last = natural.loc["slow to fast"], natural.loc["full"], "21–50"
    trained = rows[(rows.probed == "trained") & (rows.marks == "inserted")].set_index(["wiring", "period"])
    away = trained[["51–100", "101–200"]].mean(axis=1).groupby(level=[0, 1]).median()
    blind, told = "input to the fastest only", "full, input to the fastest only"

    said = [
        f"period 4 has {own.loc[('slow to fast', '4'), '1–2']:.3f} at 1–2 characters, where its ticks allow 0.625",
        f"period 64 has {away['slow to fast', '64']:.3f} far away",
        f"not shown: {away['full', '64']:.3f}, with p = 0.1 against chance",
        f"yes: {away['symmetric clock', '16']:.3f}, not shown to differ",
        f"{away[blind, '64']:.3f} for period 64 |",
        f"{away[told, '64']:.3f}, not shown to differ",
        f"{own.loc[('slow to fast', '1'), '1–2']:.3f} at 1–2 and {own.loc[('slow to fast', '1'), '51–100']:.3f} at 51–100",
        f"at most {own.xs('all', level='period')['101–200'].max():.3f} at 101–200",
        f"{paper.loc['16', last]:.3f} and {paper.loc['64', last]:.3f} for periods 16 and 64",
        f"never has more than {paper.loc['64'].max():.3f}",
        f"from {full.loc['64', '1–2']:.3f} at 1–2 characters to {full.loc['64', last]:.3f} at 21–50",
        f"has fallen to {full.loc['1', last]:.3f}",
        f"only the fastest module sees the input ({natural.loc[(told, '64'), last]:.3f})",
        f"period 64 has {paper.loc['64', last]:.3f} there; all ten",
    ]
    untrained = median.loc[("natural", "full", "initial", "64"), last]
    said.append(f"{full.loc['64', last]:.3f} against {untrained:.3f} untrained")
    initial = rows[(rows.probed == "initial") & (rows.marks == "inserted") & (rows.wiring == "full")]
    before = initial[initial.period == "64"][["51–100", "101–200"]].mean(axis=1).median()
    said.append(f"({away['full', '64']:.3f} against {before:.3f})")
    for sentence in said:
        assert sentence in page, sentence
    assert own.drop("all", level="period")[last].max() < 0.53
    assert (paper.loc["64"] < paper.loc["1"])[open_brackets.NAMES[:5]].all()
    assert (full.loc["16", last] > full.loc["1", last]) and (full.loc["64"][:5].diff()[1:] > 0).all()
    verdicts = open_brackets.judged(rows)
    assert (verdicts.p_chance > 0.05).all() and not (verdicts.p_paper <= 0.05).any()


def test_sentences_on_natural_brackets_the_text_and_bits_say_what_was_measured(rows):
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    slow = rows[(rows.marks == "natural") & (rows.probed == "trained") & (rows.period == "64")].set_index("wiring")[
        "21–50"
    ]
    assert slow["full"].min() > slow["slow to fast"].max() and rank_p(slow["full"], slow["slow to fast"]) < 1.1e-5
    bits = Store(RESULTS)["open_brackets_networks"].groupby("wiring").bits_per_character.median()
    assert f"{bits['full']:.2f} bits per character against {bits['slow to fast']:.2f}" in page
    assert f"with {bits.min():.1f} to {bits.max():.1f} bits" in page
    text = Store(RESULTS)["open_brackets_text"].set_index(["marks", "quantity"])
    far, near = text.loc["inserted"]["101–200"], text.loc["natural"]["21–50"]
    assert f"the last 8 characters alone have {near['last'].median():.3f}" in page
    assert f"{far['last'].median():.3f} at 101–200, below chance for nine of ten" in page
    assert (far["last"] < 0.5).sum() == 9
    assert f"{far['open'].median():.0f} inserted spans are open and {far['closed'].median():.0f} closed" in page
    assert f"{near['open'].median():.0f} and {near['closed'].median():,.0f} at 21 to 50" in page


def test_sentences_on_the_text_hold_where_it_is_the_same():
    text = load_text(None)
    if text.sha256 != TEXT:
        pytest.skip("another version of Python brings another text")
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    whole = "".join(training.parts(None))
    spans = marked(np.array(list(whole)), "(", ")", np.array([50, 100]))
    counts = (spans.counted & spans.open).sum(axis=0).tolist()
    assert counts == [176, 27] and whole.count("(") == 2582
    assert "of 2,582 brackets ( 176 are open, with no other after them, after 50 characters and 27 after 100" in page
    assert "«" not in whole and "»" not in whole
    assert "8,077 straight quotation marks" in page
    assert (text.indices == text.characters.index('"')).sum() == 8077


def test_trains_probes_and_makes_documents(tmp_path, in_this_process, monkeypatch):
    """Networks that are hardly trained: where only the fastest module sees the text, slower ones have one state for all texts."""
    in_this_process(open_brackets)
    base = replace(training.BASE, units=48)
    monkeypatch.setattr(training, "BASE", base)
    monkeypatch.setitem(extensions.BASES, "text", base)
    monkeypatch.setattr(training, "DRAWS", 2)
    blind = "input to the fastest only"
    options = replace(open_brackets.EXPERIMENT.start(quick=True), wirings=(blind,), characters=20_000)
    store = Store(tmp_path)
    open_brackets.run(options, store)
    rows = store["open_brackets"]
    assert len(rows) == 2 * 2 * 3 * 5 * 2 and len(store["open_brackets_networks"]) == 2 * 2
    assert rows[rows.marks == "inserted"][open_brackets.NAMES].notna().all(axis=None)
    natural = rows[(rows.marks == "natural") & (rows.probed == "initial")]
    near = natural.groupby(["wiring", "period"])["1–2"].mean()
    assert near[blind, "1"] > 0.65 and near[open_brackets.PAPER, "1"] > 0.65 and abs(near[blind, "64"] - 0.5) < 0.2
    drawn_from(store)


def test_documents_say_what_the_rows_say(tmp_path, monkeypatch):
    monkeypatch.setattr(open_brackets, "compute", as_known)
    store = Store(tmp_path)
    open_brackets.run(open_brackets.Flags(), store)
    found = open_brackets.judged(store["open_brackets"]).set_index(["wiring", "states"])
    assert found.period.unstack()["slowest"].to_dict() == {
        name: "16" if name == "symmetric clock" else "64" for name in open_brackets.WIRINGS
    }
    full = found.loc["full", "slowest"]
    np.testing.assert_allclose(full.own, 0.7002 + np.arange(10) / 1000)
    # All ten above: 2 of 184,756 deals of the ranks, twice the smallest of 18, and 2 of 1024 of the signs.
    assert full.p_paper == pytest.approx(18 * 2 / 184756)
    assert found.p_chance["full", "slowest"] == pytest.approx(2 / 1024 * 14)
    assert found.p_paper["symmetric clock", "all"] == 1 and np.isnan(found.p_paper[open_brackets.PAPER, "all"])
    table = drawn_from(store)["open-brackets"]
    line = next(line for line in table.splitlines() if line.startswith("| full | period 64"))
    assert "0.705 (0.702–0.707)" in line and line.count("above") == 2
    assert "| slow to fast | period 64 | 0.500" in table and "| 0.508 | no difference shown" in table


def as_known(function, cells, *_):
    """AUCs that seeds tell from each other: 0.7 and more in full wirings, around 0.5 in all others."""
    shape = (2, len(BINS))
    if function is training.probe_text:
        return [{name: np.full(shape, 0.5) for name in ("last", "open", "closed")} for _ in cells]
    return [known_of(cell.arguments["settings"]) for cell in cells]


def known_of(settings):
    around = 0.7002 if settings.connections == "full" else 0.4955
    periods = ["1", "4", "16", "all"] if settings.clock_series == "symmetric" else ["1", "4", "16", "64", "all"]
    aucs = around + np.arange(10)[:, None, None, None] / 1000 + np.zeros((10, 2, len(periods), len(BINS)))
    same = {name: np.array(value) for name, value in {"units": 9, "parameters": 99, "seconds": 1.0}.items()}
    return same | {
        "periods": np.array(periods),
        "bits_per_character": np.ones(10),
        **dict.fromkeys(open_brackets.PROBED, aucs),
    }


def drawn_from(store):
    tables = open_brackets.tables(store)
    assert set(tables) == set(re.findall("table (open-\\S+)", PAGE.read_text(encoding="utf-8")))
    (figure,) = open_brackets.pictures(store).values()
    count = store["open_brackets"].wiring.nunique()
    assert len(figure.axes) == 2 * count and all(axis.lines for axis in figure.axes)
    return tables
