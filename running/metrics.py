"""What is said of the metrics of R replicas."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def summary(values: Mapping[str, Any], more_is_better: Sequence[str], lost: np.ndarray) -> dict[str, Any]:
    """Return the mean of each metric under its plain name and, of several replicas, all values and their spread.

    Args:
        values: arrays [R], not a number for replicas that diverged, or what is the same for all.
        more_is_better: metrics whose best value is the largest.
        lost: which replicas diverged, boolean [R]; all statistics are of the others.
    """
    several = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    means = {name: float(value[~lost].mean()) if name in several else value for name, value in values.items()}
    if len(lost) == 1:
        return means
    spread = {name: _spread(value[~lost], name in more_is_better) for name, value in several.items()}
    replicas = {
        name: [None if gone else number for gone, number in zip(lost.tolist(), value.tolist(), strict=True)]
        for name, value in several.items()
    }
    return means | {"replicas": replicas, "spread": spread, "diverged": int(lost.sum())}


def said(metrics: Mapping[str, Any]) -> str:
    """Return all numbers among the metrics as one line, as mean ± standard deviation where there are several."""
    spread, parts = metrics.get("spread", {}), []
    for name, value in metrics.items():
        if isinstance(value, int | float):
            more = f" ± {spread[name]['standard_deviation']:.2g}" if name in spread else ""
            parts.append(f"{name} {value:.4g}{more}")
    return ", ".join(parts)


def _spread(values: np.ndarray, more_is_better: bool) -> dict[str, Any]:
    low, median, high = np.percentile(values, (25, 50, 75)).tolist()
    return {
        "standard_deviation": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "median": median,
        "quartiles": [low, high],
        "best": float(values.max() if more_is_better else values.min()),
    }
