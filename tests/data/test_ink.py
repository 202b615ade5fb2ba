"""Lines of handwriting: what a line is made of, and what is none."""

import dataclasses
import re

import numpy as np
import pytest

from data.ink import ALPHABET, check_line, line_of

STROKES = [np.array([[10, 20, 5.0], [11, 21, 5.01], [12, 22, 5.01]]), np.array([[30, 20, 5.2]])]


def test_the_alphabet_has_81_characters():
    """As many as Graves et al. (TPAMI 2009) have for IAM-OnDB: letters, figures, the space, and 18 marks."""
    assert len(ALPHABET) == len(set(ALPHABET)) == 81
    assert sum(character.isalpha() for character in ALPHABET) == 52
    assert sum(character.isdigit() for character in ALPHABET) == 10
    assert sorted(set(ALPHABET) - set(" ") - {c for c in ALPHABET if c.isalnum()}) == sorted("!\"#&'()*+,-./:;?[]")


def test_strokes_become_a_line_that_begins_at_0_seconds():
    line = line_of(STROKES, "a b", "ann", "first")
    np.testing.assert_allclose(line.points, [[10, 20, 0], [11, 21, 0.01], [12, 22, 0.01], [30, 20, 0.2]], atol=1e-12)
    assert line.points.dtype == float and line.lifted.tolist() == [False, False, True, True]
    assert (line.text, line.writer, line.name) == ("a b", "ann", "first")
    assert STROKES[0][0, 2] == 5  # what came is left alone


@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        ([], "first must have strokes. Received: none"),
        ([STROKES[0], np.empty((0, 3))], "first must have points in each stroke. Received: none in stroke 2"),
        ([STROKES[1], STROKES[0]], "times that do not run backwards. Received: -0.2 s in point 2, after 0 s"),
        ([np.array([[1, np.nan, 0]])], "finite numbers of at most 1e+09. Received: 1, nan, 0 in point 1"),
        ([np.array([[1, 1, 0], [-np.inf, 2, 1]])], "Received: -inf, 2, 1 in point 2"),
        ([np.array([[1, 1, np.inf]])], "Received: 1, 1, nan in point 1"),
        ([np.array([[1, 1e300, 0]])], "Received: 1, 1e+300, 0 in point 1"),
    ],
)
def test_refuses_strokes(strokes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        line_of(strokes, "", "", "first")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "5 % off"}, "Received: '%', character 3 of '5 % off'"),
        ({"text": "caf\u00e9 {"}, "Received: '\u00e9', character 4 of 'caf\u00e9 {'"),
        ({"points": np.empty((0, 3)), "lifted": np.empty(0, bool)}, "first must have points. Received: none"),
        ({"lifted": np.zeros(4, bool)}, "first must end with the pen lifted"),
        ({"lifted": np.ones(3, bool)}, "must have `points` [P, 3] and `lifted` [P]. Received: [4, 3] and [3]"),
        ({"points": np.zeros((4, 2))}, "Received: [4, 2] and [4]"),
    ],
)
def test_refuses_lines(change, message):
    line = line_of(STROKES, "", "", "first")
    with pytest.raises(ValueError, match=re.escape(message)):
        check_line(dataclasses.replace(line, **change))
