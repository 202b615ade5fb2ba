"""Who fires when and who hears whom: periods, phases, module sizes and connections (NumPy only).

A module with period P and phase p fires at the steps t = p, p + P, p + 2P, …; the clock starts at t = 0
(Koutník et al. 2014, section 3). Everything here is a fact about whole numbers, known before any weight exists.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

# Recurrent multiply-adds a step up to which modules share a scan. Measured on two cores, nine modules, one update by
# XLA: with 36 units and batch 1 0.46 ms apart, 0.36 ms in scans of modules 3–8, 1–2 and 0; with 144 units and batch 16
# 4.2 and 3.3 ms (5–8, 3–4, the rest apart). Fewer loops also compile in half the time.
JOINT_WORK = 128
# The same as a share of all recurrent multiply-adds, for large networks: with 1152 units and batch 16 scans of modules 5–8,
# 3–4, 2, 1 and 0 take 54 ms an update and 3.2 s to compile, those of 6–8 and each of the others 50 ms and 4.7 s.
JOINT_SHARE = 0.04

# Who hears whom, from the periods of listeners [g, 1] and of sources [1, g].
WIRINGS = {
    "slow_to_fast": lambda listener, source: source >= listener,  # Koutník et al. 2014, section 3
    "fast_to_slow": lambda listener, source: source <= listener,
    "full": lambda listener, source: np.ones(np.broadcast_shapes(listener.shape, source.shape), bool),
    "hierarchical": lambda listener, source: (source <= listener) | (listener == listener.min()),
    "none": lambda listener, source: source == listener,
}

# Periods by name, as multiples of the lowest one, from the places 0 … g − 1 of the modules, the base b and a generator of
# random numbers. All but the first were named as future work in Koutník et al. 2014, section 5, or by those who extended it.
SERIES = {
    "exponential": lambda place, base, rng: base**place,
    "linear": lambda place, base, rng: 1.0 + place,
    "fibonacci": lambda place, base, rng: _fibonacci(len(place)),  # 1, 2, 3, 5, 8, …
    "logarithmic": lambda place, base, rng: (
        1.0 + np.floor(np.log1p(place) / np.log(base))
    ),  # b = 2: 1, 2, 2, 3, 3, 3, 3, 4
    "symmetric": lambda place, base, rng: base ** np.minimum(place, place[::-1]),  # b = 4: 1, 4, 16, 4, 1
    "random": lambda place, base, rng: base ** rng.uniform(0, len(place) - 1, len(place)),  # evenly on a log scale
}

Connections = str | Sequence[Sequence[bool]] | np.ndarray


class Clock(NamedTuple):
    """Ticks at the steps phase, phase + period, phase + 2·period, …"""

    period: int
    phase: int = 0

    def ticks(self, steps):
        """Return how often the clock ticks in the first `steps` steps, a number or a tensor."""
        return (steps - self.phase + self.period - 1) // self.period

    def common(self, *others: "Clock") -> "Clock":
        """Return the slowest clock that ticks whenever this one or another one does."""
        apart = (n for other in others for n in (other.period, other.phase - self.phase))
        period = math.gcd(self.period, *apart)
        return Clock(period, self.phase % period)


@dataclass(frozen=True)
class Group:
    """Modules that are carried through time together.

    A module that hears nobody who hears it, directly or through others, is a group by itself. Others cannot be
    separated: they share a group, whose clock ticks whenever one of them fires.

    Args:
        members: indices of the modules, in increasing order.
        clock: when the group is updated.
        gated: whether some tick leaves a member asleep, so that the scan has to choose unit by unit.
    """

    members: tuple[int, ...]
    clock: Clock
    gated: bool


@dataclass(frozen=True)
class Modules:
    """The modules of a Clockwork RNN in order of increasing period; see `make_modules` for the arguments."""

    sizes: tuple[int, ...]
    periods: tuple[int, ...]
    phases: tuple[int, ...]
    hears: tuple[tuple[bool, ...], ...]  # row i, column j: module i hears module j
    sees_input: tuple[bool, ...]

    @property
    def units(self) -> int:
        return sum(self.sizes)

    @property
    def hyperperiod(self) -> int:
        """After this many steps the whole pattern of firing repeats."""
        return math.lcm(*self.periods)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each module's units lie in the hidden state."""
        ends = np.cumsum(self.sizes).tolist()
        return tuple(slice(end - size, end) for size, end in zip(self.sizes, ends, strict=True))

    def heard_by(self, listener: int) -> tuple[int, ...]:
        """Return the modules that `listener` hears, in the order of the rows of its recurrent kernel."""
        return tuple(np.flatnonzero(self.hears[listener]).tolist())

    def width(self, group: Group) -> int:
        """Return the number of units of a group."""
        return sum(self.sizes[m] for m in group.members)

    def fires(self, steps: np.ndarray) -> np.ndarray:
        """Return, for each of the `steps` [T], which modules fire: boolean [T, g]."""
        return (np.asarray(steps)[:, None] - np.array(self.phases)) % np.array(self.periods) == 0

    def joint_group(self, members: tuple[int, ...]) -> Group:
        """Return the given members as one group, with the slowest clock that has all their ticks."""
        clocks = [Clock(self.periods[m], self.phases[m]) for m in members]
        clock = clocks[0].common(*clocks)
        return Group(members, clock, gated=any(own != clock for own in clocks))

    @property
    def work(self) -> float:
        """Multiply-adds a step of the recurrent products (O_H in Koutník et al. 2014, section 3)."""
        heard = np.array(self.hears) @ np.array(self.sizes)
        return float(np.sum(heard * np.array(self.sizes) / np.array(self.periods)))

    @property
    def every_step(self) -> Group:
        """All modules as one group that looks at every step who fires, which serves a clock that starts anywhere."""
        return Group(tuple(range(len(self.sizes))), Clock(1), gated=True)

    def groups_from(self, start: int) -> tuple[Group, ...]:
        """Return the groups that serve a clock which starts anywhere at a multiple of `start`.

        A module whose period does not divide `start` may fire at other ticks in one stretch of time than in the next: it
        gets the slowest clock that has all of them, and the scan chooses.
        """
        common = [math.gcd(period, start) for period in self.periods]
        phases = [phase % period for phase, period in zip(self.phases, common, strict=True)]
        seen = replace(self, periods=tuple(common), phases=tuple(phases))
        changing = {m for m, period in enumerate(self.periods) if period != common[m]}
        return tuple(replace(g, gated=g.gated or not changing.isdisjoint(g.members)) for g in seen.groups)

    @cached_property
    def components(self) -> tuple[Group, ...]:
        """The strongly connected modules, in an order in which each group hears only itself and earlier ones."""
        reaches = np.array(self.hears) | np.eye(len(self.sizes), dtype=bool)
        for _ in self.sizes:  # paths of ever more connections: i reaches j if what j says arrives at i in the end
            reaches = reaches @ reaches
        mutual = reaches & reaches.T
        found = {tuple(np.flatnonzero(row).tolist()) for row in mutual}
        # Whoever hears a group also hears all that the group hears: counting sources sorts them topologically.
        order = sorted(found, key=lambda members: (reaches[members[0]].sum(), [-m for m in members]))
        return tuple(self.joint_group(members) for members in order)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The components, neighbours joined where one loop over more units is cheaper than two loops.

        A step of a loop costs about a microsecond however few its units, so small modules share a scan as long as that
        adds no ticks and few multiply-adds (see `JOINT_WORK` and `JOINT_SHARE`).
        """
        limit = max(JOINT_WORK, JOINT_SHARE * self.work)
        groups = [self.components[0]]
        for component in self.components[1:]:
            joint = self.joint_group(tuple(sorted(groups[-1].members + component.members)))
            work = self.width(joint) ** 2 / joint.clock.period
            if work <= limit and 1 / joint.clock.period <= sum(1 / g.clock.period for g in (groups[-1], component)):
                groups[-1] = joint
            else:
                groups.append(component)
        return tuple(groups)


def make_modules(
    units: int | Sequence[int],
    periods: Sequence[int],
    phases: int | Sequence[int] = 0,
    connections: Connections = "slow_to_fast",
    input_modules: str | Sequence[int] = "all",
) -> Modules:
    """Check the description of a Clockwork RNN's hidden layer and put its modules in order of increasing period.

    Args:
        units: the total number of hidden units, split evenly with one more to each of the fastest modules if it does
            not divide; or one number a module.
        periods: one whole number of steps a module, at least 1, in any order; several may be equal.
        phases: the step of each module's first tick, from 0 to below its period; one number serves all.
        connections: "slow_to_fast", the paper's wiring: a module hears every module whose period is not below its own;
            "fast_to_slow": whose is not above; "full": every module; "hierarchical": as fast_to_slow, and the fastest
            modules hear all; "none": only those of equal period; or a boolean matrix [g, g] in which the module of the row hears the module of the column.
        input_modules: which modules see the input: "all", "fastest" (all of the lowest period), or their indices.

    Numbers a module, rows, columns and indices all follow the order of `periods`.

    Returns:
        The modules, sorted by period; modules of equal period stay in the order given.

    Raises:
        ValueError: names the argument, what was expected and what came.
    """
    periods = _whole_numbers("periods", periods, lowest=1)
    if not periods:
        raise ValueError("`periods` must name at least one module. Received: ()")
    order = sorted(range(len(periods)), key=periods.__getitem__)
    phases = [phases] * len(periods) if np.ndim(phases) == 0 else phases
    phases = _one_each("phases", _whole_numbers("phases", phases, lowest=0), periods)
    for period, phase in zip(periods, phases, strict=True):
        if phase >= period:
            raise ValueError(f"`phases` must be below the module's period {period}. Received: {phase}")
    sizes = _split(units, periods, order)
    hears = _who_hears_whom(connections, periods)[np.ix_(order, order)]
    seeing = _who_sees_input(input_modules, periods)
    return Modules(
        sizes=tuple(sizes[i] for i in order),
        periods=tuple(periods[i] for i in order),
        phases=tuple(phases[i] for i in order),
        hears=tuple(tuple(row) for row in hears.tolist()),
        sees_input=tuple(i in seeing for i in order),
    )


def make_periods(
    clock_series: str, modules: int, *, series_base: float = 2.0, lowest_period: int = 1, seed: int = 0
) -> tuple[int, ...]:
    """Return the clock periods of a series in `SERIES`, rounded to whole numbers, fastest first.

    Args:
        clock_series: its name.
        modules: how many.
        series_base: b of the exponential, logarithmic, symmetric and random series; above 1.
        lowest_period: what all are multiplied by: with 2 or more no module fires at every step, a low-pass filter.
        seed: of the random series.

    Raises:
        ValueError: names the argument, what was expected and what came.
    """
    if clock_series not in SERIES:
        raise ValueError(f"`clock_series` must be one of {', '.join(SERIES)}. Received: {clock_series!r}")
    for name, value in (("modules", modules), ("lowest_period", lowest_period)):
        _whole_numbers(name, [value], lowest=1)
    if not 1 < series_base < math.inf:
        raise ValueError(f"`series_base` must be above 1. Received: {series_base}")
    with np.errstate(over="ignore"):
        multiples = SERIES[clock_series](np.arange(modules, dtype=float), series_base, np.random.default_rng(seed))
    values = lowest_period * multiples
    if not values.max() < 2**31:
        raise ValueError(f"`modules` must leave all periods below 2³¹. Received: {modules} of {clock_series}")
    return tuple(sorted(int(value) for value in np.maximum(np.rint(values), 1)))


def take_turns(periods: Sequence[int], turns: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Replace each module of period P by so many of period turns · P that fire one after the other, every P steps one.

    With 2, each becomes an odd-even pair; period 1 and m turns make the round-robin set of m modules of period m. Modules of
    one set have equal periods, so they hear each other in every wiring.

    Returns:
        The periods, and the phases: 0, P, 2P, … in each set.
    """
    _whole_numbers("turns", [turns], lowest=1)
    return (
        tuple(turns * period for period in periods for _ in range(turns)),
        tuple(turn * period for period in periods for turn in range(turns)),
    )


