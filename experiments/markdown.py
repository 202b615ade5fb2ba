"""Tables in Markdown, and the words for a spread of values in them."""

from collections.abc import Iterable, Sequence

import numpy as np

from experiments.statistics import SIGNIFICANT, quartiles


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


def ahead(ratio: tuple[float, float, float], p: float) -> str:
    """Return whether another method's error over one's own is shown to be above 1, or below, by a test of their order."""
    if p > SIGNIFICANT:
        return "Not shown"
    return "Yes" if ratio[0] > 1 else "No"


def mean(values: Sequence[float], digits: str = ".2g", deviation: str = ".1g") -> str:
    """Return the mean and the standard deviation of values, a single one as it is, or a dash where one diverged or there is none."""
    values = np.array(values, float)
    if not len(values) or not np.isfinite(values).all():
        return "–"
    if len(values) == 1:
        return f"{values[0]:{digits}}"
    return f"{values.mean():{digits}} ± {values.std(ddof=1):{deviation}}"
