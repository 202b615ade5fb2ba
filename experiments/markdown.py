"""Markdown tables, and the words for a spread of values in them."""

from collections.abc import Iterable, Sequence

import numpy as np


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
