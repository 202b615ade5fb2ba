"""The spoken-word experiment: what a block trains on, what is refused, and tables that say what the rows say."""

import statistics
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from committed import RESULTS, read
from scipy import stats

from experiments import published, spoken_words
from experiments.store import Store
from experiments.training import words
from main import recipe
from tasks.spoken_words import SpokenWords

SMALL = recipe("words", units=14, epochs=3)


def test_folds_leave_out_each_training_clip_once_and_never_touch_test_clips(tmp_path):
    settings = replace(SMALL, cache_dir=tmp_path)
    task, whole = SpokenWords(settings, (3, 4), folds=5), SpokenWords(settings)
    assert task.seeds == (3,) * 5 + (4,) * 5
    assert (task.training.shape, task.testing.shape) == ((10, 100), (10, 25))
    for training, tested in zip(task.training, task.testing):
        assert set(task.labels[tested]) == set(range(25))  # one recording of each word
        assert set(training) | set(tested) == set(whole.training[0])
    for seed in (task.testing[:5], task.testing[5:]):
        assert sorted(seed.ravel()) == whole.training[0].tolist()


def test_networks_stop_by_their_own_errors(tmp_path, without_xla):
    """With a learning rate so small that no error falls, after the first epoch and as many as the patience."""
    settings = replace(SMALL, cache_dir=tmp_path, patience=2, epochs=9, learning_rate=1e-12, decay="constant")
    result = words.train_networks(settings, seeds=(0, 1))
    assert result["epochs"].tolist() == [3, 3]
    assert (result["test_error"] > 80).all()


def test_a_network_that_diverges_has_no_error(tmp_path, without_xla):
    settings = replace(SMALL, cache_dir=tmp_path, epochs=2, learning_rate=1e38)
    result = words.train_networks(settings, seeds=(0,))
    assert result["diverged"].all() and np.isinf([result["test_error"], result["train_error"]]).all()


def test_the_order_on_an_unheard_speaker_is_what_the_rank_test_says():
    """Its p is the largest of the four of its table, which Holm leaves as it is."""
    rows = Store(RESULTS)["digits_by_speaker"]
    own, lstm = (rows[rows.method == method].test_error for method in ("clockwork_rnn", "lstm"))
    assert stats.mannwhitneyu(own, lstm).pvalue < 0.05 and own.median() < lstm.median()
    found = {answer.question.split(" on ")[1]: answer.answer for answer in spoken_words.answers(Store(RESULTS))}
    assert found["digits of a speaker never heard?"] == "Yes"


def test_published_medians_are_in_the_order_of_the_paper():
    """Koutník et al. 2014, section 4.2 and Figure 4."""
    for parameters in (500, 1000, 2500, 5000, 10000):
        rnn, lstm, clockwork = (published.WORDS_ERROR[method][parameters] for method in published.WORDS_ERROR)
        assert clockwork < lstm < rnn


@pytest.mark.parametrize(
    ("name", "groups", "clips"),
    [
        ("figure4", 2 * 3 * 5, 50),  # settings × methods × sizes
        ("digits_by_speaker", 3, 120),  # twelve recordings of ten digits
        ("digits_at_random", 3, 70),  # seven of the 36 of each digit
    ],
)
def test_committed_rows_are_20_seeds_of_each_network_on_whole_clips(name, groups, clips):
    rows = pd.DataFrame(read(f"{name}.csv"))
    counts = rows.groupby(["setting", "method", "parameters"]).seed.nunique()
    assert len(rows) == 20 * groups and counts.tolist() == [20] * groups
    wrong = rows.test_error.astype(float) * clips / 100
    assert (wrong - wrong.round()).abs().max() < 0.005  # four digits are written


def test_the_tables_have_the_medians_of_the_rows(tmp_path):
    rows = [
        {"setting": "paper", "method": method, "parameters": size, "seed": seed, "test_error": 10 * seed + shift}
        for size in (500, 10000)
        for method, shift in (("simple_rnn", 9), ("lstm", 5), ("clockwork_rnn", 0))
        for seed in range(4)
    ]
    store = Store(tmp_path)
    store.write("figure4", rows, ("setting", "method", "parameters", "seed", "test_error"))
    tables = spoken_words.tables(store)
    small, large = tables["words-paper"].splitlines()[2:]
    median = statistics.median([0, 10, 20, 30])
    assert large.startswith(f"| 10000 | {median + 9:g} (16.5–31.5) | 66 | {median + 5:g} ")
    assert small.split(" | ")[5:7] == [f"{median:g} (7.5–22.5)", "62"]
    assert (
        f"| Clockwork RNN | {median:.1f} ± {statistics.stdev([0, 10, 20, 30]):.1f} | – | 16.8 ± 3.5 |"
        in tables["words-table-3"]
    )
    assert set(spoken_words.pictures(store)) == {"figure4"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "`seeds` must be at least 1. Received: 0"),
        ({"name": "digits_at_random"}, "`name` must be figure4 without `corpus`. Received: digits_at_random"),
        ({"corpus": "nowhere"}, "`name` must be another one with `corpus`. Received: figure4"),
        (
            {"corpus": "nowhere", "name": "digits_at_random"},
            "`corpus` must be a folder with a folder for each word. Received: nowhere",
        ),
    ],
)
def test_refuses(changes, message, tmp_path):
    options = spoken_words.Flags(**changes)
    with pytest.raises(ValueError) as refused:
        options.check()
        spoken_words.run(options, Store(tmp_path))
    assert message in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_runs_small(tmp_path, in_this_process):
    in_this_process(spoken_words)
    options = spoken_words.Flags(settings=("modern",), methods=("lstm", "clockwork_rnn"), parameters=(500,))
    options = replace(options, seeds=2, epochs=1)
    store = Store(tmp_path)
    spoken_words.run(options, store)
    known = store["figure4"][["method", "units", "seed"]].values.tolist()
    assert known == [["lstm", 5, 0], ["lstm", 5, 1], ["clockwork_rnn", 10, 0], ["clockwork_rnn", 10, 1]]
