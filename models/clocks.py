"""Who fires when and who hears whom: periods, phases, module sizes and connections (NumPy only).

A module with period P and phase p fires at the steps t = p, p + P, p + 2P, …; the clock starts at t = 0
(Koutník et al. 2014, section 3). Everything here is a fact about whole numbers, known before any weight exists.
"""

import math
import operator
import reprlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

import numpy as np

LARGEST = 2**31 - 1  # of steps, periods and sizes, which are counted in 32 bits
MOST_MODULES = 10_000  # of which each may hear each: 10⁸ pairs

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
    "logarithmic": lambda place, base, rng: 1 + _whole_log(1.0 + place, base),  # b = 2: 1, 2, 2, 3, 3, 3, 3, 4
    "symmetric": lambda place, base, rng: base ** np.minimum(place, place[::-1]),  # b = 4: 1, 4, 16, 4, 1
    "random": lambda place, base, rng: base ** rng.uniform(0, len(place) - 1, len(place)),  # evenly on a log scale
}

TURNS_OF = ("all", "fastest")  # modules that become sets of modules which take turns

Connections = str | Sequence[Sequence[bool]] | np.ndarray


def fires(step, period, phase=0):
    """Return whether a module fires at a step: numbers, NumPy arrays or tensors alike, of shapes that broadcast."""
    return (step - phase) % period == 0


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
    def seeing_sizes(self) -> list[int]:
        """The units of each module that sees the input."""
        return [size for size, sees in zip(self.sizes, self.sees_input, strict=True) if sees]

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

    def fires(self, steps: np.ndarray) -> np.ndarray:
        """Return, for each of the `steps` [T], which modules fire: boolean [T, g]."""
        return fires(np.asarray(steps)[:, None], np.array(self.periods), np.array(self.phases))

    @property
    def work(self) -> float:
        """Multiply-adds a step of the recurrent products (O_H in Koutník et al. 2014, section 3)."""
        heard = np.array(self.hears) @ np.array(self.sizes)
        return float(np.sum(heard * np.array(self.sizes) / np.array(self.periods)))


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
    if _depth(periods) != 1:
        raise ValueError(f"`periods` must be a list, one period a module, such as [1, 2, 4]. Received: {periods!r}")
    periods = whole_numbers("periods", periods, lowest=1)
    if not 1 <= len(periods) <= MOST_MODULES:
        raise ValueError(f"`periods` must name from 1 to {MOST_MODULES} modules. Received: {len(periods)}")
    order = sorted(range(len(periods)), key=periods.__getitem__)
    phases = [phases] * len(periods) if _depth(phases) == 0 else phases
    phases = _one_each("phases", whole_numbers("phases", phases, lowest=0), periods)
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
        series_base: b of the exponential, logarithmic, symmetric and random series; above 1 and below 2³¹.
        lowest_period: what all are multiplied by: with 2 or more no module fires at every step, a low-pass filter.
        seed: of the random series.

    Raises:
        ValueError: names the argument, what was expected and what came.
    """
    if clock_series not in list(SERIES):  # which takes what cannot be a key, too
        raise ValueError(f"`clock_series` must be one of {', '.join(SERIES)}. Received: {clock_series!r}")
    whole_numbers("modules", [modules], lowest=1, most=MOST_MODULES)
    whole_numbers("lowest_period", [lowest_period], lowest=1)
    whole_numbers("seed", [seed], lowest=0)
    if not isinstance(series_base, Real) or not 1 < series_base <= LARGEST:
        raise ValueError(f"`series_base` must be above 1 and below 2³¹. Received: {reprlib.repr(series_base)}")
    with np.errstate(over="ignore"):
        places, rng = np.arange(modules, dtype=float), np.random.default_rng(seed)
        multiples = SERIES[clock_series](places, float(series_base), rng)
    values = lowest_period * multiples
    if not values.max() <= LARGEST:
        raise ValueError(f"`modules` must leave all periods below 2³¹. Received: {modules} of {clock_series}")
    return tuple(sorted(int(value) for value in np.maximum(np.rint(values), 1)))


def take_turns(periods: Sequence[int], turns: int, turns_of: str = "all") -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Replace modules of period P by so many of period turns · P that fire one after the other, every P steps one.

    With 2, each becomes an odd-even pair; period 1 and m turns make the round-robin set of m modules of period m. Modules of
    one set have equal periods, so they hear each other in every wiring.

    Args:
        periods: one a module, in any order.
        turns: modules that each one becomes; 1 leaves it as it is.
        turns_of: "all" modules, or the "fastest" one alone.

    Returns:
        The periods, and the phases: 0, P, 2P, … in each set.

    Raises:
        ValueError: there are too many turns for periods below 2³¹, or for as many modules; or no module is the fastest alone.
    """
    periods = whole_numbers("periods", periods, lowest=1)
    if turns_of not in TURNS_OF:
        raise ValueError(f"`turns_of` must be one of {', '.join(TURNS_OF)}. Received: {turns_of!r}")
    fastest = min(periods, default=1)
    taking = [period for period in periods if turns_of == "all" or period == fastest]
    if turns_of == "fastest" and turns != 1 and len(taking) != 1:
        raise ValueError(
            f"`turns_of` fastest needs a module faster than all others. Received periods: {tuple(periods)}"
        )
    others = len(periods) - len(taking)
    most = min((MOST_MODULES - others) // max(len(taking), 1), LARGEST // max(taking, default=1))
    (turns,) = whole_numbers("turns", [turns], lowest=1, most=max(most, 1))
    sets = [turns if turns_of == "all" or period == fastest else 1 for period in periods]
    return (
        tuple(own * period for period, own in zip(periods, sets, strict=True) for _ in range(own)),
        tuple(turn * period for period, own in zip(periods, sets, strict=True) for turn in range(own)),
    )


def sizes_from_spectrum(signal: np.ndarray, periods: Sequence[int], units: int) -> tuple[int, ...]:
    """Split units among modules in proportion to the energy of a signal [T] in the band of each.

    A module of period P can follow frequencies up to 1 / 2P cycles a step; its band goes down from there to that of the next
    slower one, the slowest one's to 0. Modules of equal period share their band. Each has at least one unit.

    Returns:
        A number a module, in the order of `periods`, which sum to `units`; even ones if no band has energy.

    Raises:
        ValueError: names the argument, what was expected and what came.
    """
    periods = whole_numbers("periods", periods, lowest=1)
    whole_numbers("units", [units], lowest=1)
    signal = np.asarray(signal)
    if signal.ndim != 1 or signal.dtype.kind not in "iuf" or not len(signal) or not np.isfinite(signal).all():
        raise ValueError(f"`signal` must be finite numbers [T]. Received: {signal.dtype} of shape {signal.shape}")
    if not periods:
        raise ValueError(f"`periods` must name from 1 to {MOST_MODULES} modules. Received: 0")
    if units < len(periods):
        raise ValueError(f"`units` must be at least the number of modules, {len(periods)}. Received: {units}")
    signal = signal.astype(float)
    signal = np.ldexp(signal, -np.frexp(np.abs(signal).max())[1])  # so that squares are finite
    moving = signal - np.mean(signal)
    moving[np.abs(moving) <= 1e-12] = 0  # or the rounding of a constant would have a spectrum
    energies = np.abs(np.fft.fft(moving)) ** 2  # of positive frequencies and as much of negative ones
    cycles = np.minimum(np.arange(len(signal)), np.arange(len(signal), 0, -1))  # in the whole signal
    speeds = sorted(set(periods))
    sharing = Counter(periods)
    bands = {
        period: energies[(cycles * 2 * period <= len(signal)) & (cycles * 2 * slower > len(signal))].sum()
        for period, slower in zip(speeds, [*speeds[1:], len(signal)], strict=True)
    }
    shares = np.array([bands[period] / sharing[period] for period in periods])
    if not shares.any():
        shares = np.ones(len(periods))
    wanted = (units - len(periods)) * shares / shares.sum()
    sizes = 1 + np.floor(wanted).astype(int)
    by_rest = np.argsort(np.floor(wanted) - wanted, kind="stable")  # what is left goes to those cut off most
    sizes[by_rest[: units - sizes.sum()]] += 1
    return tuple(sizes.tolist())


def whole_numbers(name: str, values: Sequence[int], lowest: int, most: int = LARGEST) -> list[int]:
    """Return values as Python's numbers; raises a ValueError if one is not whole, or out of range.

    True and False are none: as indices they would be 1 and 0, and not what they say.
    """
    try:
        read = list(values)  # which may be possible once only
        if any(isinstance(value, bool) for value in read):
            raise TypeError
        numbers = [operator.index(value) for value in read]
    except (TypeError, AttributeError):  # the latter of TensorFlow's truth values
        raise ValueError(f"`{name}` must be whole numbers. Received: {values!r}") from None
    if any(number < lowest for number in numbers):
        raise ValueError(f"`{name}` must be whole numbers from {lowest}. Received: {tuple(numbers)}")
    if max(numbers, default=0) > most:
        raise ValueError(f"`{name}` must be at most {most}. Received: {max(numbers)}")
    return numbers


def _whole_log(numbers: np.ndarray, base: float) -> np.ndarray:
    """Return how often numbers from 1 can be divided by the base, also where the quotient of two logarithms is rounded down."""
    found = np.floor(np.log(numbers) / np.log(base))
    return found + (base ** (found + 1) <= numbers)


def _fibonacci(count: int) -> np.ndarray:
    values = [1.0, 2.0]
    while len(values) < count:
        values.append(values[-1] + values[-2])
    return np.array(values[:count])


def _split(units: int | Sequence[int], periods: list[int], order: list[int]) -> list[int]:
    if _depth(units) > 0:
        sizes = _one_each("units", whole_numbers("units", units, lowest=1), periods)
        whole_numbers("units", [sum(sizes)], lowest=1)
        return sizes
    (total,) = whole_numbers("units", [units], lowest=1)
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
    g = len(periods)
    try:
        matrix = np.asarray(connections)
    except ValueError:
        raise ValueError(f"`connections` must have rows of equal length. Received: {connections!r}") from None
    if matrix.shape != (g, g):
        raise ValueError(f"`connections` must be of shape {(g, g)}, row hears column. Received: shape {matrix.shape}")
    if matrix.dtype != bool and not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"`connections` must hold only true and false. Received: {matrix.tolist()}")
    return matrix.astype(bool)


def _who_sees_input(input_modules: str | Sequence[int], periods: list[int]) -> set[int]:
    if isinstance(input_modules, str) or not isinstance(input_modules, Iterable):
        if input_modules not in ("all", "fastest"):
            raise ValueError(f'`input_modules` must be "all", "fastest" or indices. Received: {input_modules!r}')
        return {i for i, period in enumerate(periods) if input_modules == "all" or period == min(periods)}
    seeing = set(whole_numbers("input_modules", input_modules, lowest=0))
    if not seeing <= set(range(len(periods))):
        raise ValueError(f"`input_modules` must be indices below {len(periods)}. Received: {sorted(seeing)}")
    return seeing


def _depth(values) -> int:
    """Return how many lists are in each other: 0 for what is none, and more than 1 where only some of the values are lists."""
    try:
        return np.ndim(values)
    except ValueError:
        return 2


def _one_each(name: str, numbers: list[int], periods: list[int]) -> list[int]:
    if len(numbers) != len(periods):
        raise ValueError(f"`{name}` must hold one number a period, {len(periods)}. Received: {len(numbers)}")
    return numbers
