"""What was read beside what was written: label error, the places of errors, who is taken for whom, how well each writer is read.

Errors are those of the fewest insertions, deletions and replacements that make one text of the other (Levenshtein's distance).
"""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from tasks.report import Table


def label_error(truths: Sequence[str], answers: Sequence[str]) -> float:
    """Return the label error: the errors of all answers, in percent of the characters that were written.

    Args:
        truths: what was written.
        answers: what was read there; it may be more than 100 % wrong, since nothing bounds its length.

    Raises:
        ValueError: if there are not as many answers as truths, or no character was written.
    """
    return float(100 * _errors(truths, answers).sum() / sum(map(len, truths)))


def marked(truth: str, answer: str) -> list[tuple[str, str]]:
    """Return for each place, in order, what was read and what should have been.

    They are equal, differ, or one of them is empty: nothing was read of a missing character, nothing was written where one was
    inserted. The first ones, joined, are the answer, the second ones the truth.
    """
    return [
        place
        for edit in Levenshtein.opcodes(truth, answer)
        for place in zip_longest(
            answer[edit.dest_start : edit.dest_end], truth[edit.src_start : edit.src_end], fillvalue=""
        )
    ]


def confusions(truths: Sequence[str], answers: Sequence[str]) -> Table:
    """Return which characters are taken for which, and how often, the most frequent first.

    Args:
        truths, answers: as in `label_error`.

    Returns:
        `truth`, empty for what was inserted; `answer`, empty for what is missing; and `count`.

    Raises:
        ValueError: if there are not as many answers as truths.
    """
    _check_counts(truths, answers)
    places = (place for pair in zip(truths, answers, strict=True) for place in marked(*pair))
    counts = Counter((truth, answer) for answer, truth in places if answer != truth)
    pairs = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return {
        "truth": np.array([truth for truth, _ in pairs], str),
        "answer": np.array([answer for _, answer in pairs], str),
        "count": np.array([counts[pair] for pair in pairs], int),
    }


def by_writer(writers: Sequence[str], truths: Sequence[str], answers: Sequence[str]) -> Table:
    """Return how well each writer is read, the best read first.

    Args:
        writers: of each line.
        truths, answers: of the lines, as in `label_error`.

    Returns:
        `writer`, `lines`, `characters` that were written, and `label_error` in percent.

    Raises:
        ValueError: if there are not as many writers and answers as truths, or a writer wrote no character.
    """
    errors = _errors(truths, answers)
    if len(writers) != len(truths):
        raise ValueError(f"`writers` must be as many as `truths`, {len(truths)}. Received: {len(writers)}")
    names, whose, lines = np.unique(np.array(writers, str), return_inverse=True, return_counts=True)
    characters = np.bincount(whose, weights=[len(truth) for truth in truths]).astype(int)
    if not characters.all():
        name, count = names[characters.argmin()], lines[characters.argmin()]
        raise ValueError(
            f"`truths` of writer {name} must have at least one character. Received: {count} texts without any"
        )
    percent = 100 * np.bincount(whose, weights=errors) / characters
    order = np.argsort(percent, kind="stable")
    table = {"writer": names, "lines": lines, "characters": characters, "label_error": percent}
    return {name: values[order] for name, values in table.items()}


def _errors(truths: Sequence[str], answers: Sequence[str]) -> np.ndarray:
    """Return the number of errors of each answer."""
    _check_counts(truths, answers)
    if not any(truths):
        raise ValueError(f"`truths` must have at least one character. Received: {len(truths)} texts without any")
    return cpdist(truths, answers, scorer=Levenshtein.distance, dtype=np.int64)


def _check_counts(truths: Sequence[str], answers: Sequence[str]) -> None:
    if len(truths) != len(answers):
        raise ValueError(f"`answers` must be as many as `truths`, {len(truths)}. Received: {len(answers)}")
