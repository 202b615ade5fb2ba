"""Clock series stretched to one longest period, and what tells their ratio, span and coprime pairs from each other."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from experiments.grid import Cell
from experiments.period_sets import COPRIME, FEW, FIBONACCI, MANY, PAPER, SPAN, coprime_pairs
from experiments.training import extensions
from experiments.training.extensions import Settings, equal_cells
from models.clocks import SERIES

BASES = extensions.BASES | {"text": replace(extensions.BASES["text"], epochs=4)}  # half as many: text takes the longest
EXPONENTS = (1.5, 2.0, 3.0, 4.0)
MOVED = (
    0.25  # how far a period may be moved, as a share of it, to make it coprime with others; 1 step is always allowed
)
RANDOM = "random"

Periods = tuple[int, ...]


def stretched(values: np.ndarray, longest: int) -> Periods:
    """Return distinct whole periods from 1 to the longest, which lie to each other as the values do [g]."""
    values = np.sort(values) - values.min()
    places = np.arange(len(values))
    periods = np.rint(1 + values * (longest - 1) / values[-1]).astype(int)
    periods = np.maximum.accumulate(periods - places) + places  # each above the one before
    return tuple(np.minimum(periods, longest - places[::-1]).tolist())


def with_coprime_pairs(periods: Sequence[int], wanted: int) -> Periods:
    """Return periods nearby, from the first to the last and in the same order, with about as many coprime pairs as wanted.

    One period after the other goes to the nearest place that brings their number closest to that, until none moves.
    """
    found, before = list(periods), None
    while found != before:
        before = list(found)
        for place in range(1, len(found) - 1):
            own, reach = periods[place], max(1, int(MOVED * periods[place]))
            free = range(max(own - reach, found[place - 1] + 1), min(own + reach, found[place + 1] - 1) + 1)
            apart = {new: abs(coprime_pairs([*found[:place], new, *found[place + 1 :]]) - wanted) for new in free}
            found[place] = min(free, key=lambda new: (apart[new], abs(new - own), new))
    return tuple(found)


def series(base: Periods, seed: int = 0) -> dict[str, Periods]:
    """Return series → its periods from 1 to the longest of the base, as many as there; a seed draws the random ones."""
    places = np.arange(len(base), dtype=float)
    values = {f"exponential, base {exponent:g}": exponent**places for exponent in EXPONENTS}
    values |= {"linear": places, FIBONACCI: _fibonacci(base), "logarithmic": np.log1p(places)}
    values[RANDOM] = SERIES[RANDOM](places, 2.0, np.random.default_rng(seed))
    return {name: stretched(own, base[-1]) for name, own in values.items()}


def spans(base: Periods) -> dict[str, Periods]:
    """Return name → the base's and Fibonacci periods, from 1 to Fibonacci's own last term, to that of the base, its half and twice."""
    values = {PAPER: np.array(base), FIBONACCI: _fibonacci(base)}
    longest = int(values[FIBONACCI][-1]), base[-1] // 2, base[-1], 2 * base[-1]
    return {SPAN.format(name, last): stretched(own, last) for name, own in values.items() for last in longest}


def coprime(base: Periods) -> dict[str, Periods]:
    """Return name → periods with as few and as many coprime pairs as there are near the base's and near Fibonacci ones."""
    own = int(_fibonacci(base)[-1])
    names = SPAN.format(PAPER, base[-1]), SPAN.format(FIBONACCI, base[-1]), SPAN.format(FIBONACCI, own)
    pairs = {FEW: 0, MANY: len(base) ** 2}
    near = {name: spans(base)[name] for name in names}
    return {
        COPRIME.format(name, said): with_coprime_pairs(periods, wanted)
        for name, periods in near.items()
        for said, wanted in pairs.items()
    }


def sets(base: Periods) -> dict[tuple[str, str], Periods]:
    """Return (group, name) → periods, of which some may be equal; the base, which comes first, has no group."""
    groups = {"series": series(base), "span": spans(base), "coprime": coprime(base)}
    return {("", "base"): base} | {(group, name): own[name] for group, own in groups.items() for name in own}


def make_cells(task: str, groups: Sequence[str], seeds: int, epochs: int | None) -> Iterator[tuple[dict, Cell]]:
    """Yield what `equal_cells` does for the base and the sets of periods of these groups; equal sets share a cell."""
    for key, cell in equal_cells(task, _networks(BASES[task], groups, seeds), epochs):
        name = "_".join(map(str, key["periods"]))
        yield key, replace(cell, name=f"{task}-{name}")


def _networks(base: Settings, groups: Sequence[str], seeds: int) -> Iterator[tuple[str, str, Settings, Sequence[int]]]:
    """Yield (group, name, settings, seeds); random periods are drawn anew for each seed."""
    for (group, name), periods in sets(base.periods).items():
        if group not in ("", *groups):
            continue
        if name == RANDOM:
            for seed in range(seeds):
                yield group, name, replace(base, periods=series(base.periods, seed)[name]), (seed,)
        else:
            yield group, name, replace(base, periods=periods), range(seeds)


def _fibonacci(base: Periods) -> np.ndarray:
    """Return as many Fibonacci numbers, 1, 2, 3, 5 and so on."""
    return SERIES["fibonacci"](base, None, None)
