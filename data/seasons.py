"""How many steps the seasons of a sequence have: lines of its spectrum that stand out, and what they are harmonics of."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre
from scipy import fft, signal

CYCLES = 3  # of a season, at least, in what is given
LONGEST = 2**17  # steps that are looked at, the last ones
LEVEL = 0.0005  # how often noise at the spectrum's own frequencies would stand out; between them there is more of it
TREND = 3  # degree of its polynomial, which turns less often than three cycles do
WHITENINGS = 2  # one makes a random walk's spectrum flat, the other that of a walk's slope
PADDING = 8  # points of the spectrum to a cycle of the whole sequence
SURROUNDINGS = 16  # cycles of the whole sequence, at least: many more than a broad line's
BROAD = 1.25  # the ratio of frequencies within which there is one line
FAINTEST = 0.01  # power of a line, as a share of the strongest one's
MULTIPLES = 24  # of a line's period, at most, that may be its season's
PRESENT = 1 / 3  # of as many harmonics as are below a season's strongest, at least: of two seasons a multiple has few
ALONE = 8  # times the power of the harmonics in the octave above one that has a season of its own
DAYS = 7  # of a week
UNLIKELIER = 2  # as many times stronger must be harmonics that are no days of a week, to have a season of their own


class Lines(NamedTuple):
    """What stands out of a spectrum, the strongest first."""

    frequencies: np.ndarray
    powers: np.ndarray
    length: int  # steps of the sequence

    def where(self, chosen: np.ndarray | list[int]) -> "Lines":
        """Return some of the lines."""
        return Lines(self.frequencies[chosen], self.powers[chosen], self.length)


def find_seasons(values: np.ndarray, most: int = 2) -> tuple[int, ...]:
    """Find the lengths of a sequence's seasons.

    A line of the spectrum stands out if its power is far above the median of its surroundings. The harmonics of a season
    are no seasons, unless they are stronger than all before them but the first, and far stronger than those behind them:
    days are the seventh of a week.

    Args:
        values: floats [T], NaN where missing.
        most: how many seasons at most; the strongest are kept.

    Returns:
        Steps of each, the longest first; none if nothing stands out. Each has three whole cycles or more.

    Example:
        >>> hours = np.arange(1000)
        >>> find_seasons(np.sin(2 * np.pi * hours / 24) + np.random.default_rng(0).normal(size=1000))
        (24,)
    """
    rest = lines = _lines(_without_trend(np.asarray(values, float)[-LONGEST:]))
    found: set[int] = set()
    while len(found) < most and len(rest.frequencies):
        season = _season(rest, lines)
        explained = _explained(rest, season)
        explained[0] |= season in found or not explained.any()  # or there would be no end
        found |= {season} if CYCLES * season <= rest.length else set()
        rest = rest.where(~explained)
    return tuple(sorted(found, reverse=True))


def _without_trend(values: np.ndarray) -> np.ndarray:
    """Return values less a polynomial, gaps filled by lines between their ends; none, or zeros, if that is all there is."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 2 * CYCLES:
        return np.zeros(0)
    filled = np.interp(np.arange(known[0], known[-1] + 1), known, values[known])
    places = np.linspace(-1, 1, len(filled))
    moving = filled - legendre.legval(places, legendre.legfit(places, filled, TREND))
    return np.where(np.abs(moving).max() > 1e-9 * np.abs(filled).max(), moving, 0)  # or rounding might have a season


def _lines(values: np.ndarray) -> Lines:
    """Return the lines that stand out of the spectrum of what each step does not say of the next."""
    length = len(values)
    if not values.any():
        return Lines(np.zeros(0), np.zeros(0), length)
    size = fft.next_fast_len(PADDING * length, real=True)
    axis, gain = fft.rfftfreq(size), np.ones(1)
    slowest = (CYCLES - 0.25) / length  # a little less, because few cycles are not told apart so well
    threshold = np.log2(length / 2 / LEVEL)  # of so many exponential variables, in units of their median
    spectrum, background = _spectrum(values, size)
    for _ in range(WHITENINGS):
        clear = (spectrum > threshold * background) & (axis >= slowest)
        quiet = np.where(clear, background, spectrum)  # lines say nothing of what is between them
        same = quiet @ np.cos(2 * np.pi * axis) / quiet.sum()  # the correlation of neighbours
        values = values[1:] - same * values[:-1]
        gain = gain * np.abs(1 - same * np.exp(-2j * np.pi * axis)) ** 2
        spectrum, background = _spectrum(values, size)
    places, _ = signal.find_peaks(np.append(spectrum / background, 0), height=threshold)
    places = places[axis[places] >= slowest]
    before, peak, after = np.log(np.append(spectrum, spectrum[-2])[places + [[-1], [0], [1]]])  # Nyquist's is a mirror
    frequencies = axis[places] + (before - after) / (before - 2 * peak + after) / 2 / size  # a parabola's
    powers = spectrum[places] / gain[places]  # of the values
    order = np.argsort(-powers)
    return _apart(Lines(frequencies[order], powers[order], length))


