"""Errors of transcriptions beside a plain table of edit distances and beside cases reckoned by hand."""

import itertools

import numpy as np
import pytest

from tasks.transcriptions import by_writer, confusions, label_error, marked


def distance(truth, answer):
    """Levenshtein's distance, by the textbook's table."""
    table = np.zeros((len(truth) + 1, len(answer) + 1), int)
    table[:, 0], table[0] = np.arange(len(truth) + 1), np.arange(len(answer) + 1)
    for (row, one), (column, other) in itertools.product(enumerate(truth, 1), enumerate(answer, 1)):
        table[row, column] = min(
            table[row - 1, column] + 1,
            table[row, column - 1] + 1,
            table[row - 1, column - 1] + (one != other),
        )
    return table[-1, -1]


def random_pairs(count):
    random = np.random.default_rng(0)
    return [tuple("".join(random.choice(list("ab c"), random.integers(0, 9))) for _ in "ta") for _ in range(count)]


PAIRS = random_pairs(1000)


def test_label_error_is_that_of_the_table_of_distances():
    for first in range(0, len(PAIRS), 10):
        truths, answers = zip(*PAIRS[first : first + 10])
        errors = sum(map(distance, truths, answers))
        assert label_error(truths, answers) == pytest.approx(100 * errors / len("".join(truths)))


def test_marks_are_the_fewest_and_lose_nothing():
    for truth, answer in PAIRS:
        places = marked(truth, answer)
        assert "".join(said for said, _ in places) == answer
        assert "".join(should for _, should in places) == truth
        assert sum(said != should for said, should in places) == distance(truth, answer)
        assert ("", "") not in places


def test_confusions_count_every_error_once():
    truths, answers = zip(*PAIRS)
    table = confusions(truths, answers)
    assert table["count"].sum() == sum(map(distance, truths, answers))
    assert (table["truth"] != table["answer"]).all() and (np.diff(table["count"]) <= 0).all()
    assert len(set(zip(table["truth"], table["answer"]))) == len(table["count"])
    missing, inserted = (table["count"][table[name] == ""].sum() for name in ("answer", "truth"))
    assert missing - inserted == len("".join(truths)) - len("".join(answers))


def test_by_hand():
    truths, answers = ["a clock", "tick", "tock"], ["a cloak", "ticck", "tok"]
    assert marked("tick", "ticck") in (
        [*zip("tic", "tic"), ("c", ""), ("k", "k")],
        [*zip("ti", "ti"), ("c", ""), *zip("ck", "ck")],
    )
    assert marked("tock", "tok") == [("t", "t"), ("o", "o"), ("", "c"), ("k", "k")]
    assert marked("", "") == [] and marked("", "a") == [("a", "")] and marked("a", "") == [("", "a")]
    assert label_error(truths, answers) == 100 * 3 / 15
    table = confusions(truths * 2 + ["a c"], answers * 2 + ["ac"])
    rows = list(zip(*(table[name].tolist() for name in ("truth", "answer", "count"))))
    assert rows == [("", "c", 2), ("c", "", 2), ("c", "a", 2), (" ", "", 1)]  # equals in the order of the alphabet


def test_label_error_may_be_more_than_all():
    assert label_error(["a", ""], ["bbb", "c"]) == 400 and label_error(["ab"], [""]) == 100


def test_nothing_is_confused_where_nothing_is_wrong():
    table = confusions(["tick", ""], ["tick", ""])
    assert {name: values.tolist() for name, values in table.items()} == {"truth": [], "answer": [], "count": []}
    assert label_error(["tick"], ["tick"]) == 0


def test_writers_are_sorted_by_how_well_they_are_read():
    table = by_writer(["b", "a", "b", "c"], ["tick", "tock", "clocks", "tick"], ["tick", "tok", "cl", "tick"])
    assert {name: values.tolist() for name, values in table.items()} == {
        "writer": ["c", "a", "b"],
        "lines": [1, 1, 2],
        "characters": [4, 4, 10],
        "label_error": [0, 25, 40],
    }
    assert table["lines"].dtype.kind == table["characters"].dtype.kind == "i"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: label_error(["a"], ["a", "b"]), "`answers` must be as many as `truths`, 1. Received: 2"),
        (lambda: confusions(["a", "b"], ["a"]), "`answers` must be as many as `truths`, 2. Received: 1"),
        (lambda: label_error(["", ""], ["a", ""]), "`truths` must have at least one character. Received: 2 texts"),
        (lambda: label_error([], []), "`truths` must have at least one character. Received: 0 texts"),
        (lambda: by_writer(["a"], ["t", "t"], ["t", "t"]), "`writers` must be as many as `truths`, 2. Received: 1"),
        (
            lambda: by_writer(["a", "$b"], ["t", ""], ["t", "t"]),
            "`truths` of writer $b must have at least one character. Received: 1 t",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value).startswith(message)
