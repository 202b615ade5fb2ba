"""What a trained run has left, read back with care: its folder may be damaged, or somebody else's."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import keras
import numpy as np

from data.files import read_json
from data.times import is_same_step
from models.layer import ClockworkLayer

UNLIKE = 30  # times as far as in training, at the median, that no values are away which are in the same units


def load_model(folder: Path, features: int | None = None, outputs: int | None = None) -> keras.Model:
    """Return the model of a trained run; code that comes with a model is not executed.

    Args:
        folder: of the run.
        features: that its hidden layer must see; None is any number.
        outputs: that it must have.

    Raises:
        ValueError: there is none, it is damaged, it is none of such a network, or its weights are no numbers.
        OSError: it cannot be read.
    """
    file = folder / "model.keras"
    if file.is_file():
        with open(file, "rb") as content:
            if not zipfile.is_zipfile(content):  # of which Keras says that it is not found
                raise ValueError(f"`run` must have a model that can be loaded, {file}. Received: a damaged file")
    try:
        model = keras.models.load_model(file, safe_mode=True)
        hidden, output = model.get_layer("hidden"), model.get_layer("output")
        hidden = getattr(hidden, "forward_layer", hidden)
        if not isinstance(hidden, ClockworkLayer):
            raise TypeError(f"a hidden layer of the kind {type(hidden).__name__}")
        found = hidden.input_spec.axes[-1], output.units
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # of any kind: Keras reads an archive, JSON and HDF5
        came = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"`run` must have a model that can be loaded, {file}. Received: {came[0][:200]}") from error
    wanted = found[0] if features is None else features, found[1] if outputs is None else outputs
    if found != wanted:
        raise ValueError(
            f"`run` must have a model of {wanted[0]} features and {wanted[1]} outputs, {file}. "
            f"Received: {found[0]} and {found[1]}"
        )
    if odd := [own.path for own in model.weights if not np.isfinite(own.numpy()).all()]:
        raise ValueError(f"`run` must have a model of finite weights, {file}. Received: others in {odd[0]}")
    return model


def load_json(file: Path, **kinds: type) -> list[Any]:
    """Return values of a JSON file, by name and type; raises a ValueError that names the file if it has them not."""
    values = read_json(file, *kinds)
    for name, kind in kinds.items():
        if not isinstance(values[name], kind):
            raise ValueError(f"{file} must have {name} of type {kind.__name__}. Received: {str(values[name])[:80]}")
    return [values[name] for name in kinds]


def load_learned(folder: Path, *names: str) -> dict[str, Any]:
    """Return what a run learned of its data besides the weights; raises a ValueError where one of the names is not there."""
    file = folder / "metrics.json"
    (learned,) = load_json(file, learned=dict)
    if missing := [name for name in names if name not in learned]:
        raise ValueError(f"{file} must have {missing[0]} in what was learned, as this version saves it. Received: none")
    return learned


def learned_names(folder: Path, learned: dict[str, Any], name: str) -> list[str]:
    """Return names that a run has learned; raises a ValueError where there are none."""
    if not isinstance(learned[name], list) or not all(isinstance(own, str) for own in learned[name]):
        damaged(folder, name, learned[name])
    return learned[name]


def learned_numbers(
    folder: Path, learned: dict[str, Any], name: str, shape: tuple[int, ...], least: float = -np.inf
) -> np.ndarray:
    """Return finite numbers of a shape, each at least so large, that a run has learned; raises a ValueError where they are not."""
    came = learned.get(name)
    try:
        found = np.array(came, float)
    except (TypeError, ValueError, OverflowError):
        damaged(folder, name, came)
    if found.shape != shape or not (np.isfinite(found) & (found >= least)).all():
        damaged(folder, name, came)
    return found


def damaged(folder: Path, name: str, came: Any) -> NoReturn:
    """Raise a ValueError that names what of a run's numbers cannot be used."""
    file = folder / "metrics.json"
    raise ValueError(f"{file} must have {name} in what was learned, as it was saved. Received: {str(came)[:80]}")


def check_step(folder: Path, learned: dict[str, Any], path: Path, step: float | None) -> None:
    """Raise a ValueError where the times of a file go on in another step than those that a run was trained on."""
    if (trained := learned.get("step")) is None or step is None:
        return
    if type(trained) not in (int, float) or not 0 < trained < np.inf:
        damaged(folder, "step", trained)
    if not is_same_step(step, trained):
        raise ValueError(f"{path} must have steps of {trained:g}, as the run was trained on. Received: {step:g}")


def check_values(path: Path, name: str, values: np.ndarray, columns: Sequence[str], may_lack: np.ndarray) -> None:
    """Raise a ValueError where a series [T, F] has no value at all of a column, but for those that may lack them [F]."""
    lacking = ~np.isfinite(values).any(axis=0) & ~may_lack
    if lacking.any():
        raise ValueError(f"{path} must have values of {columns[lacking.argmax()]}. Received: none in {name}")


def check_units(path: Path, whose: str, away: np.ndarray, what: str) -> None:
    """Raise a ValueError where values are too far away from what is told of them for those of the units of training.

    Args:
        path: of the file.
        whose: values they are.
        away: how far they are, in how far it is in training [T].
        what: they are away from.
    """
    if len(away) and (times := np.median(np.abs(away))) > UNLIKE:
        came = f"{whose}, {times:.2g} times as far from {what} as in training"
        raise ValueError(f"{path} must hold values in the units of training. Received: {came}")