def _apart(lines: Lines) -> Lines:
    """Return the lines that are neither too faint nor too near to a stronger one: a broad line has many peaks."""
    kept: list[int] = []
    for place, frequency in enumerate(lines.frequencies):
        octaves = np.abs(np.log2(frequency / lines.frequencies[kept]))
        if lines.powers[place] >= FAINTEST * lines.powers[0] and (octaves > np.log2(BROAD)).all():
            kept.append(place)
    return lines.where(kept)


def _spectrum(values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the power at frequencies from 0 to a half, and what it is in the surroundings."""
    spectrum = np.abs(fft.rfft(values * signal.windows.hann(len(values)), size)) ** 2 + np.finfo(float).tiny
    return spectrum, _background(spectrum)


def _background(spectrum: np.ndarray) -> np.ndarray:
    """Return medians of parts of a spectrum, the wider the higher, with straight lines between them in logarithms."""
    edges = [0]
    while edges[-1] < len(spectrum):
        edges.append(edges[-1] + max(SURROUNDINGS * PADDING, edges[-1] // 4))
    parts = np.split(spectrum, edges[1:-2])  # so that the last one is whole
    medians = [np.log(np.median(part)) for part in parts]
    places = np.log(np.arange(len(spectrum)) + 0.5)
    middles = np.log(np.cumsum([len(part) for part in parts]) - [len(part) / 2 for part in parts])
    if len(parts) > 1:  # towards 0 as steep as after it, if it rises: what wanders has ever more power there
        slope = (medians[0] - medians[1]) / (middles[1] - middles[0])
        medians = [medians[0] + max(slope, 0) * (middles[0] - places[0]), *medians]
        middles = np.append(places[0], middles)
    return np.exp(np.interp(places, middles, medians))


def _season(rest: Lines, lines: Lines) -> int:
    """Return the whole period of which the strongest of the rest and as much else of it as possible are harmonics."""
    longest, scores = lines.length // CYCLES, {}
    for count in range(1, MULTIPLES + 1):
        period = count / rest.frequencies[0]
        if count == 1 or period <= longest:
            season = _whole(period, lines)  # if possible, of a whole number of days
            numbers = _harmonics(rest, season)
            beside = np.unique(numbers[(numbers > 0) & (numbers < 2 * count) & (numbers != count)])
            if count == 1 or len(beside) >= PRESENT * (count - 1) and np.gcd.reduce(beside) == 1:
                explained = rest.powers[numbers > 0].sum() / rest.powers.sum()
                scores.setdefault(season, explained - FAINTEST * count)  # the shortest, if they explain as much
    return max(scores, key=scores.get)


def _whole(period: float, lines: Lines) -> int:
    """Return the number of steps, near a period, of which the lines are most nearly harmonics."""
    near = period**2 / lines.length / 4  # what the spectrum cannot tell
    periods = np.arange(max(np.round(period - near), 2), np.round(period + near) + 1)[:, None]
    off = np.abs(lines.frequencies - np.round(lines.frequencies * periods) / periods) * lines.length  # [periods, lines]
    return int(periods[np.argmax(np.clip(1 - off**2, 0, None) @ lines.powers), 0])


def _harmonics(lines: Lines, season: int) -> np.ndarray:
    """Return which harmonics of a season the lines are, from 1; 0 is none."""
    turns = lines.frequencies * season
    numbers = np.round(turns)
    near = season / lines.length / 2 + numbers / season / 2  # what the spectrum cannot tell, and rounding of the season
    return np.where(np.abs(turns - numbers) <= near, numbers, 0).astype(int)


def _explained(lines: Lines, season: int) -> np.ndarray:
    """Return which lines are only harmonics of a season, not ones with seasons of their own: of whole steps, or days of weeks."""
    numbers = _harmonics(lines, season)
    strongest = lambda low, high: lines.powers[(numbers > low) & (numbers < high)].max(initial=0)  # noqa: E731
    others = []
    for number in numbers:
        before, above = strongest(1, number), strongest(number, 2 * number)
        surer = 1 if number == DAYS else UNLIKELIER
        if 2 * number == season:  # an alternation, above which nothing can be seen
            before *= 2 * surer
        others.append(max(before, ALONE * surer * above))
    periods = 1 / lines.frequencies
    broken = np.abs(periods - np.round(periods)) > periods**2 / lines.length / 4  # as far as the spectrum can tell
    broken &= (numbers != DAYS) | (season < 4 * DAYS)
    return (numbers > 0) & ((numbers < 4) | broken | (lines.powers <= others))
