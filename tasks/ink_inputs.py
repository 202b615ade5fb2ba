"""What a network sees of handwriting, and which lines of a corpus it sees together.

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
NEAR = 0.05  # share of its length by which a line may be out of order; 5 % of the steps of batches are padding then
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


class Lines(NamedTuple):
    """Lines as a network takes them.

    Args:
        inputs: float32 [N, T, 4].
        targets: what they say.
    """

    inputs: np.ndarray
    targets: Targets


def padded(steps: Sequence[np.ndarray], texts: Sequence[str], longest: int) -> Lines:
    """Return lines of one length.

    Args:
        steps: what a network sees of each, [T, 4].
        texts: what each says.
        longest: steps of all, with zeros behind their ends.
    """
    inputs = np.zeros((len(steps), longest, FEATURES), np.float32)
    labels = np.zeros((len(steps), max(1, *map(len, texts))), np.int32)
    for place, (seen, text) in enumerate(zip(steps, texts, strict=True)):
        inputs[place, : len(seen)] = seen
        labels[place, : len(text)] = labels_of(text)
    counts, lengths = ([len(one) for one in own] for own in (texts, steps))
    return Lines(inputs, Targets(labels, np.array(counts, np.int32), np.array(lengths, np.int32)))


def alike(lengths: np.ndarray, size: int, chance: np.random.Generator) -> np.ndarray:
    """Return batches of lines of about equal length, from the short ones to the long ones, int32 [batches, size].

    Args:
        lengths: of all lines [N].
        size: lines of a batch.
        chance: which lines do not fill a batch, and the factor, near 1, that each length is multiplied by before they are sorted.
    """
    chosen = chance.permutation(len(lengths))[: len(lengths) // size * size]
    order = np.argsort(lengths[chosen] * chance.uniform(1 - NEAR, 1 + NEAR, len(chosen)))
    return chosen[order].reshape(-1, size).astype(np.int32)
