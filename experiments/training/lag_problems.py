"""Three problems in which what counts lies a lag back: adding, copying and delayed recall, as NumPy arrays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SYMBOLS, COPIED = 6, 2  # copying: so many of so many; Hochreiter and Schmidhuber, and Arjovsky et al., have 10 of 8
RECALLED, NOISE = 4, 0.1  # delayed recall: one of so many; standard deviation of the noise behind it

Sequences = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Problem:
    """A problem with a lag.

    Args:
        features, outputs: of each step.
        answers: steps at the end that are asked for.
        parameters: of every network that is to solve it; those of an LSTM, a GRU and a simple RNN come close to each other there.
        draw: (generator, how many, lag) → inputs [N, T, features] and targets: numbers [N, 1], or symbols [N, answers].
    """

    features: int
    outputs: int
    answers: int
    parameters: int
    draw: Callable[[np.random.Generator, int, int], Sequences]


def adding(rng: np.random.Generator, count: int, lag: int) -> Sequences:
    """Return numbers from 0 to 1, of which one in each half of the sequence is marked [N, lag, 2], and their sums [N, 1].

    Hochreiter and Schmidhuber 1997, experiment 4, in the form of Arjovsky et al. 2016: the answer is given at the last step.
    """
    inputs = np.zeros((count, lag, 2), np.float32)
    inputs[..., 0] = rng.random((count, lag))
    places = np.stack([rng.integers(lag // 2, size=count), rng.integers(lag // 2, lag, size=count)], axis=1)
    np.put_along_axis(inputs[..., 1], places, 1, axis=1)
    return inputs, inputs.prod(-1).sum(1, keepdims=True)


def copying(rng: np.random.Generator, count: int, lag: int) -> Sequences:
    """Return symbols, each on a line of its own, at the first steps [N, lag + 2 · COPIED, SYMBOLS + 1], and which they were.

    As in Arjovsky et al. 2016: blanks follow, here nothing on any line; after `lag` of them, the last of which is marked on the
    last line, each symbol is asked for in its turn.
    """
    symbols = rng.integers(SYMBOLS, size=(count, COPIED)).astype(np.int32)
    inputs = np.zeros((count, lag + 2 * COPIED, SYMBOLS + 1), np.float32)
    inputs[:, :COPIED, :SYMBOLS] = np.eye(SYMBOLS)[symbols]
    inputs[:, COPIED + lag - 1, SYMBOLS] = 1
    return inputs, symbols


def recall(rng: np.random.Generator, count: int, lag: int, first: int = 0) -> Sequences:
    """Return a symbol at a step, with noise on all lines before and after it [N, lag, RECALLED], and which it was [N, 1]."""
    symbols = rng.integers(RECALLED, size=(count, 1)).astype(np.int32)
    inputs = rng.normal(0, NOISE, (count, lag, RECALLED)).astype(np.float32)
    inputs[:, first] = np.eye(RECALLED)[symbols[:, 0]]
    return inputs, symbols


def late_recall(rng: np.random.Generator, count: int, lag: int) -> Sequences:
    """Return the same with the symbol at step 1, where of the periods 1, 2, 4 … only the first one fires."""
    return recall(rng, count, lag, first=1)


PROBLEMS = {
    "adding": Problem(2, 1, 1, 1091, adding),
    "copying": Problem(SYMBOLS + 1, SYMBOLS, COPIED, 1178, copying),
    "recall": Problem(RECALLED, RECALLED, 1, 1115, recall),
    "late recall": Problem(RECALLED, RECALLED, 1, 1115, late_recall),
}
