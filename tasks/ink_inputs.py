"""What a network sees of handwriting, and the lines of a corpus sorted by how many steps they take.

Features of a step: x, y and time, and whether the pen is lifted before the next step: 1, else −1. So no step is all zeros, which
stand behind the end of shorter lines and do not count.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

import keras
import numpy as np

from data.ink import ALPHABET, Line
from tasks.readout import counted

Points = Literal["positions", "offsets"]

FEATURES = 4
PORTIONS = 3  # of the lines, by how long they are: a program is compiled for each
PLACE = {character: place for place, character in enumerate(ALPHABET)}


def steps_of(line: Line, every: int, points: Points) -> np.ndarray:
    """Return what a network sees of a line.

    Args:
        line: with all its points.
        every: of how many points the first is kept.
        points: x, y and seconds since the line began ("positions"), or since the point before ("offsets").

    Returns:
        float32 [T, 4].
    """
    kept = line.points[::every]  # [T, 3]
    lifted = np.logical_or.reduceat(line.lifted, np.arange(0, len(line.points), every))
    if points == "offsets":
        kept = np.diff(kept, axis=0, prepend=kept[:1])
    return np.column_stack([kept, np.where(lifted, 1, -1)]).astype(np.float32)


def labels_of(text: str) -> np.ndarray:
    """Return the places of a text's characters in the alphabet, int32 [L]."""
    return np.array([PLACE[character] for character in text], np.int32)


def least_steps(text: str) -> int:
    """Return how many steps it takes to say a text, with a blank between equal characters."""
    return len(text) + sum(now == before for before, now in zip(text, text[1:], strict=False))


@dataclasses.dataclass(frozen=True)
class Ink:
    """Steps of handwriting, the first three features standardised, with noise on them; steps of zeros do not count.

    Args:
        mean, variance: of each feature [4]; 0 and 1 of the last one.
        noise: its standard deviation.
    """

    mean: np.ndarray
    variance: np.ndarray
    noise: float
    features: int = FEATURES

    def seen(self, inputs, add_noise):
        std = np.maximum(np.sqrt(self.variance), keras.config.epsilon())
        return add_noise((inputs - self.mean) / std, 3), counted(inputs)

    def in_keras(self, replica):
        inputs = keras.Input((None, self.features))
        steps = keras.layers.Masking()(inputs)
        steps = keras.layers.Normalization(mean=self.mean, variance=self.variance)(steps)
        return inputs, keras.layers.GaussianNoise(self.noise)(steps)


class Targets(NamedTuple):
    """What lines should say.

    Args:
        labels: places in the alphabet, padded, int32 [N, L].
        counts: how many of them count, int32 [N].
        steps: how many steps a line has, int32 [N].
    """

    labels: np.ndarray
    counts: np.ndarray
    steps: np.ndarray


class Portion(NamedTuple):
    """Lines of about one length.

    Args:
        lines: which of the corpus they are, int [N].
        inputs: float32 [N, T, 4].
        targets: what they say.
    """

    lines: np.ndarray
    inputs: np.ndarray
    targets: Targets


def ends(lengths: np.ndarray, portions: int) -> np.ndarray:
    """Return the longest length of each portion, of which all but the last are as large as they can be alike."""
    return np.unique(np.quantile(lengths, np.arange(1, portions + 1) / portions, method="higher"))


def portions_of(steps: Sequence[np.ndarray], texts: Sequence[str], longest: Sequence[int]) -> list[Portion]:
    """Return lines in portions.

    Args:
        steps: what a network sees of each, [T, 4].
        texts: what each says.
        longest: steps of each portion, increasing; the last takes all that is longer.

    Returns:
        Those that have lines.
    """
    lengths = np.array([len(own) for own in steps])
    which = np.minimum(np.searchsorted(longest, lengths), len(longest) - 1)
    found = []
    for portion in np.unique(which):
        lines = np.flatnonzero(which == portion)
        inputs = np.zeros((len(lines), max(longest[portion], lengths[lines].max()), FEATURES), np.float32)
        labels = np.zeros((len(lines), max(1, *(len(texts[line]) for line in lines))), np.int32)
        for place, line in enumerate(lines):
            inputs[place, : lengths[line]] = steps[line]
            labels[place, : len(texts[line])] = labels_of(texts[line])
        counts = np.array([len(texts[line]) for line in lines], np.int32)
        found.append(Portion(lines, inputs, Targets(labels, counts, lengths[lines].astype(np.int32))))
    return found
