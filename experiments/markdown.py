"""Tables in Markdown, and the words for a spread of values in them."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from experiments.statistics import SIGNIFICANT, quartiles, verdict


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [_line(head), "|" + "---|" * len(head), *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def spread(values: Sequence[float], digits: str = ".2g") -> str:
    """Return the median and the range of values, a single one as it is, or how many are not finite."""
    values = np.array(values, float)
    if lost := int((~np.isfinite(values)).sum()):
        return f"{lost} of {len(values)} diverged"
    if len(values) == 1:
        return f"{values[0]:{digits}}"
    return f"{np.median(values):{digits}} ({values.min():{digits}}–{values.max():{digits}})"


def middle(values: Sequence[float], digits: str = ".2g") -> str:
    """Return the median and the quartiles of values; one that diverged counts as infinitely bad."""
    low, median, high = (f"{value:{digits}}" for value in quartiles(values))
    return f"{median} ({low}–{high})"


def times(ratio: tuple[float, float, float]) -> str:
    """Return a ratio and its interval in words.

    >>> times((1234.5, 999.6, 1500))
    '×1,230 (1,000–1,500)'
    """
    middle, low, high = (f"{float(f'{value:.3g}'):,g}" for value in ratio)
    return f"×{middle} ({low}–{high})"


def ahead(own: Sequence[float], other: Sequence[float], p: float) -> str:
    """Return whether errors are shown to be below those of another method, or above; see `verdict`."""
    return {"better": "Yes", "worse": "No"}.get(verdict(own, other, p), "Not shown")


def p_value(p: float) -> str:
    """Return p with one digit, or with as many as keep what is above the level of all tests above it."""
    digits = (f"{p:.{count}g}" for count in itertools.count(1))
    return next(said for said in digits if (float(said) > SIGNIFICANT) == (p > SIGNIFICANT))


def mean(values: Sequence[float], digits: str = ".2g", deviation: str = ".1g") -> str:
    """Return the mean and the standard deviation of values, a single one as it is, or a dash where one diverged or there is none."""
    values = np.array(values, float)
    if not len(values) or not np.isfinite(values).all():
        return "–"
    if len(values) == 1:
        return f"{values[0]:{digits}}"
    return f"{values.mean():{digits}} ± {values.std(ddof=1):{deviation}}"
