"""Measurements as a network sees them: each column against its own level, so that a trend takes nothing out of its range."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from data.seasons import find_seasons
from data.series import Sequences
from tasks import expected
from tasks.expected import Expectation

CYCLES = 4  # of a season, at least, in what is trained on, for it to be counted on
WEEK = 7  # days, whose season may be hidden by the days' own


class Scales(NamedTuple):
    """What is learned of series before a network learns.

    Args:
        expectations: of each series, by its name.
        deviations: of each column from its level, their standard deviation [F].
        gaps: whether a column had gaps [F].
    """

    expectations: dict[str, Expectation]
    deviations: np.ndarray
    gaps: np.ndarray

    @property
    def season(self) -> int:
        """Steps of the season, the same for all."""
        return next(iter(self.expectations.values())).season

    def of(self, name: str) -> Expectation:
        """Return the expectation of a series; the only one is that of any."""
        if len(self.expectations) == 1:
            return next(iter(self.expectations.values()))
        if name not in self.expectations:
            raise ValueError(f"`group` must name series that the run was trained on. Received: {name}")
        return self.expectations[name]

    def as_json(self) -> dict[str, Any]:
        """Return the same for a JSON file."""
        expectations = {name: list(own) for name, own in self.expectations.items()}
        return {"expectations": expectations, "deviations": self.deviations.tolist(), "gaps": self.gaps.tolist()}

    @classmethod
    def of_json(cls, saved: dict[str, Any]) -> "Scales":
        """Return what `as_json` returned."""
        expectations = {name: Expectation(*own) for name, own in saved["expectations"].items()}
        return cls(expectations, np.array(saved["deviations"]), np.array(saved["gaps"], bool))


class Series(NamedTuple):
    """One series, ready for a network.

    Args:
        name: of the series.
        truth: the target [T], NaN where missing.
        expectation: how its next steps are expected.
        expects: what is expected of them [T, H].
        inputs: of the network [T, features].
    """

    name: str
    truth: np.ndarray
    expectation: Expectation
    expects: np.ndarray
    inputs: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """The target without gaps [T]."""
        return expected.filled(self.truth[:, None])[:, 0]

    def future(self, origins: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the target of the steps after some steps [origins, H], NaN where nobody knows."""
        return expected.future(self.truth, self.expectation.horizon)[origins]

    def left(self) -> np.ndarray:
        """Return what the expectation leaves of the next steps, in its scale [T, H]."""
        return (self.future() - self.expects) / self.expectation.scale

    def in_units(self, left: np.ndarray, origins: np.ndarray) -> np.ndarray:
        """Return quantiles of what is left [R, origins, H, Q] as quantiles of the target, in order."""
        return self.expects[origins][:, :, None] + self.expectation.scale * np.sort(left, axis=-1)


def learn(sequences: Sequences, ends: Sequence[int], season: int, horizon: int) -> Scales:
    """Return what is learned of sequences up to the step where each one's training ends.

    Args:
        sequences: with the target as first column.
        ends: of training, one a sequence.
        season: steps; 0 finds it, 1 is none.
        horizon: steps to forecast.

    Raises:
        ValueError: there is too little to learn from.
    """
    parts = [values[:end] for values, end in zip(sequences.values, ends, strict=True)]
    filled = [expected.filled(part) for part in parts]
    seasons = [season] if season else _seasons(max((part[:, 0] for part in parts), key=len))
    expectations: dict[str, Expectation] = {}
    for name, whole in zip(sequences.names, filled, strict=True):
        expectations[name] = expected.fit(whole[:, 0], seasons, horizon)
        seasons = [expectations[name].season]  # of all
    spread = np.concatenate([whole - expected.levels(whole, seasons[0]) for whole in filled]).std(axis=0)
    gaps = np.isnan(np.concatenate(parts)).any(axis=0)
    return Scales(expectations, np.where(spread > 0, spread, 1.0), gaps)


def make_series(sequences: Sequences, scales: Scales, known: Sequence[str]) -> list[Series]:
    """Return all series as a network sees them; of columns that are known in advance it sees the steps to forecast."""
    ahead = [sequences.columns.index(name) for name in known]
    here = [place for place in range(len(sequences.columns)) if place not in ahead]
    found = []
    for name, values in zip(sequences.names, sequences.values, strict=True):
        whole, own = expected.filled(values), scales.of(name)
        expects, _, deviation = own.of(whole[:, 0])
        level = expected.levels(whole, own.season)
        relative = (whole - level) / scales.deviations  # [T, F]
        inputs = [deviation[:, None] / own.scale, relative[:, here], np.isnan(values[:, scales.gaps])]
        for place in ahead:
            inputs.append((_next(whole[:, place], own.horizon) - level[:, [place]]) / scales.deviations[place])
        found.append(Series(name, values[:, 0], own, expects, np.concatenate(inputs, axis=1)))
    return found


def _next(values: np.ndarray, horizon: int) -> np.ndarray:
    """Return the next steps of each step [T, H]; behind the end the last one goes on."""
    return expected.future(np.append(values, np.full(horizon, values[-1])), horizon)[: len(values)]


def _seasons(known: np.ndarray) -> list[int]:
    """Return seasons to choose among: none, what stands out of values [T], and weeks of it."""
    found = find_seasons(known)
    longer = {WEEK * season for season in found}
    return [1, *sorted(season for season in {*found, *longer} if CYCLES * season <= len(known))]