def sizes_from_spectrum(signal: np.ndarray, periods: Sequence[int], units: int) -> tuple[int, ...]:
    """Split units among modules in proportion to the energy of a signal [T] in the band of each.

    A module of period P can follow frequencies up to 1 / 2P cycles a step; its band goes down from there to that of the next
    slower one, the slowest one's to 0. Modules of equal period share their band. Each has at least one unit.

    Returns:
        A number a module, in the order of `periods`, which sum to `units`; even ones if no band has energy.
    """
    if units < len(periods):
        raise ValueError(f"`units` must be at least the number of modules, {len(periods)}. Received: {units}")
    energies = np.abs(np.fft.rfft(signal - np.mean(signal))) ** 2
    frequencies = np.fft.rfftfreq(len(signal))
    speeds = sorted(set(periods))
    bands = {
        period: energies[(frequencies <= 0.5 / period) & (frequencies > 0.5 / slower)].sum()
        / list(periods).count(period)
        for period, slower in zip(speeds, [*speeds[1:], math.inf], strict=True)
    }
    shares = np.array([bands[period] for period in periods])
    if not shares.any():
        shares = np.ones(len(periods))
    wanted = (units - len(periods)) * shares / shares.sum()
    sizes = 1 + np.floor(wanted).astype(int)
    by_rest = np.argsort(np.floor(wanted) - wanted, kind="stable")  # what is left goes to those cut off most
    sizes[by_rest[: units - sizes.sum()]] += 1
    return tuple(sizes.tolist())


