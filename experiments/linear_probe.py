"""Linear probes: how well weighted sums of features tell two classes apart, among samples of one group (NumPy only)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

PENALTY = 1e-3  # of the weights, where features have unit variance
LEAST = 1e-6  # the standard deviation below which a feature is taken for constant


@dataclass(frozen=True)
class Samples:
    """What probes see.

    Args:
        features: [N, n].
        label: of two classes, boolean [N].
        group: within which samples are compared, whole numbers [N].
    """

    features: np.ndarray
    label: np.ndarray
    group: np.ndarray


def scores(fitted: Samples, scored: Samples, columns: Sequence[slice]) -> list[float]:
    """Return for each choice of columns the `auc` on some samples of the weights that `fit` finds on others."""
    return [
        auc(scored.features[:, own] @ weights, scored.label, scored.group)
        for own, weights in zip(columns, fit(fitted, columns), strict=True)
    ]


def fit(samples: Samples, columns: Sequence[slice]) -> list[np.ndarray]:
    """Return for each choice of columns the weights of a ridge regression of the label, with an intercept for each group."""
    features = _centred(samples.features.astype(float), samples.group)
    label = _centred(samples.label.astype(float), samples.group)
    deviation = features.std(axis=0)
    scale = np.where(deviation > LEAST, deviation, np.inf)  # constant features get no weight
    features = features / scale
    gram = features.T @ features / len(label) + PENALTY * np.eye(len(scale))
    slope = features.T @ label / len(label)
    return [np.linalg.solve(gram[own, own], slope[own]) / scale[own] for own in columns]


def auc(value: np.ndarray, label: np.ndarray, group: np.ndarray) -> float:
    """Return in what share of the pairs of one group, one of each class, the true one has the larger value; ties count half.

    Not a number where there is no such pair.
    """
    larger = pairs = 0.0
    for own in np.unique(group):
        here, true = value[group == own], label[group == own]
        count = int(true.sum())
        larger += rankdata(here)[true].sum() - count * (count + 1) / 2
        pairs += count * (len(true) - count)
    return float(larger / pairs) if pairs else np.nan


def _centred(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return values [N, ...] less the mean of their group."""
    own, place = np.unique(group, return_inverse=True)
    return values - np.array([values[group == one].mean(axis=0) for one in own])[place]
