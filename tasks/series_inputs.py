"""Measurements as a network sees them: each column against its own level, so that a trend takes nothing out of its range."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from data.seasons import find_seasons
from data.series import Sequences
from tasks import expected
from tasks.expected import Expectation

CYCLES = 4  # of a season, at least, in what is trained on, for it to be counted on
LEAST = 1e-9  # of the largest value, by which it must differ from what is expected
WEEK = 7  # days, whose season may be hidden by the days' own


class Scales(NamedTuple):
    """What is learned of series before a network learns.

    Args:
        expectations: of each series' targets, by its name.
        deviations: of each column from its level, their standard deviation [F].
        gaps: whether a column had gaps [F].
        cycles: steps of the shortest season that was found within each target's season, such as days in weeks.
    """

    expectations: dict[str, tuple[Expectation, ...]]
    deviations: np.ndarray
    gaps: np.ndarray
    cycles: tuple[int, ...] = ()  # only of use where forecasts are tested

    @property
    def seasons(self) -> list[int]:
        """Steps of each target's season, the same for all series."""
        return [own.season for own in next(iter(self.expectations.values()))]

    def of(self, name: str) -> tuple[Expectation, ...]:
        """Return the expectations of a series' targets; the only series' are those of any."""
        if len(self.expectations) == 1:
            return next(iter(self.expectations.values()))
        if name not in self.expectations:
            raise ValueError(f"`group` must name series that the run was trained on. Received: {name}")
        return self.expectations[name]

    def is_of(self, columns: int, targets: int, horizon: int) -> bool:
        """Return whether they are those of so many columns, targets and steps; what is read from a file may not be."""
        spread, each = self.deviations, list(self.expectations.values())
        if not each or not self.gaps.shape == spread.shape == (columns,):
            return False
        fit = all(len(own) == targets and all(one.is_of(horizon) for one in own) for own in each)
        return fit and bool((spread > 0).all() and np.isfinite(spread).all())

    def as_json(self) -> dict[str, Any]:
        """Return the same for a JSON file."""
        expectations = {name: list(own) for name, own in self.expectations.items()}
        return {"expectations": expectations, "deviations": self.deviations.tolist(), "gaps": self.gaps.tolist()}

    @classmethod
    def of_json(cls, saved: dict[str, Any]) -> "Scales":
        """Return what `as_json` returned."""
        expectations = {name: tuple(Expectation(*one) for one in own) for name, own in saved["expectations"].items()}
        return cls(expectations, np.array(saved["deviations"]), np.array(saved["gaps"], bool))


