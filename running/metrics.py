"""What is said of the metrics of R replicas."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.measures import quartiles


def summary(values: Mapping[str, Any], best_at: Mapping[str, float], lost: np.ndarray) -> dict[str, Any]:
    """Return the mean of each metric under its plain name and, of several replicas, all values and their spread.

    Args:
        values: arrays [R], not a number for replicas that diverged, or what is the same for all.
        best_at: where a metric is best, or those whose names go on after it, infinite if the more the better; without it,
            the less.
        lost: which replicas diverged, boolean [R]; all statistics are of the others.
    """
    several = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    means = {name: float(value[~lost].mean()) if name in several else value for name, value in values.items()}
    if len(lost) == 1:
        return means
    spread = {name: _spread(value[~lost], _best(name, best_at)) for name, value in several.items()}
    replicas = {
        name: [None if gone else number for gone, number in zip(lost.tolist(), value.tolist(), strict=True)]
        for name, value in several.items()
    }
    return means | {"replicas": replicas, "spread": spread, "diverged": int(lost.sum())}


def in_json(value: Any) -> Any:
    """Return metrics with None where there is no finite number, for which JSON has no word."""
    if isinstance(value, Mapping):
        return {name: in_json(own) for name, own in value.items()}
    if isinstance(value, list | tuple):
        return [in_json(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def results(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the task's results among the metrics, the most important one first."""
    found = {name: metrics.get(name) for name in metrics["quantities"]}
    return {name: value for name, value in found.items() if value is not None and value == value}  # nor unknown


def rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (what, number, naive value) of each result: means, with the standard deviation of several networks."""
    found = []
    for name in results(metrics):
        quantity = metrics["quantities"][name]
        naive = said(quantity["naive"], quantity["unit"])
        found.append((quantity["label"], mean(metrics, name), f"{naive}, {quantity['naive_is']}" if naive else ""))
    return found


def counts(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, number) of what else there is to say of a run."""
    found = [("parameters", said(metrics["parameters"]))]
    if metrics["parameters_with_periods"] != metrics["parameters"]:
        found.append(("parameters and clock periods", said(metrics["parameters_with_periods"])))
    found += [("epochs", said(metrics["epochs"])), ("updates", said(metrics["updates"]))]
    found.append(("training time", said(metrics["seconds"], "s")))
    if "compile_seconds" in metrics:  # not where others have trained the parts
        found.append(("compiling", said(metrics["compile_seconds"], "s")))
    if "replicas" in metrics:
        found.append(("networks", f"{len(next(iter(metrics['replicas'].values())))}, {metrics['diverged']} diverged"))
    return found


def mean(metrics: Mapping[str, Any], name: str) -> str:
    """Return a metric with its unit, and with the standard deviation of several networks."""
    unit = metrics["quantities"][name]["unit"]
    if name not in metrics.get("spread", {}):
        return said(metrics[name], unit)
    deviation = metrics["spread"][name]["standard_deviation"]
    return f"{said(metrics[name])} ± {deviation:.2g}" + f" {unit}" * bool(unit)


def said(value: float | None, unit: str = "") -> str:
    """Return a number in four digits, a whole one as a whole number, and its unit; nothing for none."""
    if value is None:
        return ""
    number = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return f"{number} {unit}".strip()


def as_words(value: Any) -> str:
    """Return a setting in words, several values with blanks between them."""
    return " ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)


def table(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of words as columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def _best(name: str, best_at: Mapping[str, float]) -> float:
    return next((at for metric, at in best_at.items() if f"{name}_".startswith(f"{metric}_")), -math.inf)


def _spread(values: np.ndarray, best_at: float) -> dict[str, Any]:
    low, median, high = quartiles(values).tolist()
    nearest = np.abs(values - np.clip(best_at, values.min(), values.max())).argmin()
    return {
        "standard_deviation": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "median": median,
        "quartiles": [low, high],
        "best": float(values[nearest]),
    }