def _fibonacci(count: int) -> np.ndarray:
    values = [1.0, 2.0]
    while len(values) < count:
        values.append(values[-1] + values[-2])
    return np.array(values[:count])


def _split(units: int | Sequence[int], periods: list[int], order: list[int]) -> list[int]:
    if np.ndim(units) > 0:
        return _one_each("units", _whole_numbers("units", units, lowest=1), periods)
    (total,) = _whole_numbers("units", [units], lowest=1)
    if total < len(periods):
        raise ValueError(f"`units` must be at least the number of modules, {len(periods)}. Received: {total}")
    each, more = divmod(total, len(periods))
    sizes = [each] * len(periods)
    for module in order[:more]:
        sizes[module] += 1
    return sizes


def _who_hears_whom(connections: Connections, periods: list[int]) -> np.ndarray:
    if isinstance(connections, str):
        if connections not in WIRINGS:
            raise ValueError(
                f"`connections` must be one of {', '.join(WIRINGS)}, or a boolean matrix of modules. "
                f"Received: {connections!r}"
            )
        return WIRINGS[connections](np.array(periods)[:, None], np.array(periods)[None, :])
    matrix, g = np.asarray(connections), len(periods)
    if matrix.shape != (g, g):
        raise ValueError(f"`connections` must be of shape {(g, g)}, row hears column. Received: shape {matrix.shape}")
    if matrix.dtype != bool and not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"`connections` must hold only true and false. Received: {matrix.tolist()}")
    return matrix.astype(bool)