class Series(NamedTuple):
    """One series, ready for a network.

    Args:
        name: of the series.
        truth: the targets [T, m], NaN where missing.
        expectations: how the next steps of each target are expected.
        expects: what is expected of them [T, m, H].
        inputs: of the network [T, features].
    """

    name: str
    truth: np.ndarray
    expectations: tuple[Expectation, ...]
    expects: np.ndarray
    inputs: np.ndarray

    @property
    def end(self) -> int:
        """See `end_of`."""
        return end_of(self.truth)

    @property
    def known(self) -> np.ndarray:
        """The targets without gaps [T, m]."""
        return expected.filled(self.truth)

    @property
    def scales(self) -> np.ndarray:
        """What is left of each target is in units of these [m]."""
        return np.array([own.scale for own in self.expectations])

    def future(self, origins: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the targets of the steps after some steps [origins, m, H], NaN where nobody knows."""
        return expected.future(self.truth, self.expectations[0].horizon)[origins]

    def left(self) -> np.ndarray:
        """Return what the expectations leave of the next steps, in their scales [T, m, H]."""
        return (self.future() - self.expects) / self.scales[:, None]

    def in_units(self, left: np.ndarray, origins: np.ndarray) -> np.ndarray:
        """Return quantiles of what is left [R, origins, m, H, Q] as quantiles of the targets, in order."""
        return self.expects[origins][..., None] + self.scales[:, None, None] * np.sort(left, axis=-1)


def end_of(truth: np.ndarray) -> int:
    """Return how many steps there are up to the last one of which a target [T, m] is known; those behind it are of the future."""
    return int(np.flatnonzero(np.isfinite(truth).any(axis=1)).max(initial=-1)) + 1


def first_known(values: np.ndarray) -> int:
    """Return at which step the first known value of a column [T] is, before which there is nothing to fit to; 0 if none is known."""
    return int(np.isfinite(values).argmax())


def learn(sequences: Sequences, ends: Sequence[int], season: int, horizon: int, targets: int = 1) -> Scales:
    """Return what is learned of sequences up to the step where each one's training ends.

    Args:
        sequences: with the targets as first columns.
        ends: of training, one a sequence.
        season: steps; 0 finds that of each target, 1 is none.
        horizon: steps to forecast.
        targets: how many columns are to be forecast.

    Raises:
        ValueError: there is too little to learn from.
    """
    parts = [values[:end] for values, end in zip(sequences.values, ends, strict=True)]
    filled = [expected.filled(part) for part in parts]
    expectations: dict[str, tuple[Expectation, ...]] = dict.fromkeys(sequences.names, ())
    cycles: tuple[int, ...] = ()
    for place in range(targets):
        each, cycle = _expect([part[:, place] for part in parts], season, horizon)
        for name, own, whole in zip(sequences.names, each, filled, strict=True):
            largest = np.abs(whole[:, place]).max()
            if not own.scale > LEAST * largest:
                left = own.scale / max(largest, sys.float_info.min)
                came = f"{sequences.columns[place]} of {name}, of whose size a season of {own.season} leaves {left:.0e}"
                raise ValueError(f"`target` must leave something to learn. Received: {came}")
            expectations[name] += (own,)
        cycles += (cycle,)
    first = expectations[sequences.names[0]][0].season
    spread = np.concatenate([whole - expected.levels(whole, first) for whole in filled]).std(axis=0)
    gaps = np.isnan(np.concatenate(parts)).any(axis=0)
    return Scales(expectations, np.where(spread > 0, spread, 1.0), gaps, cycles)


def _expect(columns: Sequence[np.ndarray], season: int, horizon: int) -> tuple[list[Expectation], int]:
    """Return what is expected of one target [T] in each series, and the steps of the shortest season within that of all.

    The series that is known for longest decides on the season, among those that no series is too short for.
    """
    starts, shortest = list(map(first_known, columns)), min(map(len, columns))
    longest = np.argmax([len(own) - start for own, start in zip(columns, starts, strict=True)])
    found = [season] if season else _seasons(columns[longest])
    found = [own for own in found if own == found[0] or expected.needed_steps([own], horizon) <= shortest]

    def fitted(number: int, seasons: Sequence[int]) -> Expectation:
        values = expected.filled(columns[number])[:, 0]
        most = max(0, len(values) - expected.needed_steps(seasons, horizon))  # of steps that a fit can do without
        return expected.fit(values[min(starts[number], most) :], seasons, horizon)

    decided = fitted(longest, found)
    each = [decided if number == longest else fitted(number, [decided.season]) for number in range(len(columns))]
    return each, min((steps for steps in found if steps > 1 and decided.season % steps == 0), default=1)


def make_series(sequences: Sequences, scales: Scales) -> list[Series]:
    """Return all series as a network sees them; of columns that are known in advance it sees the steps to forecast."""
    ahead = [sequences.columns.index(name) for name in sequences.known]
    here = [place for place in range(len(sequences.columns)) if place not in ahead]
    found = []
    for name, values in zip(sequences.names, sequences.values, strict=True):
        whole, own = expected.filled(values), scales.of(name)
        parts = [one.of(column) for one, column in zip(own, whole.T, strict=False)]  # of the first columns, the targets
        level = expected.levels(whole, own[0].season)
        relative = (whole - level) / scales.deviations  # [T, F]
        inputs = [deviation[:, None] / one.scale for one, (_, _, deviation) in zip(own, parts, strict=True)]
        inputs += [relative[:, here], np.isnan(values[:, scales.gaps])]
        for place in ahead:
            inputs.append((_next(whole[:, place], own[0].horizon) - level[:, [place]]) / scales.deviations[place])
        expects = np.stack([expects for expects, _, _ in parts], axis=1)  # [T, m, H]
        found.append(Series(name, values[:, : len(own)], own, expects, np.concatenate(inputs, axis=1)))
    return found


def _next(values: np.ndarray, horizon: int) -> np.ndarray:
    """Return the next steps of each step [T, H]; behind the end the last one goes on."""
    return expected.future(np.append(values, np.full(horizon, values[-1])), horizon)[: len(values)]


def _seasons(known: np.ndarray) -> list[int]:
    """Return seasons to choose among: none, what stands out of values [T], and weeks of it."""
    found = find_seasons(known)
    longer = {WEEK * season for season in found}
    return [1, *sorted(season for season in {*found, *longer} if CYCLES * season <= len(known))]
