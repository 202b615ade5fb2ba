"""What a trained run says of the steps after the end of a table; axes as in `tasks/forecasting.py`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.series import Roles, Sequences, load
from data.times import calendar, usual_step
from tasks.expected import filled, first_step, levels
from tasks.forecasting import LEVELS, QUANTILES, by_level, table_of, widened
from tasks.series_inputs import Scales, Series, make_series
from tasks.trained_model import (
    check_step,
    check_units,
    check_values,
    damaged,
    learned_names,
    learned_numbers,
    load_learned,
    load_model,
)


def forecast(folder: Path, path: Path, roles: Roles) -> pd.DataFrame:
    """Return what a trained run says of the steps after the end of a table; see `series.predict`."""
    learned = load_learned(folder, "scales", "window", "columns", "targets", "offsets", "widening")
    scales, targets = _check_learned(folder, learned, roles.horizon), learned["targets"]
    sequences = load(path, roles, learned["columns"])
    check_step(folder, learned, path, sequences.step)
    series = make_series(sequences, scales)
    network = load_model(folder, series[0].inputs.shape[1], len(targets) * roles.horizon * len(QUANTILES))
    rows = []
    for place, one in enumerate(series):
        end = one.end
        may_lack = scales.gaps & (np.arange(len(scales.gaps)) >= len(targets))
        check_values(path, one.name, sequences.values[place][:end], sequences.columns, may_lack)
        _check_like_training(path, one, targets)
        _check_others(path, one, sequences.values[place][:end], sequences.columns, scales)
        if roles.known:
            _check_known(path, one, sequences.values[place][end:], sequences, scales, roles)
        outputs = network(one.inputs[None, max(0, end - learned["window"]) : end].astype(np.float32))[0, -1].numpy()
        bands = after_the_end(one, outputs, learned)
        if not np.isfinite(bands).all():
            raise ValueError(f"{path} must hold values like those of training. Received: forecasts without end")
        if sequences.times is None:
            when = {"step": end + np.arange(roles.horizon)}
        else:
            when = {"time": sequences.written(_times_after(path, sequences.times[place][:end], roles))}
        rows.append(pd.DataFrame({"series": one.name} | table_of(targets, when, by_level(bands))))
    return pd.concat(rows, ignore_index=True)


def _check_like_training(path: Path, one: Series, targets: Sequence[str]) -> None:
    """Raise a ValueError where a series is too short for what is expected of it, or the expectations are of other units."""
    least = max(first_step(own.season) for own in one.expectations)
    if one.end < least:
        came = f"{one.end} in {one.name}"
        raise ValueError(f"{path} must hold {least} rows or more of a series, for its season. Received: {came}")
    left = one.left()[least - 1 : one.end]  # [T, m, H], NaN behind the end
    for place, target in enumerate(targets):
        known = left[:, place][np.isfinite(left[:, place])]
        check_units(path, f"{target} of {one.name}", known, "what is expected")


def _check_others(path: Path, one: Series, values: np.ndarray, columns: Sequence[str], scales: Scales) -> None:
    """Raise a ValueError where a column besides the targets is of other units, in the values [T, F] of a series."""
    whole = filled(values)
    away = (whole - levels(whole, one.expectations[0].season)) / scales.deviations
    for place, name in list(enumerate(columns))[len(one.expectations) :]:
        check_units(path, f"{name} of {one.name}", away[:, place], "its level")


def _check_known(
    path: Path, one: Series, ahead: np.ndarray, sequences: Sequences, scales: Scales, roles: Roles
) -> None:
    """Raise a ValueError where the rows behind the end of a series [rows, F] do not hold what is known in advance."""
    if len(ahead) < roles.horizon:
        targets = " ".join(sequences.columns[: len(roles.target)])
        wanted = f"{roles.horizon} rows behind the last value of {targets}, for what is known in advance"
        raise ValueError(f"{path} must have {wanted}. Received: {len(ahead)} in {one.name}")
    missing = np.isnan(ahead[: roles.horizon]) & ~scales.gaps  # [H, F] where training had no gaps
    for place, name in enumerate(sequences.columns):
        if name in sequences.known and missing[:, place].any():
            came = f"none in row {missing[:, place].argmax() + 1} behind the end of {one.name}"
            raise ValueError(f"{path} must have values of {name}, which is known in advance. Received: {came}")


def _check_learned(folder: Path, learned: Mapping[str, Any], horizon: int) -> Scales:
    """Return the scales that a run has learned; raises a ValueError where something of what it learned is damaged."""
    columns, targets = (learned_names(folder, learned, name) for name in ("columns", "targets"))
    if type(learned["window"]) is not int or learned["window"] < 1:
        damaged(folder, "window", learned["window"])
    learned_numbers(folder, learned, "offsets", (len(targets) * horizon, len(QUANTILES)))
    learned_numbers(folder, learned, "widening", (len(targets), len(LEVELS)), least=0.0)
    try:
        scales = Scales.of_json(learned["scales"])
        good = scales.is_of(len(columns), len(targets), horizon)
    except (TypeError, ValueError, KeyError, AttributeError):  # of JSON that is otherwise built
        good = False
    if not good:
        damaged(folder, "scales", learned["scales"])
    return scales


def after_the_end(one: Series, outputs: np.ndarray, learned: Mapping[str, Any]) -> np.ndarray:
    """Return the quantiles [m, H, Q] that a trained network's outputs [m H Q] after the last known step of a series stand for.

    Args:
        one: the series.
        outputs: of the network.
        learned: as `load_learned` returns it.
    """
    offsets = np.array(learned["offsets"])  # [m H, Q]
    left = (outputs.reshape(offsets.shape) + offsets).reshape(*one.expects.shape[1:], -1)
    last = np.array([one.end - 1])
    return widened(one.in_units(left[None, None], last)[0, 0], np.array(learned["widening"]))


def _times_after(path: Path, known: np.ndarray, roles: Roles) -> np.ndarray:
    """Return the next times after known ones."""
    step, ahead = usual_step(known), np.arange(1, roles.horizon + 1)
    if known.dtype.kind != "M":
        return known[-1] + step * ahead
    frequency = roles.every or calendar(known) or pd.Timedelta(step, "s")
    try:
        return pd.date_range(known[-1], periods=roles.horizon + 1, freq=frequency)[1:].to_numpy()
    except (OverflowError, ValueError):
        raise ValueError(f"{path} must end early enough before {pd.Timestamp.max}. Received: {known[-1]}") from None
