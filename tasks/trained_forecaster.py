"""What a trained run says of the steps after the end of a table; axes as in `tasks/forecasting.py`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.series import Roles, load
from tasks.forecasting import LEVELS, QUANTILES, by_level, table_of, widened
from tasks.series_inputs import Scales, Series, make_series
from tasks.trained_model import check_columns, damaged, learned_names, learned_numbers, load_learned, load_model


def forecast(folder: Path, path: Path, roles: Roles) -> pd.DataFrame:
    """Return what a trained run says of the steps after the end of a table; see `series.predict`."""
    learned = load_learned(folder, "scales", "window", "columns", "targets", "offsets", "widening")
    scales, targets = _check_learned(folder, learned, roles.horizon), learned["targets"]
    sequences = load(path, roles)
    check_columns(path, sequences.columns, learned["columns"])
    series = make_series(sequences, scales, roles.known)
    network = load_model(folder, series[0].inputs.shape[1], len(targets) * roles.horizon * len(QUANTILES))
    rows = []
    for place, one in enumerate(series):
        end = one.end
        if roles.known and len(one.truth) < end + roles.horizon:
            wanted = f"{roles.horizon} rows behind the last value of {' '.join(targets)}, for what is known in advance"
            raise ValueError(f"{path} must have {wanted}. Received: {len(one.truth) - end} in {one.name}")
        outputs = network(one.inputs[None, max(0, end - learned["window"]) : end].astype(np.float32))[0, -1].numpy()
        bands = after_the_end(one, outputs, learned)
        if not np.isfinite(bands).all():
            raise ValueError(f"{path} must hold values like those of training. Received: forecasts without end")
        when = _times_after(path, end if sequences.times is None else sequences.times[place][:end], roles.horizon)
        rows.append(pd.DataFrame({"series": one.name} | table_of(targets, when, by_level(bands))))
    return pd.concat(rows, ignore_index=True)


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


def _times_after(path: Path, known: np.ndarray | int, horizon: int) -> dict[str, np.ndarray]:
    """Return the next times after known ones, or the next numbers of steps."""
    if isinstance(known, int):
        return {"step": known + np.arange(horizon)}
    if len(known) < 3:  # of which nobody knows whether they are months
        raise ValueError(f"{path} must hold three times or more, to say how they go on. Received: {len(known)}")
    if known.dtype.kind != "M":
        return {"time": known[-1] + (known[-1] - known[-2]) * np.arange(1, horizon + 1)}
    step = pd.infer_freq(pd.DatetimeIndex(known)) or pd.Timedelta(known[-1] - known[-2])  # months are not equally long
    try:
        return {"time": pd.date_range(known[-1], periods=horizon + 1, freq=step)[1:].to_numpy()}
    except (OverflowError, ValueError):
        raise ValueError(f"{path} must end early enough before {pd.Timestamp.max}. Received: {known[-1]}") from None
