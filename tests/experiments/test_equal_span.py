"""Clock series at equal span: the sets of periods, their equal networks, and tables that say what the rows say."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from committed import ENDS, RESULTS

from experiments import equal_span
from experiments.equal_parameters import parameters
from experiments.grid import ROOT
from experiments.period_sets import coprime_pairs, correlations, medians, steps
from experiments.store import Store
from experiments.training import equal_span as training
from models.clocks import make_periods

PAPER = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SPANS = (55, 128, 256, 512)
BASES = {task: settings.periods for task, settings in training.BASES.items()}


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
    base = parameters(training.BASES[task], *ENDS[task])
    files = {}
    for key, cell in made:
        settings = cell.arguments["settings"]
        assert parameters(settings, *ENDS[task]) == base and settings.periods == key["periods"]
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


def test_networks_under_several_names_are_counted_once():
    """A cell is trained once, whatever its sets are called."""
    for task, answer in zip(BASES, equal_span.answers(Store(RESULTS)), strict=True):
        cells = {cell.file: cell.networks for _, cell in training.make_cells(task, equal_span.GROUPS, 10, None)}
        assert answer.networks == sum(cells.values())


def test_tables_say_what_the_rows_say(rows):
    tables = equal_span.tables(Store(RESULTS))
    words = rows[(rows.task == "words") & (rows.variant == "Fibonacci to 21")].score
    line = next(line for line in tables["equal-span-words"].splitlines() if "| Fibonacci to 21 " in line)
    assert f"{words.median():.3g} ({words.quantile(0.25):.3g}–{words.quantile(0.75):.3g})" in line
    sets = rows[rows.task == "words"].drop_duplicates(["periods", "seed"]).groupby("periods").score.median()
    longest = pd.Series({periods: int(periods.split()[-1]) for periods in sets.index})
    rho = np.corrcoef(sets.rank(), longest[sets.index].rank())[0, 1]
    assert f"| spoken words | longest period | {rho:+.2f} ({len(sets)} sets)" in tables["equal-span"]


def test_sentences_on_generation_and_words_say_what_was_measured(rows):
    page = (ROOT / "docs" / "results" / "equal-span.md").read_text(encoding="utf-8").replace("\n", " ")
    logs = np.log(rows.score).groupby([rows.task, rows.variant, rows.seed]).mean()
    score = np.exp(logs).groupby(["task", "variant"]).median()
    error, wrong = score["generation"], score["words"]
    paper, fibonacci = ({span: error[f"{name} to {span}"] for span in SPANS} for name in ("the paper's", "Fibonacci"))
    assert f"they have {fibonacci[256] / paper[256]:.0f} times the error of powers of two" in page
    assert f"{paper[256] / paper[55]:.0f} and {paper[256] / paper[128]:.0f} times better than to 256" in page
    others = [fibonacci[span] / paper[span] for span in SPANS[1:]]
    said = f"differ by a factor of {paper[55] / fibonacci[55]:.1f}, which is not shown to be one; at the other spans"
    assert f"{said} by {min(others):.0f} to {max(others):.0f}" in page
    between = [round(own[512] / own[55], -1) for own in (paper, fibonacci)]
    assert "between spans by {:,.0f} (the paper's) and {:,.0f} (Fibonacci)".format(*between) in page
    worst = [round(error[name] / error["base"], -1) for name in ("linear", "logarithmic")]
    assert "with {:,.0f} and {:,.0f} times the error".format(*worst) in page
    spans = [wrong[f"the paper's to {span}"] for span in (21, 64, 128)]
    assert "{:.0f}% wrong to 21, {:.0f}% to 64, {:.0f}% to 128".format(*spans) in page
    choosing = (ROOT / "docs" / "choosing-periods.md").read_text(encoding="utf-8")
    assert "{:.0f}% wrong to 21, {:.0f}% to 64".format(*spans) in choosing
    assert f"Fibonacci periods had {fibonacci[256] / paper[256]:.0f} times their error on generation" in choosing
    assert "128 or 55 had a twentieth" in choosing
    assert all(1 / 25 < paper[span] / paper[256] < 1 / 18 for span in (55, 128))


def test_sentences_on_text_say_what_was_measured(rows):
    page = (ROOT / "docs" / "results" / "equal-span.md").read_text(encoding="utf-8").replace("\n", " ")
    bits = rows[rows.task == "text"].groupby("variant").score.median()
    paper = [bits[f"the paper's to {span}"] for span in (5, 32, 64, 128)]
    assert "{:.2f} bits for the paper's to 5, {:.2f} to 32, {:.2f} to 64, {:.2f} to 128".format(*paper) in page
    assert bits.min() == paper[0]
    apart = bits["linear"] - bits["base"], bits["logarithmic"] - bits["base"]
    assert "on text yes, by {:.2f} and {:.2f} bits".format(*apart) in page
    series = [name for name in bits.index if not name.startswith(("the paper's to", "Fibonacci to", "near"))]
    assert set(bits[series].nlargest(2).index) == {"linear", "logarithmic"}
    moves = steps(rows)
    assert (moves[(moves.task == "text") & (moves.explanation == "coprime")].p > 0.05).all()


def test_sentences_on_correlations_say_what_was_found(rows):
    page = (ROOT / "docs" / "results" / "equal-span.md").read_text(encoding="utf-8").replace("-", "−")
    found = correlations(medians(rows)).set_index(["task", "explanation"]).rho
    assert f"nearly alone (ρ = {found['generation', 'typical']:.2f})" in page
    assert f"the faster the better (ρ = {found['text', 'typical']:.2f})" in page
    assert f"on text yes: ρ is {found['text', 'typical']:.2f}, that of the span {found['text', 'span']:.2f};" in page
    for task in BASES:  # the span goes with the score the most of the first three
        assert found[task].drop("typical").abs().idxmax() == "span"
    typical, span = (f"{found['words', name]:.2f}".replace("-", "−") for name in ("typical", "span"))
    assert f"on words ρ is {typical}, hardly more than that of the span, {span}" in page


def test_runs_all_sets_and_draws_what_explains_them(tmp_path, monkeypatch):
    """Scores that are the longest period go with the span alone."""
    monkeypatch.setattr(equal_span, "compute", scored(max))
    store = Store(tmp_path)
    equal_span.run(equal_span.Flags(tasks=("text",), seeds=2), store)
    rows = store["equal_span"]
    assert len(rows) == 2 * len(training.sets(BASES["text"]))
    lines = [line for line in equal_span.tables(store)["equal-span"].splitlines() if "| longest period |" in line]
    assert len(lines) == 1 and "+1.00" in lines[0]
    (figure,) = equal_span.pictures(store).values()
    assert len(figure.axes) == 4 and all(axis.lines for axis in figure.axes)


@pytest.mark.filterwarnings("error::scipy.stats.ConstantInputWarning")
def test_series_of_one_span_have_a_dash_for_its_correlation(tmp_path, monkeypatch):
    monkeypatch.setattr(equal_span, "compute", scored(sum))
    store = Store(tmp_path)
    equal_span.run(equal_span.Flags(tasks=("text",), groups=("series",), seeds=2), store)
    table = equal_span.tables(store)["equal-span"]
    sets = store["equal_span"].periods.nunique()
    assert f"| longest period | – ({sets} sets) | – |" in table and "nan" not in table
    (figure,) = equal_span.pictures(store).values()
    ratio, span, *_ = (axis.get_title() for axis in figure.axes)
    assert span == "ρ = – (p = –)" and "–" not in ratio


def scored(score):
    """Return a `compute` whose networks have a score of their periods."""

    def compute(function, cells, *_):
        shapes = [(len(cell.arguments["targets"]), len(cell.arguments["seeds"])) for cell in cells]
        values = [float(score(cell.arguments["settings"].periods)) for cell in cells]
        return [
            {"score": np.full(shape, value), "seconds": np.array(1.0), "parameters": np.array(9)}
            for shape, value in zip(shapes, values, strict=True)
        ]

    return compute