def _who_sees_input(input_modules: str | Sequence[int], periods: list[int]) -> set[int]:
    if isinstance(input_modules, str):
        if input_modules not in ("all", "fastest"):
            raise ValueError(f'`input_modules` must be "all", "fastest" or indices. Received: {input_modules!r}')
        return {i for i, period in enumerate(periods) if input_modules == "all" or period == min(periods)}
    seeing = set(_whole_numbers("input_modules", input_modules, lowest=0))
    if not seeing <= set(range(len(periods))):
        raise ValueError(f"`input_modules` must be indices below {len(periods)}. Received: {sorted(seeing)}")
    return seeing


def _whole_numbers(name: str, values: Sequence[int], lowest: int) -> list[int]:
    try:
        numbers = [operator.index(value) for value in values]
    except TypeError:
        raise ValueError(f"`{name}` must be whole numbers. Received: {values!r}") from None
    if any(number < lowest for number in numbers):
        raise ValueError(f"`{name}` must be whole numbers from {lowest}. Received: {tuple(numbers)}")
    return numbers


def _one_each(name: str, numbers: list[int], periods: list[int]) -> list[int]:
    if len(numbers) != len(periods):
        raise ValueError(f"`{name}` must hold one number a period, {len(periods)}. Received: {len(numbers)}")
    return numbers
